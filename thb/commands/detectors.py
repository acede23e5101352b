"""``thb detectors``: what there is, and where its weights are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from thb.commands.options import FORMAT, FormatOption, OutputFormat
from thb.commands.output import write_json, write_line
from thb.runtime.console import quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from detectors.catalogue import CatalogueEntry
    from detectors.published import PublishedWeights


def detectors(output: FormatOption = FORMAT) -> None:
    """List the detectors and the weights that others publish.

    Of each detector: what it sees of a video, whether it needs sound, how far its logits are from
    the original's, its card, and where which weights are: fetched by name, or by hand.

    JSON: detectors, each with name, input, clip_spec, needs_audio, parity, card and weights.

    Examples:
        thb detectors
        thb detectors --format json
    """
    from detectors.catalogue import list_detectors

    quiet_transformers()
    entries = list_detectors()
    if output is OutputFormat.JSON:
        write_json({"detectors": [entry.to_dict() for entry in entries]})
        return
    for number, entry in enumerate(entries):
        for line in ([""] if number else []) + list(_describe(entry)):
            write_line(line)


def _describe(entry: CatalogueEntry) -> Iterator[str]:
    yield entry.name
    yield f"  input    {entry.input}{'; needs sound' if entry.needs_audio else ''}"
    if entry.parity is not None:
        yield f"  parity   logits within {entry.parity:.0e} of the original's, for random weights"
    yield f"  card     {entry.card}"
    if not entry.weights:
        yield f"  weights  your own: thb train {entry.name}"
    for weights in entry.weights:
        yield from _describe_weights(weights, fetched=weights.repo in entry.fetched)


def _describe_weights(weights: PublishedWeights, *, fetched: bool) -> Iterator[str]:
    yield f"  weights  {weights.weights}"
    size = "" if weights.file is None else f" ({weights.size})"
    yield f"           {weights.source}{size}"
    yield f"           licence: {weights.licence}"
    yield f"           trained on: {weights.trained_on}"
    if weights.repo is not None:
        here = "; they are on this machine" if fetched else "; fetched at the first use"
        yield f"           thb predict {weights.repo} VIDEO{here}"
    elif weights.command is not None:
        yield f"           fetch them by hand, then: {weights.command}"
