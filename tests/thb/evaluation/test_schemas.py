"""The schemas are those of the dataclasses, accept what is written and refuse what is not."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from jsonschema import Draft202012Validator, ValidationError

from tests.support.made_predictions import make_predictions
from tests.support.records import make_calibration, make_run_record
from tests.support.sources import ROOT
from thb.evaluation.result import Result
from thb.evaluation.schemas import DRAFT, ENDING, NAMES, make_schema, read_schema
from thb.evaluation.score import score
from thb.prediction.calibration import Calibration
from thb.prediction.predictions import Prediction, write_predictions
from thb.prediction.row_files import RUN_KEY
from thb.runs.record import RunRecord
from thb.runtime.records import to_json
from thb_dataset.errors import ResultError

OLD_RUN = ROOT / "tests" / "thb" / "runs" / "old_run"
PAGE = ROOT / "docs" / "formats.md"


def check(name: str, value: Any) -> None:
    Draft202012Validator(read_schema(name)).validate(value)


def show_predictions(file: Path) -> dict[str, Any]:
    """Return a file of predictions as the schema sees it, read without our reader."""
    table = pq.read_table(file)
    run = json.loads(table.schema.metadata[RUN_KEY])
    return {"rows": table.to_pylist(), "run": run}


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_in_the_package_is_that_of_the_dataclasses(name: str) -> None:
    again = "write them again: python scripts/write_schemas.py"
    assert read_schema(name) == make_schema(name), again
    assert read_schema(name)["$schema"] == DRAFT
    Draft202012Validator.check_schema(read_schema(name))


def test_no_other_schema_is_there() -> None:
    files = {path.name for path in (ROOT / "thb" / "schemas").iterdir()}
    assert files == {f"{name}{ENDING}" for name in NAMES}
    with pytest.raises(ResultError, match="there are predictions, result"):
        read_schema("nothing")


def test_what_is_written_is_accepted(tmp_path: Path) -> None:
    made = make_predictions()
    score(made, n_bootstrap=20).save(tmp_path / "result.json")
    check("result", json.loads((tmp_path / "result.json").read_text()))
    write_predictions(tmp_path / "p.parquet", made)
    check("predictions", show_predictions(tmp_path / "p.parquet"))
    check("run", to_json(make_run_record()))
    check("thresholds", to_json(make_calibration()))


def test_files_of_older_versions_are_accepted() -> None:
    for file in OLD_RUN.rglob("run.json"):
        check("run", json.loads(file.read_text()))
    old = score(make_predictions(), n_bootstrap=0).to_dict() | {"schema_version": 2}
    del old["splits_sha256"], old["versions"], old["name"]
    check("result", old)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("schema_version", 99),
        ("schema_version", None),
        ("cells", {}),
        ("cells", [{"generator": "Hallo"}]),
        ("mean", {"auc": {"value": "high"}}),
        ("settings", {"no_face": "guess"}),
        ("predictions_sha256", {"p1": 1}),
        ("runs", {"p1": {}}),
    ],
)
def test_a_result_of_another_shape_is_refused_by_schema_and_reader(name: str, value: Any) -> None:
    record = score(make_predictions(), n_bootstrap=0).to_dict() | {name: value}
    with pytest.raises(ValidationError):
        check("result", record)
    with pytest.raises(ResultError):
        Result.from_dict(record)


@pytest.mark.parametrize(
    "values", [{"score": 1.5}, {"label": 2}, {"status": "fine"}, {"clips": "two"}]
)
def test_a_row_of_another_shape_is_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    write_predictions(tmp_path / "p.parquet", make_predictions())
    shown = show_predictions(tmp_path / "p.parquet")
    shown["rows"][0] |= values
    with pytest.raises(ValidationError):
        check("predictions", shown)


def test_the_columns_of_the_file_are_those_of_the_schema(tmp_path: Path) -> None:
    write_predictions(tmp_path / "p.parquet", make_predictions())
    row = read_schema("predictions")["$defs"]["Prediction"]
    columns = {
        column.name: str(column.type).replace("list<element: ", "list<")
        for column in pq.read_schema(tmp_path / "p.parquet")
    }
    said = {name: column["x-parquet-type"] for name, column in row["properties"].items()}
    assert said == columns


@pytest.mark.parametrize("kind", [Prediction, Result, RunRecord, Calibration])
def test_every_field_is_described(kind: type) -> None:
    schemas = {"Prediction": "predictions", "Result": "result", "RunRecord": "run"}
    schema = read_schema(schemas.get(kind.__name__, "thresholds"))
    part = schema["$defs"]["Prediction"] if kind is Prediction else schema
    for field in fields(kind):
        assert part["properties"][field.name].get("description"), field.name


def test_the_page_explains_the_fields_and_its_links_lead_somewhere() -> None:
    text = PAGE.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("https://") or (PAGE.parent / target).is_file(), target
    for name in NAMES:
        assert f"../thb/schemas/{name}{ENDING}" in text
    for kind in (Prediction, Result):
        assert [field.name for field in fields(kind) if f"`{field.name}`" not in text] == []
