"""GenD: parity with the original, for each backbone, and its crops and frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from detectors.conversion import convert_checkpoint
from detectors.convert import convert
from detectors.gend import GenD, GenDConfig
from detectors.gend.configuration import CLIPS
from detectors.gend.conversion import LAYOUT, make_config
from detectors.registry import create_detector, load_detector
from scripts.check_gend_crops import average, draw_picture
from thb_dataset.errors import DetectorError
from thb_dataset.faces.framing import cut_frame, find_own_side
from thb_dataset.video.frame_policy import FramePolicy

GOLDEN = Path(__file__).parent / "golden"
VARIANTS = {"clip": "clip-l-14", "dinov3": "dinov3-l", "pe": "pe-l"}
KEYS = {"clip": (42, 41), "dinov3": (43, 43), "pe": (46, 46)}
TINY = {**GenD.tiny, "hidden_size": 64}
every_backbone = pytest.mark.parametrize("backbone", VARIANTS)


def make_tiny(backbone: str) -> GenD:
    torch.manual_seed(0)
    size = 64 if backbone == "dinov3" else 56
    config = {**TINY, "backbone": backbone, "image_size": size, "clip": {"size": size}, "grid": 6}
    model = GenD(GenDConfig(**config))
    model.eval()
    return model


def write_official(golden: Any, variant: str, folder: Path, **changes: Any) -> Path:
    """Write weights as the authors' repo has them: safetensors beside their settings."""
    folder.mkdir(exist_ok=True)
    record = json.loads((GOLDEN / f"gend-{variant}.json").read_text("utf-8"))
    settings = json.dumps({**record["settings"], **changes})
    (folder / "config.json").write_text(settings, encoding="utf-8")
    state = {key: value.contiguous() for key, value in golden.state.items()}
    save_file(state, folder / "model.safetensors")
    return folder / "model.safetensors"


@every_backbone
def test_official_weights_give_the_originals_logits(
    backbone: str,
    read_golden: Callable[[str], Any],
    tmp_path: Path,
    shrink_layout: Callable[..., Any],
) -> None:
    golden = read_golden(f"gend-{VARIANTS[backbone]}")
    file = write_official(golden, VARIANTS[backbone], tmp_path / "official")
    known = {name: golden.config[name] for name in ("backbone", "image_size", "clip")}
    model, report = convert_checkpoint(shrink_layout(LAYOUT, GenDConfig(**known)), file)
    assert (report.keys, report.used) == KEYS[backbone]
    for name, value in golden.config.items():  # the size was read off the tensors
        assert name == "clip" or getattr(model.config, name) == value, name
    model.save_pretrained(tmp_path / "ours")
    again = load_detector(tmp_path / "ours").double()
    with torch.no_grad():
        logits = again(golden.pixel_values).logits
    torch.testing.assert_close(logits, golden.difference, rtol=1e-6, atol=1e-6)


def test_older_and_newer_names_mean_the_same(
    read_golden: Callable[[str], Any], shrink_layout: Callable[..., Any], tmp_path: Path
) -> None:
    clip = "feature_extractor.vision_model."
    for variant, old, new in (
        ("clip-l-14", clip, f"{clip}vision_model."),
        ("dinov3-l", "backbone.model.layer.", "backbone.layer."),
    ):
        golden = read_golden(f"gend-{variant}")
        renamed = {key.replace(old, new): value for key, value in golden.state.items()}
        assert renamed.keys() != golden.state.keys()
        logits = []
        for state in (golden.state, renamed):
            file = write_official(replace(golden, state=state), variant, tmp_path / "official")
            model, _ = convert_checkpoint(shrink_layout(LAYOUT, GenDConfig(**golden.config)), file)
            with torch.no_grad():
                logits.append(model(golden.pixel_values.float()).logits)
        torch.testing.assert_close(logits[0], logits[1])


