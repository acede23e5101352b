"""GenD's training: what is tuned, its losses against sums by hand, and LoRA merged."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from detectors.gend import GenD, GenDConfig
from detectors.gend.losses import measure_pairs
from detectors.gend.recipe import PUBLISHED
from detectors.lora import PARTS
from thb_dataset.errors import DetectorError

TINY = {**GenD.tiny, "hidden_size": 64, "layers": 3}
TUNED = {
    # CLIP's 50 normalisations of 2 x 1024, DINOv3's 49 and PE's 51; and the head: 1024 + 1.
    ("clip", "layer_norms"): 102_400 + 1_025,
    ("clip", "head"): 1_025,
    ("clip", "all"): 303_180_801,
    ("clip", "lora"): 24 * 2 * 8 * (1_024 + 1_024) + 1_025,
    ("dinov3", "layer_norms"): 49 * 2_048 + 1_025,
    ("dinov3", "all"): 303_130_625 - 1_024,  # its mask token is for the pretraining
    ("pe", "layer_norms"): 51 * 2_048 + 1_025,
}


def make_tiny(**changes: Any) -> GenD:
    torch.manual_seed(0)
    size = 64 if changes.get("backbone") == "dinov3" else 56
    config = {**TINY, "image_size": size, "clip": {"size": size}, "grid": 6, **changes}
    model = GenD(GenDConfig(**config))
    model.eval()
    return model


def draw_pixels(model: GenD, count: int = 4) -> Tensor:
    size = model.config.image_size
    return torch.randn(count, 1, 3, size, size, generator=torch.Generator().manual_seed(3))


@pytest.mark.parametrize(("backbone", "tuned"), TUNED)
def test_so_many_weights_are_tuned_at_full_size(backbone: str, tuned: str) -> None:
    with torch.device("meta"):
        model = GenD(GenDConfig(backbone=backbone, tuned=tuned))
        model.prepare_training()
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    assert sum(weight.numel() for weight in trained) == TUNED[backbone, tuned]


@pytest.mark.parametrize("backbone", ["clip", "dinov3", "pe"])
@pytest.mark.parametrize("tuned", ["head", "layer_norms", "lora", "all"])
def test_only_what_is_tuned_gets_gradients(backbone: str, tuned: str) -> None:
    # PE's queries and values are one layer.
    targets = ["qkv"] if backbone == "pe" else ["q_proj", "v_proj"]
    model = make_tiny(backbone=backbone, tuned=tuned, tuned_blocks=1, lora_targets=targets)
    model.prepare_training()
    labels = torch.tensor([1.0, 0.0, 1.0, 0.0])
    model(draw_pixels(model), labels).loss.backward()
    touched = {name for name, each in model.named_parameters() if each.grad is not None}
    assert touched == {name for name, each in model.named_parameters() if each.requires_grad}
    assert "classifier.weight" in touched
    early = (".0.", ".1.", "embed", "pre_layrnorm", "norm_pre")
    assert not {name for name in touched for mark in early if mark in name}
    late = {name for name in touched if ".2." in name}
    assert bool(late) == (tuned != "head")


def sum_by_hand(features: Tensor, labels: Tensor) -> tuple[float, float]:
    rows, names = features.double().numpy(), labels.tolist()
    pairs = [
        (float(((rows[first] - rows[other]) ** 2).sum()), names[first] == names[other])
        for first, other in combinations(range(len(rows)), 2)
    ]
    spread = sum(math.exp(-2 * square) for square, _ in pairs) / len(pairs)
    alike = [square for square, same in pairs if same]
    return math.log(max(spread, 1e-6)), sum(alike) / len(alike) if alike else 0.0


@pytest.mark.parametrize("count", [2, 3, 10])
def test_the_losses_over_pairs_are_those_of_sums_by_hand(count: int) -> None:
    torch.manual_seed(count)
    features = torch.nn.functional.normalize(torch.randn(count, 5), dim=1)
    labels = torch.tensor([0.0, 1.0] * 5)[:count]
    found = [float(term) for term in measure_pairs(features, labels)]
    assert found == pytest.approx(sum_by_hand(features, labels), abs=1e-6)


def test_the_mean_of_features_far_apart_is_kept_from_zero() -> None:
    far = torch.tensor([[5.0], [-5.0]])
    assert float(measure_pairs(far, torch.zeros(2))[0]) == pytest.approx(math.log(1e-6))
    assert [float(term) for term in measure_pairs(far[:1], torch.zeros(1))] == [0.0, 0.0]


def test_the_loss_is_the_weighted_sum_of_its_terms() -> None:
    model = make_tiny(uniformity_weight=0.7, alignment_weight=0.2)
    pixels, labels = draw_pixels(model, 8), torch.tensor([1.0, 0.0, 1.0, 0.0])
    with torch.no_grad():
        output, feature = model(pixels, labels), model.encode(pixels)
    assert output.loss is not None
    assert output.logits is not None
    each = labels.repeat_interleave(2)  # two clips of each video
    uniformity, alignment = sum_by_hand(feature, each)
    judged = output.logits.double().reshape(4, 2).mean(dim=1)
    entropy = -torch.nn.functional.logsigmoid(judged * (2 * labels - 1)).mean()
    wanted = float(entropy) + 0.7 * uniformity + 0.2 * alignment
    assert float(output.loss) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"tuned": "head"},
        {"tuned": "head", "unit_length": False},
        {"tuned": "head", "backbone": "dinov3"},
        {"tuned": "head", "backbone": "pe"},
        {"tuned": "layer_norms", "tuned_blocks": 1},
        {"tuned": "all", "tuned_blocks": 0},
    ],
)
def test_the_frozen_front_and_the_rest_are_the_whole(changes: dict[str, Any]) -> None:
    model = make_tiny(**changes)
    assert model.has_frozen_front
    pixels = draw_pixels(model)
    with torch.no_grad():
        whole = model(pixels).logits
        in_parts = model(features=model.encode_front(pixels)).logits
    torch.testing.assert_close(in_parts, whole, rtol=0, atol=1e-6)
    assert not make_tiny(tuned="all").has_frozen_front
    with pytest.raises(DetectorError, match="got neither"):
        model()


def test_merged_lora_scores_as_peft_does() -> None:
    model = make_tiny(tuned="lora", lora_rank=2, lora_alpha=6, tuned_blocks=2)
    before, pixels = {**model.state_dict()}, draw_pixels(model)
    before = {name: value.clone() for name, value in before.items()}
    plain = model(pixels).logits
    model.prepare_training()
    torch.testing.assert_close(model(pixels).logits, plain)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_()
        through_peft = model(pixels).logits
    model.finish_training()
    small = model.collect_small()
    assert not torch.allclose(through_peft, plain, atol=1e-3)
    torch.testing.assert_close(model(pixels).logits, through_peft, rtol=1e-5, atol=1e-5)
    layers = [f"encoder.layers.{block}.self_attn.{one}_proj" for block in (1, 2) for one in "qv"]
    matrices = {f"vision.{layer}{part}" for layer in layers for part in PARTS}
    assert {*small} == {*matrices, "classifier.weight", "classifier.bias"}
    after = model.state_dict()
    assert {*after} == {*before}, "an ordinary network again"
    changed = {name for name in after if not torch.equal(after[name], before[name])}
    assert changed == {f"vision.{layer}.weight" for layer in layers}


def test_the_published_recipe() -> None:
    recipe = PUBLISHED.to_recipe()
    assert (recipe.optimiser, recipe.learning_rate, recipe.weight_decay) == ("adamw", 3e-4, 0.0)
    assert recipe.learning_rate * recipe.final_factor == pytest.approx(1e-6)
    assert (recipe.batch_size, recipe.epochs, recipe.warmup_share) == (512, 30, 0.0)
    assert (recipe.mixed_precision, recipe.pairs, recipe.keep) == ("bf16", True, "best")
    config = GenDConfig()
    terms = (1.0, config.uniformity_weight, config.alignment_weight)
    assert terms == tuple(PUBLISHED.loss_terms.values())
    assert np.isclose(recipe.momentum, 0.9)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tuned": "bias"}, "tuned='bias' is not one of head, layer_norms, lora, all"),
        ({"tuned_blocks": 4}, "tuned_blocks=4 of 3 blocks"),
        ({"tuned_blocks": -1}, "tuned_blocks=-1 is below zero"),
        ({"tuned": "lora", "lora_rank": 0}, "lora_rank=0 is below 1"),
    ],
)
def test_impossible_tunings_are_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DetectorError, match=said):
        make_tiny(**changes)
    model = make_tiny(tuned="lora", lora_targets=["qkv"])
    with pytest.raises(DetectorError, match="no layer is called qkv"):
        model.prepare_training()
