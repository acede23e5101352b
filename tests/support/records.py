"""Records with every field filled, for tests of what reads them."""

from __future__ import annotations

from typing import Any

from detectors.recipes import Recipe
from thb.prediction.calibration import Calibration
from thb.runs.provenance import ExplainingRecord, FoldScoringRecord, ScoredDetector
from thb.runs.record import (
    ClassCounts,
    FacePackRecord,
    KeptEpoch,
    MachineRecord,
    PartCounts,
    ReleaseRecord,
    RunRecord,
    StartRecord,
    VideoCounts,
)
from thb_dataset.clip_spec import ClipSpec

FACE_PACK = FacePackRecord(
    pack_id="toy-0",
    name="toy",
    backend="opencv 4",
    licence="MIT",
    embedding_dim=128,
    same_person=0.5,
    sha256s={"a.onnx": "0" * 64},
)


def make_scoring_record(**values: Any) -> FoldScoringRecord:
    """Return the record of scores on P1 of a toy release, with the fields given changed."""
    settings: dict[str, Any] = {
        "protocol": "p1",
        "fold": "p1",
        "split_by": "release",
        "release": ReleaseRecord(name="toy", revision="abc"),
        "detector": ScoredDetector(model_type="baseline"),
    }
    return FoldScoringRecord(**(settings | values))


def make_calibration(**values: Any) -> Calibration:
    """Return a threshold that was chosen on 200 real videos, with the fields given changed."""
    settings: dict[str, Any] = {
        "target_fpr": 0.01,
        "threshold": 0.75,
        "n_real": 200,
        "n_fake": 50,
        "true_positive_rate": 0.9,
        "excluded": {"real": {}, "fake": {}},
        "release": ReleaseRecord(name="toy"),
        "fold": "p1",
        "split_by": "release",
        "weights_sha256": "0" * 64,
        "face_pack": "embedded",
        "precision": "float32",
    }
    settings |= values
    n_real = settings["n_real"]
    settings.setdefault("false_alarms", n_real // 100)
    settings.setdefault("resolved", n_real >= 100)
    return Calibration(**settings)


def make_run_record(**values: Any) -> RunRecord:
    """Return the record of a training on P1 of the mini release, with the fields given changed."""
    nothing = VideoCounts(
        used=ClassCounts(), missing=ClassCounts(), no_face={}, no_audio={}, error={}
    )
    settings: dict[str, Any] = {
        "protocol": "p1",
        "fold": "p1",
        "split_by": "release",
        "release": ReleaseRecord(name="mini", synthetic=True),
        "detector": StartRecord(
            name="baseline",
            class_path="detectors.baseline.modeling:Baseline",
            model_type="baseline",
            parameters=1,
            initial_weights_sha256="0" * 64,
        ),
        "clip_spec": ClipSpec(),
        "face_pack": FACE_PACK,
        "settings": Recipe(),
        "kept": KeptEpoch(rule="best", epoch=1, validation_auc=0.5, validation_loss=0.7),
        "epochs_done": 1,
        "machine": MachineRecord(processes=1, resumed_after=None, torch_threads=1),
        "versions": {"torch": "2"},
        "videos": PartCounts(train=nothing, validation=nothing),
        "weights_sha256": "0" * 64,
        "seconds": 1.0,
    }
    return RunRecord(**(settings | values))


def make_explaining_record(**values: Any) -> ExplainingRecord:
    """Return the record of explanations of P1 of a toy release, with the fields given changed."""
    settings: dict[str, Any] = {"target": "fake", "limit": None, "steps": 0, "seed": 0}
    return ExplainingRecord(**(vars(make_scoring_record()) | settings | values))
