"""The tables of ``thb shortcuts``, for terminals and Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from thb.evaluation.cells import Measure
from thb.evaluation.tables import show
from thb.robustness.classifiers import TITLES, Weight
from thb.robustness.features import FeatureArea
from thb.robustness.real_sources import SOURCES, FalseAlarms
from thb.robustness.report import ShortcutReport
from thb.runtime.text import markdown_row, printable

if TYPE_CHECKING:
    from rich.table import Table

SHOWN: Final = 5
"""The features of a fold that a table shows; JSON has them all."""


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table with its heading and the sentence that says how to read it.

    Attributes:
        title: The heading.
        note: How to read the table.
        columns: The headings of the columns.
        rows: The rows, a text for each column.
    """

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def to_markdown(self) -> str:
        """Return the heading, the table and the note in Markdown."""
        lines = [markdown_row(self.columns), markdown_row(["---"] * len(self.columns))]
        lines += [markdown_row(row) for row in self.rows]
        return "\n".join([f"**{printable(self.title)}**", "", *lines, "", self.note])

    def draw(self) -> Table:
        """Return the table for a terminal, without its note."""
        from rich import box
        from rich.markup import escape
        from rich.table import Table

        table = Table(
            title=escape(printable(self.title)),
            title_justify="left",
            title_style="bold",
            box=box.SIMPLE_HEAD,
            pad_edge=False,
        )
        for column in self.columns:
            table.add_column(column, overflow="fold")
        for row in self.rows:
            table.add_row(*(escape(printable(value)) for value in row))
        return table


def list_sheets(report: ShortcutReport) -> list[Sheet]:
    """Return the tables that follow the numbers of a report; a table without rows is left out."""
    sheets = [
        Sheet(
            title="What single features tell",
            note=f"The {SHOWN} best of each fold, on its test videos; the direction is chosen on"
            " the same videos, so a useless feature lies a little above .5: look at the interval.",
            columns=("fold", "feature", "AUC", "higher in", "fake", "real"),
            rows=tuple(_list_features(report)),
        ),
        Sheet(
            title="What carried the decision",
            note="Logistic: the change of the logit for one standard deviation, above 0 towards"
            " fake. Trees: the share of the impurity that the splits remove, which has no"
            " direction.",
            columns=("fold", "trained on", "logistic", "weight", "trees", "share"),
            rows=tuple(_list_weights(report)),
        ),
        Sheet(
            title="How much better the detectors are than the metadata",
            note="AUC on the videos that both scored; brackets hold DeLong's 95 % interval of the"
            " difference.",
            columns=("detector", "against", "fold", "generator", "AUC", "metadata", "difference"),
            rows=tuple(_list_differences(report)),
        ),
        Sheet(
            title=f"Real against real: {SOURCES[0]} or {SOURCES[1]}",
            note="The metadata are trained on the Train reals to tell the two datasets apart. The"
            " scores of classifiers and detectors were never meant to.",
            columns=("what", "fold", "AUC", "higher in", *SOURCES),
            rows=tuple(_list_sources(report)),
        ),
        Sheet(
            title="False alarms by dataset of the real test videos",
            note="T1: the threshold that lets at most 1 % of these very videos pass as fake, over"
            " all fakes of the fold. validation: the run's own threshold, chosen on other videos.",
            columns=("detector", "fold", "threshold", "chosen by", *SOURCES),
            rows=tuple(_list_alarms(report)),
        ),
    ]
    return [sheet for sheet in (*sheets, *_list_controlled(report)) if sheet.rows]


