"""Ctrl-C while videos are scored: what is finished is shown, and the command ends as such."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from detectors.registry import load_detector
from tests.support.sources import ROOT
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import PredictInterrupt, predict

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

STOPS = """
import os, signal, sys
from detectors.baseline.modeling import BaselineDetector
from thb.cli import main

# What a shell starts in the background inherits that Ctrl-C is ignored, and so would this process.
signal.signal(signal.SIGINT, signal.default_int_handler)
compute, calls = BaselineDetector.forward, []

def stop(*given, **named):
    calls.append(None)
    if len(calls) == 3:
        os.killpg(os.getpgid(0), signal.SIGINT)  # as a terminal does
    return compute(*given, **named)

BaselineDetector.forward = stop
main(sys.argv[1:])
"""


@pytest.fixture
def videos(tiny_release: MiniRelease) -> list[Path]:
    return sorted((tiny_release.hub / "fake").rglob("*.mp4"))[:4]


@pytest.mark.parametrize("form", ["text", "json"])
def test_finished_rows_are_written_and_the_exit_code_is_130(
    form: str, untrained: Path, videos: list[Path]
) -> None:
    words = ["predict", str(untrained), *map(str, videos), "--batch-size", "2"]
    ended = subprocess.run(
        [sys.executable, "-c", STOPS, *words, "--workers", "1", "--format", form],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
    )
    assert ended.returncode == 130, ended.stderr
    assert "Traceback" not in ended.stderr
    if form == "json":
        names = [row["video_id"] for row in json.loads(ended.stdout)["videos"]]
    else:
        names = [line.split()[5] for line in ended.stdout.splitlines()[1:]]
    assert names == [str(video) for video in videos[:2]]
    assert "stopped after 2 rows; 4 files were given" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("interrupted: finished work is kept")


@pytest.mark.parametrize("all_faces", [False, True])
def test_in_python_the_interrupt_holds_the_finished_rows(
    all_faces: bool, untrained: Path, videos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = load_detector(untrained)
    settings = PredictSettings(progress=False, batch_size=2, workers=1)
    whole = predict(detector, videos, all_faces=all_faces, settings=settings)
    compute = type(detector).forward
    calls: list[None] = []

    def stop(*given: object, **named: object) -> object:
        calls.append(None)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return compute(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(type(detector), "forward", stop)
    with pytest.raises(PredictInterrupt) as stopped:
        predict(detector, videos, all_faces=all_faces, settings=settings)
    kept = stopped.value.predictions
    # Of the last video another face could have come.
    assert kept.rows == whole.rows[: 1 if all_faces else 2]
    assert kept.verdicts == ("none",) * len(kept)
