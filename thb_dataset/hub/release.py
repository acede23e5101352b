"""List a release that is a Hub repo through the API, without downloading a video."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote

from thb_dataset.errors import HubUnreachableError, ReleaseError
from thb_dataset.files import parse_json, write_json
from thb_dataset.hub.card import CARD, check_configs, read_configs
from thb_dataset.hub.errors import HUB_TIMEOUT_SECONDS, RepoType, explained_hub_errors
from thb_dataset.hub.index import INDEX_FOLDER
from thb_dataset.release.listing import Finding, FindingKind
from thb_dataset.release.scan import SYNTHETIC_MARKER, Release, make_release
from thb_dataset.release.split_lists import SplitList

DEFAULT_REVISION = "main"
MOST_FILES = 200_000
"""The most entries of a listing; the Hub itself advises against more than 100,000 files."""

_REPO = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.A)
_COMMIT = re.compile(r"[0-9a-f]{40}")
Entry = TypeVar("Entry")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class HubListing:
    """Every file of one commit of a repo.

    Attributes:
        repo: ``org/name``.
        commit: 40 hex digits.
        files: The Git or LFS id of each file, by path; equal files of two commits have equal ids.
    """

    repo: str
    commit: str
    files: Mapping[str, str]


def is_repo_name(name: str) -> bool:
    """Say whether a name has the form of a Hub repo: ``org/name``."""
    return _REPO.fullmatch(name) is not None and ".." not in name


def resolve_commit(
    repo: str, revision: str | None = None, *, repo_type: RepoType = "dataset"
) -> str:
    """Ask the Hub for the commit of a revision.

    Args:
        repo: ``org/name``.
        revision: A branch, tag, commit or ``refs/pr/<number>``; None stands for ``main``.
        repo_type: The kind of the repo.

    Returns:
        40 hex digits.

    Raises:
        ReleaseError: There is no such repo or revision.
        HubUnreachableError: The Hub does not answer within seconds.
    """
    from huggingface_hub import HfApi

    with explained_hub_errors(repo, revision, repo_type=repo_type):
        info = HfApi().repo_info(
            repo,
            revision=revision or DEFAULT_REVISION,
            repo_type=repo_type,
            timeout=HUB_TIMEOUT_SECONDS,
        )
    if info.sha is None:
        raise ReleaseError(f"{repo} has no commit yet")
    return info.sha


def list_hub(repo: str, commit: str, *, repo_type: RepoType = "dataset") -> HubListing:
    """List the files of a commit.

    Args:
        repo: ``org/name``.
        commit: 40 hex digits.
        repo_type: The kind of the repo.

    Raises:
        ReleaseError: There is no such repo or commit.
        HubUnreachableError: The Hub does not answer.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    with explained_hub_errors(repo, commit, repo_type=repo_type):
        entries = HfApi().list_repo_tree(repo, recursive=True, revision=commit, repo_type=repo_type)
        files = {
            entry.path: entry.lfs.sha256 if entry.lfs else entry.blob_id
            for entry in _at_most(entries, MOST_FILES)
            if isinstance(entry, RepoFile)
        }
        if not all(isinstance(text, str) for pair in files.items() for text in pair):
            raise ValueError("it lists a file without a name or a digest")
    return HubListing(repo=repo, commit=commit, files=files)


def _at_most(entries: Iterable[Entry], limit: int) -> Iterator[Entry]:
    """Yield the entries, of which there may be so many.

    Raises:
        ValueError: There are more, perhaps without an end.
    """
    for number, entry in enumerate(entries):
        if number >= limit:
            raise ValueError(f"it lists more than {limit:,} files and folders")
        yield entry


def scan_hub_release(
    repo: str,
    *,
    revision: str | None = None,
    split_list: str = "default",
    cache: Path | None = None,
) -> Release:
    """Read a release from a Hub repo for its audit, where only a malformed split list is refused.

    Its ``root`` is the snapshot folder in the Hub's cache, to which videos will be downloaded. A
    commit that was listed before is not listed again. If the Hub does not answer, the last known
    commit of the revision is used, and a warning says so.

    Args:
        repo: ``org/name``.
        revision: A branch, tag, commit or ``refs/pr/<number>``; None stands for ``main``.
        split_list: The list of real videos: ``"default"`` or ``"official_ff++"``.
        cache: The folder in which listings are kept; None keeps none.

    Raises:
        ReleaseError: There is no such repo or revision, or its split list is absent or malformed.
        HubUnreachableError: The Hub does not answer and the cache does not know the revision.
    """
    chosen = SplitList.named(split_list)
    if not is_repo_name(repo):
        raise ReleaseError(f"{repo!r} is not the name of a repo; give org/name")
    listing = _cached_listing(repo, revision, cache)
    if not any(path.startswith("fake/") for path in listing.files):
        raise ReleaseError(f"{repo} at {listing.commit} is not a release: it has no folder fake/")
    if chosen.path not in listing.files:
        found = [name.value for name in SplitList if name.path in listing.files]
        raise ReleaseError(
            f"{repo} at {listing.commit} has no {chosen.path}; lists in it: "
            + (", ".join(found) or "none")
        )
    is_synthetic = SYNTHETIC_MARKER in listing.files
    others = [name.path for name in SplitList if name is not chosen and name.path in listing.files]
    release = make_release(
        root=snapshot_folder(repo, listing.commit),
        name="mini" if is_synthetic else repo,
        revision=listing.commit,
        paths=listing.files,
        split_text=download_file(repo, chosen.path, listing.commit).read_bytes(),
        split_list=chosen,
        synthetic=is_synthetic,
        other_lists={
            path: download_file(repo, path, listing.commit).read_bytes() for path in others
        },
    )
    findings = (*release.findings, *_card_findings(listing))
    return replace(release, hub_repo=repo, findings=findings)


