"""The features of metadata, and the AUC of each alone against scikit-learn's."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from thb.robustness.features import ABSENT, NUMBERS, find_area, make_table, measure_features
from thb_dataset.video.values import VideoMetadata

PLAIN = VideoMetadata(
    fps=25.0,
    width=512,
    height=512,
    bits_per_pixel=0.1,
    kbit_per_second=600.0,
    seconds=4.0,
    gop_frames=12,
    has_audio=True,
    encoder="Lavf58.29.100",
    codec="h264",
    profile="High",
)
GROUPS = ("fake", "real")


def test_numbers_are_logarithms_and_absent_values_are_named() -> None:
    odd = replace(PLAIN, fps=None, seconds=math.inf, gop_frames=0, has_audio=False, encoder="")
    table = make_table({"b": odd, "a": PLAIN})
    assert list(table.index) == ["a", "b"]
    assert table.loc["a", "width"] == pytest.approx(math.log(512))
    assert table.loc["a", "has_audio"] == 1
    assert table.loc["b", ["fps", "seconds", "gop_frames"]].isna().all()
    assert table.loc["b", "has_audio"] == 0
    assert table.loc["b", "encoder"] == ABSENT
    assert list(table.columns[: len(NUMBERS)]) == list(NUMBERS)


def test_every_feature_has_the_auc_of_scikit_learn() -> None:
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 60).tolist()
    facts = {
        f"{at:02}": replace(
            PLAIN,
            fps=float(rng.choice([24, 25, 30])) if at % 7 else None,
            seconds=float(rng.uniform(1, 9)),
            encoder=str(rng.choice(["x", "y"])),
        )
        for at in range(60)
    }
    found = {area.feature: area for area in measure_features(make_table(facts), labels, GROUPS)}
    assert set(found) == {"fps", "seconds", "encoder = x", "encoder = y"}
    values: dict[str, list[float | None]] = {
        "fps": [fact.fps for fact in facts.values()],
        "seconds": [fact.seconds for fact in facts.values()],
        "encoder = x": [float(fact.encoder == "x") for fact in facts.values()],
    }
    for feature, numbers in values.items():
        known = [at for at, number in enumerate(numbers) if number is not None]
        area = float(roc_auc_score([labels[at] for at in known], [numbers[at] for at in known]))
        assert found[feature].auc == pytest.approx(max(area, 1 - area))
        assert found[feature].higher_in == ("fake" if area >= 0.5 else "real")
        assert found[feature].low <= found[feature].auc <= found[feature].high
        assert found[feature].n_first == sum(labels[at] for at in known)
    assert found["encoder = x"].auc == pytest.approx(found["encoder = y"].auc)
    assert {found["encoder = x"].higher_in, found["encoder = y"].higher_in} == set(GROUPS)
    assert list(found.values()) == sorted(found.values(), key=lambda a: (-a.auc, a.feature))


def test_one_group_alone_has_no_area() -> None:
    assert measure_features(make_table({"a": PLAIN, "b": PLAIN}), [1, 1], GROUPS) == ()
    assert find_area("x", [1, 1], np.array([0.1, 0.2]), GROUPS) is None
