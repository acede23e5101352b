"""Read a release, a folder in the layout of the Hub repo, into the list of its videos.

::

    fake/<Generator>/{train,val,test}/<portrait>--<driver>--<Generator>.mp4
    fake/additional_dataset/{MAGI-1,Hallo3}/<stem>.mp4
    audio/fake/<stem>.wav   audio/fake_celebvhq/<driver>.wav   audio/ff++/<three digits>.wav
    real/real_dataset_split.json   real/real_dataset_split_official_ff++.json
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from thb_dataset.errors import ReleaseError
from thb_dataset.records import Video
from thb_dataset.release.audit import Audit, audit_videos
from thb_dataset.release.listing import (
    Finding,
    FindingKind,
    advise_unknown_generator,
    list_videos,
)
from thb_dataset.release.split_lists import RealClips, SplitList, read_split_list
from thb_dataset.wording import spell_out

SYNTHETIC_MARKER = "SYNTHETIC.txt"
"""A file of this name at the root of a release marks its videos as synthetic."""

_FOLDERS = ("fake", "audio", "real")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Release:
    """The videos of a release, whether or not their files are available.

    Attributes:
        root: The local folder in the layout of the Hub repo.
        videos: Fakes and real videos, sorted by ``video_id``, each id once.
        name: The name for records: that of the folder, the Hub id, or ``"mini"``.
        revision: The commit of a Hub repo; for a folder, a sha256 over ids, paths and splits.
        synthetic: Whether the videos are synthetic, as those of the mini release are.
        hub_repo: The Hub repo that was listed, ``org/name``; None for a folder.
        split_list: The list of real videos that was read.
        findings: What is wrong with the names of its files; ``videos`` does not hold these files.
        restored_drivers: The ids of the fakes whose driver's leading ``-`` was restored.
    """

    root: Path
    videos: tuple[Video, ...]
    name: str
    revision: str | None
    synthetic: bool
    hub_repo: str | None = None
    split_list: SplitList = SplitList.DEFAULT
    findings: tuple[Finding, ...] = ()
    restored_drivers: tuple[str, ...] = ()


def read_release(root: str | Path, *, split_list: str = "default") -> Release:
    """Read a release from a folder.

    Files whose names cannot be read are left out with a warning and kept in ``findings``.

    Args:
        root: A folder in the layout of the Hub repo.
        split_list: The list of real videos: ``"default"`` or ``"official_ff++"``.

    Raises:
        ReleaseError: The folder is not a release, its split list is malformed, two files would
            have one video id, or a path leaves the folder; the message names all of them.
    """
    return check_release(scan_release(root, split_list=split_list))


def scan_release(root: str | Path, *, split_list: str = "default") -> Release:
    """Read a release for its audit, where only a malformed split list is refused.

    Args:
        root: A folder in the layout of the Hub repo.
        split_list: The list of real videos: ``"default"`` or ``"official_ff++"``.

    Raises:
        ReleaseError: The folder is not a release, or its split list is absent or malformed.
    """
    folder = Path(root).expanduser()
    if not (folder / "fake").is_dir():
        raise ReleaseError(
            f"{folder} is not a release: it has no folder fake/ (give the folder that holds "
            "fake/, audio/ and real/)"
        )
    chosen = SplitList.named(split_list)
    try:
        text = (folder / chosen.path).read_bytes()
    except OSError as error:
        found = [name.value for name in SplitList if (folder / name.path).is_file()]
        raise ReleaseError(
            f"cannot read the list of real videos {folder / chosen.path}: {error.strerror}; "
            f"lists in this release: {', '.join(found) or 'none'}"
        ) from error
    links: list[Finding] = []
    paths = list(_walk(folder, links))
    is_synthetic = (folder / SYNTHETIC_MARKER).is_file()
    others = [name.path for name in SplitList if name is not chosen and name.path in paths]
    release = make_release(
        root=folder,
        name="mini" if is_synthetic else spell_out(folder.resolve().name),
        revision=None,
        paths=paths,
        split_text=text,
        split_list=chosen,
        synthetic=is_synthetic,
        other_lists={path: (folder / path).read_bytes() for path in others},
    )
    return replace(release, findings=(*links, *release.findings))


def make_release(
    *,
    root: Path,
    name: str,
    revision: str | None,
    paths: Iterable[str],
    split_text: str | bytes,
    split_list: SplitList = SplitList.DEFAULT,
    synthetic: bool = False,
    other_lists: Mapping[str, str | bytes] | None = None,
) -> Release:
    """Make a release from the paths of its files, wherever they were listed.

    Args:
        root: The folder in which the files are or will be.
        name: The name for records.
        revision: The commit that was listed; None stands for a sha256 over the listing.
        paths: The POSIX path of every file.
        split_text: The JSON of its split list.
        split_list: The name of that list.
        synthetic: Whether the videos are synthetic.
        other_lists: The JSON of its other split lists, by path; a malformed one is a finding.

    Raises:
        ReleaseError: The split list is malformed.
    """
    others, findings = _read_other_lists(other_lists or {})
    listing = list_videos(paths, read_split_list(split_text, split_list.path), others)
    return Release(
        root=root,
        videos=listing.videos,
        name=name,
        revision=revision or hash_listing(listing.videos),
        synthetic=synthetic,
        split_list=split_list,
        findings=(*findings, *listing.findings),
        restored_drivers=listing.restored_drivers,
    )


def _read_other_lists(
    texts: Mapping[str, str | bytes],
) -> tuple[list[RealClips], list[Finding]]:
    clips: list[RealClips] = []
    findings: list[Finding] = []
    for path, text in texts.items():
        try:
            clips.append(read_split_list(text, path))
        except ReleaseError as error:
            kind = FindingKind.LIST_UNREADABLE
            findings.append(Finding(kind=kind, subjects=(path,), detail=str(error)))
    return clips, findings


def check_release(release: Release) -> Release:
    """Return the release if protocols may be built from it, and warn of files left out.

    Raises:
        ReleaseError: Two files would have one video id, or a path leaves the release; the message
            names all of them.
    """
    refused = [finding for finding in release.findings if finding.kind.is_refused]
    if refused:
        lines = "\n  ".join(str(finding) for finding in refused)
        raise ReleaseError(f"{release.root} cannot be used:\n  {lines}")
    left_out = Counter(
        finding.kind
        for finding in release.findings
        if finding.kind in (FindingKind.UNREADABLE_NAME, FindingKind.MISPLACED)
    )
    for kind, count in left_out.items():
        _log.warning("%s: %d left out (%s); thb data verify names them", release.name, count, kind)
    unknown = Counter(
        advise_unknown_generator(path, None if release.hub_repo else release.root)
        for finding in release.findings
        if finding.kind is FindingKind.UNKNOWN_GENERATOR
        for path in finding.subjects
    )
    for advice, count in unknown.items():
        _log.warning(
            "%s: %d left out (%s). %s", release.name, count, FindingKind.UNKNOWN_GENERATOR, advice
        )
    return release


def audit_release(release: Release) -> Audit:
    """Compare a release with the published counts and find what is wrong with it.

    Args:
        release: A release from :func:`scan_release` or :func:`read_release`.
    """
    return audit_videos(
        release.videos,
        release=release.name,
        revision=release.revision,
        split_list=release.split_list,
        synthetic=release.synthetic,
        findings=release.findings,
        restored_drivers=release.restored_drivers,
    )


def hash_listing(videos: Iterable[Video]) -> str:
    """Return a sha256 that depends on every id, path and split of a release."""
    listing = [[video.video_id, video.path, video.release_split.value] for video in videos]
    return hashlib.sha256(json.dumps(listing, separators=(",", ":")).encode()).hexdigest()


def _walk(root: Path, findings: list[Finding]) -> Iterator[str]:
    """Yield the POSIX path of every file; a link that leads outside becomes a finding."""
    real_root = root.resolve()
    for top in _FOLDERS:
        if (root / top).is_symlink() and not _stays(root / top, real_root):
            findings.append(_leaving(root / top, root))
            continue
        for folder, subfolders, files in os.walk(root / top):
            for name in (*subfolders, *files):
                path = Path(folder, name)
                is_link = path.is_symlink()
                if is_link and not _stays(path, real_root):
                    findings.append(_leaving(path, root))
                elif is_link and path.is_dir():
                    findings.append(
                        Finding(
                            kind=FindingKind.MISPLACED,
                            subjects=(path.relative_to(root).as_posix(),),
                            detail="a link to a folder of the same release",
                        )
                    )
            for name in files:
                path = Path(folder, name)
                if not path.is_symlink() or _stays(path, real_root):
                    yield path.relative_to(root).as_posix()


def _stays(link: Path, real_root: Path) -> bool:
    target = link.resolve()
    if target.is_relative_to(real_root):
        return True
    # A snapshot in the Hub's cache consists of links to the blobs of the same repo.
    return real_root.parent.name == "snapshots" and target.is_relative_to(
        real_root.parent.parent / "blobs"
    )


def _leaving(link: Path, root: Path) -> Finding:
    return Finding(
        kind=FindingKind.LEAVES_ROOT,
        subjects=(link.relative_to(root).as_posix(),),
        detail=f"a link to {link.resolve()}",
    )