def test_the_settings_beside_the_weights_decide(
    read_golden: Callable[[str], Any], tmp_path: Path
) -> None:
    golden = read_golden("gend-clip-l-14")
    plain = write_official(golden, "clip-l-14", tmp_path / "plain", head="linear")
    convert("gend", plain.parent, tmp_path / "ours")
    assert not load_detector(tmp_path / "ours").config.unit_length
    for changes, said in (
        ({"head": "mlp"}, "names the head 'mlp'"),
        ({"backbone": "facebook/dinov3-vitl16"}, "but the weights are of clip"),
        ({"backbone": None}, "names the backbone None"),
    ):
        file = write_official(golden, "clip-l-14", tmp_path / "wrong", **changes)
        with pytest.raises(DetectorError, match=said):
            convert("gend", file, tmp_path / "never")
    (tmp_path / "wrong" / "config.json").unlink()
    with pytest.raises(DetectorError, match=r"put the authors' config\.json into the folder"):
        convert("gend", file, tmp_path / "never")
    (tmp_path / "wrong" / "config.json").write_text("[")
    with pytest.raises(DetectorError, match="not read as settings"):
        convert("gend", file, tmp_path / "never")


def test_a_missing_and_a_surplus_tensor_are_named(
    read_golden: Callable[[str], Any], tmp_path: Path
) -> None:
    golden = read_golden("gend-clip-l-14")
    lost = golden.state.pop("feature_extractor.vision_model.post_layernorm.bias")
    file = write_official(golden, "clip-l-14", tmp_path / "official")
    with pytest.raises(DetectorError, match=r"missing: vision\.post_layernorm\.bias"):
        convert("gend", file, tmp_path / "ours")
    for name in ("", "vision_model."):
        golden.state[f"feature_extractor.vision_model.{name}post_layernorm.bias"] = lost.clone()
    file = write_official(golden, "clip-l-14", tmp_path / "official")
    with pytest.raises(DetectorError, match="twice, by two names"):
        convert("gend", file, tmp_path / "ours")
    golden.state["feature_extractor.stowaway"] = lost.clone()
    file = write_official(golden, "clip-l-14", tmp_path / "official")
    with pytest.raises(DetectorError, match=r"no rule knows: feature_extractor\.stowaway"):
        convert("gend", file, tmp_path / "ours")


def test_published_size() -> None:
    # counted on the networks that the original builds, without CLIP's unused projection
    parameters = {"clip": 303_180_801, "dinov3": 303_130_625, "pe": 316_103_681}
    for backbone, wanted in parameters.items():
        with torch.device("meta"):
            model = GenD(make_config(VARIANTS[backbone]))
        assert sum(each.numel() for each in model.parameters()) == wanted, backbone


@every_backbone
def test_loss_and_gradients(backbone: str) -> None:
    model = make_tiny(backbone)
    model.config.uniformity_weight = model.config.alignment_weight = 0.0
    size = model.config.image_size
    pixel_values, labels = torch.randn(2, 1, 3, size, size), torch.tensor([1.0, 0.0])
    output = model(pixel_values, labels)
    two = torch.stack((torch.zeros(2), output.logits), dim=1)
    torch.testing.assert_close(output.loss, torch.nn.functional.cross_entropy(two, labels.long()))
    output.loss.backward()
    # DINOv3's mask token is for its pretraining, which hides patches.
    still = {name for name, each in model.named_parameters() if each.grad is None}
    assert still == ({"vision.embeddings.mask_token"} if backbone == "dinov3" else set())


@every_backbone
def test_score_does_not_depend_on_the_batch_or_on_a_save(backbone: str, tmp_path: Path) -> None:
    model = make_tiny(backbone)
    size = model.config.image_size
    pixel_values = torch.randn(3, 1, 3, size, size)
    model.save_pretrained(tmp_path)
    saved = load_detector(tmp_path)
    with torch.no_grad():
        together = model(pixel_values).logits
        alone = torch.cat([model(each[None]).logits for each in pixel_values])
        torch.testing.assert_close(saved(pixel_values).logits, together)
    torch.testing.assert_close(together, alone)