def download_file(repo: str, path: str, commit: str) -> Path:
    """Download a small file into the Hub's cache, if it is not there yet.

    Args:
        repo: ``org/name``.
        path: The path of the file in the repo.
        commit: 40 hex digits.

    Returns:
        The file in the cache.

    Raises:
        ReleaseError: There is no such file.
        HubUnreachableError: The Hub does not answer and the cache does not hold the file.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    cached = try_to_load_from_cache(repo, path, revision=commit, repo_type="dataset")
    if isinstance(cached, str):
        return Path(cached)
    with explained_hub_errors(repo, commit):
        return Path(
            hf_hub_download(
                repo, path, revision=commit, repo_type="dataset", tqdm_class=quiet_bar()
            )
        )


def quiet_bar() -> type:
    """Return a progress bar that shows nothing, since many files share one bar of ours."""
    from tqdm.auto import tqdm

    class Quiet(tqdm):  # type: ignore[misc]  # untyped package
        """A progress bar that shows nothing."""

        def __init__(self, *arguments: object, **settings: object) -> None:
            settings["disable"] = True
            super().__init__(*arguments, **settings)

    return Quiet


def snapshot_folder(repo: str, commit: str) -> Path:
    """Return the folder of a commit in the Hub's cache, which has the layout of the repo.

    Args:
        repo: ``org/name``.
        commit: 40 hex digits.
    """
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    name = repo_folder_name(repo_id=repo, repo_type="dataset")
    return Path(constants.HF_HUB_CACHE) / name / "snapshots" / commit


def _card_findings(listing: HubListing) -> list[Finding]:
    """Check a published card: without its YAML, `datasets` finds no config in the repo."""
    if not any(path.startswith(f"{INDEX_FOLDER}/") for path in listing.files):
        return []
    try:
        text = download_file(listing.repo, CARD, listing.commit).read_text(encoding="utf-8")
        check_configs(read_configs(text, listing.repo), listing.files)
    except HubUnreachableError:
        raise
    except (ReleaseError, UnicodeDecodeError) as error:
        return [Finding(kind=FindingKind.CARD_BROKEN, subjects=(CARD,), detail=str(error))]
    return []


def _cached_listing(repo: str, revision: str | None, cache: Path | None) -> HubListing:
    if cache is None:
        return list_hub(repo, resolve_commit(repo, revision))
    folder = cache / repo.replace("/", "--")
    commit = _known_commit(repo, revision or DEFAULT_REVISION, folder)
    kept = folder / f"{commit}.json"
    try:
        files = parse_json(kept.read_bytes())
        if isinstance(files, dict):
            return HubListing(repo=repo, commit=commit, files=files)
    except (OSError, ValueError):
        pass  # it was not listed yet, or the file is damaged; in both cases the Hub is asked
    listing = list_hub(repo, commit)
    _remember(kept, dict(listing.files))
    return listing


def _known_commit(repo: str, revision: str, folder: Path) -> str:
    """Return the commit of a revision from the Hub, or the last known one if it is silent."""
    remembered = folder / "refs" / f"{quote(revision, safe='')}.json"
    if _COMMIT.fullmatch(revision) and (folder / f"{revision}.json").is_file():
        return revision
    try:
        commit = resolve_commit(repo, revision)
    except HubUnreachableError as error:
        try:
            last = parse_json(remembered.read_bytes())
        except (OSError, ValueError):
            raise error from None
        if not (isinstance(last, str) and _COMMIT.fullmatch(last)):
            raise
        _log.warning(
            "the Hub does not answer: using commit %s of %s, the last known one of %s",
            last,
            repo,
            revision,
        )
        return last
    _remember(remembered, commit)
    return commit


def _remember(file: Path, value: object) -> None:
    """Keep what the Hub said; where that is impossible, the Hub is asked again next time."""
    try:
        write_json(file, value)
    except OSError as error:
        _log.warning(
            "the list of files is not kept: %s (%s); set THB_CACHE to a folder that can be written",
            error.strerror,
            file.parent,
        )
