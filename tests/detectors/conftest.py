"""What the original networks answered, and official checkpoints drawn from a seed.

``scripts/check_parity.py --tiny --write`` made the files in ``golden``: small networks of the
original classes, their weights drawn by ``draw_state``, so the weights need not be kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

import detectors  # noqa: F401 — first: it lets tests import models of transformers
import scripts.drawn_weights
from detectors.base import Detector
from detectors.conversion import KeyMap, Layout, fill_model, translate

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="session")
def drawn_weights() -> ModuleType:
    """The module of the script that draws weights and clips from a seed."""
    return scripts.drawn_weights


@dataclass(frozen=True, kw_only=True)
class Golden:
    """One tiny original: its official state dict, what it was shown, and what it answered."""

    variant: str
    config: dict[str, Any]
    state: dict[str, Tensor]
    pixel_values: Tensor
    logits: Tensor
    more: dict[str, list[float]]

    @property
    def difference(self) -> Tensor:
        """Fake minus real, or the one logit."""
        logits = self.logits
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits[:, 0]

    def fill(self, model: Detector, keys: KeyMap) -> Detector:
        """Put the official weights into a model of ours; in float64, as the answers are."""
        tensors, _ = translate(self.state, keys)
        fill_model(model, tensors)
        model.eval().double()
        return model


@pytest.fixture(scope="session")
def read_golden(drawn_weights: ModuleType) -> Callable[[str], Golden]:
    """Read ``golden/NAME.json`` and draw what belongs to it."""

    def read(name: str) -> Golden:
        record = json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
        state = {
            key: torch.zeros(shape, dtype=getattr(torch, kind.removeprefix("torch.")))
            for key, (kind, shape) in record["state"].items()
        }
        shapes = {key: tuple(each.shape) for key, each in state.items() if each.is_floating_point()}
        state |= drawn_weights.draw_state(shapes, record["seed"], record["gain"])
        shown = drawn_weights.draw_input(
            2, tuple(record["clip_shape"]), record["scale"], record["seed"]
        )
        return Golden(
            variant=record["variant"],
            config=record["config"],
            state=state,
            pixel_values=shown.double(),
            logits=torch.tensor(record["logits"], dtype=torch.float64),
            more=record["more"],
        )

    return read


@pytest.fixture(scope="session")
def fingerprint(drawn_weights: ModuleType) -> Callable[[Tensor], list[float]]:
    """One number a clip that every entry of an answer takes part in."""
    function: Callable[[Tensor], list[float]] = drawn_weights.fingerprint
    return function


def make_layout(layout: Layout, model: Detector) -> Layout:
    """The detector's own layout, with a tiny model instead of the published one."""
    return Layout(
        detector=layout.detector,
        state_names=layout.state_names,
        find_variant=lambda _state, _removed: "tiny",
        make_model=lambda _variant: model,
        map_keys=layout.map_keys,
        harmless=layout.harmless,
    )


@pytest.fixture
def shrink_layout() -> Callable[[Layout, Detector], Layout]:
    """Hand :func:`make_layout` to the tests."""
    return make_layout
