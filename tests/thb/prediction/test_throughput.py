"""Throughput while scoring, and scores in half precision."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from detectors.registry import load_detector
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict
from thb.prediction.throughput import Meter, Throughput
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease


def test_waiting_is_told_from_computing() -> None:
    now = 100.0

    def make() -> Iterator[int]:
        nonlocal now
        for number in range(4):
            now += 1.0
            yield number

    meter = Meter(torch.device("cpu"), "fp32", clock=lambda: now)
    for _ in meter.time_waiting(make()):
        meter.count_clips(3)
        now += 3.0
    measured = meter.read()
    assert (measured.videos, measured.clips) == (4, 12)
    assert (measured.seconds, measured.waiting_share) == (16.0, 0.25)
    assert measured.clips_a_second == 12 / 16
    assert measured.peak_memory_mib > 50, "no process with torch is smaller"


def test_processes_are_joined() -> None:
    def share(seconds: float, waiting: float, memory: float) -> Throughput:
        return Throughput(
            videos=5,
            clips=10,
            seconds=seconds,
            waiting_share=waiting,
            peak_memory_mib=memory,
            processes=1,
            device="cpu",
            precision="fp32",
        )

    joined = Throughput.join([share(2.0, 0.5, 100), share(4.0, 0.1, 300)])
    assert (joined.videos, joined.clips, joined.seconds, joined.processes) == (10, 20, 4.0, 2)
    assert (joined.clips_a_second, joined.waiting_share) == (5.0, 0.3)
    assert joined.peak_memory_mib == 300
    assert "5.0 clips/s" in str(joined)
    assert "30% of the time waiting" in str(joined)


def test_evaluate_keeps_it_beside_the_predictions(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path, run_thb: Run
) -> None:
    release = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root]
    words = ["evaluate", untrained, "--protocol", "p1", *release, "--out", tmp_path]
    done = run_thb(*words, "--bootstrap", "0")
    assert done.code == 0, done.err
    assert "clips/s" in done.err
    file = tmp_path / "p1" / "throughput.json"
    record = json.loads(file.read_text("utf-8"))
    assert record["clips"] == 2 * record["videos"] > 0
    assert (record["device"], record["precision"], record["processes"]) == ("cpu", "fp32", 1)
    before = file.read_bytes()
    again = run_thb(*words, "--bootstrap", "0")
    assert again.code == 0
    assert "clips/s" not in again.err, "nothing was scored"
    assert file.read_bytes() == before


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_near_and_is_recorded(
    untrained: Path, tiny_release: MiniRelease, precision: str
) -> None:
    detector = load_detector(untrained)
    videos = sorted(tiny_release.hub.glob("fake/*/*/*.mp4"))[:4]
    exact, rounded = (
        predict(detector, videos, settings=PredictSettings(precision=how, progress=False))  # type: ignore[arg-type] # one of three words
        for how in ("fp32", precision)
    )
    assert exact.run.precision == "float32"
    assert rounded.run.precision == {"bf16": "bfloat16", "fp16": "float16"}[precision]
    scores = [[row.score for row in predictions.rows] for predictions in (exact, rounded)]
    assert scores[0] != scores[1]
    assert scores[0] == pytest.approx(scores[1], abs=5e-3)
    with pytest.raises(DetectorError, match="'fp8' is not one of fp32, bf16, fp16"):
        PredictSettings(precision="fp8")  # type: ignore[arg-type] # what is tested


def test_scores_of_another_precision_are_not_mixed(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    from thb_dataset.errors import ResultError

    def settings(precision: str) -> EvaluateSettings:
        scoring = PredictSettings(precision=precision, progress=False)  # type: ignore[arg-type] # as above
        return EvaluateSettings(n_bootstrap=0, scoring=scoring)

    where = {"release": tiny_release.hub, "real_root": tiny_release.real_root, "out": tmp_path}
    evaluate(untrained, protocol="p1", settings=settings("fp32"), **where)  # type: ignore[arg-type] # paths
    with pytest.raises(ResultError, match="another run"):
        evaluate(untrained, protocol="p1", settings=settings("bf16"), **where)  # type: ignore[arg-type] # paths
