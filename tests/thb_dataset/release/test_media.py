"""Finding the files of real videos in every layout that users may have."""

from __future__ import annotations

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


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
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
    path = touch(tmp_path / inside / "001.mp4")
    assert find_real_videos(tmp_path, [FF, CELEB]) == {FF.video_id: path}


def test_celebv_hq_is_found(tmp_path: Path) -> None:
    path = touch(tmp_path / "CelebV-HQ" / "-a_b_1.mp4")
    assert find_real_videos(tmp_path, [FF, CELEB]) == {CELEB.video_id: path}


def test_the_least_compressed_wins_and_a_fake_never_stands_in(tmp_path: Path) -> None:
    youtube = tmp_path / "FaceForensics++" / "original_sequences" / "youtube"
    for compression in ("c40", "raw", "c23"):
        touch(youtube / compression / "videos" / "001.mp4")
    found = find_real_videos(tmp_path, [FF])
    assert found[FF.video_id] == youtube / "raw" / "videos" / "001.mp4"
    other = tmp_path / "other" / "FaceForensics++"
    touch(other / "manipulated_sequences" / "Deepfakes" / "c23" / "videos" / "001.mp4")
    assert find_real_videos(other.parent, [FF]) == {}


def test_each_dataset_may_have_its_own_folder(tmp_path: Path) -> None:
    path = touch(tmp_path / "x" / "001.mp4")
    folders = {RealDataset.FACEFORENSICS: tmp_path / "x"}
    assert find_real_videos(folders, [FF, CELEB]) == {FF.video_id: path}
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
    found = locate_videos(release, sample / "real_videos", release.videos)
    assert sorted(found) == [video.video_id for video in release.videos]
    assert all(path.is_file() for path in found.values())
    fakes = locate_videos(release, None, release.videos)
    assert set(fakes) == {v.video_id for v in release.videos if v.label is Label.FAKE}
