"""What may stand on a board, in one table: :data:`RULES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from thb.evaluation.cells import ScoreSettings
from thb.runs.provenance import FoldScoringRecord

BOARD_SETTINGS: Final = ScoreSettings()
"""How every number of a board is computed: the defaults of ``thb score``, the same for all."""


class Answer(StrEnum):
    """What becomes of a submission."""

    REFUSED = "refused"
    ASKED = "refused unless it is asked for"
    MARKED = "accepted and marked"


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What becomes of scores of one kind.

    Attributes:
        name: A word for the rule.
        case: The scores that it is about, as a noun.
        answer: What becomes of them.
        reason: Why, as a sentence, with what to do instead.
        applies: Says whether the scores of a fold are of this kind.
    """

    name: str
    case: str
    answer: Answer
    reason: str
    applies: Callable[[FoldScoringRecord], bool]


RULES: Final = (
    Rule(
        name="untrained",
        case="scores of random weights",
        answer=Answer.REFUSED,
        reason="Its weights are random, and its numbers are those of chance: train it first.",
        applies=lambda run: run.detector.untrained,
    ),
    Rule(
        name="synthetic",
        case="scores on a synthetic release, or of weights that were trained on one",
        answer=Answer.REFUSED,
        reason="Videos of a synthetic release are drawn by a program: use the benchmark's videos.",
        applies=lambda run: run.release.synthetic or run.detector.trained_on_synthetic,
    ),
    Rule(
        name="mismatch",
        case="scores of a detector on a fold that it was not trained for (‡)",
        answer=Answer.REFUSED,
        reason="It may have seen the test videos or their generator: evaluate it on its own fold.",
        applies=lambda run: run.mismatch is not None,
    ),
    Rule(
        name="other splits",
        case="scores on splits by driver",
        answer=Answer.REFUSED,
        reason="The boards rank the release's own splits: evaluate without --split-by.",
        applies=lambda run: run.split_by != "release",
    ),
    Rule(
        name="other release",
        case="scores on a release whose counts are not the published ones",
        answer=Answer.ASKED,
        reason=(
            "The release has other videos than the published one, so its numbers cannot stand"
            " beside theirs: evaluate on the published release, or pass --other-release for a"
            " results repo of this release."
        ),
        applies=lambda run: run.release.counts_agree is not True and not run.release.synthetic,
    ),
    Rule(
        name="imported",
        case="scores of other software (¶)",
        answer=Answer.MARKED,
        reason=(
            "The toolkit saw neither the weights nor how the videos were prepared, and cannot run"
            " it again. A model repo must be named all the same."
        ),
        applies=lambda run: run.imported is not None,
    ),
    Rule(
        name="metadata only",
        case="scores of the metadata alone (‖), as thb shortcuts gives them",
        answer=Answer.MARKED,
        reason="It saw no picture: it is the floor that a detector must rise above.",
        applies=lambda run: run.detector.metadata_only,
    ),
    Rule(
        name="from scratch",
        case="scores of a training that began with random weights, unlike the published one (§)",
        answer=Answer.MARKED,
        reason="It is not the published detector.",
        applies=lambda run: run.detector.from_scratch,
    ),
    Rule(
        name="pseudo-fakes",
        case="scores of a training with pseudo-fakes (◇)",
        answer=Answer.MARKED,
        reason=(
            "They may show what the tested generators share: the row stands beside that of the same"
            " training without them."
        ),
        applies=lambda run: bool(run.detector.pseudo_fakes),
    ),
    Rule(
        name="trained elsewhere",
        case="scores of a detector whose training left no record",
        answer=Answer.MARKED,
        reason="Nobody can tell from its record which videos it was trained on.",
        applies=lambda run: run.trained_on is None and run.imported is None,
    ),
)
"""The only place that decides it; ``thb submit``, ``thb board check`` and the README read it."""


def find_rules(run: FoldScoringRecord) -> Iterator[Rule]:
    """Yield the rules that the scores of a fold fall under."""
    yield from (rule for rule in RULES if rule.applies(run))


def is_refused(rule: Rule, *, other_release: bool) -> bool:
    """Return whether scores under a rule are refused.

    Args:
        rule: The rule.
        other_release: Whether the results repo is one of another release than the published one.
    """
    return rule.answer is Answer.REFUSED or (rule.answer is Answer.ASKED and not other_release)
