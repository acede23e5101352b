"""Verification: an altered number, row, fold or file is found, whoever altered it and however."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.made_predictions import change, make_predictions
from thb.evaluation.result import write_canonical_text
from thb.evaluation.score import score
from thb.evaluation.verification import verify_result
from thb.prediction.predictions import read_predictions, write_predictions
from thb_dataset.errors import ResultError

if TYPE_CHECKING:
    from tests.support.command_line import Run

FOLDS = ("p3-hallo", "p3-hallo2", "p3-liveportrait")
GENERATORS = {"p3-hallo": "Hallo", "p3-hallo2": "Hallo2", "p3-liveportrait": "LivePortrait"}
RECORD = "result-p3.json"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The folder of three folds and of their result."""
    folder = tmp_path / "run"
    folds = []
    for seed, (fold, generator) in enumerate(GENERATORS.items()):
        made = make_predictions((generator,), fold=fold, seed=seed, protocol="p3", name="mine")
        write_predictions(folder / fold / "predictions.parquet", made)
        folds.append(made)
    score(folds, n_bootstrap=50).save(folder / RECORD)
    return folder


def read(run: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((run / RECORD).read_text())
    return record


def alter(run: Path, change_record: Callable[[dict[str, Any]], object]) -> None:
    """Change the values of a result and write it in its own manner, so that only values differ."""
    record = read(run)
    change_record(record)
    (run / RECORD).write_text(write_canonical_text(record))


def places(run: Path) -> list[str]:
    return [difference.place for difference in verify_result(run / RECORD).differences]


def test_an_honest_result_agrees_byte_by_byte(run: Path, tmp_path: Path) -> None:
    found = verify_result(run / RECORD)
    assert found.agrees
    assert found.folds == FOLDS
    assert found.notes == ()
    again = score(run, n_bootstrap=50)
    again.save(tmp_path / RECORD)
    assert (tmp_path / RECORD).read_bytes() == (run / RECORD).read_bytes()


def test_the_record_names_everything_that_the_numbers_depend_on(run: Path) -> None:
    record = read(run)
    assert set(record["splits_sha256"]) == set(record["predictions_sha256"]) == set(FOLDS)
    assert set(record["versions"]) == {"talkingheadbench", "numpy", "metric"}
    assert record["settings"] == {
        "confidence": 0.95,
        "method": "conservative",
        "n_bootstrap": 50,
        "no_face": "exclude",
        "seed": 0,
    }


def test_the_split_s_digest_knows_videos_and_not_scores() -> None:
    made = make_predictions()
    other_scores = make_predictions(seed=1)
    relabelled = change(made, "Hallo/0", driver="another_1")
    (one,), (other,), (third,) = (
        score(folds, n_bootstrap=0).splits_sha256.values()
        for folds in (made, other_scores, relabelled)
    )
    assert one == other
    assert one != third
    assert score(made).predictions_sha256 != score(other_scores).predictions_sha256


ALTERATIONS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a number": (
        lambda record: record["cells"][0]["measures"]["t1"].update(value=0.999),
        "cells[p3-hallo Hallo test].measures.t1.value",
    ),
    "an interval": (
        lambda record: record["mean"]["auc"].update(bootstrap_low=0.9),
        "mean.auc.bootstrap_low",
    ),
    "a count": (
        lambda record: record["cells"][0].update(n_real=2000),
        "cells[p3-hallo Hallo test].n_real",
    ),
    "a grade": (
        lambda record: record["cells"][0].update(grade="excellent"),
        "cells[p3-hallo Hallo test].grade",
    ),
    "a threshold": (
        lambda record: record["thresholds"]["p3-hallo"].update(t1=0.1),
        "thresholds.p3-hallo.t1",
    ),
    "a hash": (
        lambda record: record["predictions_sha256"].update({"p3-hallo2": "0" * 64}),
        "predictions_sha256.p3-hallo2",
    ),
    "the release": (
        lambda record: record["runs"]["p3-hallo"]["release"].update(name="published"),
        "runs.p3-hallo.release.name",
    ),
    "the weights": (
        lambda record: record["runs"]["p3-hallo"]["detector"].update(weights_sha256="1" * 64),
        "runs.p3-hallo.detector.weights_sha256",
    ),
    "the confidence": (
        lambda record: record["settings"].update(confidence=0.5),
        "settings.confidence",
    ),
    "a note": (lambda record: record["notes"].append("Best of all."), "notes"),
    "a field of its own": (lambda record: record.update(rank=1), "rank"),
    "a hash taken away": (lambda record: record.pop("splits_sha256"), "splits_sha256"),
    "a cell twice": (lambda record: record["cells"].append(record["cells"][0]), "cells"),
    "a cell taken away": (
        lambda record: record["cells"].pop(0),
        "cells[p3-hallo Hallo test]",
    ),
}


