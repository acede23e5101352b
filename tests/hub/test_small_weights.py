"""A detector saved small: its backbone comes from the Hub, at the commit of its training."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.torch import load_file

from detectors.gend import GenD
from detectors.registry import create_detector
from tests.support.loopback_hub import LoopbackHub

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

BACKBONE, REPO = "someone/tiny-clip", "someone/small-gend"


def test_a_small_detector_is_trained_published_and_loaded_elsewhere(
    hub: LoopbackHub, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    vision: Any = create_detector(GenD, seed=3, config=GenD.tiny).get_submodule("vision")
    vision.save_pretrained(tmp_path / "clip")
    commit = hub.create_from_folder(BACKBONE, tmp_path / "clip")
    hub.change(BACKBONE, add={"model.safetensors": b"a later commit"})
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"backbone_checkpoint": f"{BACKBONE}@{commit}"}), "utf-8")

    def run(home: str, *words: object) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "thb", *map(str, words)],
            env={**hub.environment(tmp_path / home), "THB_CACHE": str(tmp_path / "thb")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    where = ["--protocol", "p3", "--fold", "hallo", "--release", tiny_release.hub, "--quiet"]
    where += ["--real-root", tiny_release.real_root]
    recipe = ["--epochs", 1, "--batch-size", 4, "--set", "draws_per_video=1"]
    run("one", "train", "gend", "--tiny", "--config", config, *where, *recipe, "--out", "run")
    small = load_file(tmp_path / "run" / "model.safetensors")
    assert not {name for name in small if "norm" not in name and "classifier" not in name}
    assert (tmp_path / "run" / "model.safetensors").stat().st_size < 1_000_000
    card = ("publish", "detector", "run", "--repo", REPO, "--dry-run", "--out", "card")
    run("one", *card)
    hub.create_from_folder(REPO, tmp_path / "card")
    assert "holds only that" in (tmp_path / "card" / "README.md").read_text("utf-8")

    video = sorted(tiny_release.hub.glob("fake/*/*/*.mp4"))[0]
    ask = ("--format", "json", "--quiet")
    here = json.loads(run("one", "predict", "run", video, *ask))["videos"][0]["score"]
    hub.requests.clear()
    there = json.loads(run("other", "predict", REPO, video, *ask))["videos"][0]["score"]
    assert there == pytest.approx(here, abs=1e-6)
    assert [line for line in hub.requested("model.safetensors") if commit in line]
    assert not hub.requested(".bin")
