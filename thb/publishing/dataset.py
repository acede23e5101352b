"""``thb publish dataset``: the index, the card and ``eval.yaml`` of a release, in one commit.

No video is uploaded or downloaded: the videos must be in the repo, and the index points at the
commit that has them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb_dataset.errors import ReleaseError

if TYPE_CHECKING:
    from huggingface_hub import CommitInfo

    from thb_dataset.hub.index import VideoStore
    from thb_dataset.hub.release import HubListing
    from thb_dataset.release.audit import Audit
    from thb_dataset.release.scan import Release

EVAL = "eval.yaml"
TITLE = "Add the index, the card and eval.yaml"
_MEDIA_FOLDERS = ("fake/", "audio/", "real/")
_SHOWN = 5
# Of a revision with a slash, such as refs/pr/1, the viewer would show nothing.
_PLACE = re.compile(r"main|[0-9a-f]{40}")


@dataclass(frozen=True, kw_only=True)
class Publication:
    """What was sent, or would be.

    Attributes:
        repo: The dataset repo.
        videos_commit: The commit that the index points at.
        files: Content of every file of the publication, by path in the repo.
        changed: Paths that the repo does not hold in this form.
        deleted: Files of an earlier index that go.
        audit: What the release holds and what is wrong with it.
        commit: The new commit; None where nothing was sent.
        pull_request: Address of the pull request, new or already open; None without one.
        folder: Where a dry run wrote the files.
        notes: What the publisher should know.
    """

    repo: str
    videos_commit: str
    files: Mapping[str, bytes]
    changed: tuple[str, ...]
    deleted: tuple[str, ...]
    audit: Audit
    commit: str | None = None
    pull_request: str | None = None
    folder: Path | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON's own types, the audit included and file contents as their sizes."""
        return {
            "repo": self.repo,
            "videos_commit": self.videos_commit,
            "files": {path: len(data) for path, data in self.files.items()},
            "changed": list(self.changed),
            "deleted": list(self.deleted),
            "commit": self.commit,
            "pull_request": self.pull_request,
            "folder": None if self.folder is None else str(self.folder),
            "notes": list(self.notes),
            "audit": self.audit.to_dict(),
        }


def publish_dataset(
    release: Release,
    repo: str,
    *,
    create_pr: bool = False,
    dry_run: Path | None = None,
    videos_at: str | None = None,
    with_eval: bool = True,
) -> Publication:
    """Publish a release's index, so that ``load_dataset(repo, "p3")`` works.

    Publishing what is already there, or what an open pull request already holds, sends nothing.

    Args:
        release: A folder's release or a Hub repo's, as ``read_release`` and ``scan_hub_release``
            return them. A folder's videos must lie in ``repo`` at the same paths.
        repo: Where the index goes, ``org/name``.
        create_pr: Open a pull request instead of committing to ``main``.
        dry_run: Write the files into this folder and send nothing.
        videos_at: The commit that holds the videos, or ``main``, where the Hub cannot be asked;
            only for a dry run, and then nothing of the Hub is asked.
        with_eval: Whether ``eval.yaml`` goes along. The Hub may refuse it until its list of
            evaluation frameworks has this benchmark's.

    Raises:
        ReleaseError: The release is refused, the repo does not exist or lacks videos, or the Hub
            does not answer or refuses the commit.
        ProtocolError: A protocol cannot be built from the release.
    """
    from thb_dataset.hub.index import VideoStore
    from thb_dataset.hub.release import is_repo_name
    from thb_dataset.release.scan import check_release

    check_release(release)
    if not is_repo_name(repo):
        raise ReleaseError(f"{repo!r} is not the name of a repo: org/name")
    if videos_at is not None:
        if dry_run is None:
            raise ReleaseError("videos_at is for a dry run: what is sent must point at a commit")
        if not _PLACE.fullmatch(videos_at):
            raise ReleaseError(f"videos_at is a commit's 40 digits or main, not {videos_at!r}")
        store = VideoStore(repo=repo, revision=videos_at)
        made = _make_files(release, store, repo, owner={}, with_eval=with_eval)
        return _write(Publication(**made, changed=tuple(made["files"]), deleted=()), dry_run)
    head = _head(repo)
    store, notes = _find_store(release, head)
    made = _make_files(release, store, repo, owner=_owner_metadata(head), with_eval=with_eval)
    changed, deleted = _compare(made["files"], head)
    publication = Publication(**made, changed=changed, deleted=deleted, notes=notes)
    if dry_run is not None:
        return _write(publication, dry_run)
    if not (changed or deleted):
        return publication
    return _send(publication, head, create_pr=create_pr)


