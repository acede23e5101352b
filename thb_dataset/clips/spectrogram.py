"""Draw a mel spectrogram as a picture, in the way of LipFD's authors.

They used librosa and matplotlib. The numbers here equal those of the two libraries exactly,
without using them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

RATE_HZ: Final = 22_050
WINDOW: Final = 2048
HOP: Final = 512
MELS: Final = 128
RANGE_DECIBELS: Final = 80.0
SMALLEST_POWER: Final = 1e-10
PART: Final = 256

LINEAR_HERTZ_PER_MEL: Final = 200 / 3
LOGARITHMIC_FROM_HERTZ: Final = 1000.0
LOGARITHMIC_STEP: Final = np.log(6.4) / 27

VIRIDIS: Final = bytes.fromhex(
    "44015444025544035745055845065a45085b46095c460b5e460c5f460e61470f62471163471265471466"
    "47156747166947186a48196b481a6c481c6e481d6f481e70482071482172482273482374472575472676"
    "472777472878472a79472b7a472c7b462d7c462f7c46307d46317e45327f45347f453580453681443781"
    "443982433a83433b83433c84423d84423e854240854141864142864043874044873f45873f47883e4888"
    "3e49893d4a893d4b893d4c893c4d8a3c4e8a3b508a3b518a3a528b3a538b39548b39558b38568b38578c"
    "37588c37598c365a8c365b8c355c8c355d8c345e8d345f8d33608d33618d32628d32638d31648d31658d"
    "31668d30678d30688d2f698d2f6a8d2e6b8e2e6c8e2e6d8e2d6e8e2d6f8e2c708e2c718e2c728e2b738e"
    "2b748e2a758e2a768e2a778e29788e29798e287a8e287a8e287b8e277c8e277d8e277e8e267f8e26808e"
    "26818e25828e25838d24848d24858d24868d23878d23888d23898d22898d228a8d228b8d218c8d218d8c"
    "218e8c208f8c20908c20918c1f928c1f938b1f948b1f958b1f968b1e978a1e988a1e998a1e998a1e9a89"
    "1e9b891e9c891e9d881e9e881e9f881ea0871fa1871fa2861fa38620a48520a58521a68521a78422a784"
    "23a88323a98224aa8225ab8126ac8127ad8028ae7f29af7f2ab07e2bb17d2cb17d2eb27c2fb37b30b47a"
    "32b57a33b67935b77836b87738b97639b9763bba753dbb743ebc7340bd7242be7144be7045bf6f47c06e"
    "49c16d4bc26c4dc26b4fc36951c46853c56755c66657c66559c7645bc8625ec96160c96062ca5f64cb5d"
    "67cc5c69cc5b6bcd596dce5870ce5672cf5574d05477d05279d1517cd24f7ed24e81d34c83d34b86d449"
    "88d5478bd5468dd64490d64392d74195d73f97d83e9ad83c9dd93a9fd938a2da37a5da35a7db33aadb32"
    "addc30afdc2eb2dd2cb5dd2bb7dd29bade27bdde26bfdf24c2df22c5df21c7e01fcae01ecde01dcfe11c"
    "d2e11bd4e11ad7e219dae218dce218dfe318e1e318e4e318e7e419e9e419ece41aeee51bf1e51cf3e51e"
    "f6e61ff8e621fae622fde724"
)
"""Matplotlib's colour map (van der Walt and Smith, CC0): red, green and blue, 256 times."""


def draw_spectrogram(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Turn sound into a picture.

    The decibels are scaled from the smallest to the largest of the whole sound. The lowest tone is
    in the first row.

    Args:
        samples: float32 (n,), mono, at 22,050 Hz.

    Returns:
        uint8 (128, 1 + n // 512, 3), RGB.
    """
    level = compute_decibels(samples)
    low, high = float(level.min()), float(level.max())
    level -= low
    if high > low:
        level /= high - low
    level *= 256
    shades = np.minimum(level, 255, out=level).astype(np.uint8)
    # The authors wrote a PNG, read it back as float32 from 0 to 1 and cut the fractions off.
    shares = np.frombuffer(VIRIDIS, np.uint8).reshape(256, 3) / np.float32(255)
    colours = np.asarray(shares * np.float32(255), np.uint8)
    return np.asarray(colours[shades])


def compute_decibels(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the mel spectrogram in decibels above its own smallest value.

    The power is taken over centred Hann windows of 2048 samples, every 512 samples, with zeros
    beyond the ends. No value is more than 80 dB below the largest.

    Args:
        samples: float32 (n,), mono, at 22,050 Hz.

    Returns:
        float64 (128, 1 + n // 512).
    """
    padded = np.pad(samples, WINDOW // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    filters = make_mel_filters().T
    # The sound is taken in parts, since a spectrum takes eight times the memory of its mel bands.
    parts = [windows[begin : begin + PART] for begin in range(0, len(windows), PART)]
    mel = np.concatenate(
        [np.abs(np.fft.rfft(part * hann, axis=1)) ** 2 @ filters for part in parts]
    ).T
    least = max(float(mel.min()), SMALLEST_POWER)
    level = np.log10(np.maximum(mel, SMALLEST_POWER, out=mel), out=mel)
    level *= 10
    level -= 10 * np.log10(least)
    return np.asarray(np.maximum(level, level.max() - RANGE_DECIBELS, out=level))


def make_mel_filters() -> npt.NDArray[np.float64]:
    """Return triangles on Slaney's mel scale, each of unit area in hertz.

    The scale is linear up to 1 kHz and logarithmic above (Auditory Toolbox, 1998).

    Returns:
        float64 (128, 1025).
    """
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
    corner = LOGARITHMIC_FROM_HERTZ / LINEAR_HERTZ_PER_MEL
    top = corner + np.log(RATE_HZ / 2 / LOGARITHMIC_FROM_HERTZ) / LOGARITHMIC_STEP
    mels = np.linspace(0, top, MELS + 2)
    hertz = np.where(
        mels < corner,
        mels * LINEAR_HERTZ_PER_MEL,
        LOGARITHMIC_FROM_HERTZ * np.exp(LOGARITHMIC_STEP * (mels - corner)),
    )
    widths = np.diff(hertz)
    slopes = hertz[:, None] - bins[None, :]
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    areas = (2 / (hertz[2:] - hertz[:-2]))[:, None]
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) * areas)
