"""Records of runs: read as they were written, including those of an older version."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from detectors.registry import load_detector
from tests.support.records import make_run_record, make_scoring_record
from thb.evaluation.result import Result
from thb.evaluation.score import score
from thb.prediction.calibration import read_calibration
from thb.prediction.predictions import read_predictions
from thb.prediction.verdicts import find_rule
from thb.runs.folders import find_run_folders
from thb.runs.provenance import (
    FoldScoringRecord,
    ScoredDetector,
    ScoringRecord,
    hash_weights,
    read_scoring_record,
)
from thb.runs.record import RECORD_FILE, FoldRecord, TrainingPlan, read_record, write_record
from thb.runtime.records import to_json, write_text
from thb.training.record import find_finished
from thb_dataset.errors import DetectorError

OLD_RUN = Path(__file__).parent / "old_run"
"""One fold of a small baseline, as version 0.1.0 left it before its records had types."""


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = make_run_record()
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
    text = (tmp_path / RECORD_FILE).read_text()
    assert json.loads(text)["detector"]["class"] == record.detector.class_path
    assert read_record(tmp_path / "absent") is None


def test_the_fold_of_a_record_is_what_folds_are_compared_by() -> None:
    record = make_run_record()
    assert type(record.fold_record) is FoldRecord
    assert record.fold_record.differing(record) == []
    other = replace(record.fold_record, protocol="p3", fold="p3-hallo", held_out="Hallo")
    assert record.differing(other) == ["protocol", "fold", "held_out"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "thb-run/9"}, "format"),
        ({"release": {"revision": None}}, r"release\.name"),
        ({"seconds": "long"}, "seconds"),
        ({"weights_sha256": None}, "weights_sha256"),
    ],
)
def test_a_damaged_record_names_its_faults(
    changes: dict[str, object], said: str, tmp_path: Path
) -> None:
    values = to_json(make_run_record()) | changes
    (tmp_path / RECORD_FILE).write_text(json.dumps(values))
    with pytest.raises(DetectorError, match=rf"not a thb-run/1 record: .*{said}"):
        read_record(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "nonsense", "\udcff"])
def test_what_is_not_a_record_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DetectorError, match="not a thb-run/1 record"):
        read_record(tmp_path)


def test_records_of_scores_keep_their_kind() -> None:
    loose = ScoringRecord(detector=ScoredDetector(model_type="baseline"))
    fold = make_scoring_record(trained_on=make_run_record().fold_record)
    for record in (loose, fold):
        read = read_scoring_record(write_text(record))
        assert type(read) is type(record)
        assert read == record
    with pytest.raises(ValueError, match=r"detector"):
        read_scoring_record("{}")


def test_a_run_folder_of_before_is_read_whole(tmp_path: Path) -> None:
    (run,) = find_run_folders(OLD_RUN)
    assert (run.protocol, run.fold) == ("p3", "p3-hallo")
    record = read_record(OLD_RUN)
    assert record is not None
    saved = json.loads((OLD_RUN / RECORD_FILE).read_text())
    assert find_changed(saved, to_json(record)) == [], "only younger fields may stand beside these"
    assert record.videos_sha256 is None
    detector = load_detector(OLD_RUN)
    assert hash_weights(detector) == record.weights_sha256
    assert detector.config.clip_spec == record.clip_spec
    calibration = read_calibration(OLD_RUN, weights_sha256=record.weights_sha256)
    assert calibration is not None
    saved = json.loads((OLD_RUN / "thresholds.json").read_text())
    assert find_changed(saved, to_json(calibration)) == []
    assert find_rule(OLD_RUN, []).threshold == calibration.threshold


def find_changed(saved: Any, read: Any, place: str = "") -> list[str]:
    """Return the places at which a record differs from the file that it was read from."""
    if isinstance(saved, dict) and isinstance(read, dict):
        return [
            changed
            for name, value in saved.items()
            for changed in find_changed(value, read.get(name), f"{place}/{name}")
        ]
    return [] if saved == read else [place]


def test_scores_of_before_give_the_numbers_of_before() -> None:
    predictions = read_predictions(OLD_RUN / "p3-hallo" / "predictions.parquet")
    assert isinstance(predictions.run, FoldScoringRecord)
    assert predictions.run.trained_on is not None
    assert predictions.run.trained_on.fold == "p3-hallo"
    again, saved = score(predictions, n_bootstrap=0), Result.load(OLD_RUN / "result-p3-hallo.json")
    assert again.predictions_sha256 == saved.predictions_sha256
    assert again.to_dict()["cells"] == saved.to_dict()["cells"]
    for name, measure in saved.mean.items():
        assert again.mean[name].value == pytest.approx(measure.value, abs=1e-6)


def test_a_training_of_before_counts_as_finished() -> None:
    record = read_record(OLD_RUN)
    assert record is not None
    names = TrainingPlan.__dataclass_fields__
    plan = TrainingPlan(**{name: getattr(record, name) for name in names})
    assert find_finished(OLD_RUN, plan, overwrite=False) == record
    other = replace(plan, settings=replace(plan.settings, seed=7))
    with pytest.raises(DetectorError, match=r"settings\.seed 0, not 7"):
        find_finished(OLD_RUN, other, overwrite=False)
