"""The mark of synthetic videos: all of them bear it, wherever they lie, and no other video does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from thb_dataset.mini.mark import COMMENT, is_marked
from thb_dataset.mini.release import MiniRelease


def test_every_video_of_the_release_bears_it(tiny_release: MiniRelease, tmp_path: Path) -> None:
    folders = (tiny_release.hub, tiny_release.real_root)
    videos = [video for folder in folders for video in folder.rglob("*.mp4")]
    assert len(videos) > 20
    assert all(map(is_marked, videos))
    copy = shutil.copy(videos[0], tmp_path / "upload")
    assert is_marked(copy), "under any name"


def test_no_other_video_does(test_data: Path, tmp_path: Path) -> None:
    videos = list((test_data / "thb-sample").rglob("*.mp4"))
    assert videos
    assert not any(map(is_marked, videos))
    assert not is_marked(tmp_path)
    assert not is_marked(tmp_path / "nowhere.mp4")


def test_only_the_ends_of_a_large_file_are_read(tmp_path: Path) -> None:
    large = tmp_path / "large.mp4"
    with large.open("wb") as stream:
        stream.seek(1 << 33, os.SEEK_SET)
        stream.write(COMMENT.encode())
    assert is_marked(large)
    with large.open("r+b") as stream:
        stream.truncate(1 << 33)
    assert not is_marked(large)
