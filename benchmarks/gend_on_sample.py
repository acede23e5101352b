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
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor

from benchmarks.gend_tables import HEADING, find_scores, write_tables
from detectors.gend.configuration import GenDConfig
from detectors.gend.modeling import GenD
from detectors.recipes import Recipe
from thb.prediction.inference import aggregate
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
from thb.training.precision import autocast
from thb.training.settings import TrainOptions, TrainSettings, choose_settings
from thb.training.videos import FoldClips, make_fold_clips
from thb_dataset.clips.video_clips import VideoClips, prepare_pixels
from thb_dataset.protocols import Fold

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
    titles = {name: variant.title for name, variant in VARIANTS.items()}
    text = write_tables(folds, given, titles)
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
        if not find_scores(given.out, name, fold.name, seed).is_file()
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
        path = find_scores(given.out, name, fold.name, seed)
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
            with torch.inference_mode(), autocast(torch.device("cpu"), "bf16"):
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
            with torch.inference_mode(), autocast(torch.device("cpu"), "bf16"):
                known = self._features.get(name)
                pixels = self._pixels[name] if known is None else None
                logits = detector(pixels, features=known).logits
            how = detector.config.clip_spec.aggregation
            scores[name] = aggregate(logits.double().tolist(), how)
        return scores


if __name__ == "__main__":
    main()
