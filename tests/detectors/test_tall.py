"""TALL: parity with both originals, its thumbnail, its loss and its recipe."""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional
from transformers import SwinConfig, SwinModel

from detectors.conversion import convert_checkpoint
from detectors.registry import load_detector
from detectors.tall import TALL, TALLConfig
from detectors.tall.configuration import CLIPS
from detectors.tall.conversion import LAYOUT, find_variant, make_config, map_keys
from detectors.tall.recipe import PUBLISHED
from thb.training.settings import choose_settings
from thb_dataset.errors import DetectorError

TINY: dict[str, Any] = {
    "image_size": 32,
    "embed_dim": 8,
    "depths": [1, 1, 2],
    "num_heads": [1, 2, 2],
    "window": 4,
}


def make_tiny(**overrides: Any) -> TALL:
    torch.manual_seed(0)
    model = TALL(TALLConfig(**{**TINY, **overrides}))
    model.eval()
    return model


@pytest.fixture
def tiny() -> TALL:
    return make_tiny()


@pytest.mark.parametrize("variant", ["official", "deepfakebench"])
def test_official_weights_give_the_originals_logits(
    variant: str, read_golden: Callable[[str], Any]
) -> None:
    golden = read_golden(f"tall-{variant}")
    config = TALLConfig(**golden.config)
    model = TALL(config)
    golden.fill(model, map_keys(config))
    with torch.no_grad():
        logits = model(golden.pixel_values).logits
    torch.testing.assert_close(logits, golden.difference, rtol=1e-6, atol=1e-6)


def test_published_size() -> None:
    with torch.device("meta"):
        model = TALL(TALLConfig())
    assert sum(each.numel() for each in model.parameters()) == 86_920_506 - 1025
    assert model.frame_positions.numel() == 512
    tables = [k.shape for n, k in model.named_parameters() if n.endswith("bias_table")]
    assert tables[:4] == [(729, 4), (729, 4), (729, 8), (729, 8)]
    assert tables[-2:] == [(169, 32), (169, 32)]


@pytest.mark.parametrize(
    ("variant", "prefix"),
    [("official", ""), ("official", "module."), ("deepfakebench", "module.model.")],
)
def test_official_file_becomes_a_folder_that_loads(
    variant: str,
    prefix: str,
    tmp_path: Path,
    read_golden: Callable[[str], Any],
    shrink_layout: Callable[..., Any],
) -> None:
    golden = read_golden(f"tall-{variant}")
    state = {prefix + key: value for key, value in golden.state.items()}
    args = argparse.Namespace(duration=4)
    content = {"model": state, "args": args, "epoch": 1} if variant == "official" else state
    torch.save(content, tmp_path / "official.pth")
    tiny = shrink_layout(LAYOUT, TALLConfig(**golden.config))
    model, report = convert_checkpoint(tiny, tmp_path / "official.pth")
    assert (report.keys, report.keys - report.used) == (132, len(report.ignored))
    assert all("relative_position_index" in k or "attn_mask" in k for k in report.ignored)
    model.save_pretrained(tmp_path / "ours")
    again = load_detector(tmp_path / "ours").double()
    with torch.no_grad():
        logits = again(golden.pixel_values).logits
    torch.testing.assert_close(logits, golden.difference, rtol=1e-6, atol=1e-6)


def test_variant_says_which_clips_the_weights_have_seen() -> None:
    keys = {"frame_pos_embed": torch.zeros(1), "layers.0.blocks.0.attn.qkv.weight": torch.zeros(1)}
    assert find_variant(keys, "module.") == "official"
    assert find_variant(keys, "module.model.") == "deepfakebench"
    with pytest.raises(DetectorError, match="not TALL weights"):
        find_variant({"frame_pos_embed": torch.zeros(1)}, "")
    for variant, clip in CLIPS.items():
        assert make_config(variant).clip_spec == clip
    # the authors: 4 neighbouring frames, 112 pixels; DeepfakeBench: 32 spread frames, 224 pixels
    official, bench = CLIPS["official"], CLIPS["deepfakebench"]
    assert (official.clips, official.frames, official.sampling) == (8, 4, "consecutive")
    # dlib's box times 1.3, on the box of our finder
    assert (official.crop, official.margin, official.size) == ("box", 1.05, 112)
    assert (official.shift, bench.shift) == ((-0.024, 0.042), (0, 0))
    assert (official.resample, bench.crop, bench.resample) == ("pillow", "aligned", "opencv")
    assert (bench.margin, bench.cut_size, bench.template) == (1.3, 256, "arcface")
    assert (bench.clips, bench.frames, bench.sampling, bench.size) == (8, 4, "uniform", 224)
    assert official.aggregation == "mean_logit"


