"""LipFD: parity with the original, its canvas, its crops and its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from detectors.conversion import convert_checkpoint
from detectors.lipfd import LipFD, LipFDConfig
from detectors.lipfd.conversion import LAYOUT, find_variant
from detectors.lipfd.modeling import measure_unawareness
from detectors.registry import load_detector
from thb.training.settings import choose_settings
from thb_dataset.clips.video_clips import VideoClips, prepare_pixels
from thb_dataset.errors import DetectorError

TINY: dict[str, Any] = {
    "clip": {"size": 40},
    "image_size": 32,
    "patch_size": 16,
    "hidden_size": 16,
    "intermediate_size": 32,
    "layers": 1,
    "heads": 2,
    "projection_size": 6,
    "region_size": 32,
    "region_crops": [[4, 28], [9, 23]],
    "stem_width": 4,
    "widths": [8, 8, 8, 16],
    "depths": [1, 1, 1, 1],
}


def make_tiny(**overrides: Any) -> LipFD:
    torch.manual_seed(0)
    model = LipFD(LipFDConfig(**{**TINY, **overrides}))
    model.eval()
    return model


@pytest.fixture
def tiny() -> LipFD:
    return make_tiny()


def test_official_weights_give_the_originals_logits(
    read_golden: Callable[[str], Any], tmp_path: Path, shrink_layout: Callable[..., Any]
) -> None:
    golden = read_golden("lipfd-vit-l-14")
    torch.save({"model": golden.state, "optimizer": {}, "total_steps": 1}, tmp_path / "ckpt.pth")
    layout = shrink_layout(LAYOUT, LipFDConfig(**golden.config))
    model, report = convert_checkpoint(layout, tmp_path / "ckpt.pth")
    # of CLIP's text tower: 12 of its one block, the embedding, two of the norm and three bare ones
    assert (report.keys, len(report.ignored)) == (158, 18)
    assert set(report.ignored.values()) == {"CLIP's text tower, which LipFD never calls"}
    model.save_pretrained(tmp_path / "ours")
    again = load_detector(tmp_path / "ours").double()
    with torch.no_grad():
        logits = again(golden.pixel_values).logits
    # the original's pictures are float32
    torch.testing.assert_close(logits, golden.difference, rtol=1e-6, atol=1e-6)


def test_published_sizes() -> None:
    with torch.device("meta"):
        model = LipFD(LipFDConfig(freeze_encoder=True))
    sizes = {
        name: sum(each.numel() for each in part.parameters())
        for name, part in model.named_children()
    }
    assert sizes["shrink"] == 228
    assert sizes["encoder"] == 303_966_208
    assert sizes["regions"] + sizes["gate"] + sizes["classifier"] == 23_513_666
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    assert trained == 228 + 23_513_666


def test_keys_of_other_detectors_are_refused() -> None:
    with pytest.raises(DetectorError, match=r"no encoder\.visual\.proj"):
        find_variant({"conv1.weight": torch.zeros(1)}, "")


def test_spectrogram_lies_above_the_frames(tiny: LipFD) -> None:
    squares = torch.arange(10.0).view(1, 10, 1, 1, 1).expand(1, 10, 3, 40, 40)
    canvas = tiny.lay_out(squares)
    assert canvas.shape == (1, 3, 80, 200)
    for number in range(10):
        row, column = divmod(number, 5)
        part = canvas[0, :, 40 * row : 40 * row + 40, 40 * column : 40 * column + 40]
        assert part.unique().tolist() == [number]
    with pytest.raises(DetectorError, match="spectrogram's squares first"):
        tiny(torch.zeros(1, 5, 3, 40, 40))


def test_official_regions_are_the_first_frame_moved(tiny: LipFD) -> None:
    canvas = torch.randn(2, 3, 80, 200)
    crops = tiny.crop_regions(canvas)
    assert crops.shape == (2, 3, 5, 3, 32, 32)
    per_frame = make_tiny(regions="per_frame").crop_regions(canvas)
    for frame in range(5):
        for made, start in ((crops, frame), (per_frame, 40 * frame)):
            cut = canvas[:, :, 40:, start : start + 40]
            whole = functional.interpolate(cut, size=(32, 32), mode="bilinear")
            torch.testing.assert_close(made[:, 0, frame], whole)
            for scale, (low, high) in enumerate([(4, 28), (9, 23)], 1):
                middle = functional.interpolate(
                    whole[..., low:high, low:high], size=(32, 32), mode="bilinear"
                )
                torch.testing.assert_close(made[:, scale, frame], middle)


def test_gate_by_hand(tiny: LipFD) -> None:
    # One crop after the other, as the original goes about it.
    pixel_values = torch.rand(2, 10, 3, 40, 40) * 4
    canvas = tiny.lay_out(pixel_values)
    with torch.no_grad():
        small = functional.interpolate(canvas, size=(160, 160), mode="bilinear")
        whole = tiny.encoder(pixel_values=tiny.shrink(small)).image_embeds
        parts, wanted_shares = [], []
        for frame in range(5):
            vectors = [
                torch.cat([tiny.regions(crop).pooler_output.flatten(1), whole], dim=1)
                for crop in tiny.crop_regions(canvas)[:, :, frame].unbind(1)
            ]
            gates = torch.cat([tiny.gate(each).sigmoid() for each in vectors], dim=1).softmax(dim=1)
            parts.append(torch.einsum("ns,snd->nd", gates, torch.stack(vectors)))
            wanted_shares.append(gates)
        wanted = tiny.classifier(torch.stack(parts).mean(dim=0)).squeeze(1)
        _, shares = tiny.encode(pixel_values)
        torch.testing.assert_close(tiny(pixel_values).logits, wanted)
    torch.testing.assert_close(shares, torch.stack(wanted_shares, dim=1))


def test_region_loss_by_hand() -> None:
    even = torch.full((2, 5, 3), 1 / 3)
    assert float(measure_unawareness(even)) == pytest.approx(50)
    closer = torch.tensor([0.2, 0.3, 0.5]).expand(4, 5, 3)
    assert float(measure_unawareness(closer)) == pytest.approx(50 * np.exp(-0.3))
    whole_leads = torch.tensor([0.5, 0.3, 0.2]).expand(4, 5, 3)
    assert float(measure_unawareness(whole_leads)) == pytest.approx(50)


def test_loss_has_both_terms(tiny: LipFD) -> None:
    pixel_values, labels = torch.rand(2, 10, 3, 40, 40) * 4, torch.tensor([1.0, 0.0])
    output = tiny(pixel_values, labels)
    _, shares = tiny.encode(pixel_values)
    entropy = functional.binary_cross_entropy_with_logits(output.logits, labels)
    torch.testing.assert_close(output.loss, entropy + measure_unawareness(shares))
    output.loss.backward()
    unseen = [name for name, each in tiny.named_parameters() if each.grad is None]
    assert unseen == []


def test_score_does_not_depend_on_the_batch(tiny: LipFD) -> None:
    pixel_values = torch.rand(3, 10, 3, 40, 40) * 4
    with torch.no_grad():
        together = tiny(pixel_values).logits
        alone = torch.cat([tiny(each[None]).logits for each in pixel_values])
    torch.testing.assert_close(together, alone)


def test_encoder_is_frozen_once_it_is_pretrained(tmp_path: Path) -> None:
    def is_trained(model: LipFD) -> bool:
        return next(model.encoder.parameters()).requires_grad

    assert is_trained(make_tiny())
    assert not is_trained(make_tiny(source_checksum="0" * 64))
    tower = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            image_size=32, patch_size=16, hidden_size=16, intermediate_size=32,
            num_hidden_layers=1, num_attention_heads=2, projection_dim=6,
        )
    )  # fmt: skip
    tower.save_pretrained(tmp_path)
    model = make_tiny(backbone_checkpoint=str(tmp_path))
    model.load_backbone(str(tmp_path))
    assert not is_trained(model)
    for ours, theirs in zip(model.encoder.parameters(), tower.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_input_is_raw_bytes_in_bgr_without_a_face() -> None:
    spec = LipFDConfig().clip_spec
    assert (spec.clips, spec.frames, spec.pictures, spec.size) == (10, 5, 10, 500)
    assert (spec.sampling, spec.spare_frames, spec.start_wrap) == ("consecutive", 1, 256)
    assert (spec.crop, spec.sound, spec.aggregation) == ("full", "mel", "mean_probability")
    pixels = np.zeros((1, 10, 4, 4, 3), np.uint8)
    pixels[..., 0] = 200
    clips = VideoClips(
        pixels=pixels,
        frame_index=np.zeros((1, 10), np.int64),
        seconds=np.zeros((1, 10)),
        boxes=np.zeros((1, 10, 4), np.float32),
        points=np.zeros((1, 10, 5, 2), np.float32),
        frame_size=(64, 64),
        faces=0,
        frames_with_face=0,
        frames_searched=0,
        frames_read=5,
    )
    assert prepare_pixels(clips, spec)[0, 0, :, 0, 0].tolist() == [0.0, 0.0, 200.0]
    with pytest.raises(DetectorError, match="needs sound"):
        LipFDConfig(clip={"sound": "none"})
    with pytest.raises(DetectorError, match="regions='all'"):
        LipFDConfig(regions="all")


def test_maps_lie_where_the_crops_do(tiny: LipFD) -> None:
    seen: list[Tensor] = []
    tiny.get_submodule(tiny.cam_layer).register_forward_hook(
        lambda _module, _inputs, output: seen.append(output)
    )
    tiny(torch.rand(2, 10, 3, 40, 40))
    assert seen[0].shape == (2 * 3 * 5, 16, 1, 1)
    assert tiny.cam_reshape(seen[0], 10).shape == (2, 10, 3 * 16, 2, 2)
    maps = torch.arange(15.0).view(15, 1, 1, 1).expand(15, 1, 8, 8) + 1
    per_frame = make_tiny(regions="per_frame").cam_reshape(maps, 10)
    # scales x frames; the spectrogram's squares stay empty
    assert per_frame.shape == (1, 10, 3, 16, 16)
    assert per_frame[0, :5].abs().max() == 0
    assert per_frame[0, 5:, 0].unique().tolist() == [1, 2, 3, 4, 5]
    # crop 4..28 of 32 is 2..14 of 16, crop 9..23 is round(4.5) = 4 to round(11.5) = 12
    assert per_frame[0, 7, 1, 2:14, 2:14].unique().tolist() == [8]
    assert per_frame[0, 7, 1].sum() == 8 * 12 * 12
    assert per_frame[0, 7, 2].sum() == 13 * 8 * 8
    official = tiny.cam_reshape(maps, 10)
    assert official[0, 5, 0].unique().tolist() == [3]
    assert official[0, 6:].abs().max() == 0


def test_recipe_leaves_the_spectrogram_alone() -> None:
    settings = choose_settings(LipFD.recipe, None)
    assert (settings.batch_size, settings.flip, settings.shift_pixels) == (10, False, 0)
    assert settings.brightness == settings.contrast == settings.channel_gain == 0
    assert settings.augmentations == ()
    assert (settings.schedule, settings.learning_rate) == ("constant", 1e-4)
