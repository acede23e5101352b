"""The baseline: it scores clip by clip, learns, and can begin with a pretrained backbone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForVideoClassification, ResNetConfig, ResNetModel

from detectors.base import Detector
from detectors.baseline.configuration import BaselineConfig
from detectors.baseline.modeling import BaselineDetector
from detectors.registry import create_detector, load_detector
from thb_dataset.errors import DetectorError

TINY: dict[str, Any] = {
    "model_type": "resnet",
    "embedding_size": 4,
    "hidden_sizes": [4, 8],
    "depths": [1, 1],
    "layer_type": "basic",
}


def make_small() -> Detector:
    return load_detector("baseline", config={"backbone": TINY}, untrained=True)


def make_clips(number: int, frames: int = 4, size: int = 32) -> Tensor:
    return torch.randn(number, frames, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_it_is_small_and_says_what_it_reads() -> None:
    detector = load_detector("baseline", untrained=True)
    assert sum(weight.numel() for weight in detector.parameters()) < 100_000
    spec = detector.config.clip_spec
    with torch.inference_mode():
        logits = detector(make_clips(3, spec.frames, spec.size)).logits
    assert logits.shape == (3,)
    assert logits.isfinite().all()


def test_the_same_seed_gives_the_same_weights() -> None:
    one, two, other = (
        load_detector("baseline", seed=seed, untrained=True).state_dict() for seed in (0, 0, 1)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["classifier.weight"], other["classifier.weight"])


def test_a_score_is_of_its_own_clip_alone() -> None:
    detector, clips = make_small(), make_clips(5)
    with torch.inference_mode():
        together = detector(clips).logits
        alone = torch.cat([detector(clip[None]).logits for clip in clips])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-6)


def test_change_over_time_is_seen_whatever_its_direction() -> None:
    detector, clips = make_small(), make_clips(2)
    with torch.inference_mode():
        forwards, backwards = detector(clips).logits, detector(clips.flip(1)).logits
        still = detector(clips[:, :1].expand(-1, 4, -1, -1, -1)).logits
        single = detector(clips[:, :1]).logits
    torch.testing.assert_close(forwards, backwards)
    # A video that stands still is a picture.
    torch.testing.assert_close(still, single)
    assert not torch.allclose(still, forwards)


def test_it_learns_what_tells_two_kinds_of_clips_apart() -> None:
    clips, labels = make_clips(16), torch.arange(16) % 2
    clips[labels == 1, :, 0] += 0.7
    detector = create_detector(BaselineDetector, config={"backbone": TINY, "dropout": 0.0}).train()
    optimizer = torch.optim.AdamW(detector.parameters(), lr=1e-2)
    losses = []
    for _ in range(60):
        loss = detector(clips, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.2 < losses[0]
    with torch.inference_mode():
        scores = detector.eval()(clips).logits
    assert scores[labels == 1].min() > scores[labels == 0].max()


def test_grad_cam_finds_its_maps() -> None:
    detector, maps = make_small(), []
    layer = detector.get_submodule(detector.cam_layer)
    layer.register_forward_hook(lambda module, given, made: maps.append(made))
    detector(make_clips(2, frames=3))
    assert detector.cam_reshape(maps[0], 3).shape[:3] == (2, 3, 8)


def test_safetensors_only_and_transformers_loads_it(tmp_path: Path) -> None:
    detector, clips = make_small(), make_clips(2)
    detector.save_pretrained(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
    again = AutoModelForVideoClassification.from_pretrained(tmp_path).eval()
    assert type(again) is BaselineDetector
    assert again.config.clip_spec == BaselineConfig().clip_spec
    with torch.inference_mode():
        torch.testing.assert_close(again(clips).logits, detector(clips).logits, rtol=0, atol=0)


def test_a_pretrained_backbone_is_taken_over(tmp_path: Path) -> None:
    settings = {name: value for name, value in TINY.items() if name != "model_type"}
    torch.manual_seed(3)
    pretrained = ResNetModel(ResNetConfig(**settings))
    pretrained.save_pretrained(tmp_path)
    detector = load_detector(
        "baseline", config={"backbone_checkpoint": str(tmp_path)}, untrained=True
    )
    assert detector.config.backbone["hidden_sizes"] == TINY["hidden_sizes"]
    for name, weight in pretrained.state_dict().items():
        assert torch.equal(detector.state_dict()[f"backbone.{name}"], weight)


@pytest.mark.parametrize(
    ("backbone", "message"),
    [
        ({"model_type": "no-such"}, "backbone"),
        ({**TINY, "num_channels": 1}, "num_channels must be 3"),
        ({"model_type": "vit", "hidden_size": 8, "num_hidden_layers": 1,
          "num_attention_heads": 2, "intermediate_size": 8, "image_size": 96}, "returns no map"),
    ],
)  # fmt: skip
def test_a_backbone_that_cannot_serve_is_refused(backbone: dict[str, Any], message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        load_detector("baseline", config={"backbone": backbone}, untrained=True)