@every_backbone
def test_the_map_holds_every_patch(backbone: str) -> None:
    model, seen = make_tiny(backbone), []
    model.feature_map.register_forward_hook(lambda _m, _i, output: seen.append(output))
    size, patch = model.config.image_size, model.config.patch_size
    pixel_values = torch.randn(1, 1, 3, size, size)
    pixel_values.requires_grad_()
    model(pixel_values).logits.sum().backward()
    (tokens,) = seen
    maps = model.cam_reshape(tokens, 1)
    assert maps.shape == (1, 1, 64, size // patch, size // patch)
    assert torch.equal(maps[0, 0, :, 0, 0], tokens[0, -((size // patch) ** 2)])
    logits = model(pixel_values).logits
    (gradient,) = torch.autograd.grad(logits.sum(), seen[-1])
    assert (gradient[0, -1].abs() > 0).any(), "a patch reaches the score"
    with torch.no_grad():
        model(torch.zeros_like(pixel_values))
    patches = (size // patch) ** 2
    assert torch.equal(seen[-1][0, :-patches], seen[0][0, :-patches]), (
        "other tokens hold no picture"
    )


def test_impossible_settings_are_named() -> None:
    with pytest.raises(DetectorError, match="backbone='vgg' is not one of clip, dinov3, pe"):
        GenDConfig(backbone="vgg")
    with pytest.raises(DetectorError, match="image_size=225 is not a multiple"):
        GenDConfig(image_size=225)
    with pytest.raises(DetectorError, match="clips of shape"):
        make_tiny("clip")(torch.zeros(1, 2, 3, 56, 56))


def test_a_backbone_is_read_from_a_folder_of_transformers(tmp_path: Path) -> None:
    model = make_tiny("clip")
    vision: Any = model.vision
    vision.save_pretrained(tmp_path)
    config = {**TINY, "backbone_checkpoint": str(tmp_path)}
    fresh = create_detector(GenD, seed=7, config=config)
    theirs: dict[str, Tensor] = vision.state_dict()
    for name, ours in fresh.get_submodule("vision").state_dict().items():
        assert torch.equal(ours, theirs[name]), name
    with pytest.raises(DetectorError, match="reads only backbones of transformers"):
        make_tiny("pe").load_backbone(str(tmp_path))


@pytest.mark.parametrize("backbone", ["clip", "dinov3"])
def test_the_first_blocks_of_a_longer_backbone_are_taken(
    backbone: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    whole = make_tiny(backbone)
    vision: Any = whole.vision
    vision.save_pretrained(tmp_path)
    changes = {"backbone": backbone, "image_size": whole.config.image_size, "layers": 1}
    config = {**TINY, **changes, "clip": {"size": whole.config.image_size}}
    capfd.readouterr()
    cut: Any = create_detector(
        GenD, seed=7, config={**config, "backbone_checkpoint": str(tmp_path)}
    )
    size = whole.config.image_size
    pixels = torch.rand(2, 1, 3, size, size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        states = vision(pixels.squeeze(1), output_hidden_states=True).hidden_states
        norm: Any = vision.post_layernorm if backbone == "clip" else vision.norm
        wanted = functional.normalize(norm(states[1][:, 0]), dim=1)
        torch.testing.assert_close(cut.encode(pixels), wanted)
    assert capfd.readouterr().err == ""
    too_long = {**config, "layers": 9, "backbone_checkpoint": str(tmp_path)}
    with pytest.raises(DetectorError, match="does not hold a whole"):
        create_detector(GenD, seed=7, config=too_long)


def test_the_backbone_decides_the_pixels() -> None:
    means = {name: GenDConfig(backbone=name).clip_spec.mean for name in CLIPS}
    assert means["clip"] == (0.48145466, 0.4578275, 0.40821073)
    assert means["dinov3"] == (0.485, 0.456, 0.406)
    assert means["pe"] == (0.5, 0.5, 0.5)
    spec = GenDConfig(backbone="dinov3", clip={"clips": 3}).clip_spec
    assert (spec.clips, spec.resample, spec.template) == (3, "pillow", "gend")
    assert GenDConfig.from_dict(GenDConfig(backbone="pe").to_dict()).clip_spec == CLIPS["pe"]


def test_crops_are_those_of_the_original() -> None:
    picture = draw_picture()
    record = json.loads((GOLDEN / "gend-crops.json").read_text("utf-8"))
    assert len({crop["side"] for crop in record["crops"]}) == 3
    for crop in record["crops"]:
        points = np.array(crop["points"], np.float32)
        assert find_own_side(points, 1.3) == crop["side"]
        for name, resample in (("clip", "pillow_cubic"), ("dinov3", "pillow")):
            ours = cut_frame(picture, CLIPS[name], box=np.zeros(4, np.float32), points=points)
            difference = np.abs(np.array(average(ours.astype(np.float64))) - crop[resample])
            assert difference.max() < 0.05


def test_frames_are_those_of_the_original() -> None:
    record = json.loads((GOLDEN / "gend-crops.json").read_text("utf-8"))
    policy = FramePolicy(clips=32, frames=1, sampling="spread")
    for total, order in record["orders"].items():
        assert policy.choose(int(total)).ravel().tolist() == sorted(order), total
