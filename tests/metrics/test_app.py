"""The Space of the metric: its computation, and that its page can be built."""

from __future__ import annotations

import asyncio
import importlib.util
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "metrics" / "talking_head_detection"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def app() -> ModuleType:
    pytest.importorskip("evaluate", reason="needs the extra 'metrics'")
    spec = importlib.util.spec_from_file_location("app", FOLDER / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_example_is_measured(app: ModuleType) -> None:
    result = app.measure(app.EXAMPLE)
    assert (result["auc"], result["method"]) == (0.75, "conservative")
    assert app.measure([*app.EXAMPLE, ["", ""]], "nearest")["method"] == "nearest"


def test_more_rates_and_a_threshold_are_measured(app: ModuleType) -> None:
    result = app.measure(app.EXAMPLE, "conservative", "0.5, 1e-5", 0.3)
    assert [(at["fpr"], at["tpr"]) for at in result["tpr_at_fpr"]] == [(0.5, 1.0), (1e-5, 0.5)]
    assert result["at_threshold"]["f1"] == 0.8
    for absent in ("tpr_at_fpr", "at_threshold"):
        assert absent not in app.measure(app.EXAMPLE, "conservative", " ", None)
    assert app.measure(app.EXAMPLE, threshold=0)["at_threshold"]["fpr"] == 1, "0 is a threshold"
    with pytest.raises(ValueError, match="false-alarm rates are numbers"):
        app.measure(app.EXAMPLE, "conservative", "1 %")
    with pytest.raises(ValueError, match="within"):
        app.measure(app.EXAMPLE, "conservative", "2")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "no scores"),
        ([[0.1, 0], ["x", 1]], "every row"),
        ([[0.1, 0], [0.2, 0.5]], "labels"),
        ([[0.1, 1], [0.2, 1]], "only fake"),
    ],
)
def test_what_cannot_be_measured_says_why(app: ModuleType, rows: list[Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        app.measure(rows)


def test_the_page_is_built(app: ModuleType) -> None:
    pytest.importorskip("gradio", reason="the page needs gradio, the toolkit does not")

    async def build() -> Any:  # without a running loop, Gradio makes several and closes none
        return app.build_app()

    with ThreadPoolExecutor(1) as thread:  # another test's browser may run a loop in this one
        assert thread.submit(asyncio.run, build()).result().fn is app.measure
