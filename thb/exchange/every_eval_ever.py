"""Write results as Every Eval Ever 0.3.0 keeps them: a JSON file, and a line for each video.

The datastore wants ``data/<collection>/<developer>/<model>/<uuid>.json`` and beside it
``<uuid>_samples.jsonl``. The uuid is made from the content, so that the same result has the same
name. See https://huggingface.co/datasets/evaleval/EEE_datastore.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath
from statistics import NormalDist
from typing import Any, Final

from metrics.talking_head_detection.roc import T01, T1
from thb.evaluation.cells import Cell, Measure
from thb.evaluation.result import Result, write_canonical_text
from thb.prediction.predictions import Prediction, Predictions
from thb_dataset.files import write_whole
from thb_dataset.hub.release import is_repo_name

SCHEMA: Final = "0.3.0"
COLLECTION: Final = "talkingheadbench"
RELATIONSHIPS: Final = ("first_party", "third_party", "collaborative", "other")

_NAMES: Final = {"auc": "AUC", "t1": "TPR at 1 % FPR", "t01": "TPR at 0.1 % FPR", "brier": "Brier"}
_IDS: Final = {"auc": "auroc", "t1": "tpr_at_fpr", "t01": "tpr_at_fpr", "brier": "brier_score"}
_PARAMETERS: Final = {"t1": {"fpr": float(T1)}, "t01": {"fpr": float(T01)}}
_METHODS: Final = {
    "auc": "DeLong on the logit scale",
    "t1": "exact binomial (Clopper-Pearson)",
    "t01": "exact binomial (Clopper-Pearson)",
    "brier": "bootstrap over drivers and portraits",
}


def write_record(
    folder: Path,
    result: Result,
    predictions: Mapping[str, Predictions],
    *,
    model: str,
    relationship: str,
    created: datetime,
) -> list[Path]:
    """Write both files of a result, and return them.

    Args:
        folder: The folder above ``data/``.
        result: The result.
        predictions: The predictions of its folds, by fold.
        model: The model's id, ``org/name``.
        relationship: What the evaluator is to the model, one of :data:`RELATIONSHIPS`.
        created: The time that the record names.

    Raises:
        OSError: A file cannot be written.
    """
    developer, _, name = model.partition("/")
    digest = hashlib.sha256(f"{model}\n{write_canonical_text(result.to_dict())}".encode()).digest()
    place = PurePosixPath("data", COLLECTION, developer, name)
    own = str(uuid.UUID(bytes=digest[:16], version=4))
    stamp = str(int(created.timestamp()))
    evaluation_id = f"{COLLECTION}-{result.protocol}/{model.replace('/', '_')}/{stamp}"
    lines = [
        json.dumps(_make_sample(row, fold, result, model, evaluation_id), ensure_ascii=False)
        for fold, rows in sorted(predictions.items())
        for row in rows
        if row.score is not None
    ]
    samples = "".join(f"{line}\n" for line in lines).encode()
    record = _make_record(result, model, relationship, evaluation_id, stamp)
    record["detailed_evaluation_results"] = {
        "format": "jsonl",
        "file_path": str(place / f"{own}_samples.jsonl"),
        "hash_algorithm": "sha256",
        "checksum": hashlib.sha256(samples).hexdigest(),
        "total_rows": len(lines),
    }
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    files = {folder / place / f"{own}.json": text.encode()}
    files[folder / place / f"{own}_samples.jsonl"] = samples
    for file, data in files.items():
        with write_whole(file) as draft:
            draft.write_bytes(data)
    return list(files)


def _make_record(
    result: Result, model: str, relationship: str, evaluation_id: str, stamp: str
) -> dict[str, Any]:
    developer = model.partition("/")[0]
    marks = {mark.sentence for marks in result.marks.values() for mark in marks}
    return {
        "schema_version": SCHEMA,
        "evaluation_id": evaluation_id,
        "retrieved_timestamp": stamp,
        "source_metadata": {
            "source_name": "TalkingHeadBench toolkit",
            "source_type": "evaluation_run",
            "source_organization_name": developer,
            "evaluator_relationship": relationship,
            **({"additional_details": {"remarks": " ".join(sorted(marks))}} if marks else {}),
        },
        "eval_library": {
            "name": "talkingheadbench",
            "version": result.versions.get("talkingheadbench", "unknown"),
            "additional_details": {
                "metric_version": result.versions.get("metric", "unknown"),
                "result_sha256": hashlib.sha256(
                    write_canonical_text(result.to_dict()).encode()
                ).hexdigest(),
            },
        },
        "model_info": {
            "name": result.title,
            "id": model,
            "developer": developer,
            "additional_details": {
                "deployment_type": "self_deployed",
                "model_availability": "unknown",
                "model_type": result.detector,
                **{
                    f"weights_sha256.{fold}": run.detector.weights_sha256
                    for fold, run in result.runs.items()
                    if run.detector.weights_sha256
                },
            },
        },
        "evaluation_results": list(_list_results(result)),
    }


def _list_results(result: Result) -> Iterator[dict[str, Any]]:
    for cell in result.cells:
        for metric, measure in cell.measures.items():
            yield _make_result(result, metric, measure, cell)
    for metric, measure in result.mean.items():
        yield _make_result(result, metric, measure, None)


def _make_result(
    result: Result, metric: str, measure: Measure, cell: Cell | None
) -> dict[str, Any]:
    fold = cell.fold if cell else result.protocol
    what = cell.generator if cell else f"mean over {len(result.mean_over)} generators"
    if cell and cell.generator in result.fakes:
        what = f"{what} (not of the release)"
    counted = [cell] if cell else [each for each in result.cells if each.part == "test"]
    n_fake = sum(each.n_fake for each in counted)
    n_real = max((each.n_real for each in counted), default=0)
    folds = [cell.fold] if cell else list(result.runs)
    return {
        "evaluation_result_id": f"{fold}/{cell.generator if cell else 'mean'}/{metric}",
        "evaluation_name": f"TalkingHeadBench {fold} {what}",
        "source_data": _describe_source(result, n_fake + n_real, folds),
        "metric_config": {
            "evaluation_description": f"Fakes of {what} against the real test videos",
            "metric_id": _IDS[metric],
            "metric_name": _NAMES[metric],
            "metric_kind": _IDS[metric],
            "metric_parameters": {
                **_PARAMETERS.get(metric, {}),
                "method": result.settings.method,
                "below_resolution": measure.below_resolution,
            },
            "lower_is_better": metric == "brier",
            "score_type": "continuous",
            "min_score": 0.0,
            "max_score": 1.0,
        },
        "score_details": {
            "score": round(measure.value, 6),
            "details": {"n_fake": str(n_fake), "n_real": str(n_real)},
            **_describe_uncertainty(result, metric, measure, cell, n_fake + n_real),
        },
    }


def _describe_source(result: Result, samples: int, folds: Sequence[str]) -> dict[str, Any]:
    release = result.release
    details = {
        "release": release.name,
        "revision": release.revision or "unknown",
        "split_by": result.split_by,
        "synthetic": str(release.synthetic).lower(),
        **{f"split_sha256.{fold}": result.splits_sha256.get(fold, "unknown") for fold in folds},
    }
    if not is_repo_name(release.name):
        details["samples_number"] = str(samples)
        source: dict[str, Any] = {"source_type": "other"}
    else:
        source = {
            "source_type": "hf_dataset",
            "hf_repo": release.name,
            "hf_split": "test",
            "samples_number": samples,
        }
    return {"dataset_name": "TalkingHeadBench", **source, "additional_details": details}


def _describe_uncertainty(
    result: Result, metric: str, measure: Measure, cell: Cell | None, samples: int
) -> dict[str, Any]:
    """Return the interval; nothing for a number that has none."""
    if measure.low is None or measure.high is None:
        return {}
    is_mean = cell is None and len(result.mean_over) > 1
    method = _METHODS["brier"] if is_mean else _METHODS[metric]
    quantile = NormalDist().inv_cdf((1 + result.settings.confidence) / 2)
    uncertainty: dict[str, Any] = {
        "standard_error": {
            "value": round((measure.high - measure.low) / (2 * quantile), 6),
            "method": f"half the width of the interval divided by {quantile:.2f}",
        },
        "confidence_interval": {
            "lower": round(measure.low, 6),
            "upper": round(measure.high, 6),
            "confidence_level": result.settings.confidence,
            "method": method,
        },
        "num_samples": samples,
    }
    if method == _METHODS["brier"]:
        uncertainty["num_bootstrap_samples"] = result.settings.n_bootstrap
    return {"uncertainty": uncertainty}


def _make_sample(
    row: Prediction, fold: str, result: Result, model: str, evaluation_id: str
) -> dict[str, Any]:
    """Return the line of a scored video; it is called fake from the threshold of T1 on."""
    threshold = result.thresholds[fold]["t1"]
    score = 0.0 if row.score is None else row.score
    said = "fake" if threshold is not None and score >= threshold else "not called fake"
    truth = "fake" if row.label else "real"
    return {
        "schema_version": SCHEMA,
        "evaluation_id": evaluation_id,
        "model_id": model,
        "evaluation_name": f"TalkingHeadBench {fold}",
        "sample_id": row.video_id,
        "sample_hash": hashlib.sha256(f"{row.video_id}{truth}".encode()).hexdigest(),
        "interaction_type": "single_turn",
        "input": {"raw": row.video_id, "reference": [truth]},
        "output": {"raw": [repr(score)]},
        "answer_attribution": [
            {
                "turn_idx": 0,
                "source": "output.raw",
                "extracted_value": said,
                "extraction_method": "threshold of T1 on the test videos",
                "is_terminal": True,
            }
        ],
        "evaluation": {"score": score, "is_correct": (said == "fake") == (truth == "fake")},
        "metadata": {
            "fold": fold,
            "part": row.split,
            "generator": row.generator or "",
            "threshold": "none" if threshold is None else repr(threshold),
        },
    }


def name_model(name: str) -> str | None:
    """Return a Hub id that a detector's recorded name is; None if it is another name."""
    known = is_repo_name(name) and re.fullmatch(r"[\w.-]+/[\w.-]+", name, re.ASCII)
    return name if known else None
