"""The picks of a gallery: which videos of a fold are shown, chosen by rule from their scores."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from thb.explanations.video_rows import ExplainedVideo
from thb.prediction.predictions import Prediction
from thb.prediction.verdicts import VerdictRule

Kind = Literal["hit", "miss", "false alarm"]
Scored = Prediction | ExplainedVideo

KINDS: Final[Mapping[Kind, str]] = {
    "hit": "most confident hit",
    "miss": "worst miss",
    "false alarm": "worst false alarm",
}


@dataclass(frozen=True, kw_only=True)
class PickCounts:
    """How many videos of each kind are picked.

    Attributes:
        hits: Fakes of each generator that were judged right, those with the highest score first.
        misses: Fakes of each generator that were judged wrong, those with the lowest score first.
        false_alarms: Real videos of each fold that were judged wrong, those with the highest score
            first.
    """

    hits: int = 1
    misses: int = 3
    false_alarms: int = 4


@dataclass(frozen=True, kw_only=True)
class Pick:
    """One place in a gallery.

    Attributes:
        fold: The name of the fold, such as ``p3-hallo``.
        kind: ``hit``, ``miss`` or ``false alarm``.
        generator: The generator that made the fakes to pick from; None for real videos.
        video_id: The video; None where no video fits.
        score: P(fake).
        call: What the detector makes of the score, in words.
        problem: Why there is no video, or no picture of it.
    """

    fold: str
    kind: Kind
    generator: str | None
    video_id: str | None = None
    score: float | None = None
    call: str = ""
    problem: str | None = None


def describe_counts(counts: PickCounts) -> str:
    """Return the rule of the picks in words."""
    return (
        f"For each fold and generator: up to {counts.hits} of the fakes judged right, those with"
        f" the highest P(fake), and up to {counts.misses} of the fakes judged wrong, those with the"
        f" lowest. For each fold: up to {counts.false_alarms} of the real videos judged wrong,"
        " those with the highest. Ties are broken by id."
    )


def pick_videos(
    rows: Iterable[Scored], fold: str, rule: VerdictRule, counts: PickCounts
) -> tuple[Pick, ...]:
    """Pick the videos of one fold; where no video fits, there is a pick that says so.

    Args:
        rows: The scores; rows without one are not picked.
        fold: The name of the fold.
        rule: When an answer is right.
        counts: How many videos of each kind.
    """
    scored = [row for row in rows if row.score is not None]
    reals = [row for row in scored if row.label == 0]
    picks: list[Pick] = []
    for generator in sorted({row.generator for row in scored if row.generator}):
        fakes = [row for row in scored if row.generator == generator]
        picks += _pick("hit", fakes, counts.hits, fold, rule)
        picks += _pick("miss", fakes, counts.misses, fold, rule)
    picks += _pick("false alarm", reals, counts.false_alarms, fold, rule)
    return tuple(picks)


def _pick(
    kind: Kind, rows: Sequence[Scored], count: int, fold: str, rule: VerdictRule
) -> list[Pick]:
    if not count:
        return []
    wanted = "right" if kind == "hit" else "wrong"
    sign = 1 if kind == "miss" else -1  # misses begin with the lowest score
    fit = [row for row in rows if rule.judge(row.label, row.score) == wanted]
    ordered = sorted(fit, key=lambda row: (sign * (row.score or 0.0), row.video_id))
    generator = rows[0].generator if rows else None
    if not ordered:
        problem = "no such video has a score"
        if rows:
            kind_of_video = "fake" if generator else "real video"
            problem = f"no {kind_of_video} was judged {wanted} ({len(rows)} scored)"
        return [Pick(fold=fold, kind=kind, generator=generator, problem=problem)]
    return [
        Pick(
            fold=fold,
            kind=kind,
            generator=generator,
            video_id=row.video_id,
            score=row.score,
            call=rule.call(row.label, row.score or 0.0),
        )
        for row in ordered[:count]
    ]
