"""DeLong on the example of DeLong: three scores of patients with ovarian cancer.

The data are those of DeLong, DeLong and Clarke-Pearson (Biometrics 1988, section 5): the
Krebs-Goplerud score, albumin and total protein of patients who were operated for an intestinal
obstruction. The SAS/STAT User's Guide lists the 43 complete records of the 49 in the example
"Comparing Receiver Operating Characteristic Curves" of the LOGISTIC procedure. The expected figures
are computed here, from the definitions and in plain Python: every fake is compared with every real,
and the variances are those of the placement values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from statistics import NormalDist

import pytest

from metrics.talking_head_detection.delong import auc_interval, compare_aucs
from metrics.talking_head_detection.roc import auc

# Albumin in 0.1 g/dl, total protein in 0.1 g/dl, Krebs-Goplerud score, and whether 1 occurred.
PATIENTS = """
30 58 10 0  32 63  5 1  39 68  3 1  28 48  6 0  32 58  3 1  09 40  5 0  25 57  8 0  16 56  5 1
38 57  5 1  37 67  6 1  32 54  4 1  38 66  6 1  41 66  5 1  36 57  5 1  43 70  4 1  36 67  4 0
23 44  6 1  42 76  4 0  40 66  6 0  35 58  6 1  38 68  7 1  30 47  8 0  45 74  5 1  37 74  5 1
31 66  6 1  41 82  6 1  43 70  5 1  43 65  4 1  32 51  5 1  26 47  6 1  33 68  6 0  17 40  7 0
37 61  5 1  33 63  7 1  42 77  6 1  35 62  5 1  29 57  9 0  21 48  7 1  28 62  8 0  40 70  7 1
33 57  6 1  37 69  5 1  36 66  5 1
"""
NUMBERS = [int(word) for word in PATIENTS.split()]
LABELS = NUMBERS[3::4]
SCORES = {
    "albumin": [number / 100 for number in NUMBERS[0::4]],
    "total protein": [number / 100 for number in NUMBERS[1::4]],
    "Krebs-Goplerud": [1 - number / 10 for number in NUMBERS[2::4]],
}
Z = NormalDist().inv_cdf(0.975)


def place(scores: Sequence[float]) -> tuple[list[Fraction], list[Fraction]]:
    """Return the placement value of every fake among the reals, and of every real among fakes."""
    fakes = [score for score, label in zip(scores, LABELS, strict=True) if label]
    reals = [score for score, label in zip(scores, LABELS, strict=True) if not label]

    def beats(fake: float, real: float) -> Fraction:
        return Fraction(1, 2) if fake == real else Fraction(fake > real)

    return (
        [sum((beats(fake, real) for real in reals), Fraction()) / len(reals) for fake in fakes],
        [sum((beats(fake, real) for fake in fakes), Fraction()) / len(fakes) for real in reals],
    )


def covary(some: Sequence[Fraction], others: Sequence[Fraction]) -> Fraction:
    """Return the unbiased covariance of two series, from the differences of all their pairs."""
    n = len(some)
    pairs = product(range(n), repeat=2)
    differences = ((some[i] - some[j]) * (others[i] - others[j]) for i, j in pairs)
    return sum(differences, Fraction()) / (2 * n * (n - 1))


def expect(one: str, other: str) -> tuple[Fraction, Fraction]:
    """Return the AUC of one score, and the covariance of the AUCs of two."""
    (fakes, reals), (other_fakes, other_reals) = place(SCORES[one]), place(SCORES[other])
    covariance = covary(fakes, other_fakes) / len(fakes) + covary(reals, other_reals) / len(reals)
    return sum(fakes, Fraction()) / len(fakes), covariance


def test_the_data_are_the_43_complete_records() -> None:
    assert (len(LABELS), sum(LABELS)) == (43, 31)


@pytest.mark.parametrize("name", SCORES)
def test_the_area_and_its_interval(name: str) -> None:
    area, variance = expect(name, name)
    found = auc_interval(LABELS, SCORES[name])
    assert auc(LABELS, SCORES[name]) == pytest.approx(float(area), abs=1e-12)
    middle = math.log(area / (1 - area))
    half = Z * math.sqrt(variance) / float(area * (1 - area))
    ends = [1 / (1 + math.exp(-end)) for end in (middle - half, middle + half)]
    assert [found.low, found.high] == pytest.approx(ends, abs=1e-9)


@pytest.mark.parametrize("name", ["albumin", "total protein"])
def test_the_difference_from_the_krebs_goplerud_score(name: str) -> None:
    (area, variance), (_, covariance) = expect(name, name), expect(name, "Krebs-Goplerud")
    reference, other_variance = expect("Krebs-Goplerud", "Krebs-Goplerud")
    difference = float(area - reference)
    error = math.sqrt(variance + other_variance - 2 * covariance)
    found = compare_aucs(LABELS, SCORES[name], SCORES["Krebs-Goplerud"])
    assert found.difference == pytest.approx(difference, abs=1e-12)
    assert found.interval.low == pytest.approx(difference - Z * error, abs=1e-9)
    assert found.interval.high == pytest.approx(difference + Z * error, abs=1e-9)
    assert found.p_value == pytest.approx(2 * NormalDist().cdf(-abs(difference) / error), abs=1e-9)
