"""From an official checkpoint to one of our models: strictly, by name, with weights only.

A detector states a :class:`KeyMap`: which module of the original is which module of ours, which
tensors are split or turned on the way, and which ones are left behind and why. Everything else is
an error that names the keys, so a wrong file or a changed layout never loads half.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from detectors.base import Detector
from thb_dataset.errors import DetectorError

Turn = Callable[[Tensor], Tensor]

_WRAPPERS = ("module.", "model.")
_NAMES_SHOWN = 8
_BUFFER = re.compile(
    r".*\.(running_mean|running_var|num_batches_tracked|relative_position_index|attn_mask)"
)


@dataclass(frozen=True, kw_only=True)
class KeyMap:
    """Where each tensor of an official state dict goes.

    Attributes:
        modules: Official module -> ours; all tensors directly under it keep their leaf name.
        tensors: Official key -> our key, for bare parameters and renamed leaves.
        split: Official module or key -> ours, several: cut along dim 0 into equal parts, in order.
        turned: Official key -> what is done to it first (transpose, class difference).
        ignorable: Regular expression over official keys (full match) -> why they are left behind.
    """

    modules: Mapping[str, str]
    tensors: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    turned: Mapping[str, Turn] = field(default_factory=dict)
    ignorable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What a conversion did, for its report and for the model card.

    Attributes:
        detector: Registered name.
        variant: Which published network the keys belonged to.
        keys: Entries of the official state dict.
        used: Entries that went into the model.
        ignored: Entry -> reason, for those left behind.
        parameters: Parameters of the official network, the ignored ones included.
        source_sha256: Of the checkpoint file.
    """

    detector: str
    variant: str
    keys: int
    used: int
    ignored: Mapping[str, str]
    parameters: int
    source_sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, the ignored keys gathered under their reasons."""
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
class Layout:
    """What is known about the official checkpoints of one detector.

    Attributes:
        detector: Registered name.
        state_names: Keys under which the official trainer stores the state dict.
        find_variant: From the plain state dict and the removed prefix to the published network;
            raises DetectorError for keys that are none of its.
        make_model: From the variant to our model with fresh weights.
        map_keys: From that model to the map.
        harmless: Classes other than tensors that official files are known to hold.
    """

    detector: str
    state_names: tuple[str, ...]
    find_variant: Callable[[Mapping[str, Tensor], str], str]
    make_model: Callable[[str], Detector]
    map_keys: Callable[[Detector], KeyMap]
    harmless: tuple[type, ...] = ()


def convert_checkpoint(layout: Layout, path: Path) -> tuple[Detector, Conversion]:
    """Make our model from an official checkpoint.

    Args:
        layout: Of the detector that the checkpoint belongs to.
        path: The official file.

    Returns:
        The model in evaluation mode, and what was done.

    Raises:
        DetectorError: The file cannot be read as weights only, is none of this detector's, or a
            key is unknown, missing or of another shape; all are named.
    """
    content = read_checkpoint(path, harmless=layout.harmless)
    state, removed = strip_wrappers(pick_state(content, layout.state_names, path))
    variant = layout.find_variant(state, removed)
    model = layout.make_model(variant)
    tensors, ignored = translate(state, layout.map_keys(model))
    fill_model(model, tensors)
    checksum = hash_file(path)
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


def hash_file(path: Path) -> str:
    """Return the sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def read_checkpoint(path: Path, *, harmless: tuple[type, ...] = ()) -> dict[str, Any]:
    """Read a checkpoint without running anything that it says.

    Args:
        path: A file that ``torch.save`` wrote.
        harmless: Classes beyond tensors and plain containers that this original is known to
            store; they are admitted for this call only.

    Raises:
        DetectorError: The file is missing, is no checkpoint, or holds more than weights.
    """
    if not path.is_file():
        raise DetectorError(f"{path}: no such file; give the official checkpoint")
    try:
        with torch.serialization.safe_globals(list(harmless)):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # torch raises pickle, zip, runtime and end-of-file errors alike for a file it refuses.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DetectorError(f"{path}: not read as weights only: {reason}") from error
    if not isinstance(content, dict):
        raise DetectorError(f"{path}: holds a {type(content).__name__}, not a state dict")
    return content


def pick_state(content: Mapping[str, Any], names: tuple[str, ...], path: Path) -> dict[str, Tensor]:
    """Find the state dict in a checkpoint: under one of ``names``, or the checkpoint itself.

    Raises:
        DetectorError: There is none, or it holds something other than tensors.
    """
    state = next((content[name] for name in names if isinstance(content.get(name), dict)), content)
    strange = sorted(key for key, value in state.items() if not isinstance(value, Tensor))
    if strange or not state:
        raise DetectorError(
            f"{path}: no state dict: looked under {', '.join(names)};"
            f" not tensors: {_show(strange) if strange else 'the file is empty'}"
        )
    return dict(state)


