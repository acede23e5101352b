"""AUC, T1, T0.1 and Brier score of deepfake detectors, for `evaluate.load`."""

import math
from typing import Any

import datasets
import evaluate

from .binomial import binomial_interval
from .bootstrap import Sample, choose_scheme, cluster_bootstrap
from .roc import (
    T01,
    T1,
    Method,
    auc,
    auc_interval,
    brier,
    check_labels,
    check_scores,
    grade,
    tpr_at_fpr,
)

_DESCRIPTION = """\
Measures how well a detector of talking-head deepfakes ranks fakes above real videos (AUC), how many
fakes it finds at 1 % and at 0.1 % false alarms (T1, T0.1), and how far its probabilities are from
the labels (Brier), with 95 % intervals. T1 and T0.1 allow floor(target x n_real) false alarms and
do not interpolate unless asked to.
"""

_CITATION = """\
@inproceedings{xiong2026talkingheadbench,
  title = {TalkingHeadBench: A Multi-Modal Benchmark & Analysis of Talking-Head DeepFake Detection},
  author = {Xiong, Xinqi and Patel, Prakrut and Fan, Qingyuan and Wadhwa, Amisha and Selvam, Sarathy
            and Guo, Xiao and Qi, Luchao and Liu, Xiaoming and Sengupta, Roni},
  booktitle = {WACV},
  year = {2026},
}
"""

_KWARGS_DESCRIPTION = """\
Args:
    predictions (list of float): P(fake) of each video, within [0, 1].
    references (list of int): 1 for fake, 0 for real; any other value is an error.
    method (str): the way to read T1 and T0.1 off the ROC curve: "conservative" (the default, which
        never exceeds the false alarms that the target allows), "interpolate" or "nearest".
    clusters (list of lists, optional): for each factor (driver, portrait) one key per video, None
        for a video without a key; adds bootstrap intervals over these clusters as `bootstrap`.
    seed (int): the seed of the bootstrap.

Returns:
    auc, t1, t01, brier (float); auc_interval by DeLong, t1_interval and t01_interval exact binomial
    (each [low, high]; the last two None with method="interpolate"); t1_threshold, t01_threshold
    (float; None if nothing is called fake);
    t1_below_resolution, t01_below_resolution (bool: fewer reals than 1 / target); n_real, n_fake
    (int); grade (str, of T1; None with fewer than 100 real or 100 fake videos); method (str);
    with clusters, bootstrap (dict) and bootstrap_scheme (str).

Examples:
    >>> metric = evaluate.load("metrics/talking_head_detection")
    >>> result = metric.compute(predictions=[0.1, 0.4, 0.35, 0.8], references=[0, 0, 1, 1])
    >>> result["auc"], result["t1"], result["grade"]
    (0.75, 0.5, None)
"""


@evaluate.utils.file_utils.add_start_docstrings(_DESCRIPTION, _KWARGS_DESCRIPTION)
class TalkingHeadDetection(evaluate.Metric):  # type: ignore[misc]  # evaluate is untyped
    """The metric of the benchmark; `roc.py` holds the definitions."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_KWARGS_DESCRIPTION,
            # "float" would be float32 here, in which scores 1e-10 apart become ties.
            features=datasets.Features(
                {
                    "predictions": datasets.Value("float64"),
                    "references": datasets.Value("int64"),
                }
            ),
        )

    def add_batch(
        self, *, predictions: object = None, references: object = None, **inputs: object
    ) -> None:
        """Add videos, as ``compute`` does too; references other than 0 and 1 are refused.

        They are checked here, because `datasets` would cut them down to whole numbers.
        """
        if references is not None:
            check_labels(references)
        super().add_batch(predictions=predictions, references=references, **inputs)

    def add(self, *, prediction: object = None, reference: object = None, **inputs: object) -> None:
        """Add one video; a reference other than 0 and 1 is refused."""
        if reference is not None:
            check_labels(reference)
        super().add(prediction=prediction, reference=reference, **inputs)

    def _compute(
        self,
        predictions: list[float],
        references: list[int],
        method: Method = "conservative",
        clusters: list[list[Any]] | None = None,
        seed: int = 0,
    ) -> dict[str, Any]:
        marks, _ = check_scores(references, predictions)
        n_fake = int(marks.sum())
        area, interval = auc(references, predictions), auc_interval(references, predictions)
        result: dict[str, Any] = {
            "auc": area,
            "auc_interval": [interval.low, interval.high],
            "brier": brier(references, predictions),
            "method": method,
            "n_fake": n_fake,
            "n_real": int(marks.size) - n_fake,
        }
        for name, target in (("t1", T1), ("t01", T01)):
            point = tpr_at_fpr(references, predictions, target, method=method)
            result[name] = point.tpr
            result[f"{name}_interval"] = None
            if method != "interpolate":  # a point between two others has no count of successes
                exact = binomial_interval(point.hits, n_fake)
                result[f"{name}_interval"] = [exact.low, exact.high]
            reached = math.isfinite(point.threshold)  # JSON has no infinity
            result[f"{name}_threshold"] = point.threshold if reached else None
            result[f"{name}_below_resolution"] = point.below_resolution
        result["grade"] = grade(result["t1"], n_real=result["n_real"], n_fake=n_fake)
        if clusters is not None:
            intervals = cluster_bootstrap(references, predictions, clusters, seed=seed)
            result["bootstrap"] = {name: [i.low, i.high] for name, i in intervals.items()}
            result["bootstrap_scheme"] = choose_scheme([Sample(references, predictions, clusters)])
        return result
