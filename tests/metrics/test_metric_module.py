"""The metric as users load it with `evaluate.load`, offline, and the examples of its card."""

from __future__ import annotations

import doctest
import json
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "metrics" / "talking_head_detection"

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def metric() -> Any:
    evaluate = pytest.importorskip("evaluate", reason="needs the extra 'metrics'")
    return evaluate.load(str(FOLDER), keep_in_memory=True)


def test_it_loads_and_computes(metric: Any) -> None:
    result = metric.compute(predictions=[0.1, 0.4, 0.35, 0.8], references=[0, 0, 1, 1])
    assert result["auc"] == 0.75
    assert (result["t1"], result["t01"]) == (0.5, 0.5)
    assert result["t1_below_resolution"]
    assert (result["n_real"], result["n_fake"], result["grade"]) == (2, 2, None)
    low, high = result["auc_interval"]
    assert 0 <= low < 0.75 < high <= 1
    assert "bootstrap" not in result


def test_scores_stay_float64(metric: Any) -> None:
    # In float32 these two scores are tied, and the AUC is 0.5.
    result = metric.compute(predictions=[0.5, 0.5 + 1e-12], references=[0, 1])
    assert result["auc"] == 1.0


def test_batches_add_up(metric: Any) -> None:
    metric.add_batch(predictions=[0.1, 0.4], references=[0, 0])
    metric.add_batch(predictions=[0.35, 0.8], references=[1, 1])
    assert metric.compute()["auc"] == 0.75


def test_more_rates_and_a_threshold_of_other_videos(metric: Any) -> None:
    result = metric.compute(
        predictions=[0.1, 0.4, 0.35, 0.8], references=[0, 0, 1, 1], fprs=[0.5, 1e-5], threshold=0.3
    )
    half, least = result["tpr_at_fpr"]
    assert (half["fpr"], half["tpr"], half["threshold"]) == (0.5, 1.0, 0.35)
    assert (least["tpr"], least["below_resolution"]) == (0.5, True)
    at = result["at_threshold"]
    assert (at["tpr"], at["fpr"], at["accuracy"], at["f1"]) == (1.0, 0.5, 0.75, 0.8)
    assert at["fpr_interval"][0] < 0.5 < at["fpr_interval"][1]
    assert result["average_precision"] == pytest.approx(5 / 6)
    assert result["eer"] == 0.5
    json.dumps(result, allow_nan=False)


def test_clusters_add_bootstrap_intervals(metric: Any) -> None:
    result = metric.compute(
        predictions=[0.1, 0.4, 0.35, 0.8],
        references=[0, 0, 1, 1],
        clusters=[["a", "b", "a", "b"], [None, None, "x", "y"]],
    )
    assert set(result["bootstrap"]) == {"auc", "t1", "t01", "brier"}
    assert result["bootstrap_scheme"] == "components"


def test_the_card_gives_every_output_a_range_and_a_direction(metric: Any) -> None:
    result = metric.compute(
        predictions=[0.1, 0.4, 0.35, 0.8],
        references=[0, 0, 1, 1],
        clusters=[["a", "b", "a", "b"]],
        fprs=[0.5],
        threshold=0.3,
    )
    card = (FOLDER / "README.md").read_text("utf-8").partition("### Output")[2]
    rows = [line.split("|")[1:-1] for line in card.splitlines() if line.startswith("| ")][1:]
    top: dict[str, set[str]] = {}
    for name, span, better, meaning in rows:
        assert span.strip()
        assert better.strip()
        assert meaning.strip()
        keys = set(name.replace("`", "").replace(",", "").replace("·", "").split())
        if "·" in name:
            top[[*top][-1]] |= keys
        else:
            top |= {key: set() for key in keys}
    assert set(top) == set(result)
    assert top["tpr_at_fpr"] == set(result["tpr_at_fpr"][0])
    assert top["at_threshold"] == set(result["at_threshold"])


def test_interpolation_has_no_exact_interval(metric: Any) -> None:
    result = metric.compute(
        predictions=[0.1, 0.4, 0.35, 0.8], references=[0, 0, 1, 1], method="interpolate"
    )
    assert result["method"] == "interpolate"
    assert result["t1_interval"] is None


def test_the_grade_is_that_of_t1(metric: Any) -> None:
    # The AUC would be "fair"; T1 finds half of the fakes.
    scores = [0.2] * 100 + [0.9] * 50 + [0.2] * 50
    result = metric.compute(predictions=scores, references=[0] * 100 + [1] * 100)
    assert (result["auc"], result["t1"], result["grade"]) == (0.75, 0.5, "poor")


@pytest.mark.parametrize(
    "wrong", [[0.1, 0.4, 0.35, 0.8], [0, 0, 0.9, 1.0], [0, 2, 1, 1], ["a"] * 4]
)
def test_references_are_refused_before_they_are_cut_to_whole_numbers(
    metric: Any, wrong: list[Any]
) -> None:
    with pytest.raises(ValueError, match="labels must be"):
        metric.compute(predictions=[0, 1, 0, 1], references=wrong)
    with pytest.raises(ValueError, match="labels must be"):
        metric.add(prediction=0.5, reference=wrong[1] if wrong[1] else wrong[2])
    assert metric.compute(predictions=[0.1, 0.9], references=[False, 1.0])["auc"] == 1


def test_its_result_is_json(metric: Any) -> None:
    result = metric.compute(predictions=[0.9, 0.9, 0.1, 0.9], references=[0, 1, 0, 1])
    assert result["t1_threshold"] is None
    assert json.dumps(result, allow_nan=False)


def test_errors_are_clear(metric: Any) -> None:
    with pytest.raises(ValueError, match="only fake"):
        metric.compute(predictions=[0.1, 0.4], references=[1, 1])


def test_the_examples_of_card_and_docstring_are_true(
    metric: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(REPOSITORY)
    outcome = doctest.testfile(
        str(FOLDER / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS
    )
    assert outcome.attempted >= 10
    assert outcome.failed == 0
    import evaluate

    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner()
    test = parser.get_doctest(
        metric.inputs_description, {"evaluate": evaluate}, "docstring", None, 0
    )
    runner.run(test)
    assert runner.tries >= 3
    assert runner.failures == 0
