"""The pretrained backbones with which published trainings begin; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, kw_only=True)
class PublishedBackbone:
    """The pretrained weights with which the published training of a detector begins.

    Attributes:
        weights: The weights, in words.
        settings: The settings of the detector's config to which they fit. A detector with other
            values is no longer the published one, and begins with random weights.
        depth: The setting, if any, that may be lower, since the first blocks can be had alone.
        repo: The repo of the Hub that holds them as ``model.safetensors``, in the layout of
            transformers; None if no such repo is known.
        revision: The commit of the repo.
        megabytes: The size of the file.
        licence: The licence that the repo states, or what else is known of it.
    """

    weights: str
    settings: Mapping[str, Any]
    depth: str | None = None
    repo: str | None = None
    revision: str = ""
    megabytes: int = 0
    licence: str = ""

    def fits(self, config: object) -> bool:
        """Return whether a detector's config is of the published size, or has its first blocks."""
        return all(
            _as_lists(getattr(config, name)) == _as_lists(value)
            or (name == self.depth and getattr(config, name) < value)
            for name, value in self.settings.items()
        )

    @property
    def checkpoint(self) -> str:
        """The weights as ``backbone_checkpoint`` names them, ``org/name@commit``."""
        return f"{self.repo}@{self.revision}"


def _as_lists(value: object) -> object:
    """Return a value with lists for its tuples, as it comes back from JSON."""
    return list(value) if isinstance(value, tuple) else value
