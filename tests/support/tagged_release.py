"""A release of tiny videos that differ in what their containers tell, and in nothing else."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av

from tests.support.video_files import write_numbered
from thb_dataset.mini.release import MiniRelease

GENERATORS = ("Hallo", "EmoPortrait")
BLOCKS = {"train": "Train", "test": "Test"}
FAKES = 6
"""The fakes of each generator in each split."""
REALS = 6
"""The real videos of each dataset in each split."""

Choose = Callable[[str, int], bytes]
"""Gives the content of a video: of the class ``fake`` or of a dataset, with its number."""


def write_template(path: Path, **how: Any) -> bytes:
    """Return the bytes of a video of 8 frames."""
    return write_numbered(path, 8, **how).read_bytes()


def retag(video: bytes, tag: bytes) -> bytes:
    """Return a video with another ``encoder`` tag, padded with blanks to the length of the old."""
    old = f"Lavf{'.'.join(map(str, av.library_versions['libavformat']))}".encode()
    assert video.count(old) == 1
    assert len(tag) <= len(old)
    return video.replace(old, tag.ljust(len(old)))


def write_tagged_release(folder: Path, choose: Choose) -> MiniRelease:
    """Write a release of two generators and both real datasets, train and test.

    Args:
        folder: The folder to write.
        choose: The content of each video.
    """
    release = MiniRelease(hub=folder / "hub", real_root=folder / "reals")
    listed: dict[str, dict[str, list[str]]] = {}
    number = 0
    for place, (split, block) in enumerate(BLOCKS.items()):
        names = {
            "FaceForensics++": [f"{place}{at:02}.mp4" for at in range(REALS)],
            "CelebV-HQ": [f"real{place}{at:06}_1.mp4" for at in range(REALS)],
        }
        listed[block] = names
        for dataset, files in names.items():
            for file in files:
                write(release.real_root / dataset / file, choose(dataset, number))
                number += 1
        for generator in GENERATORS:
            for at in range(FAKES):
                stem = f"{place}{at:04}--fake{place}{at:06}_1--{generator}"
                fake = release.hub / "fake" / generator / split / f"{stem}.mp4"
                write(fake, choose("fake", number))
                number += 1
    write(release.hub / "real" / "real_dataset_split.json", json.dumps(listed).encode())
    return release


def write(path: Path, content: bytes) -> None:
    """Write a file and the folders around it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