def test_frames_lie_row_by_row(tiny: TALL) -> None:
    shades = torch.tensor([1.0, 2.0, 3.0, 4.0])
    thumbnail = tiny.lay_out(shades.view(1, 4, 1, 1, 1).expand(1, 4, 3, 32, 32))
    assert thumbnail.shape == (1, 3, 32, 32)
    quadrants = thumbnail[0, 0].unflatten(0, (2, 16)).unflatten(2, (2, 16))
    for row in range(2):
        for column in range(2):
            wanted = torch.full((16, 16), shades[2 * row + column].item())
            torch.testing.assert_close(quadrants[row, :, column], wanted)


@pytest.mark.parametrize("side", [32, 16, 20])
def test_layout_is_the_tiled_picture_made_small(tiny: TALL, side: int) -> None:
    frames = torch.randn(2, 4, 3, side, side)
    large = [functional.interpolate(each, size=(32, 32), mode="bilinear") for each in frames]
    tiled = torch.stack(
        [
            torch.cat([torch.cat([f[0], f[1]], dim=2), torch.cat([f[2], f[3]], dim=2)], dim=1)
            for f in large
        ]
    )
    wanted = functional.interpolate(tiled, size=(32, 32), mode="bilinear")
    torch.testing.assert_close(tiny.lay_out(frames), wanted, rtol=0, atol=1e-6)


def test_short_clip_is_filled_with_empty_frames() -> None:
    model = make_tiny(clip={"frames": 3})
    thumbnail = model.lay_out(torch.ones(1, 3, 3, 32, 32))
    assert thumbnail[0, :, 16:, 16:].abs().max() == 0
    assert thumbnail.sum() == 3 * 3 * 16 * 16
    with pytest.raises(DetectorError, match="clips of 3 frames, not 4"):
        model(torch.ones(1, 4, 3, 32, 32))
    with pytest.raises(DetectorError, match="do not fill"):
        TALLConfig(**TINY, clip={"frames": 2})


def test_every_frame_has_its_own_position(tiny: TALL) -> None:
    frames = torch.randn(1, 1, 3, 32, 32).expand(1, 4, 3, 32, 32)
    logits = []
    with torch.no_grad():
        for each in tiny.parameters():
            each.normal_()
        for place in range(4):
            tiny.frame_positions.zero_()
            tiny.frame_positions[0, place] = torch.arange(8.0)
            logits.append(float(tiny(frames).logits))
    assert len({round(logit, 5) for logit in logits}) == 4


def test_loss_is_smoothed_cross_entropy_of_two_classes(tiny: TALL) -> None:
    pixel_values, labels = torch.randn(3, 4, 3, 32, 32), torch.tensor([1.0, 0.0, 1.0])
    output = tiny(pixel_values, labels)
    two = torch.stack((torch.zeros(3), output.logits), dim=1)
    wanted = functional.cross_entropy(two, labels.long(), label_smoothing=0.1)
    torch.testing.assert_close(output.loss, wanted)
    output.loss.backward()
    assert all(each.grad is not None for each in tiny.parameters())


def test_score_does_not_depend_on_the_batch(tiny: TALL) -> None:
    pixel_values = torch.randn(3, 4, 3, 32, 32)
    with torch.no_grad():
        together = tiny(pixel_values).logits
        alone = torch.cat([tiny(each[None]).logits for each in pixel_values])
    torch.testing.assert_close(together, alone)


