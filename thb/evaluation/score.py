"""Compute the numbers of a detector from its predictions.

:func:`score` is a pure function of the predictions, so that anyone can recompute a submission. It
pairs each generator's fakes with the real videos and measures every pair with
``metrics.talking_head_detection``.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import get_args

from metrics.talking_head_detection.bootstrap import Sample, choose_scheme, mean_bootstrap
from metrics.talking_head_detection.delong import auc_interval
from metrics.talking_head_detection.roc import (
    T01,
    T1,
    Interval,
    Method,
    MetricError,
    auc,
    binomial_interval,
    brier,
    grade,
    tpr_at_fpr,
)
from thb.evaluation.cells import METRICS, Cell, Measure, NoFacePolicy, ScoreSettings
from thb.evaluation.result import Result
from thb.prediction.predictions import Prediction, Predictions, Status
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.errors import ResultError
from thb_dataset.records import RealDataset

_ASSUMED = {"as_real": 0.0, "as_fake": 1.0}
_TARGETS = {"t1": T1, "t01": T01}


def score(
    predictions: Predictions | Sequence[Predictions],
    *,
    no_face: NoFacePolicy = "exclude",
    method: Method = "conservative",
    n_bootstrap: int = 1000,
    seed: int = 0,
    name: str | None = None,
) -> Result:
    """Measure a detector on one protocol: each generator's fakes against the same Test reals.

    Args:
        predictions: The predictions of the protocol's folds: one for P1, up to six for P2 and P3.
        no_face: How a video without a face counts: ``exclude`` leaves it out, ``as_real`` and
            ``as_fake`` give it the score 0 or 1. Other videos without a score are left out.
        method: How T1 and T0.1 are read off the ROC curve.
        n_bootstrap: The number of resamples of drivers and portraits; 0 for no bootstrap.
        seed: The random seed of the resampling.
        name: What the detector is called in tables; None for the name that the predictions hold.

    Raises:
        ResultError: There is nothing to score, a row has no label, a video has several rows, or
            the predictions differ in protocol, release, splits, detector, clips or face pack.
    """
    folds = [predictions] if isinstance(predictions, Predictions) else list(predictions)
    if no_face not in get_args(NoFacePolicy):
        raise ResultError(
            f"no-face policy {no_face!r} is not one of {', '.join(get_args(NoFacePolicy))}"
        )
    if not folds:
        raise ResultError("no predictions: nothing to score")
    runs = {run.fold: run for run in map(_get_run, folds)}
    rows = {_get_run(fold).fold: fold.rows for fold in folds}
    if len(runs) != len(folds):
        names = ", ".join(_get_run(fold).fold for fold in folds)
        raise ResultError(f"the same fold was given twice: {names}")
    common = _check_together(list(runs.values()))
    pairs = [pair for name in sorted(runs) for pair in _pair_up(name, rows[name], no_face)]
    if not pairs:
        raise ResultError("the predictions hold no fake of any generator: nothing to score")
    cells = [_measure_cell(pair, method, n_bootstrap, seed) for pair in pairs]
    main = [
        (pair, cell)
        for pair, cell in zip(pairs, cells, strict=True)
        if cell.part == "test" and cell.measures
    ]
    return Result(
        protocol=common.protocol,
        split_by=common.split_by,
        release=common.release,
        detector=common.detector.model_type,
        name=name or common.title,
        cells=tuple(cells),
        mean=_measure_mean(main, method, n_bootstrap, seed),
        mean_over=tuple(cell.generator for _, cell in main),
        thresholds={name: _find_thresholds(name, pairs, method) for name in sorted(runs)},
        runs={name: runs[name] for name in sorted(runs)},
        settings=ScoreSettings(no_face=no_face, method=method, n_bootstrap=n_bootstrap, seed=seed),
        predictions_sha256={name: _hash_rows(rows[name]) for name in sorted(runs)},
    )


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


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """The scored fakes of one generator and the scored real videos they are compared with."""

    cell: Cell
    rows: Sequence[Prediction]
    labels: Sequence[int]
    scores: Sequence[float]

    @property
    def sample(self) -> Sample:
        drivers = [row.driver if row.label else _name_clip(row) for row in self.rows]
        return Sample(self.labels, self.scores, (drivers, [row.portrait for row in self.rows]))


def _name_clip(real: Prediction) -> str:
    """Return a real video's name as a driver, so that it is resampled with the fakes it drives."""
    if real.real_dataset == RealDataset.CELEBV_HQ:
        return real.video_id.rpartition("/")[2]
    return real.video_id


