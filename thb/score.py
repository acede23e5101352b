"""Predictions in, numbers out: a pure function, so that anyone can recompute a submission."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Literal, get_args

from metrics.talking_head_detection.bootstrap import cluster_bootstrap
from metrics.talking_head_detection.roc import (
    T01,
    T1,
    MetricError,
    auc,
    auc_interval,
    binomial_interval,
    brier,
    grade,
    tpr_at_fpr,
)
from metrics.talking_head_detection.roc import Interval as _Interval
from metrics.talking_head_detection.roc import Method as _Method
from thb.predictions import Prediction, Predictions, Status
from thb.result import METRICS, Cell, Measure, Result
from thb_dataset.errors import ResultError

NoFacePolicy = Literal["exclude", "as_real", "as_fake"]
_ASSUMED = {"as_real": 0.0, "as_fake": 1.0}


def score(
    predictions: Predictions | Sequence[Predictions],
    *,
    no_face: NoFacePolicy = "exclude",
    method: _Method = "conservative",
    n_bootstrap: int = 1000,
    seed: int = 0,
) -> Result:
    """Measure a detector on one protocol: each generator's fakes against the same Test reals.

    Args:
        predictions: Of the protocol's folds; one for P1, up to six for P2 and P3.
        no_face: What a video without a face counts as. ``exclude`` leaves it out and counts it;
            the others give it the score 0 or 1. Missing and unreadable videos are always left out
            and counted.
        method: How T1 and T0.1 are read off the curve.
        n_bootstrap: Resamples of drivers and portraits; 0 for none.
        seed: Of the resampling.

    Raises:
        ResultError: Nothing to score, rows without labels, or predictions that do not belong
            together (other protocol, release, reading of the splits, or detector).
    """
    folds = [predictions] if isinstance(predictions, Predictions) else list(predictions)
    if no_face not in get_args(NoFacePolicy):
        raise ResultError(f"no-face policy {no_face!r}: {', '.join(get_args(NoFacePolicy))}")
    if not folds:
        raise ResultError("no predictions: nothing to score")
    runs = {_fold_name(fold): fold for fold in folds}
    if len(runs) != len(folds):
        raise ResultError(f"one fold is there twice: {', '.join(map(_fold_name, folds))}")
    common = _check_together(folds)
    cells: list[Cell] = []
    for name in sorted(runs):
        cells.extend(_score_fold(name, runs[name].rows, no_face, method, n_bootstrap, seed))
    if not cells:
        raise ResultError("no fake of any generator among the predictions: nothing to score")
    return Result(
        protocol=common["protocol"],
        split_by=common["split_by"],
        release=common["release"],
        detector=common["detector"],
        cells=tuple(cells),
        mean=_mean(cells),
        runs={name: runs[name].run for name in sorted(runs)},
        settings={
            "no_face": no_face,
            "method": method,
            "n_bootstrap": n_bootstrap,
            "seed": seed,
            "confidence": 0.95,
        },
        predictions_sha256={name: _hash_rows(runs[name].rows) for name in sorted(runs)},
    )


def _fold_name(predictions: Predictions) -> str:
    name = predictions.run.get("fold")
    if not isinstance(name, str):
        raise ResultError(
            "these predictions do not say which protocol and fold they are of: only what "
            "`thb evaluate` wrote can be scored"
        )
    return name


def _check_together(folds: Sequence[Predictions]) -> dict[str, Any]:
    common = [_describe(fold.run) for fold in folds]
    for name in common[0]:
        values = {json.dumps(record[name], sort_keys=True): record[name] for record in common}
        if len(values) > 1:
            raise ResultError(
                f"predictions of different {name}s cannot be one result: "
                + ", ".join(str(value) for value in values.values())
            )
    return common[0]


def _describe(run: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return {
            "protocol": run["protocol"],
            "split_by": run["split_by"],
            "release": run["release"],
            "detector": run["detector"]["model_type"],
        }
    except (KeyError, TypeError) as error:
        raise ResultError(f"the predictions' record of their run lacks {error}") from error


def _score_fold(
    fold: str,
    rows: Sequence[Prediction],
    no_face: NoFacePolicy,
    method: _Method,
    n_bootstrap: int,
    seed: int,
) -> list[Cell]:
    unlabelled = [row.video_id for row in rows if row.label is None]
    if unlabelled:
        raise ResultError(f"{fold}: {len(unlabelled)} rows have no label, {unlabelled[0]} first")
    rows = sorted(rows, key=lambda row: row.video_id)  # their order seeds the bootstrap's clusters
    reals = [row for row in rows if row.label == 0]
    names = {(row.split, row.generator) for row in rows if row.label == 1}
    if any(generator is None for _, generator in names):
        raise ResultError(f"{fold}: a fake without a generator")
    cells = []
    for part, generator in sorted(names, key=lambda name: (name[0] != "test", str(name[1]))):
        fakes = [row for row in rows if row.label == 1 and row.generator == generator]
        cell_rows = [_assume(row, no_face) for row in (*reals, *fakes)]
        cells.append(
            _measure_cell(fold, str(generator), part, cell_rows, method, n_bootstrap, seed)
        )
    return cells


def _assume(row: Prediction, no_face: NoFacePolicy) -> tuple[Prediction, float | None]:
    if row.status is Status.NO_FACE and no_face in _ASSUMED:
        return row, _ASSUMED[no_face]
    return row, row.score


def _measure_cell(
    fold: str,
    generator: str,
    part: str,
    rows: Sequence[tuple[Prediction, float | None]],
    method: _Method,
    n_bootstrap: int,
    seed: int,
) -> Cell:
    scored = [(row, value) for row, value in rows if value is not None]
    labels = [int(row.label or 0) for row, _ in scored]
    scores = [value for _, value in scored]
    unscored = Counter(str(row.status) for row, value in rows if value is None)
    cell = Cell(
        fold=fold,
        generator=generator,
        part=part,
        n_real=labels.count(0),
        n_fake=labels.count(1),
        unscored=dict(sorted(unscored.items())),
    )
    try:
        area = auc(labels, scores)
    except MetricError as error:
        return _with(cell, problem=str(error))
    resampled = _bootstrap(labels, scores, [row for row, _ in scored], n_bootstrap, seed)
    measures = {
        "auc": _measure(area, auc_interval(labels, scores), resampled.get("auc")),
        "t1": _measure_tpr(labels, scores, "t1", method, resampled),
        "t01": _measure_tpr(labels, scores, "t01", method, resampled),
        "brier": _measure(brier(labels, scores), resampled.get("brier"), resampled.get("brier")),
    }
    return _with(cell, measures=measures, grade=grade(area))


def _with(cell: Cell, **values: Any) -> Cell:  # noqa: ANN401 — any attribute of a cell
    return Cell(**{**{name: getattr(cell, name) for name in cell.__dataclass_fields__}, **values})


def _measure(value: float, interval: _Interval | None, resampled: _Interval | None) -> Measure:
    return Measure(
        value=value,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        bootstrap_low=resampled.low if resampled else None,
        bootstrap_high=resampled.high if resampled else None,
    )


def _measure_tpr(
    labels: Sequence[int],
    scores: Sequence[float],
    name: str,
    method: _Method,
    resampled: Mapping[str, _Interval],
) -> Measure:
    point = tpr_at_fpr(labels, scores, T1 if name == "t1" else T01, method=method)
    # Between two points of the curve there is no count of successes to be exact about.
    exact = None if method == "interpolate" else binomial_interval(point.hits, sum(labels))
    # The resamples read T1 and T0.1 conservatively; beside another method they mislead.
    spread = resampled.get(name) if method == "conservative" else None
    measure = _measure(point.tpr, exact, spread)
    return Measure(
        **{
            **asdict(measure),
            "below_resolution": point.below_resolution,
            "threshold": point.threshold if point.threshold <= 1 else None,
        }
    )


def _bootstrap(
    labels: Sequence[int],
    scores: Sequence[float],
    rows: Sequence[Prediction],
    replicates: int,
    seed: int,
) -> dict[str, _Interval]:
    if replicates < 1:
        return {}
    # A real clip that drives fakes is resampled together with them.
    drivers = [row.driver if row.label else row.video_id.rpartition("/")[2] for row in rows]
    portraits = [row.portrait for row in rows]
    try:
        return cluster_bootstrap(
            labels, scores, [drivers, portraits], replicates=replicates, seed=seed
        )
    except MetricError:  # too few clusters for any resample: no interval is the honest answer
        return {}


def _mean(cells: Sequence[Cell]) -> dict[str, float]:
    main = [cell.measures for cell in cells if cell.part == "test" and cell.measures]
    return {name: sum(m[name].value for m in main) / len(main) for name in METRICS if main}


def _hash_rows(rows: Sequence[Prediction]) -> str:
    digest = hashlib.sha256()
    for row in sorted(rows, key=lambda row: row.video_id):
        line = {**asdict(row), "clip_logits": [round(value, 6) for value in row.clip_logits]}
        line["score"] = None if row.score is None else round(row.score, 6)
        digest.update(json.dumps(line, sort_keys=True).encode() + b"\n")
    return digest.hexdigest()
