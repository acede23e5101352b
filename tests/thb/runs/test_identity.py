"""Runs are the same if their weights and videos are, whatever their folders are called."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.records import FACE_PACK, make_run_record, make_scoring_record
from thb.runs.identity import (
    SCORING_PACKAGES,
    digest_scoring,
    explain_other_scoring,
    explain_other_training,
)
from thb.runs.provenance import ScoredDetector
from thb.runs.record import ReleaseRecord
from thb_dataset.clip_spec import ClipSpec

VERSIONS = dict.fromkeys(SCORING_PACKAGES, "1.0")
DETECTOR = ScoredDetector(
    name="runs/a", class_path="a.modeling:Net", model_type="net", weights_sha256="a" * 64
)
RUN = make_scoring_record(
    detector=DETECTOR, clip_spec=ClipSpec(), face_pack=FACE_PACK, versions=VERSIONS
)


@pytest.mark.parametrize(
    "changes",
    [
        {"detector": replace(DETECTOR, name="/home/me/b", class_path="b.modeling:Net")},
        {"detector": replace(DETECTOR, training_data="TalkingHeadBench", weights_licence="MIT")},
        {"release": ReleaseRecord(name="another-folder", revision="abc")},
        {"face_pack": replace(FACE_PACK, name="/home/me/pack", licence="none")},
        {"versions": {**VERSIONS, "insightface": "0.7", "datasets": "9"}},
    ],
)
def test_what_changes_no_score_makes_no_other_run(changes: dict[str, Any]) -> None:
    other = replace(RUN, **changes)
    assert explain_other_scoring(RUN, other) == ""
    assert digest_scoring(RUN) == digest_scoring(other)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"detector": replace(DETECTOR, weights_sha256="b" * 64)}, "weights aaaaaaaaaaaa…, not bb"),
        ({"detector": replace(DETECTOR, class_path="a:Other")}, "class 'Net', not 'Other'"),
        ({"release": ReleaseRecord(name="toy", revision="def")}, "release 'abc', not 'def'"),
        ({"fold": "p3-hallo"}, "fold 'p1', not 'p3-hallo'"),
        ({"clip_spec": ClipSpec(size=32)}, "clip_spec.size 112, not 32"),
        ({"precision": "bfloat16"}, "precision 'float32', not 'bfloat16'"),
        ({"versions": {**VERSIONS, "torch": "2"}}, "versions.torch '1.0', not '2'"),
    ],
)
def test_what_changes_a_score_makes_another_run_and_is_named(
    changes: dict[str, Any], said: str
) -> None:
    other = replace(RUN, **changes)
    assert said in explain_other_scoring(RUN, other)
    assert digest_scoring(RUN) != digest_scoring(other)


def test_a_training_is_known_by_its_weights_its_settings_and_its_videos() -> None:
    record = make_run_record(videos_sha256="a" * 64)
    moved = replace(
        record,
        detector=replace(record.detector, name="/home/me/b", class_path="moved:Baseline"),
        release=replace(record.release, revision=None),
    )
    assert explain_other_training(record, moved) == ""
    assert explain_other_training(replace(record, videos_sha256=None), record) == ""
    other = replace(
        record,
        settings=replace(record.settings, seed=7),
        detector=replace(record.detector, initial_weights_sha256="b" * 64),
        videos_sha256="b" * 64,
    )
    assert explain_other_training(record, other) == (
        "detector.initial_weights 000000000000…, not bbbbbbbbbbbb…; settings.seed 0, not 7;"
        " videos: other files are there now than when it began"
    )
