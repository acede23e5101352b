"""Turn the errors of the Hub's clients into ours, each with what to do next."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from thb_dataset.errors import HubUnreachableError, ReleaseError, first_line
from thb_dataset.hub.patience import VARIABLE, limit_waiting, patience_seconds

RepoType = Literal["dataset", "model", "space"]

HUB_TIMEOUT_SECONDS = 10.0
"""The time that the first request to the Hub may take; without its answer, no other is sent."""


_NO_SENSE = (TypeError, ValueError, LookupError, AttributeError, RecursionError, OverflowError)


@contextmanager
def explained_hub_errors(
    repo: str, revision: str | None = None, *, repo_type: RepoType = "dataset"
) -> Iterator[None]:
    """Turn the errors of the Hub's clients into ours, and let none of them wait without an end.

    Args:
        repo: The repo of the request, ``org/name``.
        revision: The revision of the request.
        repo_type: The kind of the repo.

    Raises:
        ReleaseError: There is no such repo, revision or file, or it may not be read or written.
        HubUnreachableError: The Hub does not answer, or HF_HUB_OFFLINE forbids asking it.
    """
    limit_waiting()
    try:
        yield
    except ReleaseError:
        raise
    except Exception as error:
        explained = _translate(error, repo, revision, repo_type=repo_type)
        if explained is None:
            raise
        raise explained from error


def _translate(
    error: BaseException, repo: str, revision: str | None, *, repo_type: RepoType = "dataset"
) -> ReleaseError | None:
    """Return our error for one of the Hub's clients; None for any other error."""
    from huggingface_hub import errors

    at = f"{repo} at revision {revision}" if revision else repo
    silent = (
        f"the Hub does not answer ({_endpoint()}; {type(error).__name__}) and {at} was not read "
        f"before: check the network and HF_ENDPOINT, wait longer than {patience_seconds():g} s "
        f"({VARIABLE}), or give a local folder"
    )
    offline = (
        f"HF_HUB_OFFLINE is set and {at} was not read before: unset it and load once, "
        "or give a local folder"
    )
    # The first class that fits counts: a gated repo's error is a kind of "repo not found".
    known: tuple[tuple[type[Exception], ReleaseError], ...] = (
        (errors.OfflineModeIsEnabled, HubUnreachableError(offline)),
        (errors.LocalEntryNotFoundError, HubUnreachableError(silent)),
        (
            errors.GatedRepoError,
            ReleaseError(
                f"{repo} is gated: accept its terms on its page, then log in (hf auth login)"
            ),
        ),
        (
            errors.RevisionNotFoundError,
            ReleaseError(f"there is no {at}: give a branch, a tag, a commit or refs/pr/<number>"),
        ),
        (
            errors.RepositoryNotFoundError,
            ReleaseError(
                f"there is no {repo_type} repo {repo} on the Hub, or it is private: check the "
                "name, or log in (hf auth login)"
            ),
        ),
        (
            errors.EntryNotFoundError,
            ReleaseError(f"{at} has no such file: {first_line(error)}"),
        ),
        (errors.HfHubHTTPError, ReleaseError(f"the Hub refused {at}: {first_line(error)}")),
        (
            errors.HFValidationError,
            ReleaseError(f"{repo!r} is not the name of a repo: {first_line(error)}"),
        ),
    )
    for kind, meaning in known:
        if isinstance(error, kind):
            return meaning
    if _is_network_error(error):
        return HubUnreachableError(silent)
    if isinstance(error, _NO_SENSE) or (type(error) is OSError and error.errno is None):
        # The clients take an answer for what it should be, and trip over one that is not.
        reason = first_line(error) or type(error).__name__
        return ReleaseError(
            f"what the Hub ({_endpoint()}) says of {at} makes no sense ({reason}): try again"
            " later, or check HF_ENDPOINT"
        )
    return None


def _is_network_error(error: BaseException) -> bool:
    # huggingface_hub 1 uses httpx, 2 uses httpx2: the same errors under two names.
    package = type(error).__module__.partition(".")[0]
    return package in ("httpx", "httpx2") or isinstance(error, ConnectionError | TimeoutError)


def _endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)
