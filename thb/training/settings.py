"""How a detector is trained: the settings that decide the weights, and the options that do not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from detectors.recipes import Recipe
from detectors.typed_settings import convert_recipe
from thb.preprocessing.settings import Preparation
from thb.training.augmentation import find_unknown

if TYPE_CHECKING:
    import torch


class TrainSettings(Recipe):
    """A recipe that ``thb train`` can follow, because it knows all of its augmentations."""

    def find_faults(self) -> list[str]:
        """List the settings that are impossible or unknown, each with the reason."""
        return [*super().find_faults(), *find_unknown(self.augmentations)]


@dataclass(frozen=True, kw_only=True)
class TrainOptions(Preparation):
    """What a training needs besides its recipe.

    Attributes:
        split_by: The reading of the release: ``"release"`` or ``"driver"``.
        config: Settings of a fresh detector that differ from its class's defaults.
        tiny: Begin with the small network of the same class that the detector declares, for tests;
            ``config`` may change it further. It is no longer of a published size, so it begins
            with random weights, and nothing is downloaded.
        backbone: The pretrained backbone that a fresh detector begins with, a folder or a Hub id;
            None for the one of the published training, if the detector has one.
        from_scratch: Begin with random weights where the published training has a backbone.
        save: ``small``: only what was tuned, and which backbone the rest comes from; ``whole``: all
            weights. None: small where the backbone is on the Hub at a commit, so that everybody
            can fetch it.
        accumulate: The number of parts in which each batch is computed, one after the other, if
            the whole is too large for the memory. The step is that of the whole batch, except for
            what a network computes over a batch (batch normalisation).
        overwrite: Train again, and replace what the folder holds.
        trust_remote_code: Run Python code that the detector's folder or Hub repo brings.
        memory_bytes: The memory that the crops of a process may take; if there are more, they are
            mapped from a file beside the store. None: half of the machine's memory, shared by its
            processes.
    """

    split_by: str = "release"
    config: Mapping[str, Any] | None = None
    tiny: bool = False
    backbone: str | Path | None = None
    from_scratch: bool = False
    save: Literal["small", "whole"] | None = None
    accumulate: int = 1
    overwrite: bool = False
    trust_remote_code: bool = False
    memory_bytes: int | None = None


def suit_device(recipe: Recipe, device: torch.device) -> Recipe:
    """Return the recipe for a device; only GPUs follow its half precision."""
    return recipe if device.type == "cuda" else replace(recipe, mixed_precision="no")


def choose_settings(
    recipe: Recipe, chosen: TrainSettings | Mapping[str, Any] | None
) -> TrainSettings:
    """Return the settings of a training.

    Args:
        recipe: The detector's own recipe.
        chosen: All settings, or only those that differ from the recipe; None for the recipe.

    Raises:
        SettingsError: A setting is unknown, of another type, or impossible.
    """
    if isinstance(chosen, TrainSettings):
        return chosen
    own = {setting.name: getattr(recipe, setting.name) for setting in fields(TrainSettings)}
    return TrainSettings(**(own | convert_recipe(chosen or {})))
