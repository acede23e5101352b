"""Write predictions as the deepfake-workbench reads them: ``<name>.scores.csv`` and its meta file.

The format is ``dfwb.scores/1``: a row for each video of the split, whose score is P(fake), and a
JSON file that says what the scores depend on.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from thb.exchange.score_files import (
    WORKBENCH_COLUMNS,
    WORKBENCH_ENDING,
    WORKBENCH_META_ENDING,
    WORKBENCH_SCHEMA,
)
from thb.prediction.predictions import Prediction, Predictions, Status
from thb.runs.provenance import FoldScoringRecord
from thb.runtime.csv_text import Cell, write_csv
from thb.runtime.text import escape
from thb_dataset.files import write_json, write_whole

DATASET: Final = "talkingheadbench"
_COLUMNS: Final = (*WORKBENCH_COLUMNS, "label_key", "method", "n_clips", "x_status", "x_part")
_STATUSES: Final[Mapping[Status, str]] = {Status.OK: "ok", Status.ERROR: "error"}
"""The workbench knows only these and ``missing``: a video of which there is nothing to score."""
_AGGREGATIONS: Final = {"mean_probability": "mean-prob", "mean_logit": "mean-logit"}


def write_pair(
    folder: Path, predictions: Predictions, run: FoldScoringRecord, *, created: datetime
) -> list[Path]:
    """Write both files of a fold, and return them.

    Args:
        folder: The folder.
        predictions: The predictions of the fold; every row has a label.
        run: Their provenance.
        created: The time that the meta file names.

    Raises:
        OSError: A file cannot be written.
    """
    table = folder / f"{run.fold}{WORKBENCH_ENDING}"
    text = write_csv(_COLUMNS, [_make_row(row) for row in predictions])
    with write_whole(table) as draft:
        draft.write_text(text, encoding="utf-8")
    meta = folder / f"{run.fold}{WORKBENCH_META_ENDING}"
    write_json(meta, _make_meta(predictions, run, created))
    return [table, meta]


def _make_row(row: Prediction) -> dict[str, Cell]:
    return {
        "dataset": DATASET,
        "key": row.video_id,
        "compression": None,
        "label": row.label,
        "score": row.score,
        "status": _STATUSES.get(row.status, "missing"),
        "label_key": "fake" if row.label else "real",
        "method": row.generator,
        "n_clips": row.clips or None,
        "x_status": row.status.value,
        "x_part": row.split,
    }


def _make_meta(
    predictions: Predictions, run: FoldScoringRecord, created: datetime
) -> dict[str, Any]:
    counts = Counter(_STATUSES.get(row.status, "missing") for row in predictions)
    spec, imported = run.clip_spec, run.imported
    source = f"import:{imported.file}" if imported else f"thb:{run.detector.model_type}"
    return {
        "schema": WORKBENCH_SCHEMA,
        "detector": {
            "name": _name(run.title),
            "version": run.versions.get("talkingheadbench", "unknown"),
            "source": _name(source),
            "checkpoint_sha256": run.detector.weights_sha256,
            "contract_version": [1, 0],
        },
        "protocol": {
            "id": f"{DATASET}/{run.fold}",
            "split": "test",
            "where": {},
            "pack": DATASET,
            "pack_version": run.release.revision or "unknown",
            "scheme_sha256": _hash_split(predictions),
        },
        "labels": "binary",
        "processing_profile": None,
        "input_adaptation": {"derived_crop": False, "mismatch_override": False},
        "aggregation": spec
        and {
            "clip_to_video": _AGGREGATIONS.get(spec.aggregation, spec.aggregation),
            "clips_per_video": spec.clips,
        },
        "coverage": {
            "expected": len(predictions),
            **{status: counts[status] for status in ("ok", "missing", "error")},
        },
        "seed": None,
        "env": {name: str(found) for name, found in sorted(run.versions.items())},
        "git": None,
        "command": None,
        "created": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "calibration": None,
    }


def _name(text: str) -> str:
    """Return a name without what the workbench takes for an absolute path."""
    return escape(text).lstrip("/~")


def _hash_split(predictions: Predictions) -> str:
    """Return the workbench's digest of a split: of its lines ``key, compression, split``."""
    lines = sorted(f"{row.video_id}\t\ttest\n" for row in predictions)
    return hashlib.sha256("".join(lines).encode()).hexdigest()