def strip_wrappers(state: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], str]:
    """Remove the prefixes that wrappers add to every key, however they are nested.

    Returns:
        The state dict with plain keys, and the prefix that was removed ("" for none).
    """
    removed = ""
    keys = list(state)
    while prefix := next((w for w in _WRAPPERS if all(k.startswith(w) for k in keys)), ""):
        removed += prefix
        keys = [key.removeprefix(prefix) for key in keys]
    return dict(zip(keys, state.values(), strict=True)), removed


def fake_minus_real(tensor: Tensor) -> Tensor:
    """Turn a head with the logits (real, fake) into one with their difference.

    softmax(real, fake)[fake] = sigmoid(fake - real) exactly, so nothing is lost.

    Args:
        tensor: (2, D) weight or (2,) bias of the official head.

    Returns:
        (1, D) or (1,).
    """
    if tensor.shape[0] != 2:
        raise DetectorError(f"the head has {tensor.shape[0]} classes, not the two (real, fake)")
    return (tensor[1:2].double() - tensor[0:1].double()).to(tensor.dtype)


def map_resnet(
    theirs: str, ours: str, depths: tuple[int, ...], convolutions: int
) -> dict[str, str]:
    """Map torchvision's ResNet modules to those of transformers' ``ResNetModel``.

    Args:
        theirs: Prefix of the official modules, with its dot.
        ours: Prefix of the ``ResNetModel``, with its dot.
        depths: Layers of each stage.
        convolutions: Convolutions of one layer: 2 basic, 3 bottleneck.
    """
    modules = {
        f"{theirs}conv1": f"{ours}embedder.embedder.convolution",
        f"{theirs}bn1": f"{ours}embedder.embedder.normalization",
    }
    for stage, depth in enumerate(depths):
        for layer in range(depth):
            here, there = (
                f"{theirs}layer{stage + 1}.{layer}",
                f"{ours}encoder.stages.{stage}.layers.{layer}",
            )
            modules[f"{here}.downsample.0"] = f"{there}.shortcut.convolution"
            modules[f"{here}.downsample.1"] = f"{there}.shortcut.normalization"
            for number in range(convolutions):
                modules[f"{here}.conv{number + 1}"] = f"{there}.layer.{number}.convolution"
                modules[f"{here}.bn{number + 1}"] = f"{there}.layer.{number}.normalization"
    return modules


def translate(
    state: Mapping[str, Tensor], keys: KeyMap
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Rename, split and turn an official state dict.

    Returns:
        Our state dict, and the ignored official keys with their reasons.

    Raises:
        DetectorError: A key is neither mapped nor ignorable.
    """
    ours: dict[str, Tensor] = {}
    ignored: dict[str, str] = {}
    unknown: list[str] = []
    for key, tensor in state.items():
        reason = next((why for rule, why in keys.ignorable.items() if re.fullmatch(rule, key)), "")
        targets = _targets(key, keys)
        if reason:
            ignored[key] = reason
        elif targets:
            turned = keys.turned[key](tensor) if key in keys.turned else tensor
            parts = turned.chunk(len(targets)) if len(targets) > 1 else (turned,)
            ours.update(zip(targets, parts, strict=True))
        else:
            unknown.append(key)
    if unknown:
        raise DetectorError(f"the checkpoint has keys that no rule knows: {_show(unknown)}")
    return ours, ignored


def fill_model(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy a translated state dict into a live model.

    A live model is filled, and saved by itself afterwards, because transformers writes other names
    to disk than its modules have in memory.

    Raises:
        DetectorError: A tensor is missing, unexpected, or of another shape; all are named.
    """
    wanted = model.state_dict()
    missing = sorted(set(wanted) - set(tensors))
    unexpected = sorted(set(tensors) - set(wanted))
    shapes = [
        f"{key} is {tuple(tensors[key].shape)}, ours {tuple(wanted[key].shape)}"
        for key in sorted(set(wanted) & set(tensors))
        if tensors[key].shape != wanted[key].shape
    ]
    problems = [
        f"{name}: {_show(found)}"
        for name, found in (("missing", missing), ("unexpected", unexpected), ("shapes", shapes))
        if found
    ]
    if problems:
        raise DetectorError("the checkpoint does not fit the model; " + "; ".join(problems))
    model.load_state_dict(dict(tensors), strict=True)


def _targets(key: str, keys: KeyMap) -> tuple[str, ...]:
    """Return our names for one official key, () when no rule knows it."""
    if key in keys.tensors:
        return (keys.tensors[key],)
    if key in keys.split:
        return keys.split[key]
    module, _, leaf = key.rpartition(".")
    if module in keys.modules:
        return (f"{keys.modules[module]}.{leaf}",)
    return tuple(f"{target}.{leaf}" for target in keys.split.get(module, ()))


def _show(names: list[str]) -> str:
    """List names, the first few only."""
    rest = len(names) - _NAMES_SHOWN
    return ", ".join(names[:_NAMES_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
