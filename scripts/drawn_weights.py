"""Weights and pictures that are drawn from a seed, for the parity check and the tests.

``tests/detectors`` draws the inputs of the originals again with this module.
"""

from __future__ import annotations

import sys
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

CADDM_REGIONS = [[0.0, 0.0, 1.0, 1.0], [0.1, 0.2, 0.5, 0.65]]
"""Two swapped regions for the anchor loss: corners as shares of the picture."""


@dataclass(frozen=True, kw_only=True)
class Original:
    """An original network, and how it is stored and called.

    Attributes:
        network: The network with the weights of its own initialisation.
        wrap: From its state dict to the object that the official trainer passes to ``torch.save``.
        score: From the network and our ``pixel_values`` to its logits, (N, 2) or (N, 1).
        shape: The shape of one clip of ``pixel_values``.
        scale: The upper end of the input's range, which begins at 0.
        gain: The gain of the drawn weights.
        config: Our settings for the same network (tiny networks only).
        settings: What the official ``config.json`` beside the weights says; empty for none.
        answer_more: From the network and ``pixel_values`` to further numbers that are kept.
    """

    network: nn.Module
    wrap: Callable[[dict[str, Tensor]], dict[str, Any]]
    score: Callable[[nn.Module, Tensor], Tensor]
    shape: tuple[int, ...]
    scale: float = 1.0
    gain: float = 1.0
    config: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    answer_more: Callable[[nn.Module, Tensor], dict[str, list[float]]] = lambda *_: {}


def draw_state(
    shapes: Mapping[str, tuple[int, ...]], seed: int, gain: float = 1.0
) -> dict[str, Tensor]:
    """Draw every tensor of a state dict, so that no value hides a mistake.

    Args:
        shapes: Key -> shape, floating tensors only.
        seed: The seed, which decides the values together with the key, but not with its place.
        gain: The gain of matrices and kernels; above 1 if a deep network would vanish otherwise.
    """
    state: dict[str, Tensor] = {}
    for key, shape in shapes.items():
        generator = np.random.default_rng([seed, zlib.crc32(key.encode())])
        unit = torch.from_numpy(generator.random(tuple(shape), dtype=np.float32))
        if key.endswith("running_var") or (key.endswith(".weight") and len(shape) == 1):
            state[key] = unit + 0.5
        elif len(shape) < 2:
            state[key] = unit - 0.5
        else:
            fan = np.prod(shape[1:]) if key.endswith("weight") else 3
            # CLIP's bare projections multiply from the right.
            fan = shape[0] if key.endswith(("proj", "projection")) else fan
            state[key] = (unit * 2 - 1) * gain * float(np.sqrt(3 / fan))
    return state


def draw_input(clips: int, shape: tuple[int, ...], scale: float, seed: int) -> Tensor:
    """Return smooth pictures (clips, *shape): noise at an eighth of the size, enlarged."""
    generator = np.random.default_rng(seed)
    coarse = (max(1, shape[-2] // 8), max(1, shape[-1] // 8))
    noise = torch.from_numpy(generator.random((clips, *shape[:-2], *coarse), dtype=np.float32))
    smooth = nn.functional.interpolate(noise.flatten(0, -4), shape[-2:], mode="bilinear")
    return (smooth * scale).reshape(clips, *shape)


def fingerprint(values: Tensor) -> list[float]:
    """Return one number per clip that depends on every entry of an answer."""
    flat = values.flatten(1)
    weights = torch.cos(torch.arange(flat.shape[1], dtype=flat.dtype))
    return [float(value) for value in flat @ weights]


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """Search an original's folder for imports, and forget its modules afterwards."""
    before = set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(str(folder)):
                del sys.modules[name]
