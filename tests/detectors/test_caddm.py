"""CADDM: parity with the original, its anchors, its loss and its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from detectors.caddm import CADDM, CADDMConfig
from detectors.caddm.anchors import compute_detection_loss, make_anchors, match_anchors
from detectors.caddm.configuration import make_config
from detectors.caddm.conversion import LAYOUT, find_variant, map_keys
from detectors.caddm.modeling import StochasticDepth
from detectors.caddm.recipe import PUBLISHED
from detectors.conversion import convert_checkpoint
from detectors.registry import load_detector
from scripts.drawn_weights import CADDM_REGIONS, fingerprint
from thb.training.settings import choose_settings
from thb_dataset.clips.video_clips import VideoClips, prepare_pixels
from thb_dataset.errors import DetectorError

TINY: dict[str, Any] = {"widths": [2, 2, 4, 8], "depths": [1, 1, 1, 1], "stem_width": 4}


@pytest.fixture
def tiny() -> CADDM:
    torch.manual_seed(0)
    model = CADDM(CADDMConfig(**TINY))
    model.eval()
    return model


@pytest.mark.parametrize("variant", ["resnet34", "efficientnet-b3", "efficientnet-b4"])
def test_official_weights_give_the_originals_logits(
    variant: str, read_golden: Callable[[str], Any]
) -> None:
    golden = read_golden(f"caddm-{variant}")
    config = CADDMConfig(**golden.config)
    model = CADDM(config)
    golden.fill(model, map_keys(config))
    with torch.no_grad():
        logits = model(golden.pixel_values).logits
        offsets, confidences = model.artifacts.detect(model.encode(golden.pixel_values)[1])
    torch.testing.assert_close(logits, golden.difference, rtol=1e-6, atol=1e-5)
    assert fingerprint(offsets) == pytest.approx(golden.more["offsets"], rel=1e-8)
    assert fingerprint(confidences) == pytest.approx(golden.more["confidences"], rel=1e-8)


def test_anchor_loss_is_the_originals(read_golden: Callable[[str], Any]) -> None:
    golden = read_golden("caddm-resnet34")
    config = CADDMConfig(**golden.config)
    model = CADDM(config)
    golden.fill(model, map_keys(config))
    with torch.no_grad():
        offsets, confidences = model.artifacts.detect(model.encode(golden.pixel_values)[1])
    boxes = torch.tensor(CADDM_REGIONS, dtype=torch.float64)
    terms = compute_detection_loss(offsets / 10, confidences / 10, [boxes, boxes[:0]])
    assert [float(term) for term in terms] == pytest.approx(golden.more["anchor_loss"], rel=1e-5)


@pytest.mark.parametrize(
    ("variant", "official", "unused"),
    [
        ("resnet34", 44_003_162, 513_000),
        ("efficientnet-b3", 210_970_178, 1_537_000),
        ("efficientnet-b4", 289_736_546, 1_793_000),
    ],
)
def test_published_sizes(variant: str, official: int, unused: int) -> None:
    with torch.device("meta"):
        model = CADDM(make_config(variant))
    head = model.classifier.in_features + 1
    assert sum(each.numel() for each in model.parameters()) == official - unused - head


def test_official_file_becomes_a_folder_that_loads(
    tmp_path: Path, read_golden: Callable[[str], Any], shrink_layout: Callable[..., Any]
) -> None:
    golden = read_golden("caddm-resnet34")
    file = tmp_path / "resnet34.pkl"
    torch.save({"network": golden.state, "opt_state": {}, "epoch": 1}, file)
    tiny = shrink_layout(LAYOUT, CADDMConfig(**golden.config))
    model, report = convert_checkpoint(tiny, file)
    assert (report.keys, report.used) == (173, 171)
    assert len(report.ignored) == 2
    model.save_pretrained(tmp_path / "ours")
    again = load_detector(tmp_path / "ours")
    assert again.config.source_checksum == report.source_sha256
    with torch.no_grad():
        logits = again.double()(golden.pixel_values).logits
    torch.testing.assert_close(logits, golden.difference, rtol=1e-6, atol=1e-4)


def test_variant_is_told_by_the_keys() -> None:
    weight = torch.zeros(1)
    b3 = {f"base_model._blocks.{number}._bn2.weight": weight for number in range(26)}
    b4 = {f"base_model._blocks.{number}._bn2.weight": weight for number in range(32)}
    assert find_variant({"base_model.conv1.weight": weight}, "") == "resnet34"
    assert find_variant(b3, "") == "efficientnet-b3"
    assert find_variant(b4, "") == "efficientnet-b4"
    with pytest.raises(DetectorError, match="not CADDM weights"):
        find_variant({"visual.conv1.weight": weight}, "")


def test_anchors_by_hand() -> None:
    anchors = make_anchors()
    assert anchors.shape == (98 + 50 + 18 + 2, 4)
    first = torch.tensor([16, 16, 40, 80]) / 224
    torch.testing.assert_close(anchors[0], first)
    torch.testing.assert_close(anchors[1], first[[0, 1, 3, 2]])
    # second row of the second map: 7 * 7 * 2 + 5 * 2 anchors before it; step 45
    torch.testing.assert_close(anchors[108], torch.tensor([22.5, 67.5, 80, 120]) / 224)
    torch.testing.assert_close(anchors[-1], torch.tensor([0.5, 0.5, 1, 1]))


def test_whole_image_box_fires_the_last_map_only() -> None:
    positive, offsets = match_anchors(torch.tensor([[0.0, 0.0, 1.0, 1.0]]), make_anchors())
    assert positive.nonzero().flatten().tolist() == [166, 167]
    torch.testing.assert_close(offsets[166:], torch.zeros(2, 4))
    assert not match_anchors(torch.zeros(0, 4), make_anchors())[0].any()


def test_training_loss_has_three_terms(tiny: CADDM) -> None:
    pixel_values, labels = torch.rand(2, 1, 3, 224, 224) * 255, torch.tensor([1.0, 0.0])
    output = tiny(pixel_values, labels)
    offsets, confidences = tiny.artifacts.detect(tiny.encode(pixel_values)[1])
    # positives: the two anchors of the last map on the fake; no negatives on the real one
    location = offsets[0, 166:].abs()
    location = torch.where(location < 1, location**2 / 2, location - 0.5).sum()
    every = torch.nn.functional.cross_entropy(
        confidences[0], (torch.arange(168) >= 166).long(), reduction="none"
    )
    confidence = every[166:].sum() + every[:166].sort(descending=True).values[:4].sum()
    two = torch.stack((torch.zeros(2), output.logits), dim=1)
    wanted = torch.nn.functional.cross_entropy(two, labels.long()) + 0.1 * (
        location / 2 + confidence / 2
    )
    torch.testing.assert_close(output.loss, wanted)
    output.loss.backward()
    assert all(each.grad is not None for each in tiny.parameters())


def test_score_does_not_depend_on_the_batch(tiny: CADDM) -> None:
    pixel_values = torch.rand(3, 1, 3, 224, 224) * 255
    with torch.no_grad():
        together = tiny(pixel_values).logits
        alone = torch.cat([tiny(each[None]).logits for each in pixel_values])
    torch.testing.assert_close(together, alone)


def test_other_shapes_are_refused(tiny: CADDM) -> None:
    for shape in ((1, 1, 3, 192, 192), (1, 2, 3, 224, 224)):
        with pytest.raises(DetectorError, match="one frame"):
            tiny(torch.zeros(shape))


def test_input_is_raw_bytes_in_bgr() -> None:
    spec = CADDMConfig().clip_spec
    assert (spec.clips, spec.frames, spec.size) == (32, 1, 224)
    assert (spec.crop, spec.template, spec.resample) == ("aligned", "caddm", "opencv")
    assert (spec.margin, spec.aggregation) == (1.0, "mean_probability")
    pixels = np.zeros((1, 1, 224, 224, 3), np.uint8)
    pixels[..., 0], pixels[..., 1], pixels[..., 2] = 250, 20, 3
    clips = VideoClips(
        pixels=pixels,
        frame_index=np.zeros((1, 1), np.int64),
        seconds=np.zeros((1, 1)),
        boxes=np.zeros((1, 1, 4), np.float32),
        points=np.zeros((1, 1, 5, 2), np.float32),
        frame_size=(64, 64),
        faces=1,
        frames_with_face=1,
        frames_searched=1,
        frames_read=1,
    )
    prepared = prepare_pixels(clips, spec)
    assert prepared.shape == (1, 1, 3, 224, 224)
    assert prepared[0, 0, :, 5, 7].tolist() == [3.0, 20.0, 250.0]


def test_cam_layer_gives_the_last_map(tiny: CADDM) -> None:
    seen: list[Tensor] = []
    tiny.get_submodule(tiny.cam_layer).register_forward_hook(
        lambda _module, _inputs, output: seen.append(output)
    )
    tiny(torch.rand(2, 1, 3, 224, 224))
    assert tiny.cam_reshape(seen[0], 1).shape == (2, 1, 8, 7, 7)


def test_recipe_is_understood_by_the_trainer() -> None:
    settings = choose_settings(CADDM.recipe, None)
    assert (settings.learning_rate, settings.weight_decay) == (3.6e-4, 4e-3)
    assert (settings.epochs, settings.batch_size, settings.flip) == (200, 128, False)
    assert (settings.schedule, settings.gradient_value_clip) == ("steps", 2.0)
    rates = [(first, factor * settings.learning_rate) for first, factor in settings.step_factors]
    assert rates == [(0, 3.6e-4), (4, pytest.approx(1e-4)), (10, pytest.approx(5e-5))]
    assert CADDMConfig().detection_weight == PUBLISHED.loss_terms["anchor_location"]


def test_pretrained_backbone_is_taken_whole(tiny: CADDM, tmp_path: Path) -> None:
    torch.manual_seed(1)
    other = CADDM(CADDMConfig(**TINY))
    other.backbone.save_pretrained(tmp_path / "resnet")
    tiny.load_backbone(str(tmp_path / "resnet"))
    for ours, theirs in zip(tiny.backbone.parameters(), other.backbone.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)
    wide = CADDM(CADDMConfig(**{**TINY, "widths": [2, 2, 4, 4]}))
    with pytest.raises(DetectorError, match="differs from ours in"):
        wide.load_backbone(str(tmp_path / "resnet"))


def test_efficientnet_trains_as_the_original_does() -> None:
    model = CADDM(
        CADDMConfig(
            backbone="efficientnet", width_coefficient=0.1, depth_coefficient=0.5, hidden_dim=128
        )
    )
    norms = [each for each in model.backbone.modules() if isinstance(each, torch.nn.BatchNorm2d)]
    assert {norm.momentum for norm in norms} == {0.01}
    drops = [each for each in model.backbone.modules() if isinstance(each, StochasticDepth)]
    rates = [drop.probability for drop in drops]
    assert len(rates) == 10  # ceil(0.5 * n) for n in 1, 2, 2, 3, 3, 4, 1
    assert rates == pytest.approx([0.2 * number / len(rates) for number in range(len(rates))])
