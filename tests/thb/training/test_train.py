"""The same recipe gives the same weights, killed or not, with any number of processes or parts."""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from safetensors.torch import load_file

from detectors.registry import load_detector
from detectors.tall import TALL
from tests.support.forked_python import THB, RunPython
from tests.support.killed_process import run_and_kill
from thb.prediction.predict import predict
from thb.training.checkpoint import CheckpointFolder
from thb.training.memory import ClipMemory
from thb.training.settings import TrainOptions
from thb.training.train import TrainedFold, train
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import DetectorError
from thb_dataset.protocols import build_folds
from thb_dataset.records import Generator, Label
from thb_dataset.release.scan import read_release

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

SMALL = {"clip": {"frames": 2, "size": 32}, "dropout": 0.2}
SETTINGS = {"epochs": 3, "batch_size": 4}


def train_fold(release: MiniRelease, out: Path, **changes: Any) -> TrainedFold:
    options = TrainOptions(
        config=changes.pop("config", SMALL),
        accumulate=changes.pop("accumulate", 1),
        overwrite=changes.pop("overwrite", False),
        memory_bytes=changes.pop("memory_bytes", None),
        progress=False,
    )
    (trained,) = train(
        changes.pop("detector", "baseline"),
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=release.real_root,
        out=out,
        settings={**SETTINGS, **changes},
        options=options,
    )
    return trained


def sha_of(trained: TrainedFold) -> str:
    return trained.record.weights_sha256


