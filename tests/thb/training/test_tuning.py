"""Trainings of a part of a detector: what is frozen stays, and its features are made once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

from detectors.gend import GenD
from detectors.registry import create_detector, load_detector
from tests.support.forked_python import THB, RunPython
from tests.support.killed_process import run_and_kill
from thb.training.settings import TrainOptions
from thb.training.train import TrainedFold, train

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

RECIPE: dict[str, Any] = {
    "optimiser": "sgd",
    "learning_rate": 0.05,
    "epochs": 2,
    "batch_size": 4,
    "draws_per_video": 2,
    "augmentations": [],
}
"""Steps in proportion to the gradient: Adam takes a full step for one that is only rounding."""

VIEWS = {"views": 2, "augmentations": [{"name": "jpeg", "settings": {"quality": [40, 100]}}]}
HEAD = {"tuned": "head"}
NO_PAIRS = {"uniformity_weight": 0.0, "alignment_weight": 0.0}
"""The losses over pairs see one process's part of a batch."""


def train_fold(release: MiniRelease, out: Path, config: Any, **changes: Any) -> TrainedFold:
    memory = changes.pop("memory_bytes", None)
    (trained,) = train(
        "gend",
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=release.real_root,
        out=out,
        settings={**RECIPE, **changes},
        options=TrainOptions(config=config, tiny=True, memory_bytes=memory, progress=False),
    )
    return trained


def read(run: TrainedFold) -> dict[str, Tensor]:
    return load_file(run.folder / "model.safetensors")


def difference(first: TrainedFold, second: TrainedFold) -> float:
    one, other = read(first), read(second)
    assert {*one} == {*other}
    return max(float((one[name] - other[name]).abs().max()) for name in one)


@pytest.mark.parametrize(
    ("config", "settings"),
    [
        (HEAD, {}),
        (HEAD, VIEWS),
        ({"tuned": "layer_norms", "tuned_blocks": 1}, {"clips_per_sample": 2}),
    ],
    ids=["head", "views", "last block"],
)
def test_features_that_are_kept_lead_to_the_same_weights(
    tiny_release: MiniRelease, tmp_path: Path, config: Any, settings: dict[str, Any]
) -> None:
    kept = train_fold(tiny_release, tmp_path / "kept", config, **settings)
    again = train_fold(tiny_release, tmp_path / "again", config, **settings, memory_bytes=0)
    start = create_detector(GenD, config={**GenD.tiny, **config}).state_dict()
    moved = {name for name, value in read(kept).items() if not torch.equal(value, start[name])}
    assert moved >= {"classifier.weight"}
    assert moved <= {
        name for name in start if name.startswith(("classifier.", "vision.encoder.layers.1.layer"))
    } | {"vision.post_layernorm.weight", "vision.post_layernorm.bias"}
    assert (len(moved) > 2) == (config is not HEAD)
    assert difference(kept, again) < 1e-6


def test_lora_leaves_an_ordinary_network(tiny_release: MiniRelease, tmp_path: Path) -> None:
    run = train_fold(tiny_release, tmp_path / "run", {"tuned": "lora"}, learning_rate=0.5)
    start = create_detector(GenD, config=GenD.tiny).state_dict()
    moved = {name for name, value in read(run).items() if not torch.equal(value, start[name])}
    layers = [f"vision.encoder.layers.{block}.self_attn" for block in (0, 1)]
    wanted = {f"{layer}.{one}_proj.weight" for layer in layers for one in "qv"}
    assert moved == wanted | {"classifier.weight", "classifier.bias"}
    assert load_detector(run.folder).config.tuned == "lora"


@pytest.mark.parametrize("config", [HEAD, {"tuned": "lora"}], ids=["head", "lora"])
def test_killed_and_run_again_it_comes_to_the_same_weights(
    tiny_release: MiniRelease, tmp_path: Path, config: Any, run_python: RunPython
) -> None:
    settings = {**RECIPE, "optimiser": "adamw"}
    command = words_of(tiny_release, tmp_path, config, settings, tmp_path / "killed")
    write = "thb.training.checkpoint:CheckpointFolder.write"
    run_and_kill(run_python, THB, command, after=write)
    (left,) = tmp_path.glob("killed/checkpoint/epoch-*")
    stored = load_file(left / "weights.safetensors")
    assert not {name for name in stored if "embed" in name}, "what is frozen is not written again"
    killed = train_fold(tiny_release, tmp_path / "killed", config, **settings)
    whole = train_fold(tiny_release, tmp_path / "whole", config, **settings)
    assert killed.record.machine.resumed_after == 1
    assert killed.record.weights_sha256 == whole.record.weights_sha256


def words_of(
    release: MiniRelease, folder: Path, config: Any, settings: dict[str, Any], out: Path
) -> list[str]:
    file = folder / "config.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    words = ["train", "gend", "--tiny", "--protocol", "p3", "--fold", "hallo", "--quiet"]
    words += ["--release", str(release.hub), "--real-root", str(release.real_root)]
    words += ["--out", str(out), "--config", str(file)]
    for name, value in settings.items():
        words += ["--set", f"{name}={json.dumps(value) if name == 'augmentations' else value}"]
    return words


def test_two_processes_come_to_the_weights_of_one(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    config = {**HEAD, **NO_PAIRS}
    alone = train_fold(tiny_release, tmp_path / "alone", config)
    words = words_of(tiny_release, tmp_path, config, RECIPE, tmp_path / "two")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*launcher, "--nproc_per_node", "2", "-m", "thb", *words],
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "two" / "run.json").read_text("utf-8"))
    assert record["machine"]["processes"] == 2
    two = TrainedFold(folder=tmp_path / "two", fold="p3-hallo", record=record, reused=False)
    assert difference(alone, two) < 1e-6
