"""The answers of the original networks, and official checkpoints that are drawn from a seed.

``scripts/check_parity.py --tiny --write`` wrote the files in ``golden`` with small networks of the
original classes. ``draw_state`` draws their weights again, so the weights are not kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from detectors.base import Detector, DetectorConfig
from detectors.conversion import Layout
from detectors.key_maps import KeyMap, fill_model, translate
from scripts.drawn_weights import draw_input, draw_state

GOLDEN = Path(__file__).parent / "golden"


@dataclass(frozen=True, kw_only=True)
class Golden:
    """A tiny original: its official state dict, its input and its answers."""

    variant: str
    config: dict[str, Any]
    state: dict[str, Tensor]
    pixel_values: Tensor
    logits: Tensor
    more: dict[str, list[float]]

    @property
    def difference(self) -> Tensor:
        """The logit of fake minus that of real, or the only logit."""
        logits = self.logits
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]

    def fill(self, model: Detector, keys: KeyMap) -> Detector:
        """Put the official weights into one of our models, in float64 like the answers."""
        tensors, _ = translate(self.state, keys)
        fill_model(model, tensors)
        model.eval().double()
        return model


@pytest.fixture(scope="session")
def read_golden() -> Callable[[str], Golden]:
    """Return a function that reads ``golden/NAME.json`` and draws its weights and input."""

    def read(name: str) -> Golden:
        record = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
        state = {
            key: torch.zeros(shape, dtype=getattr(torch, kind.removeprefix("torch.")))
            for key, (kind, shape) in record["state"].items()
        }
        shapes = {
            key: tuple(value.shape) for key, value in state.items() if value.is_floating_point()
        }
        state |= draw_state(shapes, record["seed"], record["gain"])
        shown = draw_input(2, tuple(record["clip_shape"]), record["scale"], record["seed"])
        return Golden(
            variant=record["variant"],
            config=record["config"],
            state=state,
            pixel_values=shown.double(),
            logits=torch.tensor(record["logits"], dtype=torch.float64),
            more=record["more"],
        )

    return read


def make_layout(layout: Layout[Any], config: DetectorConfig) -> Layout[Any]:
    """Return the detector's own layout, for a tiny network instead of the published ones."""
    return replace(
        layout, find_variant=lambda _state, _removed: "tiny", make_config=lambda _variant: config
    )


@pytest.fixture
def shrink_layout() -> Callable[[Layout[Any], DetectorConfig], Layout[Any]]:
    """Hand :func:`make_layout` to the tests."""
    return make_layout
