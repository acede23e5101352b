"""How a detector is trained: the recipe, which moves the weights, and what does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from thb.cache import clip_store_folder
from thb_dataset.errors import DetectorError

Keep = Literal["best", "last"]


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """The recipe. The same one gives the same weights on one machine with one process.

    Attributes:
        epochs: Times that every video of the more frequent class is seen.
        batch_size: Clips of one step over all processes, half of them real, half fake.
        learning_rate: AdamW's, at its height: it rises linearly and falls by a cosine to zero.
        warmup_share: Part of the steps in which it rises.
        weight_decay: AdamW's, on matrices and kernels only.
        max_gradient_norm: Gradients above this norm are scaled down to it.
        seed: Of fresh weights, order, augmentation and dropout.
        keep: ``best``: the weights of the epoch with the highest validation AUC, of equals the
            one with the lowest validation loss; the last where validation lacks a class.
            ``last``: those of the last epoch.
        flip: Mirror every second clip.
        shift_pixels: Clips are moved by up to this many pixels, whole ones, so that nothing is
            resampled: that would wipe out the traces that a detector looks for.
        brightness: Clips are made lighter or darker by up to this part of the range.
        contrast: Contrast of clips is scaled by up to this part.
        channel_gain: Each colour channel of a clip is scaled by up to this part.
    """

    epochs: int = 10
    batch_size: int = 16
    learning_rate: float = 1e-4
    warmup_share: float = 0.1
    weight_decay: float = 0.01
    max_gradient_norm: float = 1.0
    seed: int = 0
    keep: Keep = "best"
    flip: bool = True
    shift_pixels: int = 4
    brightness: float = 0.1
    contrast: float = 0.1
    channel_gain: float = 0.05

    def __post_init__(self) -> None:
        """Refuse what cannot be trained with.

        Raises:
            DetectorError: Every offender is named.
        """
        wrong = [
            f"{name}={getattr(self, name)!r} is not a whole number of {least} or more"
            for name, least in {"epochs": 1, "batch_size": 2, "seed": 0, "shift_pixels": 0}.items()
            if type(getattr(self, name)) is not int or getattr(self, name) < least
        ]
        if type(self.batch_size) is int and self.batch_size % 2:
            wrong.append(f"batch_size={self.batch_size} is odd, and half of a batch is real")
        if self.keep not in get_args(Keep):
            wrong.append(f"keep={self.keep!r} is none of {', '.join(get_args(Keep))}")
        for name in ("learning_rate", "max_gradient_norm"):
            if not getattr(self, name) > 0:
                wrong.append(f"{name}={getattr(self, name)!r} must be above zero")
        for name in ("warmup_share", "weight_decay", "brightness", "contrast", "channel_gain"):
            if not 0 <= getattr(self, name) < 1:
                wrong.append(f"{name}={getattr(self, name)!r} is not within 0 and 1")
        if wrong:
            raise DetectorError("training settings: " + "; ".join(wrong))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What a training is given beside its recipe.

    Attributes:
        split_by: Reading of the release: ``"release"`` or ``"driver"``.
        config: Settings of a fresh detector that differ from its class's defaults.
        face_pack: Who finds the faces, as ``load_face_finder`` takes it.
        overwrite: Train anew what is in the folder already.
        trust_remote_code: Run Python code that the detector's folder or Hub repo brings.
        store: Folder of the face crops that are kept.
        workers: Threads that decode videos and find faces; None for one a core.
        progress: Show bars on stderr.
    """

    split_by: str = "release"
    config: Mapping[str, Any] | None = None
    face_pack: str = "embedded"
    overwrite: bool = False
    trust_remote_code: bool = False
    store: Path = field(default_factory=clip_store_folder)
    workers: int | None = None
    progress: bool = True


def choose_settings(
    recipe: Mapping[str, Any], chosen: TrainSettings | Mapping[str, Any] | None
) -> TrainSettings:
    """Return the settings of a training.

    Args:
        recipe: What suits the detector, where that differs from the defaults.
        chosen: All settings, or only those that are to differ from the recipe; None: none.

    Raises:
        DetectorError: A setting is unknown or impossible.
    """
    if isinstance(chosen, TrainSettings):
        return chosen
    differing = {**recipe, **(chosen or {})}
    known = [one.name for one in fields(TrainSettings)]
    unknown = sorted(set(differing) - set(known))
    if unknown:
        raise DetectorError(
            f"training settings: unknown {', '.join(map(repr, unknown))}; known: {', '.join(known)}"
        )
    return replace(TrainSettings(), **differing)
