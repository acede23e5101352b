"""Recipes against the settings of the originals: each is followed, or named with the reason.

``originals.json`` holds what the authors' code says and where it says it. It was read there, and
not in our recipes, so what a recipe forgets to mention is found here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from detectors.base import Detector
from detectors.recipes import Augmentation, PublishedRecipe, Recipe
from detectors.registry import create_detector, find_detector_class
from thb.training.augmentation import change_pixels
from thb.training.cutting import CUTS, PLACES, cut_pixels
from thb.training.optimiser import group_parameters, learning_rate
from thb.training.settings import TrainSettings, choose_settings

ORIGINALS: dict[str, Any] = json.loads(
    Path(__file__).with_name("originals.json").read_text("utf-8")
)
STRUCTURE = {
    "sampling": "half real, half fake",
    "logits": 1,
    "selection": "best AUC on validation videos",
    "any start": "one of four kept places",
    "weight average": None,
    "stored faces": "as decoded",
    "align beyond reach": "a wider crop",
    "halving": "the detail of the kept crop",
    "frames": "drawn at random",
    "synchronised batch norm": False,
    "devices": 1,
    "loss": "each sample by itself",
    "size of augmented pictures": "the detector's",
}
"""What ``thb train`` does with every detector, where no field of a recipe says it."""


def published_of(name: str) -> PublishedRecipe:
    module = __import__(f"detectors.{name}.recipe", fromlist=["PUBLISHED"])
    published: PublishedRecipe = module.PUBLISHED
    return published


def list_cases() -> list[tuple[str, str]]:
    return [
        (name, entry["setting"]) for name, found in ORIGINALS.items() for entry in found["settings"]
    ]


def ours(name: str, setting: str, wanted: Any) -> Any:
    """Return what ``thb train`` does in place of a setting of the original."""
    detector_class, published = find_detector_class(name), published_of(name)
    recipe = detector_class.recipe
    config = vars(detector_class.config_class())
    changes = {change.name: change.probability for change in recipe.augmentations}
    if setting == "rates":
        return measure_rates(choose_settings(recipe, None), wanted)
    if setting == "decay_vectors":
        return decays_vectors(detector_class)
    if setting in MEASURED:
        return MEASURED[setting](recipe, published)
    value = {**config, **vars(recipe), **changes, **STRUCTURE}[setting]
    return pytest.approx(value) if isinstance(value, float) else value


def measure_rates(settings: TrainSettings, epochs: Iterable[str]) -> dict[str, Any]:
    """Return the rate of the first step of some epochs."""
    total = settings.epochs * 1000
    rates = {epoch: learning_rate(int(epoch) * 1000, total, settings) for epoch in epochs}
    near = 1e-4 * settings.learning_rate
    return {epoch: pytest.approx(rate, rel=1e-3, abs=near) for epoch, rate in rates.items()}


def decays_vectors(detector_class: type[Detector]) -> bool:
    detector = create_detector(detector_class, config=detector_class.tiny)
    return not group_parameters(detector, choose_settings(detector_class.recipe, None))[1]["params"]


def change_by(recipe: Recipe, name: str, pixels: Any, random: np.random.Generator) -> Any:
    (change,) = [change for change in recipe.augmentations if change.name == name]
    return change_pixels(pixels, [replace(change, probability=1.0)], random)


def measure_gamma(recipe: Recipe, _: PublishedRecipe) -> Any:
    grey = np.full((1, 1, 1, 3), 128, np.uint8)
    random = np.random.default_rng(0)
    seen = [int(change_by(recipe, "gamma", grey, random).max()) for _ in range(3000)]
    return pytest.approx([min(seen), max(seen)], abs=1)


def measure_stretch(recipe: Recipe, _: PublishedRecipe) -> int:
    greys = np.repeat(np.arange(50, 151, dtype=np.uint8)[None, None, :, None], 3, axis=-1)
    return int(change_by(recipe, "stretch_range", greys, np.random.default_rng(0)).max())


def measure_motion(_: Recipe, __: PublishedRecipe) -> list[int]:
    """Return the sides of the kernels of a line of one pixel, by the spread of one white pixel."""
    point = np.zeros((1, 9, 9, 3), np.uint8)
    point[0, 4, 4] = 255
    blur = Augmentation(name="motion_blur", settings={"length_pixels": (1, 1)})
    sides = set()
    for seed in range(200):
        rows, columns = np.nonzero(
            change_pixels(point, [blur], np.random.default_rng(seed))[0, ..., 0]
        )
        sides.add(int(max(np.ptp(rows), np.ptp(columns))) + 1)
    return sorted(sides)


def measure_pairs(recipe: Recipe, _: PublishedRecipe) -> int:
    """Return the number of shapes of a corner crop, seen by what is left of a ramp."""
    (crop,) = [change for change in recipe.augmentations if change.name == "corner_crop"]
    ramp = np.mgrid[:240, :240].astype(np.uint8).transpose(1, 2, 0)[None]
    pixels = np.concatenate([ramp, np.zeros_like(ramp[..., :1])], axis=-1)
    shapes = set()
    for seed in range(600):
        cut = cut_pixels(pixels, [crop], np.random.default_rng(seed), size=60)[0].astype(int)
        spread = np.ptp(cut[..., :2].reshape(-1, 2), axis=0)
        shapes.add(tuple(int(value) for value in np.rint(spread / 10)))
    return len(shapes)


def write_settings(name: str) -> Any:
    """Return a function of a recipe that gives the settings of one change, as JSON has them."""

    def write(recipe: Recipe, _: PublishedRecipe) -> Any:
        (change,) = [change for change in recipe.augmentations if change.name == name]
        return json.loads(json.dumps(dict(change.settings)))

    return write


MEASURED: dict[str, Any] = {
    **{f"{name} settings": write_settings(name) for name in ("affine", "blur", "jitter", "jpeg")},
    "backbone": lambda _, published: published.backbone_weights,
    "cutout": lambda recipe, _: recipe.augmentations[-1].settings["side_pixels"],
    "crop scales": lambda recipe, _: list(recipe.augmentations[0].settings["scales"]),
    "crop pairs": measure_pairs,
    "crop places": lambda *_: len(PLACES),
    "frozen": lambda _, published: list(published.frozen),
    "paper": lambda _, published: published.source.rpartition("; ")[2],
    "order": lambda recipe, _: ", ".join(change.name for change in recipe.augmentations),
    "grey 128 after gamma": measure_gamma,
    "brightest of a stretched picture": measure_stretch,
    "motion kernels of length 1": measure_motion,
    "fresh output bias of an exchange": lambda *_: float(
        create_detector(
            find_detector_class("df_adapter"), config=find_detector_class("df_adapter").tiny
        )
        .get_parameter("interactions.0.injector.attention.out_proj.bias")
        .detach()
        .abs()
        .max()
    ),
    "swap": lambda recipe, _: any(change.name == "swap" for change in recipe.augmentations),
}


@pytest.mark.parametrize(("name", "setting"), list_cases())
def test_a_setting_of_the_original_is_followed_or_named(name: str, setting: str) -> None:
    (entry,) = [each for each in ORIGINALS[name]["settings"] if each["setting"] == setting]
    is_followed = ours(name, setting, entry["value"]) == entry["value"]
    reason = published_of(name).not_followed.get(setting)
    assert entry["source"]
    if is_followed:
        assert reason is None, "it is followed, so the reason is out of date"
    else:
        assert reason, f"the original ({entry['source']}) has {entry['value']!r}"


@pytest.mark.parametrize("name", sorted(ORIGINALS))
def test_every_reason_is_about_a_setting_of_the_original(name: str) -> None:
    known = {entry["setting"] for entry in ORIGINALS[name]["settings"]}
    assert set(published_of(name).not_followed) <= known
    named = {change.name for change in published_of(name).augmentations}
    followed = {change.name for change in find_detector_class(name).recipe.augmentations}
    assert named - followed <= set(published_of(name).not_followed)
    assert set(CUTS) >= {"align", "corner_crop", "halve"}
