"""Every detector trains for two steps by its own recipe, and the command names wrong options."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from detectors.listing import DETECTORS
from detectors.registry import load_detector
from thb.runs.record import ClassCounts
from thb.training.settings import TrainOptions
from thb.training.smoke import train_smoke

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_smoke(name: str, tiny_release: MiniRelease, tmp_path: Path) -> None:
    """The recipe of the detector runs for two steps on two videos, and the folder loads."""
    run = train_smoke(
        name,
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        out=tmp_path / "run",
        options=TrainOptions(progress=False),
    )
    with (run.folder / "history.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["steps"]) for row in rows] == [1, 2]
    assert np.isfinite([float(row["train_loss"]) for row in rows]).all()
    assert run.record.videos.train.used == ClassCounts(fake=1, real=1)
    model = load_detector(run.folder)
    fresh = run.record.detector.initial_weights_sha256
    assert run.record.weights_sha256 != fresh
    assert sum(weight.numel() for weight in model.parameters()) < 2_000_000


def test_smoke_by_command(run_thb: Run, tiny_release: MiniRelease) -> None:
    release = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root, "--quiet"]
    done = run_thb("train", "df_adapter", "--smoke", *release, "--format", "json")
    assert done.code == 0, done.err
    (fold,) = json.loads(done.out)["folds"]
    assert (fold["fold"], fold["epochs_done"]) == ("p1", 2)


def test_the_settings_that_are_tried_are_the_users(
    run_thb: Run, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    release = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root, "--quiet"]
    smoke = ["train", "baseline", "--smoke", *release]
    done = run_thb(*smoke, "--set", "weight_decay=0.25", "--epochs", "7", "--out", tmp_path)
    assert done.code == 0, done.err
    settings = json.loads((tmp_path / "run.json").read_text("utf-8"))["settings"]
    assert (settings["weight_decay"], settings["epochs"]) == (0.25, 2)
    wrong = run_thb(*smoke, "--set", "weight_dekay=0.25")
    assert wrong.code == 2
    assert "weight_decay" in wrong.err


def test_the_default_draws_two_videos_and_says_that_it_works(
    run_thb: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THB_CACHE", str(tmp_path))
    done = run_thb("train", "tall", "--smoke")
    assert done.code == 0, done.err
    assert re.fullmatch(r"it works: loss \d\.\d{3}, saved and loaded\n", done.out)
    assert done.err.startswith("loading …\n")
    assert len(list(tmp_path.glob("mini*/**/*.mp4"))) == 2


def test_a_missing_or_wrong_option_is_named(run_thb: Run, tmp_path: Path) -> None:
    done = run_thb("train", "baseline", "--release", "mini", "--out", tmp_path / "run")
    assert done.code == 2
    assert "--protocol" in done.err
    asked = ["train", "baseline", "--protocol", "p1", "--out", tmp_path / "run"]
    for wrong in (["--set", "schedule"], ["--config", str(tmp_path / "absent.json")]):
        done = run_thb(*asked, *wrong)
        assert done.code == 2
        assert wrong[0] in done.err
