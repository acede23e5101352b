"""Videos and protocol runs in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from thb_dataset.protocols import Protocol, parse_held_out, split_fold_name
from thb_dataset.records import Family

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoInfo


def describe_video(name: str, info: VideoInfo) -> str:
    """Return a line about an uploaded video."""
    length = "unknown length" if info.seconds is None else f"{info.seconds:.1f} s"
    sound = "with sound" if info.has_audio else "without sound"
    return f"{name}: {length}, {info.width} × {info.height} pixels, {sound}"


def warn_of_drawings(names: Sequence[str]) -> str:
    """Return the warning about detectors on offer that were trained on a synthetic release."""
    return (
        f"Trained on drawings only (the synthetic release): {', '.join(names)}. Scores of videos of"
        " people mean nothing; only the example drawings get a verdict."
    )


def describe_run(fold: str | None) -> str:
    """Return in words what the detectors of a protocol run were trained on.

    Args:
        fold: ``p1``, ``p3-hallo``, …; None for weights that belong to no protocol.
    """
    if fold is None:
        return "Other weights: trained outside the benchmark's protocols"
    protocol, held_out = split_fold_name(fold)
    if protocol is None or not held_out:
        return {"p1": "P1: all generators, unseen people"}.get(fold, fold)
    unseen = parse_held_out(held_out, protocol)
    if isinstance(unseen, Family):
        return f"P3-FAMILY: without {' and '.join(unseen.generators)}, unseen people"
    people = ", unseen people" if protocol is Protocol.P3 else ""
    return f"{protocol.upper()}: without {unseen}{people}"
