"""The two colours of heat: for the class that was asked for, and against it."""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

FOR: Final = (213, 94, 0)
"""Vermilion of Okabe and Ito's palette, which those who see few colours tell from blue."""

AGAINST: Final = (0, 114, 178)
"""Blue of the same palette."""

LEVELS: Final = 127
"""Shades of each colour."""

STRONGEST: Final = 0.7
"""How much of the colour covers the picture where the heat is at its height or beyond."""


def paint_heat(
    rgb: npt.NDArray[np.uint8], heat: npt.NDArray[np.float32], scale: float
) -> npt.NDArray[np.uint8]:
    """Lay heat over a picture, which is shown in grey: skin has nearly the colour of heat.

    Args:
        rgb: uint8 (H, W, 3).
        heat: float32 (H, W); above zero for, below zero against.
        scale: Heat that is shown at full strength, above zero.

    Returns:
        uint8 (H, W, 3).
    """
    import cv2

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    level = np.rint(np.clip(heat * np.float32(LEVELS / scale), -LEVELS, LEVELS)).astype(np.int16)
    painted: npt.NDArray[np.uint8] = _mix()[level + LEVELS, grey]
    return painted


@cache
def _mix() -> npt.NDArray[np.uint8]:
    """Return every mixture there is, (2 LEVELS + 1, 256, 3): of heat from below, of grey."""
    share = np.arange(-LEVELS, LEVELS + 1)[:, None, None] / LEVELS * STRONGEST
    colour = np.where(share > 0, np.array(FOR), np.array(AGAINST))
    grey = np.arange(256)[None, :, None]
    mixed: npt.NDArray[np.uint8] = np.rint(
        grey * (1 - np.abs(share)) + colour * np.abs(share)
    ).astype(np.uint8)
    return mixed
