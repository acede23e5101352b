"""Search the user's folder for the files of real videos, and never take a fake for one of them."""

from __future__ import annotations

import filecmp
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from thb_dataset.files import find_fault
from thb_dataset.records import RealDataset
from thb_dataset.wording import shorten_list

FACEFORENSICS_FOLDERS: Final = tuple(
    f"original_sequences/youtube/{compression}/videos" for compression in ("raw", "c23", "c40")
)
"""The folders of FaceForensics++'s own downloader; the least compressed videos come first."""

_FAKES_OF_FACEFORENSICS: Final = "manipulated_sequences"
_WORDS_FOR_FAKES: Final = frozenset(
    {"fake", "fakes", "deepfakes", "manipulated", "synthesis", "deepfakedetection"}
    | {"face2face", "faceswap", "faceshifter", "neuraltextures"}
)
"""In the copies that circulate, a folder with one of these words in its name holds fakes."""


@dataclass(frozen=True, kw_only=True)
class LocatedVideos:
    """Where the files of videos are.

    Attributes:
        files: The file of each available video, by video id.
        faults: Why a file that is there cannot be used, by video id. A video without any file is
            in neither of the two.
    """

    files: dict[str, Path] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)


def search_reals(
    folder: Path, dataset: RealDataset, names: Mapping[str, str], *, fakes: Path | None
) -> LocatedVideos:
    """Find the files of one dataset's real videos in its folder.

    A file in its usual place is taken. Otherwise all folders below are searched, and a video whose
    name two different files bear has none: which of them is real cannot be told.

    Args:
        folder: The folder of the dataset.
        dataset: The dataset.
        names: The names of the files by video id.
        fakes: The folder of the release's own fakes, whose files are never real videos.
    """
    usual = FACEFORENSICS_FOLDERS if dataset is RealDataset.FACEFORENSICS else ()
    candidates = {
        video_id: [folder / inside / name for inside in (*usual, ".")]
        for video_id, name in names.items()
    }
    found = LocatedVideos()
    for video_id, paths in candidates.items():
        usable = (path for path in paths if _find_fault(path, folder, fakes) is None)
        if path := next(usable, None):
            found.files[video_id] = path
    unsettled = {name: video_id for video_id, name in names.items() if video_id not in found.files}
    for name, paths in _walk(folder, set(unsettled)).items():
        _settle(unsettled[name], _take_most_usual(paths, folder, usual), folder, fakes, found)
    return found


def _walk(folder: Path, names: set[str]) -> dict[str, list[Path]]:
    """Search all folders below for files of these names; their endings may be in capitals."""
    found: dict[str, list[Path]] = defaultdict(list)
    for parent, subfolders, files in os.walk(folder) if names else ():
        # This folder is so large and so well known that it is not even read.
        subfolders[:] = sorted(name for name in subfolders if name != _FAKES_OF_FACEFORENSICS)
        for file in sorted(files):
            stem, ending = os.path.splitext(file)  # noqa: PTH122 — a name, read a million times
            if (name := stem + ending.lower()) in names:
                found[name].append(Path(parent, file))
    return found


def _take_most_usual(paths: Sequence[Path], folder: Path, usual: Sequence[str]) -> list[Path]:
    """Return the files in the most usual of their places; elsewhere no place is better."""
    places = [path.parent.relative_to(folder).as_posix() for path in paths]
    for ending in usual:
        at_home = [p for p, place in zip(paths, places, strict=True) if place.endswith(ending)]
        if at_home:
            return at_home
    return [p for p, place in zip(paths, places, strict=True) if place == "."] or list(paths)


def _settle(
    video_id: str, paths: Sequence[Path], folder: Path, fakes: Path | None, found: LocatedVideos
) -> None:
    """Take the one file of a video, or say why none of its files can be taken."""
    whole = [path for path in paths if find_fault(path) is None]
    shown = shorten_list([path.relative_to(folder).as_posix() for path in whole])
    if any(not filecmp.cmp(whole[0], path, shallow=False) for path in whole[1:]):
        found.faults[video_id] = (
            f"{len(whole)} files that differ bear its name, and a fake may be among them: {shown}; "
            "keep only the real video"
        )
        return
    faults = [_find_fault(path, folder, fakes) for path in whole or paths]
    if None in faults:
        found.files[video_id] = (whole or paths)[faults.index(None)]
    elif faults[0] is not None:
        found.faults[video_id] = faults[0]


def _find_fault(path: Path, folder: Path, fakes: Path | None) -> str | None:
    """Return why a file cannot be used as a real video; None if it can."""
    if (fault := find_fault(path)) is not None:
        return fault
    if fakes is not None and path.resolve().is_relative_to(fakes.resolve()):
        return f"one of the release's own fakes: {path.relative_to(folder).as_posix()}"
    inside = path.relative_to(folder)
    if _holds_fakes(inside.parent.parts):
        return f"a file in a folder of fakes: {inside.as_posix()}"
    return None


def _holds_fakes(folders: Iterable[str]) -> bool:
    """Say whether the name of a folder says that fakes lie in it, such as ``DFD_fake``."""
    words = (set(re.findall(r"[a-z0-9]+", name.lower())) for name in folders)
    return any(found & _WORDS_FOR_FAKES for found in words)
