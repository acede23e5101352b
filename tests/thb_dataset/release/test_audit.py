"""The audit: every planted fault is found, and a sound release has none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.full_size import full_size_release
from thb_dataset.release.audit import Audit
from thb_dataset.release.listing import FindingKind
from thb_dataset.release.scan import audit_release, make_release


def audit(paths: list[str], split_list: dict[str, Any]) -> Audit:
    text = json.dumps(split_list)
    return audit_release(
        make_release(root=Path(), name="x", revision=None, paths=paths, split_text=text)
    )


def test_the_true_counts_agree_with_the_published_ones() -> None:
    paths, split_list = full_size_release()
    found = audit(paths, split_list)
    assert found.is_sound, found.findings[:3]
    assert all(row.agrees for row in found.counts)
    assert sum(row.total for row in found.counts) == 2994 + 2312
    assert found.moved_by_driver == ()
    dashed = {
        name for block in split_list.values() for name in block["CelebV-HQ"] if name[0] == "-"
    }
    lost = [
        path for path in paths if path.startswith("fake/") and f"-{driver_of(path)}.mp4" in dashed
    ]
    assert len(found.restored_drivers) == len(lost) > 0


def driver_of(path: str) -> str:
    parts = path.rpartition("/")[2].split("--", 1)
    return parts[-1].rpartition("--")[0]


def test_validation_videos_may_be_counted_on_either_side() -> None:
    paths, split_list = full_size_release()
    moved = [p.replace("fake/Hallo/val/", "fake/Hallo/train/") for p in paths]
    tests = [p for p in paths if p.startswith("fake/Hallo/test/")][:50]
    moved = [p.replace("/test/", "/val/") if p in tests else p for p in moved]
    rows = {row.name: row for row in audit(moved, split_list).counts}
    assert (rows["Hallo"].train, rows["Hallo"].validation, rows["Hallo"].test) == (303, 50, 67)
    assert rows["Hallo"].agrees


def test_each_fault_is_found_and_named() -> None:
    paths, split_list = full_size_release()
    train = next(p for p in paths if p.startswith("fake/LivePortrait/train/"))
    face, driver = train.rpartition("/")[2][:5], driver_of(train)
    added = {
        FindingKind.PORTRAIT_CROSSES: f"fake/Hallo/test/{face}--new_1--Hallo.mp4",
        FindingKind.DRIVER_CROSSES: f"fake/Hallo/test/99999--{driver}--Hallo.mp4",
        FindingKind.DUPLICATE_ID: train.replace("/train/", "/val/"),
        FindingKind.UNKNOWN_GENERATOR: "fake/Sora/train/00001--a_1--Sora.mp4",
        FindingKind.AUDIO_WITHOUT_VIDEO: "audio/fake/lost.wav",
        FindingKind.LEAVES_ROOT: "fake/../../etc/passwd.mp4",
    }
    dropped = next(p for p in paths if p.startswith("audio/fake/"))
    found = audit([*(p for p in paths if p != dropped), *added.values()], split_list)
    for kind, path in added.items():
        findings = found.findings_by_kind[kind]
        ids = " ".join(subject for finding in findings for subject in finding.subjects)
        assert path.rpartition("/")[2].removesuffix(".mp4") in ids, kind
    silent = found.findings_by_kind[FindingKind.VIDEO_WITHOUT_AUDIO]
    named = [subject for finding in silent for subject in finding.subjects]
    stem = dropped.rpartition("/")[2].removesuffix(".wav")
    assert any(stem in subject for subject in named)
    differing = found.findings_by_kind[FindingKind.COUNT_DIFFERS]
    assert {finding.subjects[0] for finding in differing} == {"Hallo", "LivePortrait"}
    assert not found.is_sound


def test_what_the_driver_reading_moves_is_counted() -> None:
    paths, split_list = full_size_release()
    clip = next(name for name in split_list["Train"]["CelebV-HQ"] if name[0] != "-")
    driver = clip.removesuffix(".mp4")
    split_list["Train"]["CelebV-HQ"].remove(clip)
    split_list["Test"]["CelebV-HQ"].append(clip)
    expected = sorted(
        f"{path.split('/')[1]}/{path.rpartition('/')[2].removesuffix('.mp4')}"
        for path in paths
        if path.startswith("fake/") and f"--{driver}--" in path
    )
    found = audit(paths, split_list)
    assert sorted(found.moved_by_driver) == expected
    assert expected, "the listing should hold a fake of that driver"
    assert found.is_sound, "another reading is not a fault of the release"


@pytest.mark.parametrize("drop", ["Hallo", "MAGI-1"])
def test_a_missing_generator_is_a_finding(drop: str) -> None:
    paths, split_list = full_size_release()
    left = [path for path in paths if f"/{drop}/" not in path]
    found = audit(left, split_list)
    differing = found.findings_by_kind[FindingKind.COUNT_DIFFERS]
    assert [finding.subjects for finding in differing] == [(drop,)]


def test_the_record_is_json_and_whole() -> None:
    paths, split_list = full_size_release()
    found = audit([*paths, "fake/Hallo/x.mp4"], split_list)
    record = json.loads(json.dumps(found.to_dict()))
    assert record["sound"] is False
    assert record["findings"][0]["subjects"] == ["fake/Hallo/x.mp4"]
    assert [row["total"] for row in record["counts"]][:2] == [420, 432]
