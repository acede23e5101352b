"""From an official checkpoint to one of our models, read as weights only.

A detector declares a :class:`Layout` of its official checkpoints, with the
:class:`~detectors.key_maps.KeyMap` of their tensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import torch
from torch import Tensor

from detectors.base import Detector, DetectorConfig
from detectors.foreign_files import describe_foreign, explain_refusal, is_safetensors
from detectors.key_maps import KeyMap, fill_model, show_names, translate
from thb_dataset.errors import DetectorError, SettingsError
from thb_dataset.files import digest_file, parse_json

Config = TypeVar("Config", bound=DetectorConfig)

_USUAL_NAMES = ("state_dict", "model_state_dict")
"""Names under which trainers other than the official one store a state dict."""

SETTINGS_FILE: Final = "config.json"

_BUFFER = re.compile(
    r".*\.(running_mean|running_var|num_batches_tracked|relative_position_index|attn_mask)"
)


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """The report of a conversion, also for the model card.

    Attributes:
        detector: The registered name.
        variant: The published network that the keys belong to.
        alternatives: The other variants that it may be as well, where the keys do not tell them
            apart and nobody has said which it is; empty if the variant is certain.
        prefix: What stood before every key and was removed; empty for nothing.
        keys: Number of entries in the official state dict.
        used: Number of entries that went into the model.
        ignored: Entry -> reason, for the entries that were left behind.
        parameters: Number of parameters of the official network, including the ignored ones.
        source_sha256: The sha256 of the checkpoint file.
    """

    detector: str
    variant: str
    alternatives: tuple[str, ...]
    prefix: str
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
            "alternatives": list(self.alternatives),
            "prefix": self.prefix,
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
        refine: From the settings of the variant, the plain state dict and the ``config.json``
            beside the checkpoint (empty if there is none) to the settings of this very network,
            where the variant alone does not tell them; None where it does.
        choices: Variants whose keys are equal, so that ``find_variant`` can only assume one; empty
            where the keys tell.
        harmless: Full names of the classes and functions, other than tensors, that official files
            are known to hold. What they stand for is neither imported nor called: their content is
            dropped.
    """

    detector: str
    state_names: tuple[str, ...]
    find_variant: Callable[[Mapping[str, Tensor], str], str]
    make_config: Callable[[str], Config]
    make_model: Callable[[Config], Detector]
    map_keys: Callable[[Config], KeyMap]
    refine: Callable[[Config, Mapping[str, Tensor], Mapping[str, Any]], Config] | None = None
    choices: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()


class Dropped:
    """Takes the place of an object in a checkpoint, and forgets all that it is given."""

    def __init__(self, *content: object) -> None:
        """Keep nothing."""

    def __setstate__(self, state: object) -> None:
        """Keep nothing."""


def convert_checkpoint(
    layout: Layout[Config], path: Path, variant: str | None = None
) -> tuple[Detector, Conversion]:
    """Make our model from an official checkpoint.

    Args:
        layout: The layout of the detector that the checkpoint belongs to.
        path: The official file.
        variant: The variant, where the layout leaves the choice; None to assume the likely one.

    Returns:
        The model in evaluation mode, and the report.

    Raises:
        SettingsError: The layout has no such variant, or leaves no choice.
        DetectorError: The file cannot be read as weights only or belongs to another detector, or
            a key is unknown, missing or of another shape; all such keys are named.
    """
    check_variant(layout, variant)
    content = read_checkpoint(path, harmless=layout.harmless)
    state, removed = strip_wrappers(pick_state(content, layout.state_names, path))
    try:
        found = layout.find_variant(state, removed)
    except DetectorError as error:
        wrapped = f" (after {removed!r}, which began every key, was removed)" if removed else ""
        raise DetectorError(f"{path}: {error}{wrapped}") from error
    alternatives = () if variant else tuple(name for name in layout.choices if name != found)
    config = layout.make_config(variant or found)
    if layout.refine is not None:
        config = layout.refine(config, state, read_settings_beside(path))
    model = layout.make_model(config)
    tensors, ignored = translate(state, layout.map_keys(config))
    fill_model(model, tensors)
    checksum = digest_file(path)
    model.config.source_checksum = checksum
    report = Conversion(
        detector=layout.detector,
        variant=variant or found,
        alternatives=alternatives,
        prefix=removed,
        keys=len(state),
        used=len(state) - len(ignored),
        ignored=ignored,
        parameters=sum(
            tensor.numel() for key, tensor in state.items() if not _BUFFER.fullmatch(key)
        ),
        source_sha256=checksum,
    )
    return model.eval(), report


