"""The transitions of a run, from its predictions, beside those of the paper's Table 8."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from thb.evaluation.cells import ScoreSettings
from thb.evaluation.tables import list_caveats
from thb.reports.evaluations import Evaluation, read_evaluations
from thb.reports.figures.words import note_calibrations
from thb.reports.published import (
    PublishedTransition,
    name_in_paper,
    read_published_transitions,
)
from thb.reports.transitions import CONFIDENT, MISSED_BELOW, Transitions, find_transitions
from thb.runtime.text import printable
from thb_dataset.errors import ResultError, SettingsError

BEFORE: Final = "p1"
AFTER: Final = "p3"
THRESHOLD: Final = "threshold"
"""Stands for the folds' own thresholds, which ``thb calibrate`` chose on validation videos."""


@dataclass(frozen=True, kw_only=True)
class RunTransitions:
    """The transitions of a run, and what must be known beside them.

    Attributes:
        name: What the detector is called.
        transitions: The counts and the videos.
        definitions: What "confident" and "missed" mean, a sentence each.
        notes: What else must be known: why there are none, and what limits them.
        published: The paper's row of each generator; empty if it has none for this detector.
    """

    name: str
    transitions: Transitions
    definitions: tuple[str, ...]
    notes: tuple[str, ...] = ()
    published: Mapping[str, PublishedTransition] = field(default_factory=dict)

    @property
    def heading(self) -> str:
        """A heading for its tables."""
        found = self.transitions
        return f"{self.name}: from {found.before.upper()} to {found.after.upper()}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        record = {"name": self.name, **self.transitions.to_dict()}
        for row in record["rows"]:
            paper = self.published.get(row["generator"])
            row["published"] = paper and {
                "true_positives": paper.true_positives,
                "false_negatives": paper.false_negatives,
                "drop": paper.false_negatives / paper.true_positives,
            }
        return {**record, "definitions": list(self.definitions), "notes": list(self.notes)}


def transitions(
    run: str | Path,
    run_after: str | Path | None = None,
    *,
    before: str = BEFORE,
    after: str = AFTER,
    confident: float = CONFIDENT,
    quantile: float | None = None,
    missed_below: float | Literal["threshold"] = MISSED_BELOW,
) -> RunTransitions:
    """Count the fakes that a detector finds with confidence in one protocol and misses in another.

    Args:
        run: The run folder, which holds the predictions of both protocols.
        run_after: The run folder of the second protocol; None for the same.
        before: The first protocol.
        after: The second protocol.
        confident: The P(fake) from which a true positive is confident.
        quantile: Let "confident" mean this quantile of the first detector's scores of fakes
            instead, within [0, 1).
        missed_below: The P(fake) below which a fake is missed; ``"threshold"`` for the threshold
            that validation gave each fold's detector.

    Raises:
        ResultError: There are no predictions of a protocol, or of several detectors, they share no
            fake, or a fold has no threshold.
        SettingsError: A folder does not exist, or a number is not a probability.

    Examples:
        >>> found = thb.transitions("runs/tall")
        >>> found.heading
        'tall: from P1 to P3'
        >>> [(row.generator, row.true_positives) for row in found.transitions.rows][:1]
        [('AniPortraitAudio', 1)]
    """
    if before == after:
        raise SettingsError(f"{before} is compared with itself: name two protocols")
    return compare_protocols(
        read_protocol(run, before),
        read_protocol(run_after or run, after),
        confident=confident,
        quantile=quantile,
        missed_below=missed_below,
    )


def compare_protocols(
    first: Evaluation,
    second: Evaluation,
    *,
    confident: float = CONFIDENT,
    quantile: float | None = None,
    missed_below: float | Literal["threshold"] = MISSED_BELOW,
) -> RunTransitions:
    """Count the transitions between two protocols whose predictions are at hand.

    Args:
        first: A detector on the first protocol.
        second: The same detector on the second protocol.
        confident: The P(fake) from which a true positive is confident.
        quantile: As :func:`transitions` takes it.
        missed_below: As :func:`transitions` takes it.

    Raises:
        ResultError: They share no fake, or a fold has no threshold.
        SettingsError: A number is not a probability.
    """
    _check_settings(confident, quantile, missed_below)
    limits = {fold: own.threshold for fold, own in second.calibrations.items()}
    found = find_transitions(
        first.folds,
        second.folds,
        confident_from=confident,
        quantile=quantile,
        missed_below=limits if missed_below == THRESHOLD else float(missed_below),
    )
    definitions = _define(found, by_threshold=missed_below == THRESHOLD)
    is_table_8 = (first.result.protocol, second.result.protocol) == (BEFORE, AFTER)
    published = _find_published(found.detector) if is_table_8 else {}
    return RunTransitions(
        name=first.result.title,
        transitions=found,
        definitions=definitions,
        notes=tuple(
            [
                *_list_notes(found, first, second, bool(published)),
                *(note_calibrations(second.calibrations) if missed_below == THRESHOLD else ()),
            ]
        ),
        published=published,
    )