def test_both_branches_are_dropped_in_training() -> None:
    model = make_tiny(drop_path=0.999999)
    block = model.swin.get_submodule("encoder.layers.2.blocks.1")
    tokens = torch.randn(2, 4, 32)
    block.train()
    torch.testing.assert_close(block(tokens, (2, 2))[0], tokens)
    block.eval()
    assert not torch.allclose(block(tokens, (2, 2))[0], tokens)


def test_cam_layer_is_cut_into_the_frames(tiny: TALL) -> None:
    # the copy's layer is the copy's own
    for model in (tiny, copy.deepcopy(tiny)):
        seen: list[Tensor] = []
        model.get_submodule(model.cam_layer).register_forward_hook(
            lambda _module, _inputs, output, seen=seen: seen.append(output)
        )
        frames = torch.zeros(1, 4, 3, 32, 32)
        model(frames)
        frames[:, 1] = 5
        model(frames)
        assert seen[0].shape == (1, 16, 16)
        maps = [model.cam_reshape(each, 4) for each in seen]
        assert maps[0].shape == (1, 4, 16, 2, 2)
    cells = torch.arange(16.0).view(1, 16, 1)
    assert tiny.cam_reshape(cells, 4)[0, 1, 0].tolist() == [[2, 3], [6, 7]]
    assert tiny.cam_reshape(cells, 4)[0, 2, 0].tolist() == [[8, 9], [12, 13]]


def test_pretrained_tables_are_enlarged(tiny: TALL, tmp_path: Path) -> None:
    torch.manual_seed(1)
    settings = {key: value for key, value in TINY.items() if key != "window"}
    smaller = SwinModel(SwinConfig(**settings, window_size=2))
    table = smaller.get_submodule("encoder.layers.0.blocks.0.attention.relative_position_bias")
    with torch.no_grad():
        for each in smaller.parameters():
            each.normal_()
    smaller.save_pretrained(tmp_path)
    tiny.load_backbone(str(tmp_path))
    ours = tiny.swin.get_submodule("encoder.layers.0.blocks.0.attention.relative_position_bias")
    picture = table.get_parameter("relative_position_bias_table").T.view(1, 1, 3, 3)
    wanted = functional.interpolate(picture, size=(7, 7), mode="bilinear").view(1, 49).T
    torch.testing.assert_close(ours.get_parameter("relative_position_bias_table"), wanted)
    torch.testing.assert_close(tiny.swin.layernorm.weight, smaller.layernorm.weight)


def test_recipe_is_understood_by_the_trainer() -> None:
    settings = choose_settings(TALL.recipe, None)
    assert (settings.epochs, settings.learning_rate) == (60, 1.5e-5)
    assert settings.warmup_share == pytest.approx(10 / 60)
    assert (settings.optimiser, settings.weight_decay) == ("adamw", 1e-5)
    assert settings.learning_rate * settings.final_factor == pytest.approx(1.5e-7)
    assert settings.learning_rate * settings.warmup_factor == pytest.approx(1.5e-8)
    assert (settings.batch_size, settings.clips_per_sample) == (4, 8)
    assert settings.clips_cut == 8 * 4
    assert [change.name for change in settings.augmentations] == ["corner_crop", "flip", "cutout"]
    assert TALLConfig().label_smoothing == PUBLISHED.label_smoothing == 0.1


def test_loss_is_of_the_mean_of_a_videos_clips(tiny: TALL) -> None:
    clips = torch.randn(6, 4, 3, 32, 32)
    with torch.no_grad():
        answer = tiny(clips, labels=torch.tensor([1.0, 0.0]))
    logits = answer.logits.reshape(2, 3).mean(dim=1)
    two = torch.stack([torch.zeros(2), logits], dim=1)
    wanted = functional.cross_entropy(two, torch.tensor([1, 0]), label_smoothing=0.1)
    torch.testing.assert_close(answer.loss, wanted)
    with pytest.raises(DetectorError, match="cannot be shared"):
        tiny(clips, labels=torch.zeros(4))
