"""Optimisers and schedules of recipes against published values and results by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from detectors.recipes import Augmentation, Recipe
from detectors.registry import find_detector_class
from detectors.tall import TALL, TALLConfig
from thb.training.optimiser import (
    group_parameters,
    learning_rate,
    make_optimiser,
)
from thb.training.settings import TrainSettings, choose_settings, suit_device
from thb_dataset.errors import DetectorError


def make_tiny() -> TALL:
    return TALL(TALLConfig(**{**TALL.tiny, "drop_path": 0.0}))


def test_a_cosine_has_one_rate_in_each_epoch_and_fits_any_number_of_them() -> None:
    settings = choose_settings(TALL.recipe, None)
    rates = [learning_rate(step, 60 * 100, settings) for step in range(60 * 100)]
    assert len(set(rates)) == 59, "the first two epochs have the same rate"
    assert max(rates) == learning_rate(11 * 100, 60 * 100, settings)
    short = choose_settings(TALL.recipe, {"epochs": 6})
    few = [learning_rate(epoch, 6, short) for epoch in range(6)]
    assert few[0] == few[1] < few[5] < few[2] == max(few)


def test_the_rate_changes_at_the_start_of_the_named_epochs() -> None:
    settings = choose_settings(find_detector_class("caddm").recipe, None)
    rates = [learning_rate(epoch * 7, 200 * 7, settings) for epoch in (0, 3, 4, 9, 10, 199)]
    assert rates == pytest.approx([3.6e-4, 3.6e-4, 1e-4, 1e-4, 5e-5, 5e-5])
    assert learning_rate(4 * 7 - 1, 200 * 7, settings) == pytest.approx(3.6e-4)


def test_half_precision_is_followed_only_on_a_gpu() -> None:
    recipe = find_detector_class("df_adapter").recipe
    on_gpu, on_cpu = (
        choose_settings(suit_device(recipe, torch.device(name)), None) for name in ("cuda", "cpu")
    )
    assert (on_gpu.mixed_precision, on_cpu.mixed_precision) == ("fp16", "no")
    asked = choose_settings(suit_device(recipe, torch.device("cuda")), {"mixed_precision": "no"})
    assert asked.mixed_precision == "no"
    assert choose_settings(TALL.recipe, None).mixed_precision == "no"


@pytest.mark.parametrize(
    ("name", "kind", "wanted"),
    [
        ("tall", torch.optim.AdamW, {"betas": (0.9, 0.999), "eps": 1e-8}),
        ("df_adapter", torch.optim.SGD, {"momentum": 0.9, "nesterov": False}),
        ("caddm", torch.optim.AdamW, {"betas": (0.9, 0.999)}),
    ],
)
def test_the_optimiser_is_the_published_one(
    name: str, kind: type[torch.optim.Optimizer], wanted: dict[str, Any]
) -> None:
    settings = choose_settings(find_detector_class(name).recipe, None)
    optimiser = make_optimiser(make_tiny(), settings)
    assert type(optimiser) is kind
    assert {key: optimiser.param_groups[0][key] for key in wanted} == wanted


def test_which_weights_decay() -> None:
    detector = make_tiny()
    names = {id(weight): name for name, weight in detector.named_parameters()}
    decayed, spared = (
        {names[id(weight)] for weight in group["params"]}
        for group in group_parameters(detector, choose_settings(TALL.recipe, None))
    )
    assert "frame_positions" in spared
    assert {name for name in spared if name.endswith("bias")} == {
        name for name in names.values() if name.endswith("bias")
    }
    assert any(name.endswith("bias_table") for name in decayed), "as in the original"
    every, none = group_parameters(detector, TrainSettings(decay_vectors=True))
    assert (len(every["params"]), len(none["params"])) == (len(names), 0)


def test_every_wrong_setting_is_named() -> None:
    wrong = {"optimiser": "lion", "patience": 0, "clips_cut": 0, "gradient_value_clip": -1}
    with pytest.raises(DetectorError) as raised:
        choose_settings(Recipe(), {**wrong, "augmentations": [{"name": "swirl"}]})
    for word in (*wrong, "swirl"):
        assert word in str(raised.value)
    settings = choose_settings(Recipe(), {"augmentations": [{"name": "flip", "probability": 0.5}]})
    assert settings.augmentations == (Augmentation(name="flip", probability=0.5),)
