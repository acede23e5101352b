"""What a score comes to: a video is called fake, or not, or there is no verdict; and in what words.

A threshold alone is not enough for a verdict. :class:`Grounds` says what is known of a detector:
its calibration, and whether its weights can say anything about the video at all. Every text and
record that shows a verdict takes its words from a :class:`Call`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from thb.prediction.thresholds import read_calibration
from thb.runs.provenance import hash_weights
from thb.runtime.text import write_scores
from thb_dataset.mini.mark import is_marked

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.prediction.thresholds import Calibration

Word = Literal["called fake", "not called fake", "none"]

FEWEST_VIDEOS: Final = 5
"""The fewest real videos, and the fewest fakes, that a verdict may rest on.

A threshold above all of n real videos is reached by the next one with a chance of 1 in n + 1. With
fewer than five that is at least one in five, and then an alarm says nothing. With fewer than five
fakes a detector that finds half of all fakes finds none of them once in sixteen times or more.
"""

LOWEST_TPR: Final = 0.2
"""The lowest share of validation fakes that a threshold must reach for a verdict.

A detector that cannot tell the classes apart finds 1 in 6 fakes with the fewest real videos, and
fewer with more. A threshold that misses four of five fakes made by the generators of its own
training cannot say anything by its silence either.
"""

UNTRAINED_BANNER: Final = (
    "The weights of this detector are random: nobody has trained it, and its scores are chance."
)
SYNTHETIC_BANNER: Final = (
    "This detector was trained on drawings (the synthetic release): what it says about videos of"
    " people means nothing."
)
_FEW_REALS: Final = f"the threshold rests on {{}} real videos, and a verdict needs {FEWEST_VIDEOS}"
_NOT_PROVEN: Final = "A fake can stay below the threshold: this does not prove the video genuine."
_NOBODY_KNOWS: Final = (
    "How many fakes stay below this threshold is unknown: this does not prove the video genuine."
)
_CAN_BE_WRONG: Final = (
    "A genuine video can be called fake, above all if it was compressed, filtered or filmed from a"
    " screen."
)
_OPINION: Final = "A score without a verdict tells nothing about this video."


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a detector's score of one video comes to.

    Attributes:
        verdict: ``called fake``, ``not called fake`` or ``none``.
        score: P(fake).
        threshold: The lowest score at which the detector calls a video fake; None without one.
        reason: Why there is no verdict; None if there is one.
        caveat: The one sentence that a reader of the verdict must know.
        remark: A few words that stand beside the verdict in a list; None if nothing must.
    """

    verdict: Word
    score: float
    threshold: float | None = None
    reason: str | None = None
    caveat: str
    remark: str | None = None

    @property
    def figures(self) -> str:
        """The numbers behind the verdict, such as ``score 0.098; alarm from 0.688``.

        Without a verdict the threshold is left out, or readers would draw a verdict themselves.
        """
        if self.threshold is None or self.verdict == "none":
            return f"score {write_scores(self.score)[0]}"
        score, threshold = write_scores(self.score, self.threshold)
        if score == threshold and self.score < self.threshold:
            return f"score {score}; alarm from the next higher number"
        return f"score {score}; alarm from {threshold}"

    @property
    def statement(self) -> str:
        """The verdict as a sentence without numbers."""
        if self.verdict == "none":
            return f"No verdict: {self.reason}."
        return f"This video is {self.verdict}."

    @property
    def sentence(self) -> str:
        """The verdict as a sentence, and then the numbers behind it."""
        return f"{self.statement} {self.figures.capitalize()}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "verdict": self.verdict,
            "verdict_sentence": self.sentence,
            "caveat": self.caveat,
            "threshold": self.threshold,
        }


@dataclass(frozen=True, kw_only=True)
class Grounds:
    """What is known of a detector, which decides whether its scores come to verdicts.

    Attributes:
        calibration: Its threshold; None without one.
        untrained: Whether its weights are random.
        trained_on_synthetic: Whether its weights were trained on a synthetic release.
    """

    calibration: Calibration | None = None
    untrained: bool = False
    trained_on_synthetic: bool = False

    @classmethod
    def find(cls, detector: Detector, reference: str | Path | None = None) -> Self:
        """Return what is known of a detector.

        Args:
            detector: The detector.
            reference: Where it was loaded from; None for the place that it names itself.

        Raises:
            DetectorError: Its file of thresholds is damaged.
            HubUnreachableError: Its threshold is on the Hub, which does not answer.
        """
        config = detector.config
        place = reference or config.name_or_path
        calibration = None
        if place:
            calibration = read_calibration(place, weights_sha256=hash_weights(detector))
        return cls(
            calibration=calibration,
            untrained=config.untrained,
            trained_on_synthetic=config.trained_on_synthetic,
        )

    @property
    def banner(self) -> str | None:
        """What must stand beside every verdict of this detector; None if nothing must."""
        if self.untrained:
            return UNTRAINED_BANNER
        return SYNTHETIC_BANNER if self.trained_on_synthetic else None

    @property
    def fault(self) -> str | None:
        """Why no video gets a verdict, as the end of a sentence; None if a video may get one."""
        found = self.calibration
        if self.untrained:
            return "the weights of the detector are random"
        if found is None:
            return "the detector has no threshold (thb calibrate sets one)"
        if found.reals_only:
            return None if found.n_real >= FEWEST_VIDEOS else _FEW_REALS.format(found.n_real)
        if min(found.n_real, found.n_fake) < FEWEST_VIDEOS:
            return (
                f"the threshold rests on {found.n_real} real videos and {found.n_fake} fakes, and a"
                f" verdict needs {FEWEST_VIDEOS} of each"
            )
        if found.true_positive_rate < LOWEST_TPR:
            return f"the threshold finds {found.hits} of {found.n_fake} validation fakes"
        return None

    def call(self, score: float, video: str | os.PathLike[str]) -> Call:
        """Return what a score of a video comes to.

        Args:
            score: P(fake).
            video: The file, which is asked whether it is a video of the synthetic release if the
                detector knows no others.
        """
        threshold = None if self.calibration is None else self.calibration.threshold
        reason, remark = self.fault, "random weights" if self.untrained else None
        if self.trained_on_synthetic and not self.untrained:
            remark = "the detector was trained on drawings"
            if not is_marked(video):
                reason = f"{remark}, and this video is none of them"
                remark = reason
        verdict: Word = "none"
        caveat = _OPINION
        if reason is None and self.calibration is not None:
            is_alarm = score >= self.calibration.threshold
            verdict = "called fake" if is_alarm else "not called fake"
            silence = _NOBODY_KNOWS if self.calibration.reals_only else _NOT_PROVEN
            caveat = _CAN_BE_WRONG if is_alarm else silence
        return Call(
            verdict=verdict,
            score=score,
            threshold=threshold,
            reason=reason,
            caveat=self.banner or caveat,
            remark=remark,
        )
