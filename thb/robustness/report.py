"""What ``thb shortcuts`` found, as a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from thb.evaluation.result import Result
from thb.robustness.classifiers import Kind, Weight
from thb.robustness.comparison import Difference
from thb.robustness.controlled import ControlledReport
from thb.robustness.features import FeatureArea
from thb.robustness.real_sources import SourceScores
from thb.runs.record import ClassCounts
from thb.runtime.records import to_json
from thb_dataset.files import write_json

_OTHERS: Final = ("results", "controlled")
"""The fields that are no lists of records of ours."""


@dataclass(frozen=True, kw_only=True)
class FoldShortcuts:
    """What the metadata tell on one fold.

    Attributes:
        fold: The name of the fold.
        trained_on: The numbers of training videos whose metadata could be read.
        unread: Why other training videos gave no metadata, by ``video_id``.
        features: How well each feature alone tells the fold's fakes from its real test videos, the
            best first. Fakes of the test-only generators are left out.
        weights: What carries the decision of each classifier, the heaviest first.
    """

    fold: str
    trained_on: ClassCounts
    unread: Mapping[str, str]
    features: tuple[FeatureArea, ...]
    weights: Mapping[Kind, tuple[Weight, ...]]


@dataclass(frozen=True, kw_only=True)
class SourceClassifier:
    """How well the metadata tell one dataset of real videos from the other.

    Attributes:
        kind: ``logistic`` or ``trees``, trained on the Train reals and tested on the Test reals.
        trained_on: The number of real videos that it was trained on, by dataset.
        area: Its AUC on the Test reals; None if it cannot be trained or tested.
        weights: What carries its decision; above 0 means FaceForensics++.
    """

    kind: Kind
    trained_on: Mapping[str, int]
    area: FeatureArea | None
    weights: tuple[Weight, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ShortcutReport:
    """What metadata alone reach, and how detectors stand beside that.

    Attributes:
        results: The numbers of the metadata-only classifiers, and of the runs that were named.
        folds: What the metadata tell on each fold.
        differences: How much better the detectors of the runs are, generator by generator.
        real_sources: How well the metadata tell the datasets of real videos apart.
        source_scores: How the scores of classifiers and detectors treat these datasets.
        controlled: The detectors on the test sets rendered alike; None if that was not asked for.
    """

    results: tuple[Result, ...]
    folds: tuple[FoldShortcuts, ...]
    differences: tuple[Difference, ...]
    real_sources: tuple[SourceClassifier, ...]
    source_scores: tuple[SourceScores, ...]
    controlled: ControlledReport | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values; every result as in its own file."""
        lists = [field.name for field in fields(self) if field.name not in _OTHERS]
        return {
            "results": [result.to_dict() for result in self.results],
            **{name: [to_json(item) for item in getattr(self, name)] for name in lists},
            "controlled": self.controlled and to_json(self.controlled),
        }

    def save(self, path: Path) -> None:
        """Write the report as JSON.

        Raises:
            OSError: The file cannot be written.
        """
        write_json(path, self.to_dict())
