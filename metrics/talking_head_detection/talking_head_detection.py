"""AUC, T1, T0.1 and Brier score of deepfake detectors, for `evaluate.load`."""

import math
from typing import Any

import datasets
import evaluate

from .binomial import binomial_interval
from .bootstrap import cluster_bootstrap
from .clusters import Sample, choose_scheme
from .delong import area_interval
from .inputs import check_labels
from .points import FixedPoint, OperatingPoint
from .roc import T01, T1, Method, brier, grade, roc_curve

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
    fprs (list of float, optional): more false-alarm rates to read the TPR at, such as [0.1, 1e-5];
        adds `tpr_at_fpr`.
    threshold (float, optional): a threshold that was fixed on other videos, the validation videos;
        adds `at_threshold`.

Returns:
    auc, t1, t01, brier, average_precision, eer (float); auc_interval by DeLong, t1_interval and
    t01_interval exact binomial (each [low, high]; the last two None with method="interpolate");
    t1_threshold, t01_threshold (float; None if nothing is called fake); t1_below_resolution,
    t01_below_resolution (bool: fewer reals than 1 / target); n_real, n_fake (int); grade (str, of
    T1; None with fewer than 100 real or 100 fake videos); method (str);
    with clusters, bootstrap (dict) and bootstrap_scheme (str); with fprs, tpr_at_fpr (a list of
    dicts with fpr, tpr, interval, threshold and below_resolution); with threshold, at_threshold (a
    dict with threshold, tpr, fpr, their intervals, accuracy, precision and f1).

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
        fprs: list[float] | None = None,
        threshold: float | None = None,
    ) -> dict[str, Any]:
        curve = roc_curve(references, predictions)
        interval = area_interval(curve)
        result: dict[str, Any] = {
            "auc": curve.area,
            "auc_interval": [interval.low, interval.high],
            "average_precision": curve.average_precision,
            "brier": brier(references, predictions),
            "eer": curve.equal_error_rate,
            "method": method,
            "n_fake": curve.n_fake,
            "n_real": curve.n_real,
        }
        for name, target in (("t1", T1), ("t01", T01)):
            point = _describe_point(curve.at_fpr(target, method=method), method, curve.n_fake)
            result[name] = point.pop("tpr")
            result |= {f"{name}_{key}": value for key, value in point.items()}
        result["grade"] = grade(result["t1"], n_real=curve.n_real, n_fake=curve.n_fake)
        if clusters is not None:
            intervals = cluster_bootstrap(references, predictions, clusters, seed=seed)
            result["bootstrap"] = {name: [i.low, i.high] for name, i in intervals.items()}
            result["bootstrap_scheme"] = choose_scheme([Sample(references, predictions, clusters)])
        if fprs is not None:
            points = [(rate, curve.at_fpr(rate, method=method)) for rate in fprs]
            result["tpr_at_fpr"] = [
                {"fpr": rate, **_describe_point(point, method, curve.n_fake)}
                for rate, point in points
            ]
        if threshold is not None:
            result["at_threshold"] = _describe_threshold(curve.at_threshold(threshold))
        return result


def _describe_point(point: OperatingPoint, method: Method, n_fake: int) -> dict[str, Any]:
    exact = None
    if method != "interpolate":  # a point between two others has no count of successes
        interval = binomial_interval(point.hits, n_fake)
        exact = [interval.low, interval.high]
    return {
        "tpr": point.tpr,
        "interval": exact,
        "threshold": point.threshold if math.isfinite(point.threshold) else None,
        "below_resolution": point.below_resolution,
    }


def _describe_threshold(point: FixedPoint) -> dict[str, Any]:
    found = binomial_interval(point.hits, point.n_fake)
    alarms = binomial_interval(point.false_alarms, point.n_real)
    return {
        "threshold": point.threshold,
        "tpr": point.tpr,
        "tpr_interval": [found.low, found.high],
        "fpr": point.fpr,
        "fpr_interval": [alarms.low, alarms.high],
        "accuracy": point.accuracy,
        "precision": point.precision,
        "f1": point.f1,
    }
