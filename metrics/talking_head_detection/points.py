"""What a threshold gives: the TPR at a target false-alarm rate, or at a threshold fixed before."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The TPR at a target false-alarm rate.

    Attributes:
        tpr: The share of fakes called fake.
        threshold: The score from which videos are called fake; infinite if none are. With
            ``interpolate`` it belongs to the point of the curve just before the target.
        allowed_false_alarms: The number of false alarms that the target allows,
            floor(target x n_real).
        false_alarms: The number of false alarms at the threshold.
        hits: The number of fakes found at the threshold.
        below_resolution: Whether n_real < 1 / target. The target then allows less than one false
            alarm, so this is the TPR without any false alarm.
    """

    tpr: float
    threshold: float
    allowed_false_alarms: int
    false_alarms: int
    hits: int
    below_resolution: bool


@dataclass(frozen=True, slots=True)
class FixedPoint:
    """What a threshold gives that was fixed on other videos, the validation videos.

    Attributes:
        threshold: The lowest score that is called fake.
        hits: The number of fakes called fake.
        false_alarms: The number of real videos called fake.
        n_fake: The number of fakes.
        n_real: The number of real videos.
    """

    threshold: float
    hits: int
    false_alarms: int
    n_fake: int
    n_real: int

    @property
    def tpr(self) -> float:
        """The share of fakes called fake."""
        return self.hits / self.n_fake

    @property
    def fpr(self) -> float:
        """The share of real videos called fake: the false-alarm rate."""
        return self.false_alarms / self.n_real

    @property
    def accuracy(self) -> float:
        """The share of videos called what they are; it depends on how many fakes there are."""
        right = self.hits + self.n_real - self.false_alarms
        return right / (self.n_fake + self.n_real)

    @property
    def precision(self) -> float:
        """The share of fakes among what is called fake; 0 if nothing is, as in scikit-learn."""
        called = self.hits + self.false_alarms
        return self.hits / called if called else 0.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and TPR, with fake as the positive class."""
        return 2 * self.hits / (self.hits + self.false_alarms + self.n_fake)
