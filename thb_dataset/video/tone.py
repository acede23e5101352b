"""High dynamic range to the standard range that every detector was trained on.

HLG, which phones record, and PQ are turned into the light of a display, BT.2020 primaries into
those of BT.709, and the light is compressed to a display of 100 cd/m2 and coded with a gamma of
2.4 (BT.1886). The curve is the EETF of ITU-R BT.2390, which players use too: what is darker than
a third of the white stays as it is. It is applied by the largest of the three components, so that
hues stay. HLG's system gamma acts on each component, as in FFmpeg's ``zscale``, with which most
tools convert. Light beyond 1,000 cd/m2 is clipped.

A score still need not be that of an SDR copy, so a warning stands beside it. One clip of 512 pixels
coded both ways (H.265, 0.3 Mbit/s) differs by 6.7 grey levels on average. Of these the compression
of the highlights makes 3: white at 100 cd/m2, as ``zscale`` writes it, becomes 219 of 255, because
up to 1,000 cd/m2 have to fit above. Without it 3.7 are left, and 3.4 with the best possible curve
per channel: that is the coding, not the tones. P(fake) of three detectors moved by .07, .15 and
.26, and without the compression by .07, .08 and .13.

The constants are those of ITU-R BT.2100-2, BT.2087 and BT.2390-10 (5.4.1).
"""

from __future__ import annotations

from functools import cache
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating]
Transfer = Literal["hlg", "pq", "sdr"]

HDR_WHITE: Final = 1000.0
"""The brightest light of the mastering display, cd/m2: nominal with HLG, usual with PQ."""
SDR_WHITE: Final = 100.0
"""The brightest light of the display that is converted to, cd/m2 (BT.2035)."""
SYSTEM_GAMMA: Final = 1.2
DISPLAY_GAMMA: Final = 2.4

BT2020_TO_BT709: Final[npt.NDArray[np.float32]] = np.array(
    [
        [1.660491, -0.587641, -0.072850],
        [-0.124550, 1.132900, -0.008349],
        [-0.018151, -0.100579, 1.118730],
    ],
    np.float32,
)
STRIP_PIXELS: Final = 1 << 18
"""The number of pixels that are converted at once; it bounds the memory beside the picture."""


def show_hlg(signal: Floats) -> Floats:
    """Return the light, cd/m2, that a display of 1,000 cd/m2 gives to an HLG signal of 0 to 1."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    bright = (np.exp((np.maximum(signal, 0.5) - c) / a) + b) / 12
    scene = np.where(signal <= 0.5, signal**2 / 3, bright)
    return HDR_WHITE * np.asarray(scene) ** SYSTEM_GAMMA


def show_pq(signal: Floats) -> Floats:
    """Return the light, cd/m2, of a PQ signal of 0 to 1."""
    m1, m2, c1, c2, c3 = _PQ
    power = np.asarray(signal, np.float64) ** (1 / m2)
    return np.asarray(10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1))


def code_pq(light: Floats) -> Floats:
    """Return the PQ signal of light in cd/m2."""
    m1, m2, c1, c2, c3 = _PQ
    power = (np.asarray(light, np.float64) / 10_000) ** m1
    return ((c1 + c2 * power) / (1 + c3 * power)) ** m2


_PQ: Final = (2610 / 16384, 2523 / 4096 * 128, 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32)


def compress(light: Floats) -> Floats:
    """Bring light of up to 1,000 cd/m2 below 100 cd/m2 by the EETF of BT.2390."""
    whole = float(code_pq(np.array(HDR_WHITE)))
    top = float(code_pq(np.array(SDR_WHITE))) / whole
    knee = 1.5 * top - 0.5
    signal = code_pq(np.clip(light, 0, HDR_WHITE)) / whole
    t = (signal - knee) / (1 - knee)
    curve = (
        (2 * t**3 - 3 * t**2 + 1) * knee
        + (t**3 - 2 * t**2 + t) * (1 - knee)
        + (3 * t**2 - 2 * t**3) * top
    )
    return show_pq(np.where(signal < knee, signal, curve) * whole)


def convert(signal: npt.NDArray[np.uint16], transfer: Transfer, *, wide: bool) -> Floats:
    """Turn coded pictures into SDR.

    Args:
        signal: uint16 (H, W, 3), RGB as coded, 65,535 is 1.
        transfer: How light was coded.
        wide: Whether the primaries are those of BT.2020.

    Returns:
        float32 (H, W, 3), 0 to 1, RGB as coded for SDR with BT.709 primaries.
    """
    light = _light_table(transfer)[signal]
    if wide:
        light = np.maximum(light @ BT2020_TO_BT709.T, 0)
    if transfer != "sdr":
        largest = light.max(axis=-1)
        gain = _gain_table()[np.minimum(np.sqrt(largest / HDR_WHITE) * 65_535, 65_535).astype(int)]
        light = light * gain[..., None]
    return np.asarray(np.minimum(light / SDR_WHITE, 1) ** (1 / DISPLAY_GAMMA))


def convert_picture(
    signal: npt.NDArray[np.uint16], transfer: Transfer, *, wide: bool
) -> npt.NDArray[np.uint8]:
    """Turn a coded picture into SDR, a few rows at a time; see :func:`convert`.

    Returns:
        uint8 (H, W, 3), RGB.
    """
    picture = np.empty(signal.shape, np.uint8)
    rows = max(1, STRIP_PIXELS // signal.shape[1])
    for top in range(0, len(signal), rows):
        part = convert(signal[top : top + rows], transfer, wide=wide)
        picture[top : top + rows] = np.rint(part * 255)
    return picture


@cache
def _light_table(transfer: Transfer) -> npt.NDArray[np.float32]:
    """Return the light, cd/m2, of each of the 65,536 signals."""
    signal = np.arange(65_536) / 65_535
    if transfer == "sdr":
        return (SDR_WHITE * signal**DISPLAY_GAMMA).astype(np.float32)
    show = show_hlg if transfer == "hlg" else show_pq
    return np.asarray(show(signal), np.float32)


@cache
def _gain_table() -> npt.NDArray[np.float32]:
    """Return the factor by which light is compressed, by the root of the light over 1,000 cd/m2."""
    light = HDR_WHITE * (np.arange(1, 65_536) / 65_535) ** 2
    gain = np.asarray(compress(light)) / light
    return np.concatenate([gain[:1], gain]).astype(np.float32)
