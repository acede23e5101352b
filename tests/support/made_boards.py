"""A small results repo: submissions whose scores are drawn, in the layout of ``thb submit``."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.records import make_scoring_record
from thb.boards.rerun_records import RerunRecord, write_rerun
from thb.prediction.predictions import Prediction, Predictions, Status, write_predictions
from thb.runs.provenance import ScoredDetector
from thb.runs.record import ReleaseRecord
from thb_dataset.files import digest_file
from thb_dataset.protocols import Protocol, fold_name
from thb_dataset.records import TRAINING_GENERATORS, Generator, RealDataset

RELEASE = ReleaseRecord(name="luchaoqi/TalkingHeadBench", revision="a" * 40, counts_agree=True)
FOLDS = ("p1", *(fold_name(Protocol.P3, held_out) for held_out in TRAINING_GENERATORS))
EXTRA = (Generator.MAGI_1,)

Scorer = Callable[[Prediction, np.random.Generator], float | None]


def make_videos(
    fold: str, *, reals: int = 40, fakes: int = 12, extras: int = 6, drivers: int = 9
) -> list[Prediction]:
    """Return the test videos of a fold without scores: they share drivers and portraits."""
    held_out = [own for own in TRAINING_GENERATORS if fold_name(Protocol.P3, own) == fold]
    videos = [
        Prediction(
            video_id=f"CelebV-HQ/clip{place:03}_0",
            label=0,
            real_dataset=RealDataset.CELEBV_HQ,
            split="test",
            status=Status.MISSING,
        )
        for place in range(reals)
    ]
    parts = [("test", own, fakes) for own in held_out or TRAINING_GENERATORS]
    for split, generator, count in [*parts, *(("extra", own, extras) for own in EXTRA)]:
        for place in range(count):
            driver, portrait = f"clip{place % drivers:03}_0", f"{place:05}"
            videos.append(
                Prediction(
                    video_id=f"fake/{generator}/test/{portrait}--{driver}--{generator}.mp4",
                    label=1,
                    generator=generator,
                    portrait=portrait,
                    driver=driver,
                    split=split,
                    status=Status.MISSING,
                )
            )
    return videos


def by_strength(strength: float) -> Scorer:
    """Return scores of fakes that lie above those of real videos by so many deviations."""

    def score(video: Prediction, rng: np.random.Generator) -> float:
        noise = float(rng.normal())
        return round(1 / (1 + float(np.exp(-noise - strength * (video.label or 0)))), 6)

    return score


def write_submission(
    root: Path,
    model: str,
    scorer: Scorer,
    *,
    folds: Sequence[str] = FOLDS,
    seed: int = 0,
    said: dict[str, Any] | None = None,
    videos: Callable[[str], Iterable[Prediction]] = make_videos,
    **record: Any,
) -> Path:
    """Write a submission and return its folder.

    Args:
        root: The results repo.
        model: The model repo, ``org/name``.
        scorer: Gives the score of a video, or None for a video without one.
        folds: The folds to score.
        seed: The seed of the scorer's random numbers.
        said: Changes to ``submission.json``.
        videos: Gives the videos of a fold.
        record: Changes to the provenance of the scores.
    """
    revision = f"{seed:040x}"
    folder = root / "results" / model.replace("/", "__") / revision
    for fold in folds:
        rng = np.random.default_rng([seed, FOLDS.index(fold) if fold in FOLDS else 99])
        rows = []
        for video in videos(fold):
            value = scorer(video, rng)
            status = Status.NO_FACE if value is None else Status.OK
            rows.append(replace(video, status=status, score=value))
        detector = ScoredDetector(name=model, model_type=model.partition("/")[2])
        run = make_scoring_record(
            **{
                "protocol": fold.partition("-")[0],
                "fold": fold,
                "release": RELEASE,
                "detector": detector,
                **record,
            }
        )
        write_predictions(
            folder / fold / "predictions.parquet", Predictions(rows=tuple(rows), run=run)
        )
    values = {
        "format": "thb-submission/1",
        "model": model,
        "revision": revision,
        "name": model.partition("/")[2],
        "modality": "visual",
        "links": {},
        "protocols": sorted({fold.partition("-")[0] for fold in folds}),
        "versions": {},
        "files": {},
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "submission.json").write_text(json.dumps(values | (said or {})), encoding="utf-8")
    return folder


def write_agreeing_rerun(folder: Path, **changed: Any) -> None:
    """Write the record of a re-run that found what a submission says, with the fields changed."""
    values: dict[str, Any] = {
        "model": "lab/middle",
        "revision": folder.name,
        "submission_sha256": digest_file(folder / "submission.json"),
        "source": "the model repo",
        "seed": 0,
        "population": 112,
        "compared": 60,
        "not_compared": {},
        "tolerance": 0.01,
        "largest_difference": 0.0,
        "altered_share": 0.05,
        "probability": 0.99,
        "other_weights": (),
        "differing": (),
        "versions": {},
    }
    write_rerun(folder, RerunRecord(**(values | changed)))


def write_small_results(root: Path) -> Path:
    """Write a results repo with three detectors, what metadata alone reach, and a proposal.

    ``thb board build`` makes a board of every kind of row from it.
    """
    write_submission(root, "acme/strong", by_strength(3.0), seed=1)
    write_submission(root, "acme/weak", by_strength(1.0), seed=2)
    write_submission(root, "lab/middle", by_strength(2.0), seed=3)
    write_submission(root, "lab/partial", by_strength(2.0), seed=4, folds=FOLDS[:3])
    metadata = ScoredDetector(name="metadata", model_type="metadata_trees")
    write_submission(
        root,
        "bench/metadata",
        by_strength(0.5),
        seed=5,
        said={"name": "metadata only (trees)", "modality": "metadata"},
        detector=metadata,
    )
    write_agreeing_rerun(root / "results" / "lab__middle" / f"{3:040x}")
    proposed = root / "generators" / "studio__NewFace" / "v1"
    proposed.mkdir(parents=True)
    (proposed / "generator.json").write_text(json.dumps({"name": "NewFace"}), encoding="utf-8")
    return root
