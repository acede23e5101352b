"""Checks of the rows of a fold: the videos of its test, once each, with scores that add up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from thb.prediction.inference import aggregate
from thb.prediction.predictions import Prediction, Predictions, Status
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.errors import IncompletePredictionsError
from thb_dataset.protocols import Fold
from thb_dataset.records import EXTRA_GENERATORS, TRAINING_GENERATORS, RealDataset, Video
from thb_dataset.wording import shorten_list

LONGEST_SENTENCE: Final = 1_000
SAME_SCORE: Final = 1e-6
DEEPEST: Final = 20
_SHOWN: Final = 5
_VIDEO_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*/[A-Za-z0-9_.+ -]{1,120}")
_PERSON: Final = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_FORMULA: Final = ("=", "+", "@", "\t", "\r")
_PARTS: Final = ("test", "extra")


def explain_sentence(text: str) -> str | None:
    """Return why a text of a record is dangerous to show; None if it is not.

    Free text, such as the reason why a video has no score, may hold any signs but those that a
    terminal, a browser or a spreadsheet obeys.
    """
    if len(text) > LONGEST_SENTENCE:
        return f"a text of {len(text):,} characters"
    if not text.isprintable():
        return "a control character"
    if any(sign in text for sign in "<>`"):
        return "a sign of markup"
    return "the beginning of a formula" if text.startswith(_FORMULA) else None


def find_dangerous_texts(value: Any, place: str = "") -> Iterator[str]:  # noqa: ANN401 — JSON
    """Yield the place and the fault of each text of a JSON value that is dangerous to show."""
    if place.count(".") > DEEPEST:
        yield f"{place.partition('.')[0]} is nested too deeply"
    elif isinstance(value, str):
        if fault := explain_sentence(value):
            yield f"{place.lstrip('.') or 'the text'} holds {fault}"
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if fault := explain_sentence(str(key)):
                yield f"a key of {place.lstrip('.') or 'the record'} holds {fault}"
            else:
                yield from find_dangerous_texts(item, f"{place}.{str(key).replace('.', '_')}")
    elif isinstance(value, list | tuple):
        for at, item in enumerate(value):
            yield from find_dangerous_texts(item, f"{place}.{at}")


def check_rows(predictions: Predictions, run: FoldScoringRecord) -> Iterator[str]:
    """Yield what is wrong with the rows of a fold by themselves, without the release.

    Args:
        predictions: The rows.
        run: Their provenance.
    """
    counts = Counter(row.video_id for row in predictions)
    groups = {
        "have several rows": [name for name, count in counts.items() if count > 1],
        "have an id that no release gives": [
            name for name in counts if not _VIDEO_ID.fullmatch(name) or ".." in name
        ],
        "are neither a fake of a generator nor a real video": _name(
            row for row in predictions if not _is_one_of_two(row)
        ),
        "are of a generator that this fold does not test": _name(
            row for row in predictions if not _is_tested(row, run)
        ),
        "say of their portrait or driver what no release says": _name(
            row
            for row in predictions
            if any(text and not _PERSON.fullmatch(text) for text in (row.portrait, row.driver))
        ),
        "have a reason or a warning that is dangerous to show": _name(
            row
            for row in predictions
            if any(explain_sentence(text) for text in (row.reason or "", *row.warnings))
        ),
        "have a score that is not what their logits give": _name(
            row for row in predictions if not _adds_up(row, run)
        ),
    }
    for fault, names in groups.items():
        if names:
            what = "1 video" if len(names) == 1 else f"{len(names)} videos"
            yield f"{what} {fault}: {shorten_list(sorted(names), _SHOWN)}"


def check_against_fold(predictions: Predictions, fold: Fold) -> Iterator[str]:
    """Yield the difference between the rows and the test of a fold, as the release has it.

    Args:
        predictions: The rows.
        fold: The fold of the release.
    """
    parts = {"test": fold.test, "extra": fold.extra}
    tested = {video.video_id: (video, part) for part in parts for video in parts[part]}
    yield from check_ids(predictions, tested)
    wrong = [
        row.video_id
        for row in predictions
        if row.video_id in tested and not _is_of_video(row, *tested[row.video_id])
    ]
    if wrong:
        what = "1 video has" if len(wrong) == 1 else f"{len(wrong)} videos have"
        yield (
            f"{what} another label, generator, portrait, driver or part than in the release:"
            f" {shorten_list(sorted(wrong), _SHOWN)}"
        )


def check_ids(predictions: Predictions, expected: Iterable[str]) -> Iterator[str]:
    """Yield which videos have no row, and which rows are of no such video."""
    try:
        predictions.check(set(expected))
    except IncompletePredictionsError as error:
        yield str(error).removeprefix("predictions: ")


def list_reals(predictions: Predictions) -> frozenset[str]:
    """Return the ids of the real videos."""
    return frozenset(row.video_id for row in predictions if row.label == 0)


def count_unscored(predictions: Predictions) -> dict[str, int]:
    """Return the number of rows without a score, by status."""
    return dict(Counter(row.status.value for row in predictions if row.status is not Status.OK))


def _name(rows: Iterable[Prediction]) -> list[str]:
    return [row.video_id for row in rows]


def _is_one_of_two(row: Prediction) -> bool:
    if row.label == 1:
        return row.generator is not None and row.real_dataset is None
    return row.label == 0 and row.generator is None and row.real_dataset in set(RealDataset)


def _is_tested(row: Prediction, run: FoldScoringRecord) -> bool:
    if row.split not in _PARTS:
        return False
    if row.label != 1:
        return row.split == "test"
    main = [run.held_out] if run.held_out else [str(name) for name in TRAINING_GENERATORS]
    extra = [] if run.protocol == "p2" else [str(name) for name in EXTRA_GENERATORS]
    return row.generator in (main if row.split == "test" else extra)


def _adds_up(row: Prediction, run: FoldScoringRecord) -> bool:
    has_no_logits = run.imported is not None or run.detector.metadata_only  # and bears a mark
    if row.score is None or has_no_logits:
        return True
    if run.clip_spec is None or not row.clip_logits or row.clips != len(row.clip_logits):
        return False
    return abs(row.score - aggregate(row.clip_logits, run.clip_spec.aggregation)) <= SAME_SCORE


def _is_of_video(row: Prediction, video: Video, part: str) -> bool:
    known = Prediction.of_video(video, split=part, status=row.status, score=row.score)
    names = ("label", "generator", "portrait", "driver", "real_dataset", "split")
    return all(getattr(row, name) == getattr(known, name) for name in names)
