"""Compute the numbers of a detector from its predictions.

:func:`score` is a pure function of the predictions, so that anyone can recompute a submission. It
pairs each generator's fakes with the real videos and measures every pair with
``metrics.talking_head_detection``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import get_args

from metrics.talking_head_detection.bootstrap import choose_scheme, mean_bootstrap
from metrics.talking_head_detection.delong import area_interval
from metrics.talking_head_detection.roc import (
    T01,
    T1,
    VERSION,
    Interval,
    Method,
    MetricError,
    RocCurve,
    binomial_interval,
    brier,
    grade,
    roc_curve,
)
from thb.evaluation.cells import METRICS, Cell, Measure, NoFacePolicy, ScoreSettings
from thb.evaluation.pairs import Pair, pair_up
from thb.evaluation.result import Result
from thb.prediction.predictions import Prediction, Predictions, read_all_predictions
from thb.runs.provenance import FoldScoringRecord
from thb.runtime.environment import package_versions
from thb_dataset.errors import ResultError

_TARGETS = {"t1": T1, "t01": T01}
_COMPUTING = ("talkingheadbench", "numpy")
"""The packages on which the numbers depend, once there are predictions."""

_OF_THE_RELEASE = ("video_id", "label", "generator", "portrait", "driver", "real_dataset", "split")
"""What a row says of its video and not of its score."""


def score(
    predictions: Predictions | str | Path | Sequence[Predictions | str | Path],
    *,
    no_face: NoFacePolicy = "exclude",
    method: Method = "conservative",
    n_bootstrap: int = 1000,
    seed: int = 0,
    name: str | None = None,
) -> Result:
    """Measure a detector on one protocol: each generator's fakes against the same Test reals.

    ``p3-family`` has one more cell in each fold, of the family as a whole, and no mean: its folds
    overlap, so a mean would count some fakes twice.

    Args:
        predictions: The predictions of the protocol's folds: one for P1, up to six for P2 and P3,
            up to four for the diagnostic ``p3-family``.
            A path stands for its file ``predictions.parquet``, or for all such files in a folder.
        no_face: How a video without a face counts: ``exclude`` leaves it out, ``as_real`` and
            ``as_fake`` give it the score 0 or 1. Other videos without a score are left out.
        method: How T1 and T0.1 are read off the ROC curve.
        n_bootstrap: The number of resamples of drivers and portraits; 0 for no bootstrap.
        seed: The random seed of the resampling.
        name: What the detector is called in tables; None for the name that the predictions hold.

    Raises:
        ResultError: There is nothing to score, a row has no label, a video has several rows, or
            the predictions differ in protocol, release, splits, detector, clips or face pack.

    Examples:
        >>> result = thb.score("runs/tall/p1/predictions.parquet", n_bootstrap=0)
        >>> round(result.mean["auc"].value, 3), round(result.mean["t1"].value, 3)
        (0.918, 0.556)
    """
    _check_policy(no_face)
    folds = _open(predictions)
    if not folds:
        raise ResultError("no predictions: nothing to score")
    runs = {run.fold: run for run in map(_get_run, folds)}
    rows = {_get_run(fold).fold: fold.rows for fold in folds}
    if len(runs) != len(folds):
        names = ", ".join(_get_run(fold).fold for fold in folds)
        raise ResultError(f"the same fold was given twice: {names}")
    common = _check_together(list(runs.values()))
    pairs = [pair for name in sorted(runs) for pair in _pair_fold(runs[name], rows[name], no_face)]
    if not pairs:
        raise ResultError("the predictions hold no fake of any generator: nothing to score")
    cells = [_measure_cell(pair, method, n_bootstrap, seed) for pair in pairs]
    main = [] if common.family else _choose_main(pairs, cells)
    return Result(
        protocol=common.protocol,
        split_by=common.split_by,
        release=common.release,
        detector=common.detector.model_type,
        name=name or common.title,
        cells=tuple(cells),
        mean=_measure_mean(main, method, n_bootstrap, seed),
        mean_over=tuple(cell.generator for _, cell in main),
        thresholds={name: _find_thresholds(runs[name], pairs, method) for name in sorted(runs)},
        runs={name: runs[name] for name in sorted(runs)},
        settings=ScoreSettings(no_face=no_face, method=method, n_bootstrap=n_bootstrap, seed=seed),
        predictions_sha256={name: _hash_rows(rows[name]) for name in sorted(runs)},
        splits_sha256={name: _hash_split(rows[name]) for name in sorted(runs)},
        versions=_list_versions(),
    )


def _pair_fold(
    run: FoldScoringRecord, rows: Sequence[Prediction], no_face: NoFacePolicy
) -> list[Pair]:
    return pair_up(run.fold, rows, no_face, family=run.family)


def _check_policy(no_face: str) -> None:
    if no_face not in get_args(NoFacePolicy):
        raise ResultError(
            f"no-face policy {no_face!r} is not one of {', '.join(get_args(NoFacePolicy))}"
        )


def _list_versions() -> dict[str, str]:
    installed = package_versions()
    return {name: installed[name] for name in _COMPUTING if name in installed} | {"metric": VERSION}


def _open(
    predictions: Predictions | str | Path | Sequence[Predictions | str | Path],
) -> list[Predictions]:
    given = [predictions] if isinstance(predictions, Predictions | str | Path) else predictions
    return [
        fold
        for item in given
        for fold in ([item] if isinstance(item, Predictions) else read_all_predictions([item]))
    ]


def _get_run(predictions: Predictions) -> FoldScoringRecord:
    if not isinstance(predictions.run, FoldScoringRecord):
        raise ResultError(
            "the predictions do not name their protocol and fold: "
            "score predictions that `thb evaluate` wrote"
        )
    return predictions.run


def _check_together(runs: Sequence[FoldScoringRecord]) -> FoldScoringRecord:
    """Return the first record; all records must agree in what a result has only one of."""
    first = _common(runs[0])
    for name, value in first.items():
        others = {str(_common(run)[name]) for run in runs} - {str(value)}
        if others:
            raise ResultError(
                f"predictions that differ in {name} cannot be combined into one result: "
                + ", ".join([str(value), *sorted(others)])
            )
    return runs[0]


def _common(run: FoldScoringRecord) -> dict[str, object]:
    return {
        "protocol": run.protocol,
        "split_by": run.split_by,
        "release": run.release.identity,
        "detector": run.detector.model_type,
        "clip_spec": run.clip_spec,
        "face_pack": run.face_pack and run.face_pack.sha256s,
    }


def _measure_cell(pair: Pair, method: Method, n_bootstrap: int, seed: int) -> Cell:
    labels, scores = pair.labels, pair.scores
    try:
        curve = roc_curve(labels, scores)
    except MetricError as error:
        return replace(pair.cell, problem=str(error))
    spread = _bootstrap([pair], method, n_bootstrap, seed)
    measures = {
        "auc": _measure(curve.area, area_interval(curve), spread.get("auc")),
        "t1": _measure_tpr(curve, "t1", method, spread.get("t1")),
        "t01": _measure_tpr(curve, "t01", method, spread.get("t01")),
        "brier": _measure(brier(labels, scores), spread.get("brier"), spread.get("brier")),
    }
    scheme = choose_scheme([pair.sample]) if spread else None
    word = grade(measures["t1"].value, n_real=pair.cell.n_real, n_fake=pair.cell.n_fake)
    return replace(pair.cell, measures=measures, grade=word, resampling=scheme)


def _choose_main(pairs: Sequence[Pair], cells: Sequence[Cell]) -> list[tuple[Pair, Cell]]:
    """Return what the mean is over: the generators that the protocol tests, if measured."""
    return [
        (pair, cell)
        for pair, cell in zip(pairs, cells, strict=True)
        if cell.part == "test" and cell.measures
    ]


def _measure_mean(
    main: Sequence[tuple[Pair, Cell]], method: Method, n_bootstrap: int, seed: int
) -> dict[str, Measure]:
    if not main:
        return {}
    if len(main) == 1:  # a mean over one generator is its number, with the same intervals
        return dict(main[0][1].measures)
    spread = _bootstrap([pair for pair, _ in main], method, n_bootstrap, seed)
    return {
        name: replace(
            _measure(
                sum(cell.measures[name].value for _, cell in main) / len(main),
                spread.get(name),
                spread.get(name),
            ),
            below_resolution=any(cell.measures[name].below_resolution for _, cell in main),
        )
        for name in METRICS
    }


def _find_thresholds(
    run: FoldScoringRecord, pairs: Sequence[Pair], method: Method
) -> dict[str, float | None]:
    """Return the thresholds of T1 and T0.1 over a fold's fakes of all generators of the release."""
    known = {
        row.video_id: (label, value)
        for pair in pairs
        if pair.cell.fold == run.fold and pair.cell.generator not in run.fakes
        for row, label, value in zip(pair.rows, pair.labels, pair.scores, strict=True)
    }
    labels = [label for label, _ in known.values()]
    scores = [value for _, value in known.values()]
    try:
        curve = roc_curve(labels, scores)
    except MetricError:  # a curve needs both classes
        return dict.fromkeys(_TARGETS)
    return {
        name: _finite(curve.at_fpr(target, method=method).threshold)
        for name, target in _TARGETS.items()
    }


