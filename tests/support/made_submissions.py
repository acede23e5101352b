"""Submissions of a made-up detector on made-up videos, and ways to change them as cheats would."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tests.support.made_predictions import make_predictions
from tests.support.records import make_run_record
from thb.boards.submissions import (
    SUBMISSION_FILE,
    Submission,
    SubmissionSettings,
    digest_files,
    make_submission,
    result_name,
    score_for_board,
)
from thb.prediction.inference import aggregate
from thb.prediction.predictions import (
    Prediction,
    Predictions,
    read_predictions,
    write_predictions,
)
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import ScoredDetector
from thb.runs.record import FoldRecord, ReleaseRecord, RunRecord, write_record
from thb_dataset.clip_spec import ClipSpec

MODEL: Final = "someone/detector"
REVISION: Final = "ab" * 20
RELEASE: Final = ReleaseRecord(name="toy", revision="c" * 40, counts_agree=True)
FOLD: Final = FoldRecord(protocol="p1", fold="p1", split_by="release", release=RELEASE)
DETECTOR: Final = ScoredDetector(
    name="/home/somebody/runs/secret", model_type="baseline", weights_sha256="d" * 64
)


def make_rows(*, seed: int = 0, **run: Any) -> Predictions:
    """Return made-up predictions whose scores are those of their logits."""
    values: dict[str, Any] = {
        "release": RELEASE,
        "detector": DETECTOR,
        "clip_spec": ClipSpec(),
        "trained_on": FOLD,
        "name": "Mine",
    }
    made = make_predictions(seed=seed, **(values | run))
    return replace(made, rows=tuple(with_logit(row) for row in made.rows))


def with_logit(row: Prediction, score: float | None = None) -> Prediction:
    """Return a row with a logit that gives its score, or the score given."""
    wanted = min(max((row.score or 0.0) if score is None else score, 0.01), 0.99)
    logit = math.log(wanted / (1 - wanted))
    return replace(row, score=aggregate([logit], "mean_probability"), clip_logits=(logit,), clips=1)


def make_run(folder: Path, rows: Predictions | None = None, **training: Any) -> Path:
    """Write a run folder as ``thb train`` and ``thb evaluate`` do; return it."""
    values: dict[str, Any] = {"release": RELEASE, "weights_sha256": "d" * 64, **training}
    write_predictions(folder / "p1" / PREDICTIONS_FILE, rows or make_rows())
    write_record(folder / "p1", make_run_record(**values))
    return folder


def submit_to(
    root: Path,
    rows: Predictions | None = None,
    *,
    model: str = MODEL,
    revision: str = REVISION,
    run: Path | None = None,
) -> Submission:
    """Write a submission into a results repo."""
    source = run or make_run(root.with_name(f"{root.name}-run-{model.replace('/', '-')}"), rows)
    settings = SubmissionSettings(paper="https://arxiv.org/abs/2505.24866")
    return make_submission(source, root, model=model, revision=revision, settings=settings)


def sign(folder: Path) -> None:
    """Write the digests of the files that are there now, as a cheat would."""
    edit(folder / SUBMISSION_FILE, lambda record: record.update(files=digest_files(folder)))


def edit(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a record."""
    record = json.loads(file.read_text("utf-8"))
    change(record)
    text = json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    file.write_text(text, "utf-8")


def edit_rows(
    folder: Path, change: Callable[[list[Prediction]], list[Prediction]], **run: Any
) -> None:
    """Change rows and record of the fold, and compute its numbers anew, as a cheat would."""
    file = folder / "p1" / PREDICTIONS_FILE
    made = read_predictions(file)
    rows = tuple(change(list(made.rows)))
    changed = Predictions(rows=rows, run=replace(made.run, **run))
    write_predictions(file, changed)
    recompute(folder, changed)


def recompute(folder: Path, rows: Predictions) -> None:
    """Write the numbers of rows, where there are any, and sign all files."""
    record = json.loads((folder / SUBMISSION_FILE).read_text("utf-8"))
    score_for_board([rows], record["name"]).save(folder / result_name("p1"))
    sign(folder)


def edit_training(folder: Path, change: Callable[[RunRecord], RunRecord]) -> None:
    """Change the training record of the fold, and sign all files."""
    write_record(folder / "p1", change(make_run_record(release=RELEASE, weights_sha256="d" * 64)))
    sign(folder)
