"""One clock for the frames of a video: it always goes forward, whatever the time stamps say.

Files that were joined byte by byte, cut, or written by a careless muxer have time stamps that
start again, stand still, go back, leap, or are those of decoding. Boxes are followed and smoothed
over time, so such stamps would move them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt

LONGEST_STILL_SECONDS = 60
"""A picture that is shown for longer than this, beside many short ones, has a broken stamp."""
LEAP = 100
"""The number of usual steps that such a leap exceeds."""

FAR_OFF = 3
"""A declared rate further from the usual step than this factor, either way, is not believed."""
GUESSED_PERIOD = Fraction(1, 25)
"""The time of a frame where neither a stamp nor the file says anything that can be believed."""


def tell_seconds(
    stamps: Sequence[Fraction | None], period: Fraction
) -> tuple[npt.NDArray[np.float64], str | None]:
    """Tell the seconds of each frame after the first.

    Stamps that rise from frame to frame are believed as they are. If one of them does not, or
    leaps, the frames are spaced evenly instead.

    Args:
        stamps: The stamps of all frames in the order shown, in seconds; None for a frame without.
        period: The seconds between two frames that the file declares; 0 if it declares none.

    Returns:
        float64 (n,), strictly ascending, and a warning if the stamps were not believed.
    """
    times = _fill(stamps, period)
    steps = [later - earlier for earlier, later in pairwise(times)]
    faults = sum(step <= 0 for step in steps) + len(steps) - len(drop_leaps(steps))
    if not faults:
        return np.array([float(time) for time in times], np.float64), None
    step = _choose_step([step for step in steps if step > 0], period)
    warning = (
        f"time stamps stand still, go back or leap at {faults} of {len(steps)} steps; the frames"
        f" are taken to be {float(step * 1000):.4g} ms apart"
    )
    return np.array([float(place * step) for place in range(len(times))], np.float64), warning


def drop_leaps(steps: Sequence[Fraction]) -> list[Fraction]:
    """Return the steps between frames without those that are too long to be true."""
    longest = LEAP * _find_median([step for step in steps if step > 0])
    return [step for step in steps if step <= LONGEST_STILL_SECONDS or step <= longest]


def is_longer(times: Iterable[Fraction], longest: float) -> bool:
    """Say whether a video is longer than a limit, without the leaps of broken stamps.

    Args:
        times: The times of decoding of its packets; they are read only as far as is needed.
        longest: The limit in seconds.
    """
    steps: list[Fraction] = []
    ordinary, last = Fraction(0), None
    for time in times:
        if last is not None and time > last:
            steps.append(time - last)
            ordinary += steps[-1] if steps[-1] <= LONGEST_STILL_SECONDS else 0
        if ordinary > longest:
            return True
        last = time
    return sum(drop_leaps(steps)) > longest


def _fill(stamps: Sequence[Fraction | None], period: Fraction) -> list[Fraction]:
    """Return times that begin near 0; a frame without a stamp takes its place times the period."""
    first: Fraction | None = None
    times = []
    for place, stamp in enumerate(stamps):
        if stamp is None:
            times.append(place * period)
            continue
        if first is None:
            first = stamp - place * period
        times.append(stamp - first)
    return times


def _choose_step(steps: Sequence[Fraction], period: Fraction) -> Fraction:
    """Choose the even step: as declared, or the usual one if the two have nothing in common."""
    usual = _find_median(steps)
    if not usual:
        return period or GUESSED_PERIOD
    believed = period and usual / FAR_OFF <= period <= usual * FAR_OFF
    return period if believed else usual


def _find_median(steps: Sequence[Fraction]) -> Fraction:
    return sorted(steps)[len(steps) // 2] if steps else Fraction(0)