def _make_files(
    release: Release,
    store: VideoStore,
    repo: str,
    *,
    owner: Mapping[str, Any],
    with_eval: bool,
) -> dict[str, Any]:
    from thb_dataset.hub.card import CARD, write_card, write_eval_yaml
    from thb_dataset.hub.index import build_index, encode_index
    from thb_dataset.release.listing import FindingKind
    from thb_dataset.release.scan import audit_release

    index = build_index(release.videos)
    # The card that is there now is what this publication replaces, and no flaw of the release.
    kept = tuple(one for one in release.findings if one.kind is not FindingKind.CARD_BROKEN)
    audit = audit_release(replace(release, findings=kept))
    files = encode_index(index, store)
    files[CARD] = write_card(index, audit, repo=repo, owner=owner).encode()
    if with_eval:
        files[EVAL] = write_eval_yaml(index).encode()
    return {"repo": repo, "videos_commit": store.revision, "files": files, "audit": audit}


def _head(repo: str) -> HubListing:
    from thb_dataset.hub.release import list_hub, resolve_commit

    return list_hub(repo, resolve_commit(repo))


def _find_store(release: Release, head: HubListing) -> tuple[VideoStore, tuple[str, ...]]:
    """Return where the index shall say that the videos are, and what to tell of it."""
    from thb_dataset.hub.index import VideoStore

    if release.hub_repo not in (None, head.repo) and release.revision is not None:
        note = (
            f"the videos stay in {release.hub_repo}: load_dataset works, but the Hub's viewer "
            f"shows only videos of {head.repo} itself"
        )
        return VideoStore(repo=str(release.hub_repo), revision=release.revision), (note,)
    _require_videos(release, head)
    return VideoStore(repo=head.repo, revision=_pin(head)), ()


def _require_videos(release: Release, head: HubListing) -> None:
    wanted = [v.path for v in release.videos if v.generator is not None]
    wanted += [v.audio for v in release.videos if v.audio is not None]
    missing = [path for path in wanted if path not in head.files]
    if missing:
        shown = ", ".join(missing[:_SHOWN])
        more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
        raise ReleaseError(
            f"{head.repo} lacks {len(missing)} files of the release: {shown}{more}; upload them "
            f"first (hf upload {head.repo} {release.root} --repo-type dataset)"
        )


def _pin(head: HubListing) -> str:
    """Return the commit to point at: the present index's, as long as it has the same media.

    So the index does not change when only the card, or the index itself, was committed.
    """
    from thb_dataset.hub.index import INDEX_FOLDER, decode_index
    from thb_dataset.hub.release import download_file, list_hub

    tests = [path for path in head.files if path.startswith(f"{INDEX_FOLDER}/test/")]
    try:
        data = [download_file(head.repo, path, head.commit).read_bytes() for path in tests[:1]]
        _, store = decode_index(data)
        if store.repo == head.repo and _media(list_hub(head.repo, store.revision)) == _media(head):
            return store.revision
    except ReleaseError:
        pass  # no index yet, a damaged one, or one of a commit that is gone: begin anew
    return head.commit


def _media(listing: HubListing) -> dict[str, str]:
    return {
        path: identity
        for path, identity in listing.files.items()
        if path.startswith(_MEDIA_FOLDERS)
    }


