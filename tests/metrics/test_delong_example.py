"""DeLong against a worked example in print: three scores of patients with ovarian cancer.

The data are those of DeLong, DeLong and Clarke-Pearson (Biometrics 1988, section 5): the
Krebs-Goplerud score, albumin and total protein of patients who were operated for an intestinal
obstruction. The SAS/STAT User's Guide prints the 43 complete records of the 49, and the results of
its own program, in the example "Comparing Receiver Operating Characteristic Curves" of the LOGISTIC
procedure. The paper's areas (.69, .72 and .65) are of all 49, of whom six records have gaps.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

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
TABLE = np.array([int(word) for word in PATIENTS.split()]).reshape(-1, 4)
LABELS = TABLE[:, 3]
SCORES = {
    "albumin": TABLE[:, 0] / 100,
    "total protein": TABLE[:, 1] / 100,
    "Krebs-Goplerud": 1 - TABLE[:, 2] / 10,
}


@pytest.mark.parametrize(
    ("name", "area", "error"),
    [
        ("albumin", 0.7366, 0.0927),
        ("total protein", 0.6478, 0.1000),
        ("Krebs-Goplerud", 0.7258, 0.1028),
    ],
)
def test_areas_and_standard_errors_are_those_in_print(name: str, area: float, error: float) -> None:
    assert (LABELS.size, LABELS.sum()) == (43, 31)
    assert auc(LABELS, SCORES[name]) == pytest.approx(area, abs=5e-5)
    interval = auc_interval(LABELS, SCORES[name])
    on_logit_scale = math.log(interval.high / (1 - interval.high) * (1 - interval.low)) - math.log(
        interval.low
    )
    half = on_logit_scale / 2 / stats.norm.ppf(0.975)
    assert half * area * (1 - area) == pytest.approx(error, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "difference", "low", "high", "p_value"),
    [
        ("albumin", 0.0108, -0.1761, 0.1976, 0.9102),
        ("total protein", -0.0780, -0.2830, 0.1271, 0.4561),
    ],
)
def test_differences_from_the_krebs_goplerud_score_are_those_in_print(
    name: str, difference: float, low: float, high: float, p_value: float
) -> None:
    found = compare_aucs(LABELS, SCORES[name], SCORES["Krebs-Goplerud"])
    assert found.difference == pytest.approx(difference, abs=5.1e-5)
    assert found.interval.low == pytest.approx(low, abs=5.1e-5)
    assert found.interval.high == pytest.approx(high, abs=5.1e-5)
    assert found.p_value == pytest.approx(p_value, abs=5.1e-5)
