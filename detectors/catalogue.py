"""What there is: every detector with its input, its weights, and its parity with the original."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from detectors.fetching import find_conversion
from detectors.listing import DETECTORS
from detectors.published import PUBLISHED, PublishedWeights
from detectors.registry import find_detector_class
from thb_dataset.clip_spec import ClipSpec


@dataclass(frozen=True, kw_only=True)
class CatalogueEntry:
    """A detector, as a user chooses it.

    Attributes:
        name: The registered name.
        clip_spec: The clips that it takes by default.
        parity: The largest difference between the original's logits and ours, for random weights,
            over all variants (``benchmarks/parity.md``); None for a detector without an original.
        card: The model card in the source.
        weights: The weights that others have published; empty if nobody publishes any.
        fetched: The repos whose weights are on this machine, ready for use.
    """

    name: str
    clip_spec: ClipSpec
    parity: float | None
    card: str
    weights: tuple[PublishedWeights, ...]
    fetched: tuple[str, ...]

    @property
    def needs_audio(self) -> bool:
        """Whether a video without sound gets no score."""
        return self.clip_spec.listens

    @property
    def input(self) -> str:
        """The clips in words, such as ``32 frames, each alone, aligned face, 224 x 224``."""
        spec = self.clip_spec
        clips = f"{spec.clips} frames, each alone"
        if spec.frames > 1:
            clips = f"{spec.clips} x {spec.frames} frames"
        part = {"box": "face", "aligned": "aligned face", "full": "whole frame"}[spec.crop]
        return f"{clips}, {part}, {spec.size} x {spec.size}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "name": self.name,
            "input": self.input,
            "clip_spec": self.clip_spec.to_dict(),
            "needs_audio": self.needs_audio,
            "parity": self.parity,
            "card": self.card,
            "weights": [
                {
                    **asdict(one),
                    "by_name": one.repo is not None,
                    "fetched": one.repo in self.fetched,
                    "command": one.command,
                }
                for one in self.weights
            ],
        }


def list_detectors() -> tuple[CatalogueEntry, ...]:
    """Return every detector of the toolkit, those first whose weights are fetched by name.

    Raises:
        DetectorError: A record of a download is damaged.

    Examples:
        >>> {entry.name: len(entry.weights) for entry in thb.list_detectors()}
        {'gend': ..., 'baseline': 0...}
    """
    entries = []
    for name, listing in DETECTORS.items():
        weights = tuple(one for one in PUBLISHED if one.detector == name)
        fetched = (one.repo for one in weights if one.repo and find_conversion(one) is not None)
        entries.append(
            CatalogueEntry(
                name=name,
                clip_spec=find_detector_class(name).config_class().clip_spec,
                parity=listing.parity,
                card=f"detectors/{name}/README.md",
                weights=weights,
                fetched=tuple(filter(None, fetched)),
            )
        )
    return tuple(sorted(entries, key=lambda entry: not any(one.repo for one in entry.weights)))