def _owner_metadata(head: HubListing) -> dict[str, Any]:
    """Return the YAML of the card that is there; the part that is the owner's stays as it is."""
    from thb_dataset.hub.card import CARD, read_metadata
    from thb_dataset.hub.release import download_file

    if CARD not in head.files:
        return {}
    card = download_file(head.repo, CARD, head.commit)
    try:
        return read_metadata(card.read_text(encoding="utf-8"), head.repo)
    except (ReleaseError, UnicodeDecodeError):
        return {}  # publishing is how a card without YAML is repaired


def _compare(
    files: Mapping[str, bytes], listing: HubListing
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the paths to send and the paths to delete, to turn a commit into these files."""
    from thb_dataset.hub.index import INDEX_FOLDER

    changed = tuple(
        path for path, data in files.items() if listing.files.get(path) not in _identities(data)
    )
    deleted = tuple(
        path
        for path in listing.files
        if path.startswith(f"{INDEX_FOLDER}/") and path.endswith(".parquet") and path not in files
    )
    return changed, deleted


def _identities(data: bytes) -> tuple[str, str]:
    """Return what a listing calls a file: its sha256 if it is in LFS, else git's own hash."""
    git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False)
    return hashlib.sha256(data).hexdigest(), git.hexdigest()


def _send(publication: Publication, head: HubListing, *, create_pr: bool) -> Publication:
    from thb_dataset.hub.errors import explained_hub_errors

    if create_pr and (address := _open_pull_request(publication)):
        return replace(publication, changed=(), deleted=(), pull_request=address)
    try:
        with explained_hub_errors(publication.repo):
            info = _commit(publication, head, create_pr=create_pr)
    except ReleaseError as error:
        if EVAL in publication.changed and EVAL in str(error.__cause__):
            raise ReleaseError(f"{error}; publish without it (--without-eval)") from error
        raise
    return replace(publication, commit=info.oid, pull_request=info.pr_url)


def _commit(publication: Publication, head: HubListing, *, create_pr: bool) -> CommitInfo:
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    operations: list[CommitOperationAdd | CommitOperationDelete] = [
        CommitOperationAdd(path_in_repo=path, path_or_fileobj=publication.files[path])
        for path in publication.changed
    ]
    operations += [CommitOperationDelete(path_in_repo=path) for path in publication.deleted]
    return HfApi().create_commit(
        publication.repo,
        operations,
        commit_message=TITLE,
        commit_description=(
            "Generated by `thb publish dataset`. No video is added, moved or changed: the index "
            f"points at the videos of commit {publication.videos_commit}."
        ),
        repo_type="dataset",
        create_pr=create_pr,
        # Refused if somebody committed meanwhile: then what was compared is no longer there.
        parent_commit=head.commit,
    )


def _open_pull_request(publication: Publication) -> str | None:
    """Return the address of an open pull request that already holds just these files."""
    from huggingface_hub import HfApi

    from thb_dataset.hub.errors import explained_hub_errors
    from thb_dataset.hub.release import list_hub, resolve_commit

    with explained_hub_errors(publication.repo):
        pulls = list(
            HfApi().get_repo_discussions(
                publication.repo,
                repo_type="dataset",
                discussion_type="pull_request",
                discussion_status="open",
            )
        )
    for pull in pulls:
        if pull.title == TITLE:
            commit = resolve_commit(publication.repo, f"refs/pr/{pull.num}")
            if _compare(publication.files, list_hub(publication.repo, commit)) == ((), ()):
                return pull.url
    return None


def _write(publication: Publication, folder: Path) -> Publication:
    from thb_dataset.hub.index import INDEX_FOLDER

    # An earlier dry run's parts would double rows: they go as they go from a repo.
    for stale in (folder / INDEX_FOLDER).rglob("*.parquet"):
        if stale.relative_to(folder).as_posix() not in publication.files:
            stale.unlink()
    for path, data in publication.files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    return replace(publication, folder=folder)