def read_settings_beside(path: Path) -> Mapping[str, Any]:
    """Return the ``config.json`` in the folder of a checkpoint; empty if there is none.

    Raises:
        DetectorError: It is not an object of JSON.
    """
    file = path.parent / SETTINGS_FILE
    if not file.is_file():
        return {}
    try:
        settings = parse_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise DetectorError(f"{file}: not read as settings: {error}") from error
    if not isinstance(settings, dict):
        raise DetectorError(f"{file}: holds no settings")
    return settings


def check_variant(layout: Layout[Any], variant: str | None) -> None:
    """Refuse a variant that a layout does not leave to choose.

    Raises:
        SettingsError: There is no such choice; the message names those there are.
    """
    if variant is None or variant in layout.choices:
        return
    if not layout.choices:
        raise SettingsError(f"the keys of {layout.detector} tell its variant: leave out --variant")
    choices = ", ".join(layout.choices)
    raise SettingsError(f"{layout.detector} has no variant {variant!r}: choose {choices}")


def read_checkpoint(path: Path, *, harmless: tuple[str, ...] = ()) -> dict[str, Any]:
    """Read a checkpoint without running any code that it holds.

    Args:
        path: A file that ``torch.save`` wrote, or safetensors of any name.
        harmless: Full names of classes and functions other than tensors that this original is
            known to store; for this call only, they are read as :class:`Dropped`.

    Raises:
        DetectorError: The file is missing, is not a checkpoint, or holds more than weights.
    """
    try:
        if not path.is_file():
            raise DetectorError(f"{path}: no such file; give the official checkpoint")
        foreign = describe_foreign(path)
        if foreign is not None:
            raise DetectorError(f"{path}: {foreign}")
        content = _load_weights_only(path, harmless)
    except OSError as error:
        raise DetectorError(f"{path}: cannot be read: {error.strerror or error}") from error
    if not isinstance(content, dict):
        raise DetectorError(f"{path}: holds a {type(content).__name__}, not a state dict")
    return content


def _load_weights_only(path: Path, harmless: tuple[str, ...]) -> object:
    from safetensors.torch import load_file

    try:
        if is_safetensors(path):
            return load_file(path)
        with torch.serialization.safe_globals([(Dropped, name) for name in harmless]):
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:
        # torch raises pickle, zip, runtime and end-of-file errors alike for a file it refuses.
        raise DetectorError(
            f"{path}: not read as weights only: {explain_refusal(error)}"
        ) from error


def pick_state(content: Mapping[str, Any], names: tuple[str, ...], path: Path) -> dict[str, Tensor]:
    """Return the state dict of a checkpoint: the entry under one of ``names``, or the whole.

    Raises:
        DetectorError: No state dict is found, or it holds something other than tensors.
    """
    looked = tuple(dict.fromkeys((*names, *_USUAL_NAMES)))
    state = next((content[name] for name in looked if isinstance(content.get(name), dict)), content)
    strange = sorted(
        str(key)
        for key, value in state.items()
        if not (isinstance(key, str) and isinstance(value, Tensor) and _is_plain(value))
    )
    if strange or not state:
        raise DetectorError(
            f"{path}: no state dict: looked under {', '.join(looked)};"
            f" not tensors: {show_names(strange) if strange else 'the file is empty'}"
        )
    return dict(state)


def _is_plain(tensor: Tensor) -> bool:
    """Say whether a tensor has all its numbers, and has them as they are."""
    return tensor.layout is torch.strided and not tensor.is_meta


def strip_wrappers(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Remove what every key begins with, up to a dot: wrappers put it there, nested ones too.

    No network that we know has all its weights in one part, so its own names stay.

    Returns:
        The state dict with plain keys, and the prefix that was removed ("" for none).
    """
    removed = ""
    keys = list(state)
    while prefix := _find_common_prefix(keys):
        removed += prefix
        keys = [key.removeprefix(prefix) for key in keys]
    return dict(zip(keys, state.values(), strict=True)), removed


def _find_common_prefix(keys: Sequence[str]) -> str:
    """Return the first part of all keys with its dot; empty if they differ or have no other."""
    heads = {key.partition(".")[0] for key in keys}
    return f"{heads.pop()}." if len(heads) == 1 and all("." in key for key in keys) else ""


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