def _finite(threshold: float) -> float | None:
    return threshold if threshold <= 1 else None


def _measure(value: float, interval: Interval | None, resampled: Interval | None) -> Measure:
    return Measure(
        value=value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        bootstrap_low=resampled.low if resampled else None,
        bootstrap_high=resampled.high if resampled else None,
    )


def _measure_tpr(curve: RocCurve, name: str, method: Method, resampled: Interval | None) -> Measure:
    point = curve.at_fpr(_TARGETS[name], method=method)
    # Between two points of the curve there is no count of hits for an exact interval.
    exact = None
    if method != "interpolate":
        exact = binomial_interval(point.hits, curve.n_fake)
    return replace(
        _measure(point.tpr, exact, resampled),
        below_resolution=point.below_resolution,
        threshold=_finite(point.threshold),
    )


def _bootstrap(
    pairs: Sequence[Pair], method: Method, replicates: int, seed: int
) -> dict[str, Interval]:
    if replicates < 1:
        return {}
    try:
        spread = mean_bootstrap([pair.sample for pair in pairs], replicates=replicates, seed=seed)
    except MetricError:  # there are too few clusters to resample
        return {}
    if method != "conservative":  # the resamples always read T1 and T0.1 by this method
        return {name: spread[name] for name in ("auc", "brier")}
    return spread


def _hash_rows(rows: Sequence[Prediction]) -> str:
    digest = hashlib.sha256()
    for row in sorted(rows, key=lambda row: row.video_id):
        line = {**asdict(row), "clip_logits": [round(value, 6) for value in row.clip_logits]}
        line["score"] = None if row.score is None else round(row.score, 6)
        if not row.warnings:  # rows of older versions have no warnings, and keep their digest
            del line["warnings"]
        digest.update(json.dumps(line, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()


def _hash_split(rows: Sequence[Prediction]) -> str:
    digest = hashlib.sha256()
    for row in sorted(rows, key=lambda row: row.video_id):
        line = {name: getattr(row, name) for name in _OF_THE_RELEASE}
        digest.update(json.dumps(line, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()
