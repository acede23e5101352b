"""What makes two runs the same: the content of weights and videos, never how a path was typed.

Weights are known by their sha256, a release by its revision, a face pack by its files. Folders may
be moved and named in another way, and packages may be installed that no score depends on.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final

from thb.runs.provenance import FoldScoringRecord, ScoringRecord
from thb.runs.record import FacePackRecord, FoldRecord, TrainingPlan
from thb.runtime.records import to_json

SCORING_PACKAGES: Final[Mapping[str, str]] = {
    "talkingheadbench": "chooses the faces, makes the clips and holds the networks",
    "torch": "computes the networks",
    "transformers": "holds the parts of which some networks are made",
    "av": "decodes the videos",
    "opencv-python-headless": "cuts and resizes the faces",
}
"""The packages whose version can change a score, and how; the others only read, write or draw."""

VIDEOS: Final = "videos"
"""The key of the digest of a training's videos."""


def identify_fold(fold: FoldRecord) -> dict[str, Any]:
    """Return what a fold is known by."""
    values = to_json(fold.fold_record)
    return {**values, "release": fold.release.identity}


def identify_scoring(run: ScoringRecord) -> dict[str, Any]:
    """Return what a scoring is known by: two scorings that agree in it give equal scores."""
    detector = run.detector
    known = {
        "weights": detector.weights_sha256 or detector.name,
        "class": _name_class(detector.class_path),
        "clip_spec": None if run.clip_spec is None else to_json(run.clip_spec),
        "face_pack": _identify_face_pack(run.face_pack),
        "precision": run.precision,
        "versions": {name: run.versions.get(name) for name in SCORING_PACKAGES},
    }
    return {**identify_fold(run), **known} if isinstance(run, FoldScoringRecord) else known


def digest_scoring(run: ScoringRecord) -> str:
    """Return a sha256 that two records share if and only if their scorings are the same."""
    return sha256(json.dumps(identify_scoring(run), sort_keys=True).encode()).hexdigest()


def identify_training(plan: TrainingPlan) -> dict[str, Any]:
    """Return what a training is known by: two trainings that agree in it are the same.

    The key :data:`VIDEOS` holds None for a record of an older version, which does not know the
    content of its videos.
    """
    return {
        **identify_fold(plan),
        "detector": {
            "class": _name_class(plan.detector.class_path),
            "initial_weights": plan.detector.initial_weights_sha256,
        },
        "clip_spec": to_json(plan.clip_spec),
        "face_pack": _identify_face_pack(plan.face_pack),
        "settings": to_json(plan.settings),
        "autoencoder": plan.autoencoder_sha256,
        VIDEOS: plan.videos_sha256,
    }


def explain_other_training(found: TrainingPlan, planned: TrainingPlan) -> str:
    """Return in words how two trainings differ; empty if they are the same.

    Args:
        found: The training that was found.
        planned: The training that is asked for.
    """
    then, now = identify_training(found), identify_training(planned)
    known = {name for name in now if name != VIDEOS or None not in (then[name], now[name])}
    lines = [
        line
        for name in now
        if name in known and name != VIDEOS
        for line in explain_differences(then[name], now[name], name)
    ]
    if VIDEOS in known and then[VIDEOS] != now[VIDEOS]:
        lines.append("videos: other files are there now than when it began")
    return "; ".join(lines)


def explain_other_scoring(found: ScoringRecord, planned: ScoringRecord) -> str:
    """Return in words how two scorings differ; empty if they are the same.

    Args:
        found: The scoring that was found.
        planned: The scoring that is asked for.
    """
    return "; ".join(explain_differences(identify_scoring(found), identify_scoring(planned)))


def explain_differences(found: object, planned: object, name: str = "") -> Iterator[str]:
    """Yield a phrase for each value that differs, member by member where there are members.

    Args:
        found: JSON values that were found.
        planned: The values that were expected.
        name: What the values are called; empty at the top.
    """
    if found == planned:
        return
    if not (isinstance(found, Mapping) and isinstance(planned, Mapping)):
        yield f"{name} {_shorten(found)}, not {_shorten(planned)}"
        return
    for member in sorted({*found, *planned}):
        own = f"{name}.{member}" if name else member
        yield from explain_differences(found.get(member), planned.get(member), own)


def _shorten(value: object) -> str:
    """Return a value as it is shown; of a digest, its beginning."""
    is_digest = isinstance(value, str) and len(value) >= 40 and value.isalnum()
    return f"{str(value)[:12]}…" if is_digest else repr(value)


def _name_class(class_path: str) -> str:
    """Return the name of a class without its module, which names the folder it was read from."""
    return class_path.rpartition(":")[2]


def _identify_face_pack(pack: FacePackRecord | None) -> dict[str, Any] | None:
    return None if pack is None else {"backend": pack.backend, "sha256s": dict(pack.sha256s)}
