"""The paper's own figures: all of them are there, and their means are those of its text."""

from __future__ import annotations

from importlib import import_module

import pytest

from detectors.listing import DETECTORS
from thb.reports.published import (
    MODEL_TYPES,
    average_published,
    find_published,
    read_published,
    read_published_transitions,
)
from thb_dataset.records import TRAINING_GENERATORS, Generator


def test_every_table_is_complete() -> None:
    cells = read_published()
    assert {cell.generator for cell in cells} <= {str(generator) for generator in Generator}
    detectors = {cell.detector for cell in cells}
    assert len(detectors) == 7
    for protocol in ("p1", "p2", "p3"):
        for detector in detectors:
            found = find_published(protocol, detector)
            assert {*map(str, TRAINING_GENERATORS)} <= set(found), (protocol, detector)
            assert all(
                0 <= value <= 1 for cell in found.values() for value in cell.numbers.values()
            )


@pytest.mark.parametrize(
    ("detector", "means"),
    [("TALL", (0.99, 0.93, 0.87)), ("DeepFake-Adapter", (0.92, 0.955, 0.908))],
)
def test_the_means_of_t1_are_those_of_the_tables(
    detector: str, means: tuple[float, float, float]
) -> None:
    for protocol, mean in zip(("p1", "p2", "p3"), means, strict=True):
        assert average_published(protocol, detector, "t1") == pytest.approx(mean, abs=0.0051)


def test_a_detector_is_found_by_its_name_in_the_toolkit_too() -> None:
    assert find_published("p3", "tall") == find_published("p3", "TALL") != {}
    assert find_published("p3", "baseline") == {}
    assert average_published("p3", "baseline", "t1") is None
    assert set(MODEL_TYPES) <= set(DETECTORS)


@pytest.mark.parametrize("name", MODEL_TYPES)
def test_a_detector_is_found_by_what_its_results_call_it(name: str) -> None:
    module, _, model = DETECTORS[name].detector.partition(":")
    model_type = getattr(import_module(module), model).config_class.model_type
    assert find_published("p1", model_type) == find_published("p1", MODEL_TYPES[name]) != {}


def test_the_transitions_of_the_paper_are_consistent() -> None:
    percents = {"EmoPortrait": 38.30, "Hallo2": 8.82, "LivePortrait": 2.98}
    for row in read_published_transitions():
        drop = 100 * row.false_negatives / row.true_positives
        assert drop == pytest.approx(percents[row.generator], abs=0.005)
