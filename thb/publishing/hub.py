"""One publication to the Hub: the files of a folder, sent in one commit or one pull request."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb_dataset.errors import ReleaseError
from thb_dataset.hub.errors import RepoType, explained_hub_errors
from thb_dataset.hub.files import matches_identity
from thb_dataset.hub.release import HubListing, list_hub, resolve_commit

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo

    from thb_dataset.release.audit import Audit


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What was sent to a repo of the Hub, or would be sent.

    ``thb publish … --format json`` prints these attributes under the same names for a dataset, a
    detector and a Space.

    Attributes:
        repo: The repo, ``org/name``.
        repo_type: ``dataset``, ``model`` (for a detector) or ``space``.
        files: The size in bytes of every file of the publication, by its path in the repo.
        changed: Paths that the repo does not hold in this form; every path where the Hub is not
            asked.
        deleted: Files of an earlier publication that are deleted from the repo.
        commit: The new commit; None if nothing was sent.
        pull_request: Address of the pull request, new or already open; None without one.
        folder: The folder that a dry run wrote; None if it is not a dry run.
        notes: What the publisher should know.
        videos_commit: The commit whose videos a dataset's index points at; None for the others.
        audit: What a dataset's release holds and what is wrong with it; None for the others.
    """

    repo: str
    repo_type: RepoType
    files: Mapping[str, int] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    commit: str | None = None
    pull_request: str | None = None
    folder: Path | None = None
    notes: tuple[str, ...] = ()
    videos_commit: str | None = None
    audit: Audit | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "repo": self.repo,
            "repo_type": self.repo_type,
            "files": dict(self.files),
            "changed": list(self.changed),
            "deleted": list(self.deleted),
            "commit": self.commit,
            "pull_request": self.pull_request,
            "folder": None if self.folder is None else str(self.folder),
            "notes": list(self.notes),
            "videos_commit": self.videos_commit,
            "audit": None if self.audit is None else self.audit.to_dict(),
        }


@contextmanager
def open_folder(dry_run: Path | None) -> Iterator[Path]:
    """Give the folder that a publication is written to: the dry run's own, or a temporary one.

    Args:
        dry_run: The folder of a dry run, which is created if it does not exist.

    Yields:
        An empty folder.

    Raises:
        ReleaseError: The dry run's folder is not empty.
    """
    if dry_run is None:
        with tempfile.TemporaryDirectory() as temporary:
            yield Path(temporary)
        return
    if dry_run.exists() and any(dry_run.iterdir()):
        raise ReleaseError(f"{dry_run} is not empty: give a new folder with --out")
    dry_run.mkdir(parents=True, exist_ok=True)
    yield dry_run


def open_repo(repo: str, repo_type: RepoType) -> HubListing:
    """List the head of a model's or a Space's repo, which is created if it does not exist.

    Raises:
        ReleaseError: The Hub refuses.
        HubUnreachableError: The Hub does not answer.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with explained_hub_errors(repo, repo_type=repo_type):
        if not api.repo_exists(repo, repo_type=repo_type):
            sdk = "gradio" if repo_type == "space" else None
            api.create_repo(repo, repo_type=repo_type, space_sdk=sdk)
    return list_hub(repo, resolve_commit(repo, repo_type=repo_type), repo_type=repo_type)


def publish_folder(
    publication: Publication,
    folder: Path,
    *,
    head: HubListing | None,
    message: str,
    is_ours: Callable[[str], bool],
    create_pr: bool,
    dry_run: bool,
) -> Publication:
    """Send the files of a folder that the repo does not hold yet, in one commit.

    Nothing is sent if the repo, or an open pull request of the same title, already holds all of
    it.

    Args:
        publication: The repo, and what is known of the publication beside its files.
        folder: All files of the publication, at their paths in the repo.
        head: The repo's ``main``; None to leave the Hub unasked, for a dry run only.
        message: Title and description of the commit, with an empty line between them.
        is_ours: Says of a path in the repo whether earlier publications wrote it, so that the file
            is deleted if it is no longer part of the publication.
        create_pr: Open a pull request instead of committing to ``main``.
        dry_run: Send nothing.

    Returns:
        The publication with its files, and with what was sent.

    Raises:
        ReleaseError: The Hub refuses the commit, or ``main`` has changed since ``head`` was listed.
        HubUnreachableError: The Hub does not answer.
    """
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
    publication = replace(publication, files=files, changed=tuple(files))
    if head is not None:
        changed, deleted = _compare(folder, files, head, is_ours)
        publication = replace(publication, changed=changed, deleted=deleted)
    if dry_run or head is None:
        return replace(publication, folder=folder)
    if not (publication.changed or publication.deleted):
        return publication
    if create_pr:
        title = message.partition("\n")[0]
        for address, pull in _list_open_pulls(publication, title):
            if _compare(folder, files, pull, is_ours) == ((), ()):
                return replace(publication, changed=(), deleted=(), pull_request=address)
    info = _commit(publication, folder, head, message, create_pr=create_pr)
    return replace(publication, commit=info.oid, pull_request=info.pr_url)


def _compare(
    folder: Path, files: Mapping[str, int], listing: HubListing, is_ours: Callable[[str], bool]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the paths to send and the paths to delete, to turn a commit into these files."""
    changed = tuple(
        path
        for path in files
        if path not in listing.files or not matches_identity(folder / path, listing.files[path])
    )
    stale = (path for path in listing.files if path not in files and is_ours(path))
    return changed, tuple(sorted(stale))


def _list_open_pulls(publication: Publication, title: str) -> Iterator[tuple[str, HubListing]]:
    """Yield the address and the files of each open pull request that has a title."""
    from huggingface_hub import HfApi

    repo, repo_type = publication.repo, publication.repo_type
    with explained_hub_errors(repo, repo_type=repo_type):
        pulls = list(
            HfApi().get_repo_discussions(
                repo,
                repo_type=repo_type,
                discussion_type="pull_request",
                discussion_status="open",
            )
        )
    for pull in pulls:
        if pull.title == title:
            commit = resolve_commit(repo, f"refs/pr/{pull.num}", repo_type=repo_type)
            yield pull.url, list_hub(repo, commit, repo_type=repo_type)


def _commit(
    publication: Publication, folder: Path, head: HubListing, message: str, *, create_pr: bool
) -> CommitInfo:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    title, _, description = message.partition("\n\n")
    additions = [
        CommitOperationAdd(path_in_repo=path, path_or_fileobj=folder / path)
        for path in publication.changed
    ]
    deletions = [CommitOperationDelete(path_in_repo=path) for path in publication.deleted]
    with explained_hub_errors(publication.repo, repo_type=publication.repo_type):
        return HfApi().create_commit(
            publication.repo,
            [*additions, *deletions],
            commit_message=title,
            commit_description=description,
            repo_type=publication.repo_type,
            create_pr=create_pr,
            # Refused if somebody committed meanwhile: the comparison then no longer holds.
            parent_commit=head.commit,
        )