@pytest.mark.parametrize("what", ALTERATIONS)
def test_an_altered_record_is_found_and_the_value_named(run: Path, what: str) -> None:
    change_record, place = ALTERATIONS[what]
    alter(run, change_record)
    assert place in places(run)


def list_leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value that holds no others."""
    if isinstance(value, dict | list) and value:
        for key, each in value.items() if isinstance(value, dict) else enumerate(value):
            yield from list_leaves(each, (*path, key))
    else:
        yield path


@pytest.mark.parametrize("lie", ["x", 12345, 0.123456, None, [], {}])
def test_no_value_of_a_record_can_be_altered_unseen(run: Path, lie: Any) -> None:
    score(run / "p3-hallo", n_bootstrap=20).save(run / "result-p3-hallo.json")
    honest = (run / "result-p3-hallo.json").read_text()
    ways = list(list_leaves(json.loads(honest)))
    assert len(ways) > 100
    unseen = set()
    for way in ways:
        record = json.loads(honest)
        *start, last = way
        place = record
        for key in start:
            place = place[key]
        if place[last] == lie:
            continue
        place[last] = lie
        (run / "result-p3-hallo.json").write_text(write_canonical_text(record))
        try:
            found = verify_result(run / "result-p3-hallo.json")
        except ResultError:
            continue
        if found.agrees:
            unseen.add(way[0])
            assert found.notes, way
    assert unseen <= {"versions", "name"}, "these two are told in a note"


def test_every_altered_value_is_named_and_no_other(run: Path) -> None:
    def cheat(record: dict[str, Any]) -> None:
        record["cells"][0]["measures"]["auc"]["value"] = 0.5
        record["mean"]["t1"]["value"] = 1.0

    alter(run, cheat)
    assert places(run) == ["cells[p3-hallo Hallo test].measures.auc.value", "mean.t1.value"]


def test_an_altered_row_is_found(run: Path) -> None:
    file = run / "p3-hallo" / "predictions.parquet"
    made = read_predictions(file)
    write_predictions(file, change(made, "Hallo/3", score=0.999))
    found = places(run)
    assert "predictions_sha256.p3-hallo" in found
    assert "splits_sha256.p3-hallo" not in found
    assert not any("p3-hallo2" in place for place in found)


def test_a_row_that_was_left_out_is_found_although_no_number_needs_it(run: Path) -> None:
    file = run / "p3-hallo" / "predictions.parquet"
    made = read_predictions(file)
    write_predictions(file, replace(made, rows=made.rows[1:]))
    found = places(run)
    assert {"predictions_sha256.p3-hallo", "splits_sha256.p3-hallo"} <= set(found)


def test_a_fold_without_predictions_is_named_and_the_others_are_compared(run: Path) -> None:
    shutil.rmtree(run / "p3-hallo2")
    assert places(run) == ["fold p3-hallo2"]
    assert verify_result(run / RECORD).folds == ("p3-hallo", "p3-liveportrait")
    alter(run, lambda record: record["cells"][0].update(n_fake=7))
    assert places(run) == ["fold p3-hallo2", "cells[p3-hallo Hallo test].n_fake"]


def test_a_fold_that_the_record_leaves_out_is_named(run: Path) -> None:
    folds = [read_predictions(run / name / "predictions.parquet") for name in FOLDS[:2]]
    score(folds, n_bootstrap=50).save(run / RECORD)
    assert places(run) == ["fold p3-liveportrait"]


def test_a_result_of_one_fold_may_lie_beside_the_predictions_of_others(run: Path) -> None:
    score(run / "p3-hallo", n_bootstrap=0).save(run / "result-p3-hallo.json")
    assert verify_result(run / "result-p3-hallo.json").agrees


def test_a_swapped_file_is_named(run: Path) -> None:
    shutil.copy(run / "p3-hallo2" / "predictions.parquet", run / "p3-hallo")
    assert places(run) == ["p3-hallo/predictions.parquet", "fold p3-hallo"]


def test_predictions_of_another_detector_are_found(run: Path) -> None:
    other = make_predictions(("Hallo",), fold="p3-hallo", seed=9, protocol="p3", name="other")
    write_predictions(run / "p3-hallo" / "predictions.parquet", other)
    assert {"runs.p3-hallo.name", "predictions_sha256.p3-hallo"} <= set(places(run))


def test_a_key_that_stands_twice_is_found(run: Path) -> None:
    """JSON readers differ in which of two they take."""
    text = (run / RECORD).read_text()
    (run / RECORD).write_text(text.replace('"mean": {', '"mean": {},\n  "mean": {', 1))
    assert places(run) == ["the file"]


def test_predictions_may_lie_elsewhere(run: Path, tmp_path: Path) -> None:
    shutil.move(run / RECORD, tmp_path / RECORD)
    with pytest.raises(ResultError, match="no predictions of its folds"):
        verify_result(tmp_path / RECORD)
    assert verify_result(tmp_path / RECORD, run).agrees
    files = [run / name / "predictions.parquet" for name in FOLDS]
    assert verify_result(tmp_path / RECORD, files).agrees
    found = verify_result(tmp_path / RECORD, files[:2])
    assert [difference.place for difference in found.differences] == ["fold p3-liveportrait"]


@pytest.mark.parametrize("version", [1, 2])
def test_a_result_of_an_older_version_is_compared_in_what_it_holds(run: Path, version: int) -> None:
    def age(record: dict[str, Any]) -> None:
        record["schema_version"] = version
        del record["versions"], record["splits_sha256"], record["runs"]["p3-hallo"]["name"]
        record["notes"] = ["worded otherwise"]
        if version == 1:
            record["cells"][0]["grade"] = "good"

    alter(run, age)
    found = verify_result(run / RECORD)
    assert found.agrees, found.differences
    assert "schema version" in found.notes[0]
    alter(run, lambda record: record["cells"][0]["measures"]["auc"].update(value=0.5))
    assert places(run) == ["cells[p3-hallo Hallo test].measures.auc.value"]


def test_other_versions_are_told_and_are_no_fault(run: Path) -> None:
    alter(run, lambda record: record["versions"].update(numpy="1.0"))
    found = verify_result(run / RECORD)
    assert found.agrees
    assert "numpy 1.0" in found.notes[0]


def test_another_name_is_told(run: Path) -> None:
    score(run, n_bootstrap=50, name="the winner").save(run / RECORD)
    found = verify_result(run / RECORD)
    assert found.agrees
    assert found.notes == (
        "the record calls the detector the winner, its predictions call it mine",
    )


@pytest.mark.parametrize(
    ("change_record", "says"),
    [
        (lambda record: record["settings"].update(n_bootstrap=10**9), "cannot be recomputed"),
        (lambda record: record["settings"].update(seed=-1), "cannot be recomputed"),
        (lambda record: record.update(protocol="../.."), "not the name of a fold"),
        (
            lambda record: record["runs"].update({"../x": record["runs"]["p3-hallo"]}),
            "not the name",
        ),
        (lambda record: record.update(schema_version=99), "schema version 99"),
        (lambda record: record.pop("mean"), "mean"),
    ],
)
def test_a_record_that_is_dangerous_or_broken_is_refused(
    run: Path, change_record: Callable[[dict[str, Any]], object], says: str
) -> None:
    alter(run, change_record)
    with pytest.raises(ResultError, match=says):
        verify_result(run / RECORD)


def test_the_command_says_it_by_its_exit_code(run: Path, run_thb: Run) -> None:
    told = run_thb("verify-result", run / RECORD)
    assert told.code == 0, told.err
    assert "is what its predictions give" in told.out
    alter(run, lambda record: record.update({"x\x1b[31m": 1}))
    told = run_thb("verify-result", run / RECORD)
    assert told.code == 1
    assert "1 value is not what the predictions give" in told.out
    assert "\x1b" not in told.out
    told = run_thb("verify-result", run / RECORD, "--format", "json")
    assert told.code == 1
    (difference,) = json.loads(told.out)["differences"]
    assert difference["recorded"] == "1"
    assert difference["recomputed"] == "nothing"
    (run / "p3-hallo" / "predictions.parquet").write_bytes(b"PAR1")
    assert run_thb("verify-result", run / RECORD).code == 3
    (run / RECORD).write_text("{")
    assert run_thb("verify-result", run / RECORD).code == 3