def read_history(folder: Path) -> list[dict[str, str]]:
    with (folder / "history.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def difference(first: TrainedFold, second: TrainedFold) -> float:
    """Return the largest difference between two weights."""
    weights = [load_file(run.folder / "model.safetensors") for run in (first, second)]
    assert set(weights[0]) == set(weights[1])
    return max(float((weights[0][name] - weights[1][name]).abs().max()) for name in weights[0])


def test_the_same_seed_gives_the_same_weights(tiny_release: MiniRelease, tmp_path: Path) -> None:
    first = train_fold(tiny_release, tmp_path / "first")
    again = train_fold(tiny_release, tmp_path / "again")
    other = train_fold(tiny_release, tmp_path / "other", seed=1)
    assert sha_of(first) == sha_of(again) != sha_of(other)
    assert (first.record.settings.seed, other.record.settings.seed) == (0, 1)
    left_alone = train_fold(tiny_release, tmp_path / "first")
    assert left_alone.reused


def test_crops_that_do_not_fit_into_memory_are_mapped(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    kept = train_fold(tiny_release, tmp_path / "kept", epochs=1)
    mapped = train_fold(tiny_release, tmp_path / "mapped", epochs=1, memory_bytes=0)
    assert sha_of(kept) == sha_of(mapped)
    spec = ClipSpec(clips=2, frames=3, size=8)
    memory = ClipMemory(3, spec, tmp_path / "store", memory_bytes=1000)
    assert memory.is_on_disk
    random = np.random.default_rng(0)
    pixels = [random.integers(0, 256, (2, 3, 8, 8, 3), np.uint8) for _ in range(3)]
    kept_clips = [memory.keep(make_clips(values)) for values in pixels]
    memory.close()
    for clips, wanted in zip(kept_clips, pixels, strict=True):
        np.testing.assert_array_equal(clips.pixels, wanted)
    assert list((tmp_path / "store").iterdir()) == [], (
        "the file has no name and leaves nothing behind"
    )


def make_clips(pixels: npt.NDArray[np.uint8]) -> VideoClips:
    shape = pixels.shape[:2]
    return VideoClips(
        pixels=pixels,
        frame_index=np.zeros(shape, np.int64),
        seconds=np.zeros(shape),
        boxes=np.zeros((*shape, 4), np.float32),
        points=np.zeros((*shape, 5, 2), np.float32),
        frame_size=(64, 64),
        faces=1,
        frames_with_face=1,
        frames_searched=1,
        frames_read=1,
    )


def test_what_a_run_leaves_behind(tiny_release: MiniRelease, tmp_path: Path) -> None:
    run = train_fold(tiny_release, tmp_path / "run").folder
    assert {path.name for path in run.iterdir()} == {
        "config.json",
        "model.safetensors",
        "history.csv",
        "history.svg",
        "run.json",
        "thresholds.json",
    }
    rows = read_history(run)
    assert [int(row["epoch"]) for row in rows] == [1, 2, 3]
    picture = ET.parse(run / "history.svg").getroot()  # noqa: S314 — written by ourselves
    lines = picture.findall("{http://www.w3.org/2000/svg}polyline")
    assert len(lines) == 3
    assert all(len(str(line.get("points")).split()) == 3 for line in lines)


def test_a_run_from_before_a_setting_existed_is_recognised(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    run = train_fold(tiny_release, tmp_path / "run").folder
    record = json.loads((run / "run.json").read_text("utf-8"))
    for name in ("optimiser", "schedule", "augmentations", "patience", "clips_cut"):
        del record["settings"][name]
    (run / "run.json").write_text(json.dumps(record), "utf-8")
    assert train_fold(tiny_release, run).reused
    with pytest.raises(DetectorError, match=r"settings\.optimiser 'adamw', not 'sgd'"):
        train_fold(tiny_release, run, optimiser="sgd")


@pytest.mark.parametrize(
    "settings",
    [
        {"keep": "best", "clips_per_sample": 2},
        {"optimiser": "sgd", "mixed_precision": "bf16", "schedule": "constant"},
    ],
)
def test_killed_and_run_again_it_comes_to_the_same_weights(
    tiny_release: MiniRelease, tmp_path: Path, settings: dict[str, Any], run_python: RunPython
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(SMALL), encoding="utf-8")
    settings = {**settings, "epochs": 3, "batch_size": 4}
    command = ["train", "baseline", "--protocol", "p3", "--fold", "hallo", "--quiet"]
    command += ["--release", str(tiny_release.hub), "--real-root", str(tiny_release.real_root)]
    command += ["--config", str(config), "--out", str(tmp_path / "killed")]
    command += [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    write = "thb.training.checkpoint:CheckpointFolder.write"
    run_and_kill(run_python, THB, command, after=write)
    left = [path.name for path in tmp_path.glob("killed/checkpoint/epoch-*")]
    assert left == ["epoch-00001"]
    killed = train_fold(tiny_release, tmp_path / "killed", **settings)
    whole = train_fold(tiny_release, tmp_path / "whole", **settings)
    assert killed.record.machine.resumed_after == 1
    assert whole.record.machine.resumed_after == 0
    assert sha_of(killed) == sha_of(whole)
    histories = [
        [{**row, "seconds": ""} for row in read_history(run.folder)] for run in (killed, whole)
    ]
    assert histories[0] == histories[1]
    assert not (killed.folder / "checkpoint").exists()


def test_a_checkpoint_of_another_training_is_refused(
    tiny_release: MiniRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off_after_one_epoch(tiny_release, tmp_path / "run", monkeypatch)
    other_rate = r"left by another training \(settings\.learning_rate 0\.\d+, not 0\.001\)"
    with pytest.raises(DetectorError, match=other_rate):
        train_fold(tiny_release, tmp_path / "run", learning_rate=1e-3)
    with pytest.raises(DetectorError, match="accumulate 1, not 2"):
        train_fold(tiny_release, tmp_path / "run", accumulate=2)
    fresh = train_fold(tiny_release, tmp_path / "run", overwrite=True)
    assert fresh.record.machine.resumed_after == 0


def test_a_run_of_other_videos_is_refused_begun_or_finished(
    tiny_release: MiniRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(tiny_release.hub, tmp_path / "hub")
    shutil.copytree(tiny_release.real_root, tmp_path / "reals")
    own = type(tiny_release)(hub=tmp_path / "hub", real_root=tmp_path / "reals")
    (fold,) = build_folds(read_release(own.hub).videos, "p3", held_out=Generator.HALLO)
    reals = [video for video in fold.train if video.label is Label.REAL]
    (lost,) = own.real_root.rglob(f"{reals[0].video_id.rpartition('/')[2]}.mp4")
    content = lost.read_bytes()
    begun, finished = tmp_path / "begun", tmp_path / "finished"
    lost.unlink()
    break_off_after_one_epoch(own, begun, monkeypatch)
    train_fold(own, finished)
    assert train_fold(own, finished).reused
    lost.write_bytes(content)
    for run in (begun, finished):
        with pytest.raises(DetectorError, match=r"other files are there now.*--overwrite"):
            train_fold(own, run)
    again = train_fold(own, begun, overwrite=True)
    assert again.record.machine.resumed_after == 0
    lost.touch()
    assert train_fold(own, begun).reused, "the same content, though its time is another"
    elsewhere = type(own)(hub=tmp_path / "moved", real_root=tmp_path / "moved_reals")
    own.hub.rename(elsewhere.hub)
    own.real_root.rename(elsewhere.real_root)
    assert train_fold(elsewhere, begun).reused


def test_a_damaged_checkpoint_is_named(
    tiny_release: MiniRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    break_off_after_one_epoch(tiny_release, tmp_path / "run", monkeypatch)
    (weights,) = (tmp_path / "run").glob("checkpoint/epoch-00001/weights.safetensors")
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(DetectorError, match="epoch-00001 is damaged"):
        train_fold(tiny_release, tmp_path / "run")


def break_off_after_one_epoch(
    release: MiniRelease, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leave what a kill leaves: the checkpoint of the first epoch, and no run."""
    write = CheckpointFolder.write

    def write_and_end(self: CheckpointFolder, *rest: Any) -> None:
        write(self, *rest)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(CheckpointFolder, "write", write_and_end)
        with pytest.raises(KeyboardInterrupt):
            train_fold(release, out)
    assert [path.name for path in out.iterdir()] == ["checkpoint"]


TINY_TALL = {"drop_path": 0.0, "clip": {"clips": 2}}
SHARED_OUT: dict[str, Any] = {
    "optimiser": "sgd",
    "learning_rate": 0.05,
    "clips_per_sample": 2,
    "clips_cut": 6,
    "epochs": 2,
}
"""A network without batch statistics, and steps in proportion to the gradient: Adam takes a full
step even for a gradient that is only rounding error, such as that of a key's bias."""


def train_tall(release: MiniRelease, out: Path, *, accumulate: int = 1) -> TrainedFold:
    (trained,) = train(
        "tall",
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=release.real_root,
        out=out,
        settings={**SHARED_OUT, "batch_size": 4},
        options=TrainOptions(config=TINY_TALL, tiny=True, accumulate=accumulate, progress=False),
    )
    return trained


@pytest.fixture(scope="module")
def alone(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> TrainedFold:
    """A training by one process that computes each batch as a whole."""
    return train_tall(tiny_release, tmp_path_factory.mktemp("alone") / "run")


def test_parts_of_a_batch_come_to_the_weights_of_the_whole(
    alone: TrainedFold, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    parts = train_tall(tiny_release, tmp_path / "run", accumulate=2)
    assert moved_by(alone) > 1e-3
    assert difference(alone, parts) < 1e-5
    with pytest.raises(DetectorError, match="cannot be shared by 1 processes in 3 parts"):
        train_tall(tiny_release, tmp_path / "odd", accumulate=3)


def moved_by(run: TrainedFold) -> float:
    """Return how far the training moved the classifier's weights from their start."""
    start = load_detector(
        "tall", config={**TALL.tiny, **TINY_TALL, "clip": TALL.tiny["clip"]}, untrained=True
    )
    end = load_detector(run.folder)
    before, after = (model.get_parameter("classifier.weight") for model in (start, end))
    return float((before - after).detach().abs().max())


def test_two_processes_come_to_the_weights_of_one(
    alone: TrainedFold, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(TINY_TALL), encoding="utf-8")
    words = ["train", "tall", "--tiny", "--protocol", "p3", "--fold", "hallo"]
    words += ["--release", str(tiny_release.hub), "--real-root", str(tiny_release.real_root)]
    words += ["--out", str(tmp_path / "two"), "--config", str(config), "--batch-size", "4"]
    words += [word for name, value in SHARED_OUT.items() for word in ("--set", f"{name}={value}")]
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    done = subprocess.run(
        [*launcher, "--nproc_per_node", "2", "-m", "thb", *words, "--quiet"],
        env={**os.environ, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "two" / "run.json").read_text("utf-8"))
    assert record["machine"]["processes"] == 2
    together = TrainedFold(folder=tmp_path / "two", fold="p3-hallo", record=record, reused=False)
    assert difference(alone, together) < 1e-5
    rows = [
        [row.score for row in predict(run.folder, some_video(tiny_release)).rows]
        for run in (alone, together)
    ]
    assert rows[0] == pytest.approx(rows[1], abs=1e-5)


def some_video(release: MiniRelease) -> Path:
    return sorted(release.hub.glob("fake/*/*/*.mp4"))[0]


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_mixed_precision_trains_nearly_the_same(
    tiny_release: MiniRelease, tmp_path: Path, precision: str
) -> None:
    # At the usual rate two trainings part within an epoch, whatever made them differ at first.
    slow = {"epochs": 1, "learning_rate": 1e-4}
    exact = train_fold(tiny_release, tmp_path / "exact", **slow)
    mixed = train_fold(tiny_release, tmp_path / "mixed", mixed_precision=precision, **slow)
    assert sha_of(exact) != sha_of(mixed)
    assert mixed.record.settings.mixed_precision == precision
    losses = [float(read_history(run.folder)[0]["train_loss"]) for run in (exact, mixed)]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    stored = load_file(mixed.folder / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values()} <= {torch.float32, torch.int64}


def test_scores_that_are_not_finite_end_a_training_in_one_line(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    with pytest.raises(DetectorError, match=r"not finite.*lower the learning rate"):
        train_fold(
            tiny_release,
            tmp_path / "run",
            epochs=1,
            batch_size=200,
            learning_rate=1e38,
            optimiser="sgd",
            max_gradient_norm=None,
        )


def test_patience_ends_a_training_that_gets_no_better(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    # With a rate close to zero, no epoch is better than the first.
    run = train_fold(
        tiny_release, tmp_path / "run", epochs=30, patience=2, learning_rate=1e-30, keep="best"
    )
    assert run.record.epochs_done == 3
    assert run.record.kept.epoch == 1
