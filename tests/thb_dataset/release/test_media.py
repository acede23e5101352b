"""Finding the files of real videos in every layout that users may have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from thb_dataset.errors import ReleaseError
from thb_dataset.records import Label, RealDataset, Split, Video
from thb_dataset.release.media import explain_missing_reals, find_real_videos, locate_videos
from thb_dataset.release.scan import read_release


def real(dataset: RealDataset, stem: str) -> Video:
    return Video(
        video_id=f"{dataset}/{stem}",
        label=Label.REAL,
        path=f"{dataset}/{stem}.mp4",
        release_split=Split.TEST,
        real_dataset=dataset,
    )


FF = real(RealDataset.FACEFORENSICS, "001")
CELEB = real(RealDataset.CELEBV_HQ, "-a_b_1")


def put(path: Path, content: bytes = b"a video") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "inside",
    [
        "FaceForensics++/original_sequences/youtube/raw/videos",
        "FaceForensics++/original_sequences/youtube/c23/videos",
        "FaceForensics++/original_sequences/youtube/c40/videos",
        "FaceForensics++",
        "FaceForensics++/some/other/folder",
        "original_sequences/youtube/c23/videos",
        "",
    ],
)
def test_faceforensics_is_found_in_any_of_its_layouts(tmp_path: Path, inside: str) -> None:
    path = put(tmp_path / inside / "001.mp4")
    assert find_real_videos(tmp_path, [FF, CELEB]).files == {FF.video_id: path}


def test_celebv_hq_is_found(tmp_path: Path) -> None:
    path = put(tmp_path / "CelebV-HQ" / "-a_b_1.mp4")
    assert find_real_videos(tmp_path, [FF, CELEB]).files == {CELEB.video_id: path}


def test_the_least_compressed_wins_and_a_fake_never_stands_in(tmp_path: Path) -> None:
    youtube = tmp_path / "FaceForensics++" / "original_sequences" / "youtube"
    for compression in ("c40", "raw", "c23"):
        put(youtube / compression / "videos" / "001.mp4")
    found = find_real_videos(tmp_path, [FF]).files
    assert found[FF.video_id] == youtube / "raw" / "videos" / "001.mp4"
    other = tmp_path / "other" / "FaceForensics++"
    put(other / "manipulated_sequences" / "Deepfakes" / "c23" / "videos" / "001.mp4")
    assert find_real_videos(other.parent, [FF]).files == {}


def test_each_dataset_may_have_its_own_folder(tmp_path: Path) -> None:
    path = put(tmp_path / "x" / "001.mp4")
    folders = {RealDataset.FACEFORENSICS: tmp_path / "x"}
    assert find_real_videos(folders, [FF, CELEB]).files == {FF.video_id: path}
    with pytest.raises(ReleaseError, match=r"no folder .* for the real videos of CelebV-HQ"):
        find_real_videos({RealDataset.CELEBV_HQ: tmp_path / "none"}, [CELEB])


def test_missing_ones_are_counted_named_and_told_where_they_belong(tmp_path: Path) -> None:
    missing = [*(real(RealDataset.FACEFORENSICS, f"{n:03d}") for n in range(12)), CELEB]
    message = explain_missing_reals(missing, tmp_path, show=2)
    assert (
        "12 of FaceForensics++: FaceForensics++/000.mp4, FaceForensics++/001.mp4 and 10 more"
        in message
    )
    assert f"{tmp_path}/FaceForensics++/original_sequences/youtube/raw/videos/000.mp4" in message
    assert f"1 of CelebV-HQ: CelebV-HQ/-a_b_1.mp4; put them at {tmp_path}/CelebV-HQ/" in message
    by_dataset = explain_missing_reals(missing, {RealDataset.FACEFORENSICS: tmp_path})
    assert f"put them at {tmp_path}/original_sequences/youtube/raw/videos/000.mp4" in by_dataset
    assert "put them at <folder of CelebV-HQ>/-a_b_1.mp4" in by_dataset


def test_the_real_sample_is_whole(test_data: Path) -> None:
    sample = test_data / "thb-sample"
    release = read_release(sample / "hub")
    found = locate_videos(release, sample / "real_videos", release.videos).files
    assert sorted(found) == [video.video_id for video in release.videos]
    assert all(path.is_file() for path in found.values())
    fakes = locate_videos(release, None, release.videos).files
    assert set(fakes) == {v.video_id for v in release.videos if v.label is Label.FAKE}


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"


def _dead_link(path: Path) -> None:
    path.unlink()
    path.symlink_to("/nosuch/001.mp4")


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (_dead_link, "a link to a file that does not exist"),
        (lambda path: path.write_bytes(b""), "an empty file"),
        (lambda path: path.write_bytes(POINTER), "a Git LFS pointer"),
        (lambda path: (path.unlink(), path.mkdir()), "a folder, not a file"),
    ],
)
@pytest.mark.parametrize("inside", ["FaceForensics++", "FaceForensics++/some/other/folder"])
def test_a_file_without_content_is_not_there_and_is_named(
    tmp_path: Path, inside: str, spoil: Callable[[Path], object], fault: str
) -> None:
    spoil(put(tmp_path / inside / "001.mp4"))
    found = find_real_videos(tmp_path, [FF, CELEB])
    assert found.files == {}
    if "folder, not" not in fault or inside == "FaceForensics++":
        assert found.faults.get(FF.video_id, fault).startswith(fault)
    assert CELEB.video_id not in found.faults, "it is missing, which is no fault of a file"
    put(tmp_path / "FaceForensics++/original_sequences/youtube/c23/videos/001.mp4")
    assert set(find_real_videos(tmp_path, [FF]).files) == {FF.video_id}


def test_two_files_that_differ_are_never_settled_by_their_order(tmp_path: Path) -> None:
    first = put(tmp_path / "a" / "001.mp4", b"one")
    second = put(tmp_path / "b" / "001.mp4", b"two")
    found = find_real_videos(tmp_path, [FF])
    assert found.files == {}
    assert "a/001.mp4, b/001.mp4" in found.faults[FF.video_id]
    second.write_bytes(b"one")
    assert find_real_videos(tmp_path, [FF]).files == {FF.video_id: first}, "copies are no matter"
    second.write_bytes(b"")
    assert find_real_videos(tmp_path, [FF]).files == {FF.video_id: first}
    at_home = put(tmp_path / "x/original_sequences/youtube/c40/videos/001.mp4", b"three")
    assert find_real_videos(tmp_path, [FF]).files == {FF.video_id: at_home}


def test_a_fake_of_the_same_number_is_refused_with_both_paths(tmp_path: Path) -> None:
    fake = put(tmp_path / "FaceForensics++" / "DFD_fake" / "001.mp4", b"fake")
    alone = find_real_videos(tmp_path, [FF])
    assert alone.files == {}
    assert "in a folder of fakes: DFD_fake/001.mp4" in alone.faults[FF.video_id]
    put(fake.parents[1] / "original" / "001.mp4", b"real")
    both = find_real_videos(tmp_path, [FF])
    assert both.files == {}
    assert "DFD_fake/001.mp4, original/001.mp4" in both.faults[FF.video_id]
    usual = put(fake.parents[1] / "001.mp4", b"real")
    assert find_real_videos(tmp_path, [FF]).files == {FF.video_id: usual}


def test_a_folder_that_speaks_of_deepfakes_may_hold_real_videos(tmp_path: Path) -> None:
    path = put(tmp_path / "DeepfakeBench" / "real" / "001.mp4")
    assert find_real_videos(tmp_path, [FF]).files == {FF.video_id: path}


def test_the_fakes_of_the_release_itself_are_never_real_videos(tmp_path: Path) -> None:
    fake = put(tmp_path / "hub" / "fake" / "additional_dataset" / "MAGI-1" / "001.mp4")
    fakes = tmp_path / "hub" / "fake"
    own = find_real_videos(tmp_path / "hub", [FF], fakes=fakes)
    assert own.files == {}
    assert "the release's own fakes" in own.faults[FF.video_id]
    link = tmp_path / "reals" / "FaceForensics++" / "001.mp4"
    link.parent.mkdir(parents=True)
    link.symlink_to(fake)
    linked = find_real_videos(tmp_path / "reals", [FF], fakes=fakes)
    assert linked.files == {}
    assert "the release's own fakes" in linked.faults[FF.video_id]


@pytest.mark.parametrize("inside", ["FaceForensics++", "", "FaceForensics++/deep/below"])
def test_endings_in_capitals_are_understood(tmp_path: Path, inside: str) -> None:
    path = put(tmp_path / inside / "001.MP4")
    assert find_real_videos(tmp_path, [FF]).files == {FF.video_id: path}


def test_unusable_files_are_named_with_the_missing_ones(tmp_path: Path) -> None:
    put(tmp_path / "FaceForensics++" / "001.mp4", b"")
    faults = find_real_videos(tmp_path, [FF, CELEB]).faults
    message = explain_missing_reals([FF, CELEB], tmp_path, faults=faults)
    assert "cannot be used: 1: FaceForensics++/001.mp4 (an empty file)" in message