def read_protocol(run: str | Path, protocol: str) -> Evaluation:
    """Return the only detector's predictions of a protocol that a run folder holds.

    Raises:
        ResultError: There are none, or those of several detectors.
        SettingsError: The folder does not exist.
    """
    read = read_evaluations([run], settings=ScoreSettings(n_bootstrap=0))
    own = [each for each in read if each.result.protocol == protocol and each.folds]
    if not own:
        held = ", ".join(sorted({each.result.protocol for each in read if each.folds}))
        raise ResultError(
            f"{run} holds no predictions of {protocol}, only of {held or 'nothing'}: "
            f"thb evaluate {run} --protocol {protocol}"
        )
    if len(own) > 1:
        names = ", ".join(each.result.title for each in own)
        raise ResultError(
            f"{run} holds {protocol} of several detectors ({names}): name one of them"
        )
    return own[0]


def _check_settings(confident: float, quantile: float | None, missed_below: float | str) -> None:
    if quantile is not None and not 0 <= quantile < 1:
        raise SettingsError(f"a quantile is within [0, 1), not {quantile}")
    given = {"confident": confident}
    if missed_below != THRESHOLD:
        given["missed below"] = float(missed_below)
    for name, value in given.items():
        if not 0 <= value <= 1:
            raise SettingsError(f"{name} is within [0, 1], not {value}")


def _find_published(detector: str) -> dict[str, PublishedTransition]:
    name = name_in_paper(detector)
    return {row.generator: row for row in read_published_transitions() if row.detector == name}


def _define(found: Transitions, *, by_threshold: bool) -> tuple[str, ...]:
    """Return what "confident" and "missed" mean here."""
    first = found.rows[0]
    confident = (
        f"Confident in {found.before.upper()}: P(fake) of {first.confident_from:.4g} or more"
    )
    if found.quantile is not None:
        confident += (
            f", the {found.quantile:g} quantile of the scores that {found.before.upper()}'s"
            " detector gives to all fakes compared"
        )
    missed = f"Missed in {found.after.upper()}: P(fake) below {first.missed_below:.4g}"
    if by_threshold:
        limits = [row.missed_below for row in found.rows]
        missed = (
            f"Missed in {found.after.upper()}: P(fake) below the threshold that validation gave"
            f" the detector of the fold ({min(limits):.3f} to {max(limits):.3f})"
        )
    return f"{confident}.", f"{missed}."


def _list_notes(
    found: Transitions, first: Evaluation, second: Evaluation, has_published: bool
) -> list[str]:
    notes: list[str] = []
    if not found.videos:
        notes.append(_explain_none(found))
    if any(row.missed_below > row.confident_from for row in found.rows):
        notes.append(
            "Some fakes count as missed from a score that is above the one that is called"
            " confident: such a fake may be missed without a fall. Choose other limits."
        )
    if has_published:
        notes.append(
            "The paper's columns are those of its Table 8, which counts from a P(fake) of"
            f" {CONFIDENT:g} in P1 and has a row for some generators only."
        )
    one, other = first.result, second.result
    if one.release.identity != other.release.identity or one.split_by != other.split_by:
        notes.append(
            f"{found.before.upper()} was scored on {one.release} split by {one.split_by},"
            f" {found.after.upper()} on {other.release} split by {other.split_by}."
        )
    return [*map(printable, notes), *list_caveats([one, other])]


def _explain_none(found: Transitions) -> str:
    """Return why no video made the transition."""
    confident = sum(row.true_positives for row in found.rows)
    compared = sum(row.compared for row in found.rows)
    if not confident:
        highest = max(row.highest_before for row in found.rows)
        return (
            f"No transition: none of the {compared} fakes is found with confidence in"
            f" {found.before.upper()}; the highest P(fake) is {highest:.3f}. A lower limit or a"
            " quantile suits a detector that is calibrated otherwise."
        )
    lowest = min(row.lowest_after for row in found.rows if row.lowest_after is not None)
    return (
        f"No transition: all {confident} fakes that are found with confidence in"
        f" {found.before.upper()} are found in {found.after.upper()} as well; their lowest P(fake)"
        f" there is {lowest:.3f}."
    )
