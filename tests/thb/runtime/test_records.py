"""Records and documents hold finite numbers only, since JSON has no others."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from tests.support.records import make_run_record
from thb.commands.output import write_json
from thb.runs.record import RunRecord
from thb.runtime.records import read_json, to_json


def test_what_is_not_finite_is_null_with_its_place_and_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_json({"a": [1.0, math.nan], "b": {"c": -math.inf, "d": None}, "e": (math.inf,)})
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert told == {
        "a": [1.0, None],
        "b": {"c": None, "d": None},
        "e": [None],
        "not_finite": {"a.1": "nan", "b.c": "-inf", "e.0": "inf"},
    }
    write_json({"a": 1.5})
    assert json.loads(capsys.readouterr().out) == {"a": 1.5}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_record_with_a_number_that_is_not_finite_is_refused(number: str) -> None:
    text = json.dumps(to_json(make_run_record(seconds=1234.5)))
    with pytest.raises(ValueError, match=f"it holds {number}"):
        read_json(RunRecord, text.replace("1234.5", number))
