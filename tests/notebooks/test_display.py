"""What a notebook's cell shows of our values: their tables, as IPython itself asks for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from IPython.core.formatters import DisplayFormatter

import thb
from tests.support.made_predictions import make_predictions
from thb.explanations.split import SplitExplanation
from thb.prediction.predictions import write_predictions


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    predictions = make_predictions()
    write_predictions(tmp_path / "run" / "p1" / "predictions.parquet", predictions)
    return {
        "result": thb.score(predictions, n_bootstrap=0),
        "tables": thb.tables([tmp_path / "run"], published=False, n_bootstrap=0),
        "comparison": thb.compare(predictions, make_predictions(seed=1), n_bootstrap=20),
        "split": SplitExplanation(rows=(), runs={}, rules={}),
    }


@pytest.mark.parametrize("name", ["result", "tables", "comparison", "split"])
def test_a_cell_shows_the_table(values: dict[str, Any], name: str) -> None:
    shown, _ = DisplayFormatter().format(values[name])
    assert shown["text/markdown"] == values[name].to_markdown()
    assert "| ---" in shown["text/markdown"]
