"""Results: read as they were written, with equal bytes for equal numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.support.made_results import make_cell, make_measure, make_result
from thb.evaluation.result import Result
from thb_dataset.errors import ResultError


def test_the_record_is_read_as_it_was_written_and_has_the_same_bytes(tmp_path: Path) -> None:
    result = make_result()
    result.save(tmp_path / "new" / "result.json")
    read = Result.load(tmp_path / "new" / "result.json")
    read.save(tmp_path / "again.json")
    text = (tmp_path / "new" / "result.json").read_text()
    assert text == (tmp_path / "again.json").read_text()
    assert text.endswith("}\n")
    assert read.to_dict() == result.to_dict()
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["result.json"]
    assert read.cells[0] == result.cells[0]
    assert read.mean == result.mean


def test_keys_are_sorted_and_floats_have_six_decimals(tmp_path: Path) -> None:
    make_result().save(tmp_path / "x.json")
    record = json.loads((tmp_path / "x.json").read_text())
    assert list(record) == sorted(record)
    assert record["schema_version"] == 3
    assert record["thresholds"]["p1"] == {"t1": 0.333333, "t01": None}


def test_what_is_not_finite_is_null_and_never_nan(tmp_path: Path) -> None:
    make_result(thresholds={"p1": {"t1": math.inf, "t01": math.nan}}).save(tmp_path / "x.json")

    def refuse(name: str) -> float:
        raise AssertionError(name)

    text = (tmp_path / "x.json").read_text()
    record = json.loads(text, parse_constant=refuse)
    assert record["thresholds"]["p1"] == {"t1": None, "t01": None}


def test_noise_below_the_sixth_decimal_does_not_change_the_bytes(tmp_path: Path) -> None:
    for name, noise in (("a", 0.0), ("b", 1e-9)):
        cell = make_cell("Hallo", measures={"auc": make_measure(0.8 + noise)})
        make_result(cells=(cell,)).save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "nonsense",
        '{"schema_version": 99}',
        '{"schema_version": 1}',
        '{"schema_version": 2}',
        '{"schema_version": 3}',
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(ResultError):
        Result.load(tmp_path / "x.json")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="absent"):
        Result.load(tmp_path / "absent.json")


@pytest.mark.parametrize(
    ("name", "value"),
    [("cells", [{"generator": "Hallo"}]), ("cells", 3), ("mean", {"auc": {"much": 1}})],
)
def test_a_record_of_another_shape_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ResultError, match="not a result"):
        Result.from_dict(make_result().to_dict() | {name: value})
