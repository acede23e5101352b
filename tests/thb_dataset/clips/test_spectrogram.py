"""The mel spectrogram, against numbers computed by hand and against librosa's."""

from __future__ import annotations

import numpy as np
import pytest

from thb_dataset.clips.spectrogram import (
    RATE_HZ,
    VIRIDIS,
    compute_decibels,
    draw_spectrogram,
    make_mel_filters,
)

# librosa 0.11.0: filters.mel(sr=22050, n_fft=2048)[40, 96:102]
LIBROSA_FILTER_40 = [0.000401402, 0.014093742, 0.027786082, 0.029527638, 0.016194718, 0.002861797]


def test_filters_are_slaneys_triangles() -> None:
    filters = make_mel_filters()
    assert filters.shape == (128, 1025)
    hertz_per_bin = RATE_HZ / 2048
    # all have unit area in hertz; the narrow ones at the bottom are sampled coarsely
    np.testing.assert_allclose(filters[64:].sum(axis=1) * hertz_per_bin, 1, atol=0.02)
    # 130 corners from 0 to mel(11025 Hz) = 15 + 27 ln(11.025) / ln(6.4) = 49.914
    corner = 49.914 / 129
    peak = filters[10].argmax() * hertz_per_bin
    assert peak == pytest.approx(11 * corner * 200 / 3, abs=hertz_per_bin)
    np.testing.assert_allclose(filters[40, 96:102], LIBROSA_FILTER_40, rtol=1e-5)
    assert np.count_nonzero(filters[40]) == 6


def test_level_of_a_pure_tone_by_hand() -> None:
    # A sine of amplitude 1 in the middle of bin 100: |FFT| of a Hann window's peak is 2048 / 4.
    time = np.arange(RATE_HZ) / RATE_HZ
    tone = np.sin(2 * np.pi * 100 * RATE_HZ / 2048 * time).astype(np.float32)
    level = compute_decibels(tone)
    assert level.shape == (128, 1 + RATE_HZ // 512)
    middle = level[:, 20]
    filters = make_mel_filters()
    # bins 99, 100, 101 get a quarter, the whole and a quarter of the peak's power
    power = (2048 / 4) ** 2 * (filters[:, 100] + (filters[:, 99] + filters[:, 101]) / 4)
    loudest = int(power.argmax())
    assert int(middle.argmax()) == loudest
    # the quietest band is below 1e-10, so the reference is 0 dB at 1e-10
    assert middle[loudest] == pytest.approx(10 * np.log10(power[loudest] / 1e-10), abs=0.01)
    # no value is more than 80 dB below the loudest
    assert level.min() == pytest.approx(level.max() - 80)


def test_picture_spans_the_colour_map_low_tones_first() -> None:
    chance = np.random.default_rng(0)
    time = np.arange(RATE_HZ) / RATE_HZ
    low = np.sin(2 * np.pi * 150 * time) + 1e-3 * chance.standard_normal(RATE_HZ)
    picture = draw_spectrogram(low.astype(np.float32))
    assert picture.shape == (128, 44, 3)
    assert picture.dtype == np.uint8
    colours = np.frombuffer(VIRIDIS, np.uint8).reshape(256, 3)
    assert colours[0].tolist() == [68, 1, 84]
    assert colours[255].tolist() == [253, 231, 36]
    # the tone is low, so yellow, the loudest, is in the first rows
    assert np.abs(picture[:8].astype(int) - colours[255]).sum(axis=2).min() < 6
    assert (picture.reshape(-1, 3) == (68, 1, 84)).all(axis=1).any()


def test_silence_is_one_colour() -> None:
    picture = draw_spectrogram(np.zeros(5000, np.float32))
    assert (picture == (68, 1, 84)).all()
