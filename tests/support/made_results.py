"""Small results in which every field is filled, for tests of what uses results."""

from __future__ import annotations

from typing import Any

from tests.support.records import make_scoring_record
from thb.evaluation.cells import METRICS, Cell, Measure, ScoreSettings
from thb.evaluation.result import Result
from thb.runs.record import ReleaseRecord


def make_measure(value: float, **values: Any) -> Measure:
    return Measure(value=value, **({"low": value / 2, "high": (value + 1) / 2} | values))


def make_cell(generator: str, **values: Any) -> Cell:
    measures = {name: make_measure(0.8) for name in METRICS}
    settings: dict[str, Any] = {
        "fold": "p1",
        "part": "test",
        "n_real": 20,
        "n_fake": 6,
        "measures": measures,
    }
    return Cell(generator=generator, **(settings | values))


def make_result(**values: Any) -> Result:
    settings: dict[str, Any] = {
        "protocol": "p1",
        "split_by": "release",
        "release": ReleaseRecord(name="toy", revision="abc"),
        "detector": "baseline",
        "cells": (make_cell("Hallo"), make_cell("AniPortraitAudio"), make_cell("LivePortrait")),
        "mean": {name: make_measure(0.75) for name in METRICS},
        "mean_over": ("AniPortraitAudio", "Hallo", "LivePortrait"),
        "thresholds": {"p1": {"t1": 1 / 3, "t01": None}},
        "runs": {"p1": make_scoring_record(versions={"numpy": "2.4"})},
        "settings": ScoreSettings(),
        "predictions_sha256": {"p1": "0" * 64},
    }
    return Result(**(settings | values))
