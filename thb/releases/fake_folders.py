"""Folders of fakes that belong to no release: of a generator that the benchmark does not know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from thb.releases.files import VideoFiles
from thb.runtime.video_folders import list_videos
from thb_dataset.errors import ProtocolError, ReleaseError
from thb_dataset.files import digest_file, find_fault
from thb_dataset.records import Generator, RealDataset
from thb_dataset.wording import spell_out

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,39}")
_TAKEN: Final = frozenset(name.lower() for name in (*RealDataset, "mean"))


@dataclass(frozen=True, kw_only=True)
class FakeFolder:
    """The videos of a generator that no release holds.

    Attributes:
        name: What the generator is called in tables and rows.
        files: Its videos by ``video_id``: ``<name>/<path in the folder>``.
        sha256: The sha256 of the lines ``<sha256 of the file>  <path in the folder>``, sorted by
            path: of what ``sha256sum`` prints.
    """

    name: str
    files: Mapping[str, Path]
    sha256: str


def read_fake_folders(folders: Mapping[str, str | Path]) -> tuple[FakeFolder, ...]:
    """Find the videos in folders of fakes, and in the folders in them.

    Args:
        folders: The folder of each generator, by the name that tables are to show.

    Raises:
        ReleaseError: A name cannot be used or is one of the benchmark's, or a folder does not
            exist or holds no video.
    """
    for name in folders:
        _check_name(name)
    return tuple(_read_folder(name, Path(folders[name]).expanduser()) for name in sorted(folders))


def add_fakes(files: VideoFiles, folders: Iterable[FakeFolder]) -> VideoFiles:
    """Return the files of a release's videos and those of folders of fakes."""
    for folder in folders:
        faults = {name: find_fault(path) for name, path in folder.files.items()}
        usable = {name: path for name, path in folder.files.items() if faults[name] is None}
        named = {name: fault for name, fault in faults.items() if fault is not None}
        files = replace(files, videos={**files.videos, **usable}, faults={**files.faults, **named})
    return files


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or name.lower() in _TAKEN:
        raise ReleaseError(
            f"fakes cannot be called {name!r}: take up to 40 of the characters A-Z a-z 0-9 _ . + -,"
            " the first a letter or digit, and not the name of a dataset of real videos"
        )
    try:
        known = Generator.parse(name)
    except ProtocolError:
        return
    raise ReleaseError(
        f"fakes cannot be called {name}: that is the benchmark's generator {known}, whose column"
        f" shows the release's own videos. Give yours another name, such as {known}-mine"
    )


def _read_folder(name: str, folder: Path) -> FakeFolder:
    if not folder.is_dir():
        raise ReleaseError(f"there is no folder {folder} of the fakes of {name}")
    paths = {
        spell_out(path.relative_to(folder).as_posix()): path
        for path in list_videos(folder, deep=True)
    }
    if not paths:
        raise ReleaseError(f"{folder} holds no video: name the folder of the fakes of {name}")
    listing = sha256()
    for inner in sorted(paths):
        listing.update(f"{_digest(paths[inner])}  {inner}\n".encode())
    return FakeFolder(
        name=name,
        files={f"{name}/{inner}": paths[inner] for inner in sorted(paths)},
        sha256=listing.hexdigest(),
    )


def _digest(path: Path) -> str:
    try:
        return digest_file(path)
    except OSError as error:
        raise ReleaseError(f"{path} cannot be read: {error.strerror}") from error
