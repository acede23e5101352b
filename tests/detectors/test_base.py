"""The contract of a detector: checked when its class is created, and kept by save and load."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForVideoClassification

from detectors.base import Detector, DetectorConfig, DetectorOutput
from detectors.registry import create_detector, load_detector
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError


class MeanDetector(Detector):
    """One class and nothing else, as a third party writes it."""

    model_type = "test_mean"
    default_clip = ClipSpec(frames=3, size=16, crop="aligned", margin=1.5)
    cam_layer = "features"

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__(config)
        self.features = nn.Conv2d(3, 4, 3)
        self.head = nn.Linear(4, 1)
        self.post_init()

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        maps = self.features(pixel_values.flatten(0, 1)).mean(dim=(2, 3))
        pooled = maps.unflatten(0, (-1, pixel_values.shape[1])).mean(dim=1)
        return self.make_output(self.head(pooled), labels)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        maps: Tensor = activations.unflatten(0, (-1, frames))
        return maps


class WideConfig(DetectorConfig):
    model_type = "test_wide"
    default_clip = ClipSpec(frames=2, size=24)

    width: int = 8


class WideDetector(MeanDetector):
    config_class = WideConfig


def make_class(**members: Any) -> type[Detector]:
    """Make a detector class; members that are None are left out."""
    whole: dict[str, Any] = {
        "__module__": __name__,
        "model_type": "test_made",
        "cam_layer": "features",
        "forward": MeanDetector.forward,
        "cam_reshape": MeanDetector.cam_reshape,
    } | members
    return type("Made", (Detector,), {name: each for name, each in whole.items() if each})


def test_one_class_is_enough() -> None:
    config = MeanDetector.config_class()
    assert isinstance(config, DetectorConfig)
    assert config.model_type == "test_mean"
    assert config.clip_spec == MeanDetector.default_clip
    assert type(AutoConfig.for_model("test_mean")) is MeanDetector.config_class


def test_a_class_with_settings_of_its_own_has_its_config() -> None:
    assert WideDetector.config_class is WideConfig
    detector = create_detector(WideDetector, config={"width": 5, "clip": {"frames": 7}})
    assert detector.config.width == 5
    assert detector.config.clip_spec == ClipSpec(frames=7, size=24)


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ({"model_type": None}, "config_class, a subclass of DetectorConfig, or model_type"),
        ({"config_class": dict}, "not a subclass of DetectorConfig"),
        ({"model_type": "Test Made"}, "is not lower-case letters"),
        ({"model_type": "swin"}, "one of transformers' own"),
        ({"model_type": "test_mean"}, r"belongs to .*MeanDetector"),
        ({"forward": None}, "give it forward"),
        ({"forward": lambda self, frames, labels=None: None}, r"forward takes \(frames, labels\)"),
        ({"forward": lambda self, pixel_values: None}, r"forward takes \(pixel_values\)"),
        ({"cam_layer": None}, "give it cam_layer"),
        ({"cam_reshape": None}, "give it cam_reshape"),
        ({"recipe": {"epochs": 3}}, r"recipe is a dict, not a detectors\.recipes\.Recipe"),
    ],
)
def test_a_class_that_lacks_something_is_refused_when_it_is_made(
    members: dict[str, Any], fault: str
) -> None:
    with pytest.raises(DetectorError, match=fault):
        make_class(**members)


def test_all_faults_are_named_at_once() -> None:
    message = r"Made is not a detector: .*forward.*cam_layer.*cam_res"
    with pytest.raises(DetectorError, match=message):
        make_class(forward=None, cam_layer=None, cam_reshape=None)


def test_a_module_may_be_loaded_again() -> None:
    first, second = make_class(), make_class()
    assert type(AutoConfig.for_model("test_made")) is second.config_class
    assert first is not second


def test_a_subclass_needs_a_name_of_its_own() -> None:
    class Named(MeanDetector):
        model_type = "test_named"

    assert Named.config_class().clip_spec == MeanDetector.default_clip
    with pytest.raises(DetectorError, match="belongs to"):
        type("Unnamed", (MeanDetector,), {"__module__": __name__})


def test_more_inputs_may_stand_between() -> None:
    def forward(
        self: Detector, pixel_values: Tensor, audio: Tensor, labels: Tensor | None = None
    ) -> DetectorOutput:
        return self.make_output(pixel_values.mean(dim=(1, 2, 3, 4)) + audio, labels)

    assert issubclass(make_class(forward=forward), Detector)


def test_impossible_clip_settings_are_refused() -> None:
    with pytest.raises(DetectorError, match=r"unknown 'frame'"):
        WideConfig(clip={"frame": 3})


def test_config_keeps_every_clip_setting(tmp_path: Path) -> None:
    clip = {"frames": 5, "mean": [0.5, 0.4, 0.3], "sampling": "stride", "stride": 3}
    config = WideConfig(clip=clip, weights_licence="MIT", width=3)
    config.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text("utf-8"))
    assert set(written["clip"]) == set(ClipSpec().to_dict())
    again = AutoConfig.from_pretrained(tmp_path)
    assert type(again) is WideConfig
    assert again.to_json_string() == config.to_json_string()
    assert again.width == 3
    assert again.weights_licence == "MIT"
    assert again.clip_spec == config.clip_spec
    assert again.clip_spec.mean == (0.5, 0.4, 0.3)
    assert again.id2label == {0: "real", 1: "fake"}


def test_saved_clip_settings_outlive_a_change_of_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WideConfig().save_pretrained(tmp_path)
    monkeypatch.setattr(WideConfig, "default_clip", ClipSpec(frames=31, size=99))
    assert WideConfig.from_pretrained(tmp_path).clip_spec == ClipSpec(frames=2, size=24)


@pytest.mark.parametrize("clips", [1, 3, 5])
@pytest.mark.parametrize("load", [load_detector, AutoModelForVideoClassification.from_pretrained])
def test_scores_are_the_same_to_the_bit_after_save_and_load(
    tmp_path: Path, load: Any, clips: int
) -> None:
    detector = create_detector(MeanDetector, seed=3)
    detector.save_pretrained(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    again = load(tmp_path)
    assert type(again) is MeanDetector
    assert not any(module.training for module in again.modules())
    pixels = torch.randn(clips, 3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(again(pixels).logits, detector(pixels).logits)


def test_loss_is_the_cross_entropy_of_fake() -> None:
    detector = create_detector(MeanDetector)
    logits, labels = torch.tensor([2.0, -1.0, 0.5]), torch.tensor([1, 0, 0])
    output = detector.make_output(logits, labels)
    chance = torch.sigmoid(logits)
    expected = -(chance[0].log() + (1 - chance[1]).log() + (1 - chance[2]).log()) / 3
    assert output.loss is not None
    torch.testing.assert_close(output.loss, expected)
    flat = detector.make_output(logits[:, None], None).logits
    assert flat is not None
    assert flat.shape == (3,)
    assert detector.make_output(logits, None).loss is None


def test_two_logits_a_clip_are_refused() -> None:
    with pytest.raises(DetectorError, match=r"shape \(4, 2\); one per clip"):
        create_detector(MeanDetector).make_output(torch.zeros(4, 2), None)


def test_a_detector_without_a_pretrained_backbone_says_so() -> None:
    with pytest.raises(DetectorError, match="reads no pretrained backbone"):
        create_detector(MeanDetector, config={"backbone_checkpoint": "org/name"})
