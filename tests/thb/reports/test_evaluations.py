"""Tables and figures are made from predictions, or from results where there are none."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support.records import make_scoring_record
from thb.evaluation.cells import ScoreSettings
from thb.prediction.predictions import Prediction, Predictions, Status, write_predictions
from thb.reports.evaluations import read_evaluations
from thb_dataset.errors import ResultError, SettingsError

FAST = ScoreSettings(n_bootstrap=0)


def write_run(folder: Path, *folds: str) -> Path:
    """Write predictions in which two of three fakes score above both real videos."""
    for fold in folds:
        rows = tuple(
            Prediction(
                video_id=f"{'Hallo' if label else 'CelebV-HQ'}/{at}",
                label=label,
                generator="Hallo" if label else None,
                split="test",
                status=Status.OK,
                score=score,
            )
            for at, (label, score) in enumerate([(0, 0.5), (0, 0.4), (1, 0.9), (1, 0.8), (1, 0.1)])
        )
        record = make_scoring_record(protocol=fold[:2], fold=fold)
        write_predictions(folder / fold / "predictions.parquet", Predictions(rows=rows, run=record))
    return folder


def test_predictions_are_scored_anew_and_keep_their_pairs(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "p1", "p3-hallo")
    found = read_evaluations([run], settings=FAST)
    assert [own.result.protocol for own in found] == ["p1", "p3"]
    for own in found:
        (pair,) = own.pairs
        assert own.result.cells[0].measures["auc"].value == pytest.approx(4 / 6)
        assert sorted(pair.scores[pair.labels == 1]) == [0.1, 0.8, 0.9]


def test_a_stale_result_beside_predictions_is_not_read(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "p1")
    (run / "result-p1.json").write_text("{}")
    (own,) = read_evaluations([run], settings=FAST)
    assert own.result.name == "run"


def test_results_without_predictions_are_taken_as_they_are(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", "p1")
    (scored,) = read_evaluations([run], settings=FAST)
    scored.result.save(tmp_path / "sent" / "result-p1.json")
    shutil.rmtree(run)
    for place in (tmp_path / "sent", tmp_path / "sent" / "result-p1.json"):
        (own,) = read_evaluations([place])
        assert own.result.to_dict() == scored.result.to_dict()
        assert own.pairs == ()


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="holds neither predictions"):
        read_evaluations([tmp_path])
    with pytest.raises(SettingsError, match="no such file"):
        read_evaluations([tmp_path / "nowhere.parquet"])
