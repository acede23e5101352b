"""Heat: its two colours, and its place on crops, on frames and in time.

Heat above zero speaks for the class that was asked for, heat below zero against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
Placement = npt.NDArray[np.float64]
"""(2, 3), from pixels of a frame to those of the crop that was cut from it."""

FOR: Final = (213, 94, 0)
"""Vermilion of Okabe and Ito's palette, which colour-blind people can tell from its blue."""

AGAINST: Final = (0, 114, 178)
"""Blue of the same palette."""

LEVELS: Final = 127
"""Shades of each colour."""

STRONGEST: Final = 0.7
"""The share of the colour in the picture where the heat reaches its full strength."""


@dataclass(frozen=True, kw_only=True, eq=False)
class PaintedCrop:
    """A crop that the detector saw, without and with its heat.

    Attributes:
        plain: uint8 (S, S, 3), RGB.
        painted: uint8 (S, S, 3), RGB: the crop in grey, the heat over it.
        caption: The time of the crop, and the logit of its clip.
    """

    plain: Picture
    painted: Picture
    caption: str


@dataclass(frozen=True, kw_only=True, eq=False)
class HeatTrack:
    """The heat of a video at the frames that the detector saw, to be read at any time.

    Attributes:
        seconds: float64 (M,), ascending.
        heat: float32 (M, h, w), over the crop of each frame.
        placements: float64 (M, 2, 3), from pixels of the frame to those of the crop.
        crop_size: The side of the crops in pixels.
        frame_size: The height and width of the video's frames.
        scale: The heat that is shown at full strength, above zero.
    """

    seconds: npt.NDArray[np.float64]
    heat: Floats
    placements: npt.NDArray[np.float64]
    crop_size: int
    frame_size: tuple[int, int]
    scale: float

    def read(self, at: float) -> tuple[Floats, Placement]:
        """Return heat (h, w) and placement at a time, interpolated between the frames seen."""
        after = int(np.searchsorted(self.seconds, at))
        if after == 0 or after == len(self.seconds):
            end = min(after, len(self.seconds) - 1)
            return self.heat[end], self.placements[end]
        before = after - 1
        share = (at - self.seconds[before]) / (self.seconds[after] - self.seconds[before])
        heat = (1 - share) * self.heat[before] + share * self.heat[after]
        placement = (1 - share) * self.placements[before] + share * self.placements[after]
        return heat.astype(np.float32), placement

    def read_on_frame(self, at: float, shown_size: tuple[int, int]) -> Floats:
        """Return the heat at a time over the whole frame, which may be shown at another size.

        Args:
            at: The time in seconds.
            shown_size: The height and width at which the frame is shown.

        Returns:
            float32 with that height and width; zero outside the crop.
        """
        heat, placement = self.read(at)
        # Pixels are counted from the edges when a frame is made smaller, and between centres here.
        grow = np.array(self.frame_size[::-1]) / np.array(shown_size[::-1])
        small = np.column_stack(
            [placement[:, :2] * grow, placement[:, 2] + placement[:, :2] @ ((grow - 1) / 2)]
        )
        return put_back(heat, small, crop_size=self.crop_size, frame_size=shown_size)


def enlarge(heat: Floats, size: int) -> Floats:
    """Resize cells (h, w) to pixels (size, size), bilinearly between the centres of the cells."""
    import cv2

    return np.asarray(cv2.resize(heat, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)


def put_back(
    heat: Floats, placement: Placement, *, crop_size: int, frame_size: tuple[int, int]
) -> Floats:
    """Put the heat of a crop back onto the frame that the crop was cut from.

    Args:
        heat: float32 (h, w), in cells of the crop.
        placement: float64 (2, 3), from pixels of the frame to those of the crop.
        crop_size: The side of the crop in pixels.
        frame_size: The height and width of the frame.

    Returns:
        float32 (H, W); zero outside the crop.
    """
    import cv2

    height, width = frame_size
    return np.asarray(
        cv2.warpAffine(
            enlarge(heat, crop_size),
            placement,
            (width, height),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        ),
        np.float32,
    )


def paint_heat(rgb: Picture, heat: Floats, scale: float) -> Picture:
    """Paint heat over a picture, which is shown in grey because skin is nearly orange itself.

    Args:
        rgb: uint8 (H, W, 3).
        heat: float32 (H, W).
        scale: The heat that is shown at full strength, above zero.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    import cv2

    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    level = np.rint(np.clip(heat * np.float32(LEVELS / scale), -LEVELS, LEVELS)).astype(np.int16)
    painted: Picture = _mix()[level + LEVELS, grey]
    return painted


@cache
def _mix() -> Picture:
    """Return the colour of each level of heat, lowest first, on each grey: (levels, 256, 3)."""
    share = np.arange(-LEVELS, LEVELS + 1)[:, None, None] / LEVELS * STRONGEST
    colour = np.where(share > 0, np.array(FOR), np.array(AGAINST))
    grey = np.arange(256)[None, :, None]
    mixed: Picture = np.rint(grey * (1 - np.abs(share)) + colour * np.abs(share)).astype(np.uint8)
    return mixed
