"""What each switch of GenD's training is worth on a small real release: a frozen probe and beyond.

    python -m benchmarks.gend_on_sample SAMPLE --backbone CLIP_B16 --out runs/gend
        [--only probe …] [--protocols p1 p3 p3-family] [--seeds 0 1 2 3 4] [--write FILE.md]

SAMPLE holds ``hub/`` and ``real_videos/``, CLIP_B16 a CLIP ViT-B/16 in the layout of transformers.
Every variant differs from another in one switch. Trainings with different seeds share the face
crops, and with ``tuned="head"`` the features. A variant that is finished is read from ``--out``.
"""

from __future__ import annotations

import argparse
import copy
import csv
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor

from detectors.gend.configuration import GenDConfig
from detectors.gend.modeling import GenD
from detectors.recipes import Recipe
from metrics.talking_head_detection.bootstrap import mean_bootstrap
from metrics.talking_head_detection.roc import T1, auc, tpr_at_fpr
from thb.evaluation.cells import FAMILY
from thb.evaluation.pairs import Pair, pair_up
from thb.prediction.inference import aggregate
from thb.prediction.predictions import Prediction, Status
from thb.preprocessing.clips import ClipMaker
from thb.preprocessing.settings import Preparation
from thb.releases.files import fetch_files
from thb.releases.opening import OpenRelease, open_release
from thb.runs.folds import build_all_folds
from thb.runtime.console import quiet_transformers, say
from thb.runtime.processes import make_training_accelerator
from thb.training.data import choose_clips
from thb.training.features import FrozenFeatures
from thb.training.loop import fit, load_trained
from thb.training.settings import TrainOptions, TrainSettings, choose_settings
from thb.training.videos import FoldClips, make_fold_clips
from thb_dataset.clips.video_clips import VideoClips, prepare_pixels
from thb_dataset.protocols import Fold
from thb_dataset.records import Family

HEADING = "## The tables\n"
FRAMES = 8
B16: Mapping[str, Any] = {
    "patch_size": 16,
    "hidden_size": 768,
    "layers": 12,
    "heads": 12,
    "intermediate_size": 3072,
}
"""The size of CLIP ViT-B/16; GenD's own default is L/14."""

PLAIN: Mapping[str, Any] = {
    "flip": False,
    "shift_pixels": 0,
    "brightness": 0.0,
    "contrast": 0.0,
    "channel_gain": 0.0,
    "augmentations": [],
    "mixed_precision": "bf16",
    "pairs": False,
    "keep": "last",
    "max_gradient_norm": None,
    "weight_decay": 0.0,
}
PROBE = {**PLAIN, "epochs": 40, "batch_size": 64, "draws_per_video": FRAMES, "learning_rate": 0.02}
TUNING = {**PLAIN, "epochs": 3, "batch_size": 32, "draws_per_video": 2, "learning_rate": 3e-4}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A training: what differs from the variant that ``beside`` names.

    Attributes:
        title: What it is called in the table.
        config: The settings of the detector.
        settings: The settings of the recipe.
        clip: The settings of its clips.
    """

    title: str
    settings: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    clip: Mapping[str, Any] = field(default_factory=dict)


HEAD = {"tuned": "head", "uniformity_weight": 0.0, "alignment_weight": 0.0}
NORMS = {"tuned": "layer_norms"}
LATE = {**NORMS, "tuned_blocks": 4}
REENCODED = {"reencodings": 2}
WARPED = {**REENCODED, "pseudo_fakes": ["warp"]}
WIDE = {"margin": 1.6}
EDGES = {**WIDE, "template": "arcface", "resample": "fine"}
"""The template of GenD is ArcFace's; here the picture's edges are repeated where GenD has black."""

VARIANTS: Mapping[str, Variant] = {
    "probe": Variant(title="frozen probe", config=HEAD, settings=PROBE),
    "probe-probability": Variant(
        title="… mean of probabilities instead of logits",
        config=HEAD,
        settings=PROBE,
        clip={"aggregation": "mean_probability"},
    ),
    "probe-pairs": Variant(title="… pairs", config=HEAD, settings={**PROBE, "pairs": True}),
    "probe-1frame": Variant(
        title="… one frame instead of eight", config=HEAD, settings=PROBE, clip={"clips": 1}
    ),
    "probe-wide": Variant(
        title="… head and neck (1.6), black outside the frame",
        config=HEAD,
        settings=PROBE,
        clip=WIDE,
    ),
    "probe-edges": Variant(
        title="… head and neck (1.6), edges repeated", config=HEAD, settings=PROBE, clip=EDGES
    ),
    "probe-reencoded": Variant(
        title="… the same, random re-encoding",
        config=HEAD,
        settings={**PROBE, **REENCODED},
        clip=EDGES,
    ),
    "probe-warped": Variant(
        title="… the same, warped pseudo-fakes too",
        config=HEAD,
        settings={**PROBE, **WARPED},
        clip=EDGES,
    ),
    "late": Variant(title="LayerNorms of the last four blocks", config=LATE, settings=TUNING),
    "late-pairs": Variant(title="… pairs", config=LATE, settings={**TUNING, "pairs": True}),
    "late-ours": Variant(
        title="… pairs, 1.6, edges repeated, re-encoding, warps",
        config=LATE,
        settings={**TUNING, "pairs": True, **WARPED},
        clip=EDGES,
    ),
    "norms": Variant(title="all LayerNorms", config=NORMS, settings=TUNING),
    "norms-pairs": Variant(title="… pairs", config=NORMS, settings={**TUNING, "pairs": True}),
}


def main() -> None:
    """Train and measure what is missing, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sample", type=Path)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--protocols", nargs="*", default=["p1", "p3", "p3-family"])
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path, help="put the table into this file's last section")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    quiet_transformers()
    opened = open_release(given.sample / "hub", real_root=given.sample / "real_videos")
    folds = build_all_folds(opened, given.protocols, fold=None, split_by="release")
    for name in given.only:
        measure(name, folds, opened, given)
    text = write_tables(folds, given)
    print(text)
    if given.write is not None:
        before = given.write.read_text(encoding="utf-8").partition(HEADING)[0]
        given.write.write_text(before + text, encoding="utf-8")