def _list_controlled(report: ShortcutReport) -> Iterator[Sheet]:
    if (found := report.controlled) is None:
        return
    how = found.render
    yield Sheet(
        title="As released and rendered alike",
        note=f"Rendered alike: {how.fps} frames per second, {how.side} x {how.side} with black"
        f" bars, x264 at CRF {how.crf}, no sound, no tags, for both classes. {found.rendered}"
        f" videos were rendered, {len(found.failed)} could not be.",
        columns=("detector", "fold", "generator", "AUC", "AUC alike", "T1", "T1 alike"),
        rows=tuple(
            (
                cell.detector,
                cell.fold,
                cell.generator,
                *(
                    str(show(measures.get(metric)))
                    for metric in ("auc", "t1")
                    for measures in (cell.released, cell.controlled)
                ),
            )
            for cell in found.cells
        ),
    )
    yield Sheet(
        title="Real videos rendered alike, at the threshold of before",
        note="The threshold is T1's on the videos as released. Changed: videos in which another"
        " number of faces or clips was found, or none; JSON names them.",
        columns=("detector", "fold", "threshold", "false alarms", "changed"),
        rows=tuple(
            (
                fold.detector,
                fold.fold,
                _show_threshold(fold.threshold),
                f"{fold.false_alarms} of {fold.n_real}",
                str(len(fold.changed)),
            )
            for fold in found.folds
        ),
    )
    yield Sheet(
        title="How far the face crops move when videos are rendered alike",
        note="The distance of the crops' centres, in sides of the face box.",
        columns=("detector", "videos", "median", "largest", "in"),
        rows=tuple(
            (
                crop.detector,
                str(crop.videos),
                f"{crop.median_shift:.3f}",
                f"{crop.largest_shift:.3f}",
                crop.video,
            )
            for crop in found.crops
        ),
    )


def _list_features(report: ShortcutReport) -> Iterator[tuple[str, ...]]:
    for fold in report.folds:
        for place, area in enumerate(fold.features[:SHOWN]):
            name = "" if place else fold.fold
            counts = (str(area.n_first), str(area.n_second))
            yield name, area.feature, _show_area(area), area.higher_in, *counts


def _list_weights(report: ShortcutReport) -> Iterator[tuple[str, ...]]:
    for fold in report.folds:
        trained = f"{fold.trained_on.fake} fake, {fold.trained_on.real} real"
        for place in range(SHOWN):
            logistic = _show_weight(fold.weights["logistic"], place, "+.2f")
            trees = _show_weight(fold.weights["trees"], place, ".2f")
            first = ("", "") if place else (fold.fold, trained)
            yield *first, *logistic, *trees


def _show_weight(weights: Sequence[Weight], place: int, shape: str) -> tuple[str, str]:
    if place >= len(weights):
        return "", ""
    weight = weights[place]
    return weight.feature, f"{weight.value:{shape}}"


def _list_differences(report: ShortcutReport) -> Iterator[tuple[str, ...]]:
    for found in report.differences:
        yield (
            found.detector,
            found.against,
            found.fold,
            f"{found.generator} ({found.n_fake} fake, {found.n_real} real)",
            f"{found.auc:.3f}",
            f"{found.metadata_auc:.3f}",
            f"{found.difference:+.3f} [{found.low:+.2f} to {found.high:+.2f}]",
        )


def _list_sources(report: ShortcutReport) -> Iterator[tuple[str, ...]]:
    for classifier in report.real_sources:
        if classifier.area is not None:
            yield f"{TITLES[classifier.kind]}, trained for it", "", *_show_source(classifier.area)
    for scores in report.source_scores:
        if scores.area is not None:
            yield f"score of {scores.detector}", scores.fold, *_show_source(scores.area)


def _show_source(area: FeatureArea) -> tuple[str, ...]:
    return _show_area(area), area.higher_in, str(area.n_first), str(area.n_second)


def _list_alarms(report: ShortcutReport) -> Iterator[tuple[str, ...]]:
    for scores in report.source_scores:
        for alarms in scores.false_alarms:
            threshold = _show_threshold(alarms.threshold)
            counts = [_show_share(alarms, source) for source in SOURCES]
            yield scores.detector, scores.fold, threshold, alarms.rule, *counts


def _show_threshold(threshold: float | None) -> str:
    return "–" if threshold is None else f"{threshold:.3f}"


def _show_share(alarms: FalseAlarms, source: str) -> str:
    total = alarms.reals.get(source, 0)
    if not total:
        return "–"
    count = alarms.alarms.get(source, 0)
    return f"{count} of {total} ({count / total:.0%})"


def _show_area(area: FeatureArea) -> str:
    return str(show(Measure(value=area.auc, low=area.low, high=area.high)))
