"""Finds the files of the real videos, which the release only names and the user brings.

Under one folder, or under one for each dataset::

    <real_root>/FaceForensics++/original_sequences/youtube/{raw,c23,c40}/videos/001.mp4
    <real_root>/CelebV-HQ/<youtube id>_<n>.mp4

or any other folder below that holds a file of that name.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from thb_dataset.errors import ReleaseError
from thb_dataset.records import Label, RealDataset, Video
from thb_dataset.release.scan import Release
from thb_dataset.wording import shorten_list

FACEFORENSICS_FOLDERS = tuple(
    f"original_sequences/youtube/{compression}/videos" for compression in ("raw", "c23", "c40")
)
"""Where FaceForensics++'s own downloader puts the videos; the least compressed are taken first."""

_FAKES_OF_FACEFORENSICS = "manipulated_sequences"


def find_real_videos(
    real_root: Path | Mapping[RealDataset, Path], videos: Iterable[Video]
) -> dict[str, Path]:
    """Find the files of real videos.

    Args:
        real_root: One folder for both datasets, or a folder for each.
        videos: Any videos; fakes among them are passed over.

    Returns:
        The file of each video that was found, by video id.

    Raises:
        ReleaseError: A folder that is named does not exist.
    """
    wanted: dict[RealDataset, dict[str, str]] = {dataset: {} for dataset in RealDataset}
    for video in videos:
        if video.real_dataset is not None:
            wanted[video.real_dataset][video.video_id] = PurePosixPath(video.path).name
    found: dict[str, Path] = {}
    for dataset, names in wanted.items():
        folder = _dataset_folder(real_root, dataset)
        if folder is not None and names:
            found.update(_find(folder, dataset, names))
    return found


def locate_videos(
    release: Release,
    real_root: Path | Mapping[RealDataset, Path] | None,
    videos: Iterable[Video],
) -> dict[str, Path]:
    """Find the files of fakes in the release and of real videos in the user's folder.

    Args:
        release: Where the fakes are.
        real_root: Where the real videos are; None: they are all missing.
        videos: Whose files are wanted.

    Returns:
        The file of each video that is at hand, by video id; the others are absent.
    """
    wanted = list(videos)
    at_hand = {} if real_root is None else find_real_videos(real_root, wanted)
    for video in wanted:
        if video.label is Label.FAKE and (path := release.root / video.path).is_file():
            at_hand[video.video_id] = path
    return at_hand


def find_sounds(release: Release, videos: Iterable[Video]) -> dict[str, Path]:
    """Find the sound files that a release brings for its videos.

    Args:
        release: Whose folder is looked into; nothing is downloaded.
        videos: Fakes and real ones.

    Returns:
        File of each video that has one, by its id.
    """
    found: dict[str, Path] = {}
    for video in videos:
        if video.audio is not None and (path := release.root / video.audio).is_file():
            found[video.video_id] = path
    return found


def explain_missing_reals(
    missing: Iterable[Video], real_root: Path | Mapping[RealDataset, Path] | None, *, show: int = 5
) -> str:
    """Say how many real videos are missing, which, and where they belong.

    Args:
        missing: The videos that were not found.
        real_root: Where they were looked for; None: no folder was given.
        show: How many to name of each dataset.
    """
    lines = []
    absent = list(missing)
    for dataset in RealDataset:
        names = sorted(video.path for video in absent if video.real_dataset is dataset)
        if not names:
            continue
        if isinstance(real_root, Mapping):
            folder = str(real_root.get(dataset, f"<folder of {dataset}>"))
        else:
            folder = f"{real_root or '<real_root>'}/{dataset}"
        inside = f"{FACEFORENSICS_FOLDERS[0]}/" if dataset is RealDataset.FACEFORENSICS else ""
        lines.append(
            f"{len(names)} of {dataset}: {shorten_list(names, show)}; "
            f"put them at {folder}/{inside}{PurePosixPath(names[0]).name} and so on"
        )
    return "real videos are missing, which the release only names: " + "; ".join(lines)


def _dataset_folder(
    real_root: Path | Mapping[RealDataset, Path], dataset: RealDataset
) -> Path | None:
    if isinstance(real_root, Mapping):
        if dataset not in real_root:
            return None
        folder = Path(real_root[dataset]).expanduser()
    else:
        root = Path(real_root).expanduser()
        folder = root / dataset if (root / dataset).is_dir() else root
    if not folder.is_dir():
        raise ReleaseError(f"no folder {folder} for the real videos of {dataset}")
    return folder


def _find(folder: Path, dataset: RealDataset, names: Mapping[str, str]) -> dict[str, Path]:
    usual = FACEFORENSICS_FOLDERS if dataset is RealDataset.FACEFORENSICS else ()
    found: dict[str, Path] = {}
    for video_id, name in names.items():
        for candidate in (*(folder / inside / name for inside in usual), folder / name):
            if candidate.is_file():
                found[video_id] = candidate
                break
    missing = {name: video_id for video_id, name in names.items() if video_id not in found}
    if missing:
        found.update({missing[name]: path for name, path in _search(folder, set(missing)).items()})
    return found


def _search(folder: Path, names: set[str]) -> dict[str, Path]:
    """Look for names in every folder below; of several files the first by path is taken."""
    found: dict[str, Path] = {}
    for parent, subfolders, files in os.walk(folder, followlinks=False):
        # Sorted, and pruned: a fake of the same number must never stand in for a real video.
        subfolders[:] = sorted(name for name in subfolders if name != _FAKES_OF_FACEFORENSICS)
        for name in names.intersection(files) - found.keys():
            found[name] = Path(parent, name)
    return found