def _pair_up(fold: str, rows: Sequence[Prediction], no_face: NoFacePolicy) -> list[_Pair]:
    _check_rows(fold, rows)
    rows = sorted(rows, key=lambda row: row.video_id)  # the bootstrap depends on their order
    names = {(row.split, str(row.generator)) for row in rows if row.label == 1}
    return [
        _make_pair(
            Cell(fold=fold, generator=generator, part=part, n_real=0, n_fake=0),
            [
                row
                for row in rows
                if row.label == 0 or (row.split, row.generator) == (part, generator)
            ],
            no_face,
        )
        for part, generator in sorted(names, key=lambda name: (name[0] != "test", name))
    ]


def _check_rows(fold: str, rows: Sequence[Prediction]) -> None:
    twice = sorted(name for name, n in Counter(row.video_id for row in rows).items() if n > 1)
    if twice:
        raise ResultError(
            f"{fold}: {len(twice)} videos have two or more rows, the first is {twice[0]}"
        )
    unlabelled = [row.video_id for row in rows if row.label is None]
    if unlabelled:
        raise ResultError(
            f"{fold}: {len(unlabelled)} rows have no label, the first is {unlabelled[0]}"
        )
    nameless = [row.video_id for row in rows if row.label == 1 and row.generator is None]
    if nameless:
        raise ResultError(f"{fold}: the fake {nameless[0]} has no generator")


def _make_pair(cell: Cell, rows: Sequence[Prediction], no_face: NoFacePolicy) -> _Pair:
    assumed = {
        row.video_id: _ASSUMED[no_face]
        for row in rows
        if row.status is Status.NO_FACE and no_face in _ASSUMED
    }
    values = [(row, assumed.get(row.video_id, row.score)) for row in rows]
    scored = [(row, value) for row, value in values if value is not None]
    unscored = Counter(str(row.status) for row, value in values if value is None)
    labels = [int(row.label or 0) for row, _ in scored]
    return _Pair(
        cell=replace(
            cell,
            n_real=labels.count(0),
            n_fake=labels.count(1),
            unscored=dict(sorted(unscored.items())),
            assumed=len(assumed),
        ),
        rows=[row for row, _ in scored],
        labels=labels,
        scores=[value for _, value in scored],
    )


def _measure_cell(pair: _Pair, method: Method, n_bootstrap: int, seed: int) -> Cell:
    labels, scores = pair.labels, pair.scores
    try:
        area = auc(labels, scores)
    except MetricError as error:
        return replace(pair.cell, problem=str(error))
    spread = _bootstrap([pair], method, n_bootstrap, seed)
    measures = {
        "auc": _measure(area, auc_interval(labels, scores), spread.get("auc")),
        "t1": _measure_tpr(pair, "t1", method, spread.get("t1")),
        "t01": _measure_tpr(pair, "t01", method, spread.get("t01")),
        "brier": _measure(brier(labels, scores), spread.get("brier"), spread.get("brier")),
    }
    scheme = choose_scheme([pair.sample]) if spread else None
    word = grade(measures["t1"].value, n_real=pair.cell.n_real, n_fake=pair.cell.n_fake)
    return replace(pair.cell, measures=measures, grade=word, resampling=scheme)


def _measure_mean(
    main: Sequence[tuple[_Pair, Cell]], method: Method, n_bootstrap: int, seed: int
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


def _find_thresholds(fold: str, pairs: Sequence[_Pair], method: Method) -> dict[str, float | None]:
    """Return the thresholds of T1 and T0.1 over the fakes of all generators of a fold."""
    known = {
        row.video_id: (label, value)
        for pair in pairs
        if pair.cell.fold == fold
        for row, label, value in zip(pair.rows, pair.labels, pair.scores, strict=True)
    }
    labels = [label for label, _ in known.values()]
    scores = [value for _, value in known.values()]
    try:
        points = {
            name: tpr_at_fpr(labels, scores, target, method=method)
            for name, target in _TARGETS.items()
        }
    except MetricError:  # a curve needs both classes
        return dict.fromkeys(_TARGETS)
    return {name: _finite(point.threshold) for name, point in points.items()}


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


def _measure_tpr(pair: _Pair, name: str, method: Method, resampled: Interval | None) -> Measure:
    point = tpr_at_fpr(pair.labels, pair.scores, _TARGETS[name], method=method)
    # Between two points of the curve there is no count of hits for an exact interval.
    exact = None
    if method != "interpolate":
        exact = binomial_interval(point.hits, pair.cell.n_fake)
    return replace(
        _measure(point.tpr, exact, resampled),
        below_resolution=point.below_resolution,
        threshold=_finite(point.threshold),
    )


def _bootstrap(
    pairs: Sequence[_Pair], method: Method, replicates: int, seed: int
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
