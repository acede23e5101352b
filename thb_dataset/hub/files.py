"""Single files of a Hub repo: reading a small one, and comparing one on disk with a listing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from thb_dataset.files import digest_file
from thb_dataset.hub.errors import HUB_TIMEOUT_SECONDS, RepoType, explained_hub_errors

_SHA256_DIGITS = 64


def read_hub_file(
    repo_id: str, name: str, *, repo_type: RepoType = "model", revision: str | None = None
) -> Path | None:
    """Return the path of a small file of a Hub repo, downloaded into the Hub's cache.

    The Hub is asked once, with a time limit and no retries. If it does not answer, what the cache
    holds of the repo is taken for the whole repo.

    Args:
        repo_id: ``org/name``.
        name: The file's path in the repo.
        repo_type: ``"model"``, ``"dataset"`` or ``"space"``.
        revision: A branch, tag or commit; None for ``main``.

    Returns:
        The file in the cache; None if the repo, the revision or the file does not exist.

    Raises:
        HubUnreachableError: The Hub does not answer, and the cache holds nothing of the repo.
        ReleaseError: The Hub refuses to give the file.
    """
    from huggingface_hub import errors, hf_hub_download

    from thb_dataset.hub.release import quiet_bar

    with explained_hub_errors(repo_id, revision, repo_type=repo_type):
        try:
            path = hf_hub_download(
                repo_id,
                name,
                repo_type=repo_type,
                revision=revision,
                etag_timeout=HUB_TIMEOUT_SECONDS,
                tqdm_class=quiet_bar(),
            )
        except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled):
            if not _is_cached(repo_id, repo_type):
                raise
            return None
        except errors.GatedRepoError:
            raise
        except (
            errors.EntryNotFoundError,
            errors.RepositoryNotFoundError,
            errors.RevisionNotFoundError,
        ):
            return None
    return Path(path)


def _is_cached(repo_id: str, repo_type: RepoType) -> bool:
    """Say whether the Hub's cache holds a snapshot of a repo."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    name = repo_folder_name(repo_id=repo_id, repo_type=repo_type)
    return any((Path(constants.HF_HUB_CACHE) / name / "snapshots").glob("*/*"))


def matches_identity(path: Path, identity: str) -> bool:
    """Say whether a file has the content that the Hub lists under an identity.

    Args:
        path: The file.
        identity: The sha256 of a file that is in LFS, or else git's own hash of the content; the
            number of digits tells which of the two it is.
    """
    if len(identity) == _SHA256_DIGITS:
        return digest_file(path) == identity
    head = b"blob %d\0" % path.stat().st_size
    with path.open("rb") as stream:
        git = hashlib.file_digest(stream, lambda: hashlib.sha1(head, usedforsecurity=False))
    return git.hexdigest() == identity
