"""Tell where a video cuts from one scene to the next, so that no box is carried over the cut.

A cut is a picture that differs from the one before far more than pictures of this video usually do.
A slow transition, such as a crossfade, has no such picture; there the face itself jumps.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.faces.values import Face, overlap

UNLIKE_DIFFERENCE: Final = 40.0
"""The mean difference, in grey levels, from which overlap does not prove that two faces are one.

Between frames that are far apart in time, a moving face alone may differ as much.
"""

CUT_DIFFERENCE: Final = 25.0
"""The least difference of a cut, in grey levels; a mere gesture stays below it."""

CUT_RATIO: Final = 4.0
"""How many times faster than in the median the pictures of a cut change.

With these two numbers, 2 of 154 clips of talking heads have a cut, a wipe and a jump cut, and both
are true. A cut in a calm video reaches 40, a gesture or an unsteady camera 20 grey levels or 3.
"""

FASTEST_FACE: Final = 3.0
"""The speed, in widths of the face a second, above which a face has jumped and not moved.

The fastest face in 154 clips moves at 2.8 of its widths a second.
"""

SURE_OVERLAP: Final = 0.5
"""The overlap from which a face has not jumped; within one frame's time boxes jitter, too."""


def measure_differences(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return how much each frame differs from the one before.

    Args:
        pixels: uint8 (T, H, W, 3).

    Returns:
        float32 (T,), the mean difference of 16 x 16 sampled pixels in grey levels; the first is 0.
    """
    rows, columns = max(1, pixels.shape[1] // 16), max(1, pixels.shape[2] // 16)
    small = pixels[:, rows // 2 :: rows, columns // 2 :: columns].astype(np.float32)
    differences = np.abs(np.diff(small, axis=0)).mean(axis=(1, 2, 3))
    return np.concatenate([np.zeros(1, np.float32), differences])


def find_cuts(
    differences: npt.NDArray[np.float32], seconds: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """Find the frames that begin another scene.

    Args:
        differences: float32 (T,), how much each frame differs from the one before.
        seconds: float64 (T,), the time of each frame, ascending.

    Returns:
        bool (T,); the first is False.
    """
    cuts = np.zeros(len(differences), np.bool_)
    if len(differences) > 1:
        rates = differences[1:] / np.maximum(np.diff(seconds), 1e-3)
        cuts[1:] = (differences[1:] > CUT_DIFFERENCE) & (rates > CUT_RATIO * np.median(rates))
    return cuts


def has_jumped(before: Sequence[Face], after: Sequence[Face], seconds: float) -> bool:
    """Tell whether no face is where a face can have moved since the frame before.

    Args:
        before: The faces of a frame.
        after: Those of a later frame.
        seconds: The time between the two.
    """
    if not before or not after:
        return False
    moved = FASTEST_FACE * seconds
    least = min(SURE_OVERLAP, (1 - moved) / (1 + moved))  # of a box moved by so many widths
    return max(overlap(a.box, b.box) for a in before for b in after) < least
