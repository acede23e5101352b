"""What each switch of GenD's training is worth on a small real release: a frozen probe and beyond.

    python -m benchmarks.gend_on_sample SAMPLE --backbone CLIP_B16 --out runs/gend
        [--only probe …] [--protocols p1 p3 p3-family] [--halves probe-edges …]
        [--seeds 0 1 2 3 4] [--write FILE.md]

SAMPLE holds ``hub/`` and ``real_videos/``, CLIP_B16 a CLIP ViT-B/16 in the layout of transformers.
Every variant differs from another in one switch. Trainings with different seeds share the face
crops, and with ``tuned="head"`` the features. A variant that is finished is read from ``--out``.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch import Tensor

from benchmarks.gend_beside import BESIDE, measure_beside
from benchmarks.gend_tables import HEADING, find_scores, write_scores, write_tables
from benchmarks.gend_variants import B16, FRAMES, HALVED, HEAD, VARIANTS, Variant
from detectors.gend.configuration import GenDConfig
from detectors.gend.modeling import GenD
from detectors.recipes import Recipe
from thb.prediction.inference import aggregate
from thb.preprocessing.clips import ClipMaker
from thb.preprocessing.rendering import render_all
from thb.preprocessing.settings import Preparation
from thb.releases.files import fetch_files
from thb.releases.opening import OpenRelease, open_release
from thb.robustness.controlled import RENDER
from thb.runs.folds import build_all_folds
from thb.runtime.console import quiet_transformers, say
from thb.runtime.processes import make_training_accelerator
from thb.training.data import choose_clips
from thb.training.features import FrozenFeatures
from thb.training.loop import fit, load_trained
from thb.training.precision import autocast
from thb.training.settings import TrainOptions, choose_settings
from thb.training.videos import FoldClips, make_fold_clips
from thb_dataset.clips.video_clips import VideoClips, prepare_pixels
from thb_dataset.protocols import Fold, Protocol
from thb_dataset.records import TRAINING_GENERATORS, Label, Video


def main() -> None:
    """Train and measure what is missing, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sample", type=Path)
    parser.add_argument("--backbone", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    titles = {name: variant.title for name, variant in VARIANTS.items()} | dict(BESIDE)
    parser.add_argument("--only", nargs="*", default=list(titles), choices=list(titles))
    parser.add_argument("--protocols", nargs="*", default=["p1", "p3", "p3-family"])
    parser.add_argument("--halves", nargs="*", default=list(HALVED), choices=list(VARIANTS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2, 3, 4])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", type=Path, help="put the table into this file's last section")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    quiet_transformers()
    opened = open_release(given.sample / "hub", real_root=given.sample / "real_videos")
    folds = build_all_folds(opened, given.protocols, fold=None, split_by="release")
    for name in given.only:
        (measure_beside if name in BESIDE else measure)(name, folds, opened, given)
    tables = write_tables(folds, given, titles)
    given.out /= "halves"
    halves = leave_one_out(opened.release.videos)
    for name in given.halves:
        measure(name, halves, opened, given)
    for table in write_tables(halves, given, titles).values():
        tables["one generator left out, half of the reals"] = table
    text = "\n".join([HEADING, *(f"### {title}\n\n{table}" for title, table in tables.items())])
    print(text)
    if given.write is not None:
        before = given.write.read_text(encoding="utf-8").partition(HEADING)[0]
        given.write.write_text(before + text, encoding="utf-8")


def leave_one_out(videos: Sequence[Video]) -> tuple[Fold, ...]:
    """Return a fold for each generator, whose training sees all other fakes and half of the reals.

    This is no protocol: portraits, drivers and persons are on both sides.
    """
    reals = sorted((video for video in videos if video.label is Label.REAL), key=_hash_id)
    fakes = [video for video in videos if video.generator in TRAINING_GENERATORS]
    return tuple(
        Fold(
            protocol=Protocol.P2,
            held_out=generator,
            split_by="release",
            train=(*(fake for fake in fakes if fake.generator is not generator), *reals[::2]),
            validation=(),
            test=(*(fake for fake in fakes if fake.generator is generator), *reals[1::2]),
            extra=(),
        )
        for generator in TRAINING_GENERATORS
    )


def _hash_id(video: Video) -> str:
    return hashlib.sha256(video.video_id.encode()).hexdigest()


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
        if variant.first is not None:
            train_head(detector, fold, ready, {**variant.first, "seed": seed})
        train_once(detector, fold, ready, {**variant.settings, "seed": seed}, ready.features)
        scores = ready.tests.score(detector, fold)
        seconds = time.perf_counter() - began
        write_scores(find_scores(given.out, name, fold.name, seed), scores, seconds)
        say(f"{name} {fold.name} seed {seed}: {seconds:.1f} s")


def train_once(
    detector: GenD,
    fold: Fold,
    ready: Prepared,
    settings: Mapping[str, Any],
    features: FrozenFeatures,
) -> None:
    """Train a detector in place; the last epoch is kept, whatever the validation says."""
    set_seed(settings["seed"])
    detector.prepare_training()
    result = fit(
        detector,
        choose_clips(fold.train, ready.clips.train, ready.clips.new)[0],
        (),
        settings=choose_settings(Recipe(), settings),
        accelerator=ready.accelerator,
        features=features,
    )
    ready.accelerator.free_memory()
    load_trained(detector, result.weights)


def train_head(detector: GenD, fold: Fold, ready: Prepared, settings: Mapping[str, Any]) -> None:
    """Give a detector the head that a frozen probe learns."""
    probe = copy.deepcopy(detector)
    for name, value in HEAD.items():
        setattr(probe.config, name, value)
    train_once(probe, fold, ready, settings, ready.head_features)
    detector.classifier.load_state_dict(probe.classifier.state_dict())


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What trainings share whose clips and frozen layers are the same."""

    clips: FoldClips
    tests: TestClips
    features: FrozenFeatures
    head_features: FrozenFeatures
    accelerator: Accelerator


_PREPARED: dict[tuple[tuple[Fold, ...], str], Prepared] = {}
"""The last one only: the tokens of the late blocks take a gigabyte."""


def prepare(variant: Variant, start: GenD, folds: Sequence[Fold], opened: OpenRelease) -> Prepared:
    """Return the clips and the features of a variant, which it may share with the one before."""
    settings = choose_settings(Recipe(), variant.settings)
    decides = (
        start.config.clip_spec.to_dict() | {"aggregation": None},
        dict(variant.config),
        [settings.reencodings, settings.pseudo_fakes, variant.rendered],
    )
    key = (tuple(folds), json.dumps(decides))
    if key not in _PREPARED:
        _PREPARED.clear()
        accelerator = make_training_accelerator()
        spec, options = start.config.clip_spec, TrainOptions(progress=False)
        _PREPARED[key] = Prepared(
            clips=make_fold_clips(folds, spec, opened, settings, options, accelerator),
            tests=TestClips(folds, opened, start, rendered=variant.rendered),
            features=FrozenFeatures(),
            head_features=FrozenFeatures(),
            accelerator=accelerator,
        )
    return _PREPARED[key]


def load_start(variant: Variant, backbone: Path) -> GenD:
    """Return a fresh GenD with the pretrained backbone."""
    clip = {"clips": FRAMES, "aggregation": "mean_logit", **variant.clip}
    config = GenDConfig(
        **{**B16, **variant.config}, clip=clip, backbone_checkpoint=str(backbone.resolve())
    )
    torch.manual_seed(0)
    detector = GenD(config)
    detector.load_backbone(str(backbone))
    return detector


class TestClips:
    """The clips of all test videos, and what a frozen encoder makes of them.

    Args:
        folds: The folds that are tested.
        opened: The release.
        start: The detector that all trainings start from.
        rendered: Whether the videos are rendered alike first.
    """

    def __init__(
        self, folds: Sequence[Fold], opened: OpenRelease, start: GenD, *, rendered: bool
    ) -> None:
        self._spec = start.config.clip_spec
        videos = {v.video_id: v for fold in folds for v in (*fold.test, *fold.extra)}
        paths = fetch_files(opened, tuple(videos.values()), progress=False).videos
        if rendered:
            alike = render_all(paths, RENDER, Preparation(progress=False))
            paths = {name: file for name, file in alike.items() if isinstance(file, Path)}
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
