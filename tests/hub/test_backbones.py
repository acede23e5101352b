"""A training fetches its published backbone from the Hub, once and at the named commit."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from detectors.torchvision_guard import make_torchvision_importable
from tests.support.loopback_hub import LoopbackHub

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

REPO = "someone/tiny-swin"
MODULE = """
from detectors.pretrained import PublishedBackbone
from detectors.tall import TALL, TALLConfig
from thb_dataset.clip_spec import ClipSpec

class SmallConfig(TALLConfig):
    model_type = "small_tall"
    default_clip = ClipSpec(clips=2, frames=4, size=64, sampling="consecutive", resample="pillow")
    image_size: int = 64
    embed_dim: int = 16
    depths: tuple[int, ...] | list[int] = (1, 1, 2)
    num_heads: tuple[int, ...] | list[int] = (1, 2, 4)
    window: int = 4

class Small(TALL):
    config_class = SmallConfig
    backbones = (
        PublishedBackbone(
            weights="a tiny Swin",
            settings={"embed_dim": 16},
            repo="%s",
            revision="%s",
            megabytes=1,
            licence="mit",
        ),
    )
"""


def test_the_backbone_of_the_named_commit_is_fetched_once(
    hub: LoopbackHub, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    make_torchvision_importable()
    from transformers import SwinConfig, SwinModel

    size: dict[str, Any] = {
        "image_size": 64,
        "embed_dim": 16,
        "depths": [1, 1, 2],
        "num_heads": [1, 2, 4],
    }
    folder = tmp_path / "swin"
    SwinModel(SwinConfig(**size)).save_pretrained(folder)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    commit = hub.create(REPO, {**files, "pytorch_model.bin": b"never read"})
    hub.change(REPO, add={"model.safetensors": b"a later commit"})
    (tmp_path / "my_small.py").write_text(MODULE % (REPO, commit), encoding="utf-8")
    words = ["train", "my_small:Small", "--protocol", "p3", "--fold", "hallo", "--epochs", "1"]
    words += ["--release", str(tiny_release.hub), "--real-root", str(tiny_release.real_root)]
    words += ["--batch-size", "4", "--set", "clips_per_sample=1", "--set", "clips_cut=2"]
    records = []
    for number, more in enumerate(([], ["--backbone", str(folder)])):
        done = subprocess.run(
            [sys.executable, "-m", "thb", *words, *more, "--out", str(tmp_path / f"run{number}")],
            env=hub.environment(tmp_path / "home"),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        records.append(json.loads((tmp_path / f"run{number}" / "run.json").read_text("utf-8")))
        if not more:
            told = f"a tiny Swin: {REPO} at {commit[:12]}, 1 MB from the Hub, licence mit"
            assert told in done.stderr
            asked = list(hub.requests)
            assert not hub.requested(".bin")
            loads = [line for line in hub.requested("safetensors") if line.startswith("GET")]
            assert len(loads) == 1
    assert hub.requests == asked, "a folder asks the Hub nothing"
    fetched, given = (record["detector"] for record in records)
    assert (fetched["backbone"], given["backbone"]) == (f"{REPO}@{commit}", "swin")
    assert not fetched["from_scratch"]
    assert fetched["initial_weights_sha256"] == given["initial_weights_sha256"]