def measure(
    name: str, folds: Sequence[Fold], opened: OpenRelease, given: argparse.Namespace
) -> None:
    """Train a variant on every fold with every seed, and write the scores of the test videos."""
    variant = VARIANTS[name]
    missing = [
        (fold, seed)
        for fold in folds
        for seed in given.seeds
        if not _find_scores(given.out, name, fold.name, seed).is_file()
    ]
    if not missing:
        return
    start = load_start(variant, given.backbone)
    ready = prepare(variant, start, folds, opened)
    for fold, seed in missing:
        began = time.perf_counter()
        detector = copy.deepcopy(start)
        set_seed(seed)
        detector.prepare_training()
        clips = ready.clips
        result = fit(
            detector,
            choose_clips(fold.train, clips.train, clips.new)[0],
            (),  # the last epoch is kept, whatever the validation says
            settings=make_settings(variant, seed=seed),
            accelerator=ready.accelerator,
            features=ready.features,
        )
        ready.accelerator.free_memory()
        load_trained(detector, result.weights)
        scores = ready.tests.score(detector, fold)
        path = _find_scores(given.out, name, fold.name, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds = round(time.perf_counter() - began, 1)
        path.write_text(json.dumps({"seconds": seconds, "scores": scores}), encoding="utf-8")
        say(f"{name} {fold.name} seed {seed}: {seconds} s")


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What trainings share whose clips and frozen layers are the same."""

    clips: FoldClips
    tests: TestClips
    features: FrozenFeatures
    accelerator: Accelerator


_PREPARED: dict[str, Prepared] = {}
"""The last one only: the tokens of the late blocks take a gigabyte."""


def prepare(variant: Variant, start: GenD, folds: Sequence[Fold], opened: OpenRelease) -> Prepared:
    """Return the clips and the features of a variant, which it may share with the one before."""
    settings = make_settings(variant, seed=0)
    decides = (
        start.config.clip_spec.to_dict() | {"aggregation": None},
        dict(variant.config),
        [settings.reencodings, settings.pseudo_fakes],
    )
    key = json.dumps(decides)
    if key not in _PREPARED:
        _PREPARED.clear()
        accelerator = make_training_accelerator()
        spec, options = start.config.clip_spec, TrainOptions(progress=False)
        _PREPARED[key] = Prepared(
            clips=make_fold_clips(folds, spec, opened, settings, options, accelerator),
            tests=TestClips(folds, opened, start),
            features=FrozenFeatures(),
            accelerator=accelerator,
        )
    return _PREPARED[key]


def load_start(variant: Variant, backbone: Path) -> GenD:
    """Return a fresh GenD with the pretrained backbone."""
    clip = {"clips": FRAMES, "aggregation": "mean_logit", **variant.clip}
    config = GenDConfig(
        **B16, **variant.config, clip=clip, backbone_checkpoint=str(backbone.resolve())
    )
    torch.manual_seed(0)
    detector = GenD(config)
    detector.load_backbone(str(backbone))
    return detector


def make_settings(variant: Variant, *, seed: int) -> TrainSettings:
    """Return the recipe of a variant."""
    return choose_settings(Recipe(), {**variant.settings, "seed": seed})


class TestClips:
    """The clips of all test videos, and what a frozen encoder makes of them.

    Args:
        folds: The folds that are tested.
        opened: The release.
        start: The detector that all trainings start from.
    """

    def __init__(self, folds: Sequence[Fold], opened: OpenRelease, start: GenD) -> None:
        self._spec = start.config.clip_spec
        videos = {v.video_id: v for fold in folds for v in (*fold.test, *fold.extra)}
        paths = fetch_files(opened, tuple(videos.values()), progress=False).videos
        with ClipMaker(self._spec, Preparation(progress=False)) as maker:
            made = dict(maker.make(sorted(paths.items())))
        self._pixels = {
            name: torch.from_numpy(prepare_pixels(clips, self._spec))
            for name, clips in made.items()
            if isinstance(clips, VideoClips)
        }
        self._features: dict[str, Tensor] = {}
        if start.has_frozen_front:
            with torch.inference_mode(), _half():
                self._features = {
                    name: start.encode_front(pixels).float()
                    for name, pixels in self._pixels.items()
                }

    def score(self, detector: GenD, fold: Fold) -> dict[str, float]:
        """Return P(fake) of the test videos of a fold that show a face."""
        detector.eval()
        scores = {}
        for video in (*fold.test, *fold.extra):
            name = video.video_id
            if name not in self._pixels:
                continue
            with torch.inference_mode(), _half():
                known = self._features.get(name)
                pixels = self._pixels[name] if known is None else None
                logits = detector(pixels, features=known).logits
            how = detector.config.clip_spec.aggregation
            scores[name] = aggregate(logits.double().tolist(), how)
        return scores


def _half() -> torch.autocast:
    return torch.autocast("cpu", dtype=torch.bfloat16)


def _find_scores(out: Path, name: str, fold: str, seed: int) -> Path:
    return out / name / f"{fold}-{seed}.json"


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
            if (path := _find_scores(given.out, name, fold.name, seed)).is_file()
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


def write_tables(folds: Sequence[Fold], given: argparse.Namespace) -> str:
    """Return a table for each protocol, a row for each variant that has scores on all its folds."""
    own_page = read_own_page(given.sample / "PROVENANCE.csv")
    parts = [HEADING]
    for protocol in dict.fromkeys(fold.protocol for fold in folds):
        chosen = [fold for fold in folds if fold.protocol is protocol]
        lines = {name: read_line(name, chosen, given, own_page) for name in VARIANTS}
        found = {name: line for name, line in lines.items() if line is not None}
        if found:
            parts.append(f"### {protocol.value}\n\n{_write_table(found)}")
    return "\n".join(parts)


def _write_table(lines: Mapping[str, Line]) -> str:
    cells = list(next(iter(lines.values())).cells)
    heads = ["variant", "seeds", *cells, "mean AUC", "95 %", "seeds from to", "T1",
             "seeds from to", "AUC elsewhere", "s a fold"]  # fmt: skip
    rows = [heads, ["---", *["---:"] * (len(heads) - 1)]]
    for name, line in lines.items():
        rows.append([
            VARIANTS[name].title, str(line.seeds), *(f"{line.cells[cell]:.3f}" for cell in cells),
            f"{line.auc:.3f}", f"{line.auc_interval[0]:.2f}–{line.auc_interval[1]:.2f}",
            f"{line.auc_seeds[0]:.3f}–{line.auc_seeds[1]:.3f}", f"{line.t1:.3f}",
            f"{line.t1_seeds[0]:.3f}–{line.t1_seeds[1]:.3f}", f"{line.elsewhere:.3f}",
            f"{line.seconds:.0f}",
        ])  # fmt: skip
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    main()
