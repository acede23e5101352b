"""Where each tensor of an official state dict goes in one of our models: strictly, by name.

A detector states a :class:`KeyMap`: which official module is which of our modules, which tensors
are split or changed on the way, and which are left behind and why. Anything else is an error that
names the keys, so a wrong file or a changed layout never loads in part.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from thb_dataset.errors import DetectorError

Turn = Callable[[Tensor], Tensor]

_NAMES_SHOWN = 8
_LETTERS_SHOWN = 120


@dataclass(frozen=True, kw_only=True)
class KeyMap:
    """Where each tensor of an official state dict goes.

    Attributes:
        modules: Official module -> our module; every tensor directly under it keeps its leaf name.
        tensors: Official key -> our key, for bare parameters and renamed leaves.
        split: Official module or key -> several of ours, cut along dim 0 into equal parts in order.
        turned: Official key -> the change made to its tensor (transpose, difference of classes).
        ignorable: Regular expression that matches whole official keys -> why they are left behind.
    """

    modules: Mapping[str, str]
    tensors: Mapping[str, str] = field(default_factory=dict)
    split: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    turned: Mapping[str, Turn] = field(default_factory=dict)
    ignorable: Mapping[str, str] = field(default_factory=dict)


def fake_minus_real(tensor: Tensor) -> Tensor:
    """Turn a head with the logits (real, fake) into a head with their difference.

    softmax(real, fake)[fake] = sigmoid(fake - real) exactly, so nothing is lost.

    Args:
        tensor: (2, D) weight or (2,) bias of the official head.

    Returns:
        (1, D) or (1,).

    Raises:
        DetectorError: The head has another number of classes.
    """
    if tensor.shape[:1] != (2,):
        classes = tensor.shape[0] if tensor.dim() else 0
        raise DetectorError(f"the head has {classes} classes, not the two (real, fake)")
    return (tensor[1:2].double() - tensor[0:1].double()).to(tensor.dtype)


def map_resnet(
    theirs: str, ours: str, depths: tuple[int, ...], convolutions: int
) -> dict[str, str]:
    """Map the modules of torchvision's ResNet to those of transformers' ``ResNetModel``.

    Args:
        theirs: The prefix of the official modules, with its dot.
        ours: The prefix of the ``ResNetModel``, with its dot.
        depths: The number of layers of each stage.
        convolutions: The number of convolutions in a layer: 2 basic, 3 bottleneck.
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


def map_timm_block(theirs: str, ours: str) -> KeyMap:
    """Map a transformer block of timm to a layer of transformers' ``ViTModel`` or ``SwinModel``.

    Args:
        theirs: The official block, without a dot at its end.
        ours: The layer, without a dot at its end.
    """
    return KeyMap(
        modules={
            f"{theirs}.norm1": f"{ours}.layernorm_before",
            f"{theirs}.norm2": f"{ours}.layernorm_after",
            f"{theirs}.attn.proj": f"{ours}.attention.o_proj",
            f"{theirs}.mlp.fc1": f"{ours}.mlp.fc1",
            f"{theirs}.mlp.fc2": f"{ours}.mlp.fc2",
        },
        split={f"{theirs}.attn.qkv": tuple(f"{ours}.attention.{name}_proj" for name in "qkv")},
    )


def translate(
    state: Mapping[str, Tensor], keys: KeyMap
) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Rename, split and change the tensors of an official state dict.

    Returns:
        Our state dict, and the ignored official keys with their reasons.

    Raises:
        DetectorError: A key is neither mapped nor ignorable, or two keys stand for one tensor.
    """
    ours: dict[str, Tensor] = {}
    ignored: dict[str, str] = {}
    unknown: list[str] = []
    twice: list[str] = []
    for key, tensor in state.items():
        reason = next((why for rule, why in keys.ignorable.items() if re.fullmatch(rule, key)), "")
        targets = _targets(key, keys)
        if reason:
            ignored[key] = reason
        elif targets:
            twice += [key for target in targets if target in ours]
            turned = keys.turned[key](tensor) if key in keys.turned else tensor
            ours.update(zip(targets, _cut(turned, len(targets), key), strict=True))
        else:
            unknown.append(key)
    if unknown:
        raise DetectorError(f"the checkpoint has keys that no rule knows: {show_names(unknown)}")
    if twice:
        raise DetectorError(f"the checkpoint holds these twice, by two names: {show_names(twice)}")
    return ours, ignored


def _cut(tensor: Tensor, count: int, key: str) -> tuple[Tensor, ...]:
    """Cut a tensor along dim 0 into equal parts."""
    if count == 1:
        return (tensor,)
    if tensor.dim() == 0 or tensor.shape[0] == 0 or tensor.shape[0] % count:
        shape = tuple(tensor.shape)
        raise DetectorError(f"{key} is {shape}, which cannot be cut into {count} equal parts")
    return tensor.chunk(count)


def fill_model(model: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copy a translated state dict into a live model.

    The model saves itself afterwards, because the names that transformers writes to disk differ
    from those that its modules have in memory.

    Raises:
        DetectorError: A tensor is missing, unexpected, of another shape or kind of number, or
            holds NaN or infinity; all are named.
    """
    wanted = model.state_dict()
    missing = sorted(set(wanted) - set(tensors))
    unexpected = sorted(set(tensors) - set(wanted))
    both = sorted(set(wanted) & set(tensors))
    shapes = [
        f"{key} is {tuple(tensors[key].shape)}, ours {tuple(wanted[key].shape)}"
        for key in both
        if tensors[key].shape != wanted[key].shape
    ]
    kinds = [
        f"{key} is {tensors[key].dtype}, ours {wanted[key].dtype}"
        for key in both
        if tensors[key].is_floating_point() != wanted[key].is_floating_point()
    ]
    broken = [key for key in both if not _is_finite(tensors[key])]
    problems = [
        f"{name}: {show_names(found)}"
        for name, found in (
            ("missing", missing),
            ("unexpected", unexpected),
            ("shapes", shapes),
            ("kinds of numbers", kinds),
            ("NaN or infinity in", broken),
        )
        if found
    ]
    if problems:
        raise DetectorError("the checkpoint does not fit the model; " + "; ".join(problems))
    model.load_state_dict(dict(tensors), strict=True)


def _targets(key: str, keys: KeyMap) -> tuple[str, ...]:
    """Return our names for an official key, () if no rule knows it."""
    if key in keys.tensors:
        return (keys.tensors[key],)
    if key in keys.split:
        return keys.split[key]
    module, _, leaf = key.rpartition(".")
    if module in keys.modules:
        return (f"{keys.modules[module]}.{leaf}",)
    return tuple(f"{target}.{leaf}" for target in keys.split.get(module, ()))


def _is_finite(tensor: Tensor) -> bool:
    """Say whether every number is finite; formats of 8 bits are widened to be asked."""
    if not tensor.is_floating_point():
        return True
    wide = tensor.float() if tensor.itemsize == 1 else tensor
    return bool(wide.isfinite().all())


def show_names(names: list[str]) -> str:
    """Return the first few names and the number of the others, without control characters."""
    rest = len(names) - _NAMES_SHOWN
    first = [name[:_LETTERS_SHOWN] for name in names[:_NAMES_SHOWN]]
    shown = ", ".join(first) + (f" and {rest} more" if rest > 0 else "")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in shown)
