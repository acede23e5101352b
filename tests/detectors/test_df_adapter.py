"""DeepFake-Adapter: parity with the original, its frozen backbone and its recipe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import ViTConfig, ViTModel

from detectors.conversion import convert_checkpoint
from detectors.df_adapter import DeepFakeAdapter, DeepFakeAdapterConfig
from detectors.df_adapter.conversion import LAYOUT, find_variant
from detectors.registry import load_detector
from thb.training.settings import choose_settings
from thb_dataset.errors import DetectorError

TINY: dict[str, Any] = {
    "image_size": 64,
    "hidden_size": 16,
    "layers": 4,
    "heads": 2,
    "intermediate_size": 32,
    "bottleneck": 4,
    "prior_width": 4,
    "interactions": 2,
    "interaction_heads": 2,
}


def make_tiny(**overrides: Any) -> DeepFakeAdapter:
    torch.manual_seed(0)
    model = DeepFakeAdapter(DeepFakeAdapterConfig(**{**TINY, **overrides}))
    model.eval()
    return model


@pytest.fixture
def tiny() -> DeepFakeAdapter:
    return make_tiny()


def test_official_weights_give_the_originals_logits(
    read_golden: Callable[[str], Any], tmp_path: Path, shrink_layout: Callable[..., Any]
) -> None:
    golden = read_golden("df_adapter-vit-base")
    for name in ("best_state_dict", "state_dict"):
        torch.save({name: golden.state, "epoch": 1}, tmp_path / f"{name}.pt")
        layout = shrink_layout(LAYOUT, DeepFakeAdapterConfig(**golden.config))
        model, report = convert_checkpoint(layout, tmp_path / f"{name}.pt")
        assert (report.keys, report.used) == (156, 156)
        model.save_pretrained(tmp_path / name)
        again = load_detector(tmp_path / name).double()
        with torch.no_grad():
            logits = again(golden.pixel_values).logits
        torch.testing.assert_close(logits, golden.difference, rtol=1e-6, atol=1e-6)


def test_published_sizes() -> None:
    with torch.device("meta"):
        model = DeepFakeAdapter(DeepFakeAdapterConfig(freeze_backbone=True))
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    assert sum(each.numel() for each in model.vit.parameters()) == 85_798_656
    assert sum(each.numel() for each in model.adapters.parameters()) == 1_189_644
    assert sum(each.numel() for each in model.prior.parameters()) == 1_529_408 + 2_304
    assert sum(each.numel() for each in model.interactions.parameters()) == 14_194_944
    assert trained == 16_917_838 - 769


def test_keys_of_other_detectors_are_refused() -> None:
    with pytest.raises(DetectorError, match=r"no blocks\.0\.adaptor\.scale"):
        find_variant({"cls_token": torch.zeros(1)}, "")


def test_backbone_is_frozen_once_it_is_pretrained(tmp_path: Path) -> None:
    def is_trained(model: DeepFakeAdapter) -> bool:
        return next(model.vit.parameters()).requires_grad

    assert is_trained(make_tiny())
    assert not is_trained(make_tiny(freeze_backbone=True))
    assert not is_trained(make_tiny(source_checksum="0" * 64))
    assert is_trained(make_tiny(source_checksum="0" * 64, freeze_backbone=False))
    pretrained = ViTModel(
        ViTConfig(
            image_size=64,
            hidden_size=16,
            num_hidden_layers=4,
            num_attention_heads=2,
            intermediate_size=32,
        )
    )
    pretrained.save_pretrained(tmp_path)
    model = make_tiny(backbone_checkpoint=str(tmp_path))
    model.load_backbone(str(tmp_path))
    assert not is_trained(model)
    theirs = dict(pretrained.named_parameters())
    for name, ours in model.vit.named_parameters():
        torch.testing.assert_close(ours, theirs[name])


def test_fresh_adapters_change_nothing(tiny: DeepFakeAdapter) -> None:
    # Up projections and gamma begin at zero: the transformer runs as if alone.
    images = torch.randn(2, 1, 3, 64, 64)
    seen: list[Tensor] = []
    tiny.feature_map.register_forward_hook(lambda _m, _i, output: seen.append(output))
    with torch.no_grad():
        tiny(images)
        alone = tiny.vit.embeddings(images.squeeze(1))
        for layer in tiny.vit.layers:
            alone = layer(alone)
    torch.testing.assert_close(seen[0], alone)


def test_only_the_top_left_cell_asks_last(tiny: DeepFakeAdapter) -> None:
    seen: dict[str, tuple[Tensor, Tensor]] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(_module: Any, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            seen[name] = (inputs[0], output)

        return hook

    for name in ("prior", "interactions.0.extractor", "interactions.1.extractor"):
        tiny.get_submodule(name).register_forward_hook(keep(name))
    with torch.no_grad():
        feature = tiny.encode(torch.randn(1, 1, 3, 64, 64))
    told = seen["prior"][1] + seen["interactions.0.extractor"][1]
    # 8 x 8, 4 x 4 and 2 x 2 cells, row by row
    assert told.shape == (1, 64 + 16 + 4, 16)
    asking, answer = seen["interactions.1.extractor"]
    torch.testing.assert_close(asking, told[:, :1])
    last = tiny.vit.layernorm((asking + answer)[:, 0])
    torch.testing.assert_close(feature, tiny.head_norm(last))


def test_loss_and_gradients(tiny: DeepFakeAdapter) -> None:
    pixel_values, labels = torch.randn(2, 1, 3, 64, 64), torch.tensor([1.0, 0.0])
    output = tiny(pixel_values, labels)
    two = torch.stack((torch.zeros(2), output.logits), dim=1)
    wanted = torch.nn.functional.cross_entropy(two, labels.long())
    torch.testing.assert_close(output.loss, wanted)
    output.loss.backward()
    for name, each in tiny.named_parameters():
        assert each.grad is not None, name


def test_score_does_not_depend_on_the_batch(tiny: DeepFakeAdapter) -> None:
    pixel_values = torch.randn(3, 1, 3, 64, 64)
    with torch.no_grad():
        together = tiny(pixel_values).logits
        alone = torch.cat([tiny(each[None]).logits for each in pixel_values])
    torch.testing.assert_close(together, alone)


def test_other_shapes_are_refused(tiny: DeepFakeAdapter) -> None:
    for shape in ((1, 2, 3, 64, 64), (1, 1, 3, 32, 32)):
        with pytest.raises(DetectorError, match="clips of shape"):
            tiny(torch.zeros(shape))
    with pytest.raises(DetectorError, match="layers=5 is not a multiple of"):
        DeepFakeAdapterConfig(layers=5, interactions=2)


def test_input_is_single_frames_about_zero() -> None:
    spec = DeepFakeAdapterConfig().clip_spec
    assert (spec.frames, spec.size, spec.colour, spec.value_range) == (1, 224, "RGB", "unit")
    assert (spec.mean, spec.std) == ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert (spec.crop, spec.resample, spec.margin) == ("box", "pillow", 1.3)
    assert spec.aggregation == "mean_probability"


def test_cam_layer_leaves_the_class_token_out(tiny: DeepFakeAdapter) -> None:
    tokens = torch.arange(17.0).view(1, 17, 1)
    maps = tiny.cam_reshape(tokens, 1)
    assert maps.shape == (1, 1, 1, 4, 4)
    assert maps[0, 0, 0, 0].tolist() == [1, 2, 3, 4]
    assert tiny.get_submodule(tiny.cam_layer) is tiny.feature_map


def test_recipe_is_understood_by_the_trainer() -> None:
    settings = choose_settings(DeepFakeAdapter.recipe, None)
    assert (settings.epochs, settings.batch_size, settings.warmup_share) == (100, 32, 0.15)
    assert (settings.optimiser, settings.learning_rate, settings.momentum) == ("sgd", 0.0125, 0.9)
    assert (settings.schedule, settings.final_factor, settings.warmup_factor) == ("cosine", 0, 0)
    assert [(change.name, change.probability) for change in settings.augmentations] == [
        ("flip", 0.5)
    ]
