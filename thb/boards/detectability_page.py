"""How detectable a generator is, in words, as JSON and as one HTML page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from thb.boards.detectability_record import (
    RATES,
    Caught,
    Detectability,
    Finding,
    Neighbours,
)
from thb.reports.report.section import bullets, paragraph, table
from thb.runtime.records import to_json
from thb.runtime.text import plain, printable
from thb_dataset.errors import DetectorError, VideoError
from thb_dataset.files import write_json, write_whole
from thb_dataset.html_page import embed_picture, write_page

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.prediction.calls import Grounds

TITLE: Final = "How detectable this generator is"
FEATURES_SHOWN: Final = 8
THIS: Final = "→ this generator"
_STYLE: Final = """
.wide { overflow-x: auto }
.wide th, .wide td { overflow-wrap: normal; vertical-align: top }
table { border-collapse: collapse } th, td { padding: .25rem .7rem; text-align: left;
border-bottom: 1px solid rgb(128 128 128 / .4) }
"""
_HEADINGS: Final = (
    *("detector", "false alarms", "caught", "exact 95 %", "95 % over drivers and portraits"),
    *("threshold", "read off"),
)


def list_lines(found: Detectability) -> list[str]:
    """Return a summary of a few lines for a terminal."""
    lines = []
    for own in found.findings:
        lines += [_write_finding(own.detector, name, one) for name, one in own.caught.items()]
        if own.unscored:
            lines.append(f"{printable(own.detector)}: without a score: {_write_counts(own)}")
    lines += _place_in_words(found)
    lines += [
        f"shortcut: {area.feature} alone reaches AUC {area.auc:.3f} {_span(area.low, area.high)}"
        for area in found.features[:3]
    ]
    lines += [f"most detectable: {name}" for name in found.most]
    lines += [f"least detectable: {name}" for name in found.least]
    return [printable(line) for line in [*lines, *found.notes]]


def _write_finding(detector: str, metric: str, one: Caught) -> str:
    rate = RATES[metric]
    clusters = (
        f"; {_span(one.cluster_low, one.cluster_high)} over drivers and portraits"
        if one.cluster_low is not None
        else ""
    )
    mark = "†" if one.below_resolution else ""
    return (
        f"{detector} at {rate}: catches {one.hits} of {one.fakes},"
        f" {one.share:.3f}{mark} {_span(one.low, one.high)}{clusters}"
    )


def _span(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"[{low:.2f}–{high:.2f}]"


def _write_counts(own: Finding) -> str:
    return ", ".join(f"{count} {reason}" for reason, count in own.unscored.items())


def _place_in_words(found: Detectability) -> list[str]:
    lines = [
        f"{one.detector}: {_write_place(one.neighbours)} (1 is the hardest to detect)"
        for one in found.findings
        if one.neighbours is not None
    ]
    if found.neighbours is not None:
        known = len(found.neighbours.known)
        lines.append(
            f"it would stand at {_write_place(found.neighbours)} (1 is the hardest to detect; other"
            f" detectors measured the {known} known ones)"
        )
    return lines


def _write_place(own: Neighbours) -> str:
    span = "" if own.place_low == own.place_high else f" ({own.place_low}–{own.place_high})"
    return (
        f"place {own.place}{span} of {len(own.known) + 1} on {own.protocol.upper()} by {own.source}"
    )


def save_detectability(
    found: Detectability,
    out: Path,
    files: Mapping[str, Path],
    detector: Detector | str | Path,
    *,
    grounds: Grounds | None = None,
) -> None:
    """Write ``detectability.json``, ``.html`` and pictures of the most and least detectable fakes.

    Args:
        found: The findings.
        out: The folder, which is created.
        files: The files of the fakes by name.
        detector: The detector whose looks are shown.
        grounds: What decides on its verdicts; the pictures quote this threshold.

    Raises:
        OSError: A file cannot be written.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_json(out / "detectability.json", to_json(found))
    with write_whole(out / "detectability.html") as draft:
        draft.write_text(
            _draw(found, _explain(found, out, files, detector, grounds)), encoding="utf-8"
        )


def _explain(
    found: Detectability,
    out: Path,
    files: Mapping[str, Path],
    detector: Detector | str | Path,
    grounds: Grounds | None,
) -> dict[str, Path | str]:
    """Return a picture of where the detector looked for each named fake, or why there is none."""
    from thb.explanations.explain import explain

    pictures: dict[str, Path | str] = {}
    for number, name in enumerate(dict.fromkeys((*found.most, *found.least))):
        try:
            explained = explain(detector, files[name], grounds=grounds)
        except (VideoError, DetectorError) as error:
            pictures[name] = str(error)
        else:
            pictures[name] = explained.save_sheet(out / f"sheet-{number + 1}.png")
    return pictures


def _draw(found: Detectability, pictures: Mapping[str, Path | str]) -> str:
    parts = [
        f"<h1>{TITLE}</h1>",
        paragraph(
            f"{found.fakes} fakes"
            + ("." if found.reals is None else f" and {found.reals} real videos.")
        ),
        "<h2>What detectors catch</h2>",
        table(_HEADINGS, _list_rows(found)),
        bullets(_place_in_words(found)),
        bullets(
            f"{own.detector}: without a score: {_write_counts(own)}"
            for own in found.findings
            if own.unscored
        ),
    ]
    for place in _list_places(found):
        parts.append(f"<h3>Known generators: {plain(place.source)}</h3>")
        parts.append(table(("generator", "caught at 1 %", "95 %"), _list_known(place)))
    if found.features:
        areas = [
            (own.feature, f"{own.auc:.3f}", _span(own.low, own.high), own.higher_in)
            for own in found.features[:FEATURES_SHOWN]
        ]
        parts.append("<h2>Shortcuts: what a single feature of the files tells</h2>")
        parts.append(table(("feature", "AUC", "95 %", "higher in"), areas))
    for title, names in (("Most", found.most), ("Least", found.least)):
        parts.append(f"<h2>{title} detectable</h2>")
        parts += [_draw_video(name, pictures.get(name, "")) for name in names]
    return write_page(TITLE, "\n".join([*parts, bullets(found.notes)]), style=_STYLE)


def _list_places(found: Detectability) -> list[Neighbours]:
    places = [*(own.neighbours for own in found.findings), found.neighbours]
    return [place for place in places if place is not None]


def _list_known(place: Neighbours) -> list[tuple[str, ...]]:
    """Return the known generators, the hardest first, and this one among them."""
    own = (THIS, f"{place.share:.3f}", _span(place.low, place.high))
    rows = [(one.name, f"{one.share:.3f}", _span(one.low, one.high)) for one in place.known]
    return [*rows[: place.place - 1], own, *rows[place.place - 1 :]]


def _list_rows(found: Detectability) -> list[tuple[str, ...]]:
    return [
        (
            own.detector,
            RATES[metric],
            f"{one.share:.3f}{'†' if one.below_resolution else ''} ({one.hits} of {one.fakes})",
            _span(one.low, one.high),
            _span(one.cluster_low, one.cluster_high),
            "–" if one.threshold is None else f"{one.threshold:.4f}",
            one.source,
        )
        for own in found.findings
        for metric, one in own.caught.items()
    ]


def _draw_video(name: str, picture: Path | str) -> str:
    if isinstance(picture, str):
        return paragraph(f"{name}: {picture or 'no picture'}")
    alt = f"Crops of {name}, and where the detector looked"
    shown = embed_picture(picture.read_bytes(), "png", alt=alt)
    return f"<figure>{shown}<figcaption>{plain(name)}</figcaption></figure>"
