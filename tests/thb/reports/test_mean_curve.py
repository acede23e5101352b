"""The mean curve of Fig. 2b passes through the mean T1 of the tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.support.records import make_scoring_record
from thb.evaluation.cells import ScoreSettings
from thb.prediction.predictions import Prediction, Predictions, Status, write_predictions
from thb.reports.evaluations import read_evaluations
from thb.reports.figures.choice import FigureChoice
from thb.reports.figures.drawing import draw_figures


def test_test_only_generators_have_no_part_in_the_mean_curve(tmp_path: Path) -> None:
    rows = [
        Prediction(
            video_id=f"{name}/{at}",
            label=int(name != "real"),
            generator=None if name == "real" else name,
            split="extra" if name == "MAGI-1" else "test",
            status=Status.OK,
            score=score,
        )
        for name, scores in {
            "real": [0.5, 0.4, 0.3],
            "Hallo": [0.9, 0.8, 0.1, 0.1],
            "EmoPortrait": [0.9, 0.9, 0.9, 0.1],
            "MAGI-1": [0.1, 0.1],
        }.items()
        for at, score in enumerate(scores)
    ]
    path = tmp_path / "run" / "p1" / "predictions.parquet"
    record = make_scoring_record(protocol="p1", fold="p1")
    write_predictions(path, Predictions(rows=tuple(rows), run=record))
    read = read_evaluations([tmp_path / "run"], settings=ScoreSettings(n_bootstrap=0))
    (drawing,), _ = draw_figures(read, FigureChoice(kinds=["fig2b"], published=False))
    line = drawing.figure.axes[0].lines[0]
    rates, tprs = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    at_one_percent = tprs[np.argmin(abs(rates - 0.01))]
    assert read[0].result.mean["t1"].value == pytest.approx((0.5 + 0.75) / 2)
    assert at_one_percent == pytest.approx((0.5 + 0.75) / 2)
