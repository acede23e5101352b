"""CSV: numbers in full, texts as they were, and no text that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thb.runtime.csv_text import FORMULA_STARTS, read_cell, write_cell, write_csv


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "-clip.mp4", "  =1+1"])
def test_a_formula_is_text_and_comes_back_as_it_was(text: str) -> None:
    cell = write_cell(text)
    assert cell == f"'{text}"
    assert read_cell(cell) == text


@pytest.mark.parametrize("text", ["clip.mp4", "'quoted'", "", "a=b", "Hallo/00001--x_1--Hallo"])
def test_any_other_text_is_left_alone(text: str) -> None:
    assert write_cell(text) == text
    assert read_cell(text) == text


@pytest.mark.parametrize("start", ["\t", "\r", "\n"])
def test_white_space_before_a_formula_hides_nothing(start: str) -> None:
    """Some spreadsheets skip it."""
    assert write_cell(f"{start}=1").startswith("\\")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_as_it_was(value: float) -> None:
    assert float(write_cell(value)) == value


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_every_text_stands_in_its_own_cell_and_none_is_a_formula(texts: list[str]) -> None:
    names = [f"c{at}" for at in range(len(texts))]
    written = write_csv(names, [dict(zip(names, texts, strict=True))])
    head, *lines = csv.reader(io.StringIO(written, newline=""))
    assert head == names
    (line,) = lines or [[""]]
    assert len(line) == len(names) or texts == [""]
    assert not any(cell.startswith(FORMULA_STARTS) for cell in line)


def test_none_is_empty_and_truth_is_a_word() -> None:
    assert write_csv(["a", "b", "c"], [{"a": None, "b": True}]) == "a,b,c\n,true,\n"
