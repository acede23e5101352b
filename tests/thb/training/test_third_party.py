"""A third party's detector: a single class in their own file works with every command."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.forked_python import THB, RunPython

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

THEIRS = """
from torch import nn

from detectors import Detector
from detectors.recipes import Recipe
from thb_dataset.clip_spec import ClipSpec


class TheirDetector(Detector):
    model_type = "their_detector"
    default_clip = ClipSpec(clips=2, frames=2, size=24)
    cam_layer = "features"
    recipe = Recipe(epochs=2, optimiser="sgd", learning_rate=0.01, clips_per_sample=2)

    def __init__(self, config):
        super().__init__(config)
        self.features = nn.Conv2d(3, 4, 5, stride=2)
        self.classifier = nn.Linear(4, 1)
        self.post_init()

    def forward(self, pixel_values, labels=None):
        maps = self.features(pixel_values.flatten(0, 1)).relu()
        pooled = maps.mean(dim=(2, 3)).unflatten(0, (len(pixel_values), -1)).mean(dim=1)
        return self.make_output(self.classifier(pooled), labels)

    def cam_reshape(self, activations, frames):
        return activations.unflatten(0, (-1, frames))
"""


def test_one_class_is_enough(
    run_thb: Run,
    run_python: RunPython,
    tiny_release: MiniRelease,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "their_module.py").write_text(THEIRS, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    where = ["--protocol", "p3", "--fold", "hallo", "--release", tiny_release.hub]
    where += ["--real-root", tiny_release.real_root, "--quiet", "--format", "json"]
    reference = "their_module:TheirDetector"
    done = run_thb("train", reference, *where, "--out", "run", "--batch-size", "4")
    assert done.code == 0, done.err
    (fold,) = json.loads(done.out)["folds"]
    assert fold["detector"]["class"] == reference
    assert (fold["settings"]["epochs"], fold["settings"]["optimiser"]) == (2, "sgd")

    # In processes that have never heard of their class.
    evaluate = ["evaluate", "run", *where, "--bootstrap", "0"]
    refused = run_python(THB, *evaluate)
    assert refused.code == 4
    assert "--trust-remote-code" in refused.err
    named = f"{reference}@run"
    assert named in refused.err, "the way for who wrote the class"
    evaluated = run_python(THB, "evaluate", named, *where, "--bootstrap", "0", "--out", "named")
    assert evaluated.code == 0, evaluated.err
    video = min(tiny_release.hub.rglob("*.mp4"))
    for verb in ("predict", "explain"):
        asked = run_python(THB, verb, named, video, "--format", "json", "-q")
        assert asked.code == 0, asked.err
        assert json.loads(asked.out)["videos"][0]["status"] == "ok"
    trusted = run_python(THB, *evaluate, "--trust-remote-code")
    assert trusted.code == 0, trusted.err
    (result,) = json.loads(trusted.out)["results"]
    assert result["runs"]["p3-hallo"]["detector"]["class"] == reference
    assert result["cells"][0]["measures"]["auc"]["value"] >= 0
    published = run_thb(
        *("publish", "detector", named, "--repo", "their/detector", "--dry-run"),
        *("--out", "out", "--format", "json"),
    )
    assert published.code == 0, published.err
    files = json.loads(published.out)["files"]
    assert {"their_module.py", "detectors_base.py", "model.safetensors"} <= set(files)
    config = json.loads((tmp_path / "out" / "config.json").read_text("utf-8"))
    assert config["auto_map"]["AutoConfig"] == "their_module.TheirDetectorConfig"
    # Elsewhere their module cannot be imported, so the published code is run.
    elsewhere = (
        "import sys; from detectors import Detector, load_detector\n"
        "model = load_detector(sys.argv[1], trust_remote_code=True)\n"
        "assert isinstance(model, Detector)\n"
        "assert type(model).__module__.startswith('transformers_modules'), type(model)\n"
        "assert model.config.clip_spec.size == 24\n"
    )
    loaded = run_python(elsewhere, tmp_path / "out", folder=Path(__file__).parents[3])
    assert loaded.code == 0, loaded.err
