"""The tables of ``benchmarks.gend_on_sample``, from the scores that it left on disk."""

from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from metrics.talking_head_detection.bootstrap import mean_bootstrap
from metrics.talking_head_detection.roc import T1, auc, tpr_at_fpr
from thb.evaluation.cells import FAMILY
from thb.evaluation.pairs import Pair, pair_up
from thb.prediction.predictions import Prediction, Status
from thb_dataset.protocols import Fold
from thb_dataset.records import Family

HEADING = "## The tables\n"


def find_scores(out: Path, name: str, fold: str, seed: int) -> Path:
    """Return the file of the scores of a variant on a fold, trained with a seed."""
    return out / name / f"{fold}-{seed}.json"


def write_scores(path: Path, scores: Mapping[str, float], seconds: float) -> None:
    """Write P(fake) of the test videos, and the seconds of the training with its test."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"seconds": round(seconds, 1), "scores": dict(scores)})
    path.write_text(text, encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class Line:
    """The numbers of a variant on one protocol.

    Attributes:
        cells: The mean AUC over the seeds, by generator or family.
        auc: The mean AUC over these, the mean over the seeds.
        auc_seeds: The lowest and the highest mean AUC of a seed.
        auc_interval: Of the scores averaged over the seeds, by resampling drivers and portraits.
        t1: The mean T1, the mean over the seeds.
        t1_seeds: Its lowest and highest.
        elsewhere: The mean AUC over the clips that are not from the benchmark's own page.
        seconds: The median seconds of a training with its test.
    """

    cells: Mapping[str, float]
    auc: float
    auc_seeds: tuple[float, float]
    auc_interval: tuple[float, float]
    t1: float
    t1_seeds: tuple[float, float]
    elsewhere: float
    seconds: float
    seeds: int


def read_line(
    name: str, folds: Sequence[Fold], given: argparse.Namespace, own_page: frozenset[str]
) -> Line | None:
    """Read the scores of a variant on the folds of one protocol; None if a fold has none."""
    runs = {
        fold.name: [
            json.loads(path.read_text(encoding="utf-8"))
            for seed in given.seeds
            if (path := find_scores(given.out, name, fold.name, seed)).is_file()
        ]
        for fold in folds
    }
    count = min(map(len, runs.values()))
    if count == 0:
        return None
    seeds = [
        {fold.name: _pair(fold, runs[fold.name][k]["scores"]) for fold in folds}
        for k in range(count)
    ]
    areas = [[auc(p.labels, p.scores) for f in folds for p in seed[f.name]] for seed in seeds]
    rates = [
        [tpr_at_fpr(p.labels, p.scores, T1).tpr for f in folds for p in seed[f.name]]
        for seed in seeds
    ]
    mean = {
        fold.name: _pair(
            fold,
            {
                video: float(np.mean([run["scores"][video] for run in runs[fold.name][:count]]))
                for video in runs[fold.name][0]["scores"]
            },
        )
        for fold in folds
    }
    samples = [pair.sample for fold in folds for pair in mean[fold.name]]
    interval = mean_bootstrap(samples, replicates=1000)["auc"]
    names = [pair.cell.generator for fold in folds for pair in mean[fold.name]]
    away = [_measure_elsewhere(p, own_page) for fold in folds for p in mean[fold.name]]
    by_seed = np.mean(areas, axis=1)
    return Line(
        cells=dict(zip(names, np.mean(areas, axis=0), strict=True)),
        auc=float(by_seed.mean()),
        auc_seeds=(float(by_seed.min()), float(by_seed.max())),
        auc_interval=(interval.low, interval.high),
        t1=float(np.mean(rates)),
        t1_seeds=(float(np.mean(rates, axis=1).min()), float(np.mean(rates, axis=1).max())),
        elsewhere=float(np.nanmean(away)),
        seconds=float(np.median([run["seconds"] for each in runs.values() for run in each])),
        seeds=count,
    )


def _pair(fold: Fold, scores: Mapping[str, float]) -> list[Pair]:
    """Pair the fakes of each generator, or of the family that is held out, with the reals."""
    rows = [
        Prediction.of_video(video, split="test", status=Status.OK, score=scores[video.video_id])
        for video in fold.test
        if video.video_id in scores
    ]
    family = fold.held_out if isinstance(fold.held_out, Family) else None
    pairs = pair_up(fold.name, rows, "exclude", family=family)
    return [pair for pair in pairs if family is None or pair.cell.part == FAMILY]


def _measure_elsewhere(pair: Pair, own_page: frozenset[str]) -> float:
    """Return the AUC over the videos that are not of the benchmark's own page; NaN without."""
    away = np.array([row.video_id.rpartition("/")[2] not in own_page for row in pair.rows])
    labels = pair.labels[away]
    both = 0 < labels.sum() < len(labels)
    return auc(labels, pair.scores[away]) if both else float("nan")


def read_own_page(provenance: Path) -> frozenset[str]:
    """Return the names of the clips that the benchmark shows on its own page."""
    with provenance.open(encoding="utf-8", newline="") as file:
        return frozenset(
            Path(row["path"]).stem
            for row in csv.DictReader(file)
            if row["source_repo"].endswith("talkingheadbench.github.io")
        )


def write_tables(
    folds: Sequence[Fold], given: argparse.Namespace, titles: Mapping[str, str]
) -> dict[str, str]:
    """Return a table for each protocol, a row for each variant that has scores on all its folds."""
    own_page = read_own_page(given.sample / "PROVENANCE.csv")
    tables = {}
    for protocol in dict.fromkeys(fold.protocol for fold in folds):
        chosen = [fold for fold in folds if fold.protocol is protocol]
        lines = {name: read_line(name, chosen, given, own_page) for name in titles}
        found = {name: line for name, line in lines.items() if line is not None}
        if found:
            tables[protocol.value] = _write_table(found, titles)
    return tables


def _write_table(lines: Mapping[str, Line], titles: Mapping[str, str]) -> str:
    cells = list(next(iter(lines.values())).cells)
    heads = ["variant", "seeds", *cells, "mean AUC", "95 %", "seeds from to", "T1",
             "seeds from to", "AUC elsewhere", "s a fold"]  # fmt: skip
    rows = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for name, line in lines.items():
        rows.append([
            titles[name], str(line.seeds), *(f"{line.cells[cell]:.3f}" for cell in cells),
            f"{line.auc:.3f}", f"{line.auc_interval[0]:.2f}–{line.auc_interval[1]:.2f}",
            f"{line.auc_seeds[0]:.3f}–{line.auc_seeds[1]:.3f}", f"{line.t1:.3f}",
            f"{line.t1_seeds[0]:.3f}–{line.t1_seeds[1]:.3f}", f"{line.elsewhere:.3f}",
            f"{line.seconds:.0f}",
        ])  # fmt: skip
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
