"""What one pass through a video gives beside its pictures, and how the child announces these."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from fractions import Fraction

from thb_dataset.video.messages import Answers
from thb_dataset.video.painter import Painter


@dataclass
class Decoded:
    """The facts about all frames that decoded.

    Attributes:
        period: The seconds from one frame to the next at the declared mean rate; 0 without one.
        stamps: The time stamp of each frame in seconds, exact; None for a frame without one.
        warnings: What is unusual about the video.
    """

    period: Fraction
    stamps: list[Fraction | None] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def send_begin(painter: Painter, count: int, answers: Answers) -> None:
    """Announce pictures.

    Args:
        painter: What makes the pictures.
        count: The number of pictures.
        answers: The pipe to the parent.
    """
    height, width, _ = painter.shape
    info = asdict(painter.describe())
    answers.send("begin", info=info, count=count, height=height, width=width)
