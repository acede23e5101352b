"""From an official checkpoint to one of our models, read as weights only.

A detector declares a :class:`Layout` of its official checkpoints, with the
:class:`~detectors.key_maps.KeyMap` of their tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from detectors.base import Detector, DetectorConfig
from detectors.key_maps import KeyMap, fill_model, show_names, translate
from thb_dataset.errors import DetectorError, first_line
from thb_dataset.files import digest_file

Config = TypeVar("Config", bound=DetectorConfig)

_WRAPPERS = ("module.", "model.")
_BUFFER = re.compile(
    r".*\.(running_mean|running_var|num_batches_tracked|relative_position_index|attn_mask)"
)


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """The report of a conversion, also for the model card.

    Attributes:
        detector: The registered name.
        variant: The published network that the keys belong to.
        keys: Number of entries in the official state dict.
        used: Number of entries that went into the model.
        ignored: Entry -> reason, for the entries that were left behind.
        parameters: Number of parameters of the official network, including the ignored ones.
        source_sha256: The sha256 of the checkpoint file.
    """

    detector: str
    variant: str
    keys: int
    used: int
    ignored: Mapping[str, str]
    parameters: int
    source_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; ignored keys are counted by their reason."""
        reasons: dict[str, int] = {}
        for reason in self.ignored.values():
            reasons[reason] = reasons.get(reason, 0) + 1
        return {
            "detector": self.detector,
            "variant": self.variant,
            "keys": self.keys,
            "used": self.used,
            "ignored": reasons,
            "parameters": self.parameters,
            "source_sha256": self.source_sha256,
        }


@dataclass(frozen=True, kw_only=True)
class Layout(Generic[Config]):
    """What is known about the official checkpoints of one detector.

    Attributes:
        detector: The registered name.
        state_names: Keys under which the official trainer stores the state dict.
        find_variant: From the plain state dict and the removed prefix to the published network;
            raises DetectorError for keys of another network.
        make_config: From the variant to the settings of our model.
        make_model: From those settings to our model with fresh weights: the detector's class.
        map_keys: From those settings to the map.
        harmless: Classes other than tensors that official files are known to hold.
    """

    detector: str
    state_names: tuple[str, ...]
    find_variant: Callable[[Mapping[str, Tensor], str], str]
    make_config: Callable[[str], Config]
    make_model: Callable[[Config], Detector]
    map_keys: Callable[[Config], KeyMap]
    harmless: tuple[type, ...] = ()


def convert_checkpoint(layout: Layout[Config], path: Path) -> tuple[Detector, Conversion]:
    """Make our model from an official checkpoint.

    Args:
        layout: The layout of the detector that the checkpoint belongs to.
        path: The official file.

    Returns:
        The model in evaluation mode, and the report.

    Raises:
        DetectorError: The file cannot be read as weights only or belongs to another detector, or
            a key is unknown, missing or of another shape; all such keys are named.
    """
    content = read_checkpoint(path, harmless=layout.harmless)
    state, removed = strip_wrappers(pick_state(content, layout.state_names, path))
    variant = layout.find_variant(state, removed)
    config = layout.make_config(variant)
    model = layout.make_model(config)
    tensors, ignored = translate(state, layout.map_keys(config))
    fill_model(model, tensors)
    checksum = digest_file(path)
    model.config.source_checksum = checksum
    report = Conversion(
        detector=layout.detector,
        variant=variant,
        keys=len(state),
        used=len(state) - len(ignored),
        ignored=ignored,
        parameters=sum(
            tensor.numel() for key, tensor in state.items() if not _BUFFER.fullmatch(key)
        ),
        source_sha256=checksum,
    )
    return model.eval(), report


def read_checkpoint(path: Path, *, harmless: tuple[type, ...] = ()) -> dict[str, Any]:
    """Read a checkpoint without running any code that it holds.

    Args:
        path: A file that ``torch.save`` wrote.
        harmless: Classes other than tensors and plain containers that this original is known to
            store; they are admitted for this call only.

    Raises:
        DetectorError: The file is missing, is not a checkpoint, or holds more than weights.
    """
    if not path.is_file():
        raise DetectorError(f"{path}: no such file; give the official checkpoint")
    try:
        with torch.serialization.safe_globals(list(harmless)):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch raises pickle, zip, runtime and end-of-file errors alike for a file it refuses.
        raise DetectorError(f"{path}: not read as weights only: {first_line(error)}") from error
    if not isinstance(content, dict):
        raise DetectorError(f"{path}: holds a {type(content).__name__}, not a state dict")
    return content


def pick_state(content: Mapping[str, Any], names: tuple[str, ...], path: Path) -> dict[str, Tensor]:
    """Return the state dict of a checkpoint: the entry under one of ``names``, or the whole.

    Raises:
        DetectorError: No state dict is found, or it holds something other than tensors.
    """
    state = next((content[name] for name in names if isinstance(content.get(name), dict)), content)
    strange = sorted(key for key, value in state.items() if not isinstance(value, Tensor))
    if strange or not state:
        raise DetectorError(
            f"{path}: no state dict: looked under {', '.join(names)};"
            f" not tensors: {show_names(strange) if strange else 'the file is empty'}"
        )
    return dict(state)


def strip_wrappers(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Remove the prefixes that wrappers add to every key, nested ones too.

    Returns:
        The state dict with plain keys, and the prefix that was removed ("" for none).
    """
    removed = ""
    keys = list(state)
    while prefix := next((w for w in _WRAPPERS if all(k.startswith(w) for k in keys)), ""):
        removed += prefix
        keys = [key.removeprefix(prefix) for key in keys]
    return dict(zip(keys, state.values(), strict=True)), removed


def require_keys(state: Mapping[str, Tensor], wanted: Sequence[str], name: str) -> None:
    """Refuse a state dict that lacks keys by which a network is recognised.

    Args:
        state: The plain state dict.
        wanted: Keys that every checkpoint of the network holds.
        name: The name of the network, for the message.

    Raises:
        DetectorError: A key is missing; all missing ones are named.
    """
    missing = [key for key in wanted if key not in state]
    if missing:
        raise DetectorError(f"these are not {name} weights: no {', '.join(missing)}")
