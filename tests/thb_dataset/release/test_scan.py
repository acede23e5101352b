"""Reading a release from a folder: what is listed, left out, and refused."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from thb_dataset.errors import ReleaseError
from thb_dataset.records import Generator, Label, RealDataset, Split, Video
from thb_dataset.release.listing import FindingKind
from thb_dataset.release.scan import (
    SYNTHETIC_MARKER,
    Release,
    audit_release,
    read_release,
    scan_release,
)

PATHS = (
    "fake/Hallo/train/00001--abc_1--Hallo.mp4",
    "fake/Hallo/val/00002--bcd_1--Hallo.mp4",
    "fake/EmoPortrait/test/00003--5be_1--EMOPortraits.mp4",
    "fake/additional_dataset/MAGI-1/17.mp4",
    "fake/additional_dataset/Hallo3/9-cde_1.mp4",
    "audio/fake/00001--abc_1--Hallo.wav",
    "audio/fake_celebvhq/abc_1.wav",
    "audio/ff++/001.wav",
    "README.md",
)
LIST: dict[str, Any] = {
    "Train": {"FaceForensics++": ["001.mp4"], "CelebV-HQ": ["abc_1.mp4"]},
    "Test": {"CelebV-HQ": ["-5be_1.mp4"]},
}


def write(root: Path, *paths: str, split_list: Any = LIST) -> Path:
    for path in (*PATHS, *paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"")
    (root / "real").mkdir()
    (root / "real/real_dataset_split.json").write_text(json.dumps(split_list))
    return root


def by_id(release: Release) -> dict[str, Video]:
    return {video.video_id: video for video in release.videos}


def kinds(release: Release) -> dict[FindingKind, list[tuple[str, ...]]]:
    found: dict[FindingKind, list[tuple[str, ...]]] = {}
    for finding in release.findings:
        found.setdefault(finding.kind, []).append(finding.subjects)
    return found


def test_a_folder_is_read(tmp_path: Path) -> None:
    release = read_release(write(tmp_path))
    videos = by_id(release)
    assert list(videos) == sorted(videos) == [video.video_id for video in release.videos]
    assert videos["Hallo/00001--abc_1--Hallo"] == Video(
        video_id="Hallo/00001--abc_1--Hallo",
        label=Label.FAKE,
        path=PATHS[0],
        release_split=Split.TRAIN,
        generator=Generator.HALLO,
        portrait="00001",
        driver="abc_1",
        audio=PATHS[5],
    )
    assert videos["EmoPortrait/00003--5be_1--EMOPortraits"].driver == "-5be_1"
    assert release.restored_drivers == ("EmoPortrait/00003--5be_1--EMOPortraits",)
    assert videos["MAGI-1/17"].release_split is Split.TEST
    assert videos["Hallo3/9-cde_1"].driver == "cde_1"
    assert videos["CelebV-HQ/abc_1"] == Video(
        video_id="CelebV-HQ/abc_1",
        label=Label.REAL,
        path="CelebV-HQ/abc_1.mp4",
        release_split=Split.TRAIN,
        real_dataset=RealDataset.CELEBV_HQ,
        audio=PATHS[6],
    )
    assert videos["FaceForensics++/001"].audio == "audio/ff++/001.wav"
    assert (release.name, release.synthetic) == (tmp_path.name, False)


def test_the_revision_is_the_listing_and_nothing_else(tmp_path: Path) -> None:
    first = read_release(write(tmp_path / "a"))
    second = read_release(write(tmp_path / "b"))
    assert first.revision == second.revision
    other = read_release(write(tmp_path / "c", "fake/Hallo/test/00009--x_1--Hallo.mp4"))
    assert other.revision != first.revision


def test_the_marker_makes_it_synthetic_and_uncompared(tmp_path: Path) -> None:
    (write(tmp_path) / SYNTHETIC_MARKER).touch()
    release = read_release(tmp_path)
    assert release.synthetic
    assert release.name == "mini"
    audit = audit_release(release)
    assert FindingKind.COUNT_DIFFERS not in audit.findings_by_kind
    assert {row.published_total for row in audit.counts} == {None}


def test_the_official_list_is_the_other_file(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(ReleaseError, match=r"official_ff\+\+\.json.*in this release: default"):
        read_release(tmp_path, split_list="official_ff++")
    official = {"Test": {"FaceForensics++": ["999.mp4"]}}
    (tmp_path / "real/real_dataset_split_official_ff++.json").write_text(json.dumps(official))
    videos = by_id(read_release(tmp_path, split_list="official_ff++"))
    assert [name for name in videos if name.startswith(("Face", "Cel"))] == ["FaceForensics++/999"]


def test_sound_of_a_real_video_that_the_other_list_names_is_no_finding(tmp_path: Path) -> None:
    write(tmp_path, "audio/ff++/999.wav")
    lost = FindingKind.AUDIO_WITHOUT_VIDEO
    assert kinds(read_release(tmp_path))[lost] == [("audio/ff++/999.wav",)]
    other = tmp_path / "real/real_dataset_split_official_ff++.json"
    other.write_text(json.dumps({"Test": {"FaceForensics++": ["999.mp4"]}}))
    assert lost not in kinds(read_release(tmp_path))
    other.write_text("[]")
    broken = read_release(tmp_path)
    assert len(kinds(broken)[FindingKind.LIST_UNREADABLE]) == 1, "it is not the list that is read"
    with pytest.raises(ReleaseError, match="the list is a list, not an object"):
        read_release(tmp_path, split_list="official_ff++")


def test_what_is_no_release_says_so(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="is not a release: it has no folder fake/"):
        read_release(tmp_path)
    (tmp_path / "fake").mkdir()
    with pytest.raises(ReleaseError, match="lists in this release: none"):
        read_release(tmp_path)


def test_a_malformed_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="Train is a list"):
        read_release(write(tmp_path, split_list={"Train": ["001.mp4"]}))


def test_duplicate_ids_are_refused_and_all_named(tmp_path: Path) -> None:
    twice = (
        "fake/Hallo/test/00001--abc_1--Hallo.mp4",
        "fake/EMOPortraits/test/00003--5be_1--EMOPortraits.mp4",
    )
    write(tmp_path, *twice)
    with pytest.raises(ReleaseError, match="two files, one video id") as caught:
        read_release(tmp_path)
    for path in (*twice, PATHS[0], PATHS[2]):
        assert path in str(caught.value)
    audit = audit_release(scan_release(tmp_path))
    assert len(audit.findings_by_kind[FindingKind.DUPLICATE_ID]) == 2


@pytest.mark.parametrize("is_folder", [False, True])
def test_links_that_leave_the_release_are_refused(tmp_path: Path, is_folder: bool) -> None:
    root = write(tmp_path / "release")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "00004--x_1--Hallo.mp4").write_bytes(b"")
    link = root / ("fake/Hallo2" if is_folder else "fake/Hallo/test/00004--x_1--Hallo.mp4")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(outside if is_folder else outside / "00004--x_1--Hallo.mp4")
    with pytest.raises(ReleaseError, match="path leaves the release") as caught:
        read_release(root)
    assert link.relative_to(root).as_posix() in str(caught.value)


def test_a_whole_tree_behind_a_link_is_refused(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside")
    root = tmp_path / "release"
    root.mkdir()
    (root / "real").mkdir()
    (root / "real/real_dataset_split.json").write_text("{}")
    (root / "fake").symlink_to(outside / "fake")
    with pytest.raises(ReleaseError, match="path leaves the release: fake "):
        read_release(root)


def test_a_snapshot_of_the_hubs_cache_is_read_through_its_links(tmp_path: Path) -> None:
    repo = tmp_path / "datasets--a--b"
    (repo / "blobs").mkdir(parents=True)
    (repo / "blobs/x").write_bytes(b"")
    root = write(repo / "snapshots" / "0123")
    linked = root / "fake/Hallo/test/00004--x_1--Hallo.mp4"
    linked.parent.mkdir()
    linked.symlink_to("../../../../../blobs/x")
    assert "Hallo/00004--x_1--Hallo" in by_id(read_release(root))


def test_names_that_cannot_be_read_are_left_out_and_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    odd = {
        FindingKind.UNKNOWN_GENERATOR: "fake/Sora/train/00001--abc_1--Sora.mp4",
        FindingKind.UNREADABLE_NAME: "fake/Hallo/train/notes.mp4",
        FindingKind.MISPLACED: "fake/Hallo/spare/00001--abc_1--Hallo.mp4",
        FindingKind.AUDIO_WITHOUT_VIDEO: "audio/fake/00009--abc_1--Hallo.wav",
    }
    with caplog.at_level(logging.WARNING):
        release = read_release(write(tmp_path, *odd.values()))
    for kind, path in odd.items():
        assert (path,) in kinds(release)[kind]
    assert len(release.videos) == len(PATHS) - 4 + 3
    assert "1 left out (unknown generator)" in caplog.text


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("fake/MAGI-1/test/17.mp4", "belongs in fake/additional_dataset/"),
        ("fake/additional_dataset/Hallo/00001--a_1--Hallo.mp4", "belongs in fake/Hallo/"),
        ("fake/00001--a_1--Hallo.mp4", "expected fake/<Generator>"),
        ("fake/Hallo2/train/00001--a_1--Hallo.mp4", "the name says Hallo, but the folder Hallo2"),
    ],
)
def test_misplaced_videos_say_where_they_belong(tmp_path: Path, path: str, says: str) -> None:
    (found,) = [f for f in scan_release(write(tmp_path, path)).findings if path in f.subjects]
    assert says in found.detail


def test_a_real_video_in_two_blocks_takes_the_last_and_is_found(tmp_path: Path) -> None:
    blocks = {block: {"CelebV-HQ": ["a_1"]} for block in ("Train", "Val")}
    release = read_release(write(tmp_path, split_list=blocks))
    assert by_id(release)["CelebV-HQ/a_1"].release_split is Split.VALIDATION
    assert kinds(release)[FindingKind.REAL_IN_TWO_BLOCKS] == [("CelebV-HQ/a_1",)]


def test_the_real_sample_is_what_its_readme_says(test_data: Path) -> None:
    release = read_release(test_data / "thb-sample" / "hub")
    audit = audit_release(release)
    counts = {row.name: (row.train, row.validation, row.test) for row in audit.counts}
    assert counts == {
        "AniPortraitAudio": (6, 2, 4),
        "AniPortraitVideo": (8, 2, 6),
        "EmoPortrait": (8, 2, 5),
        "Hallo": (10, 2, 7),
        "Hallo2": (6, 2, 4),
        "LivePortrait": (5, 1, 3),
        "Hallo3": (0, 0, 2),
        "MAGI-1": (0, 0, 1),
        "CelebV-HQ": (16, 4, 11),
        "FaceForensics++": (20, 4, 13),
    }
    assert set(audit.findings_by_kind) == {
        FindingKind.COUNT_DIFFERS,
        FindingKind.VIDEO_WITHOUT_AUDIO,
    }
    assert sum(video.audio is not None for video in release.videos) == 75
    assert audit.moved_by_driver == ()
