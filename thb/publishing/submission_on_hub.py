"""A submission beside what the Hub holds: the weights that it names, and what was merged before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from thb.boards.submissions import Submission
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.record import RECORD_FILE, RunRecord, read_record
from thb.runtime.text import printable
from thb_dataset.errors import ResultError
from thb_dataset.hub.files import matches_identity, read_hub_file
from thb_dataset.hub.release import HubListing


def compare_weights(made: Submission) -> Iterator[str]:
    """Refuse a model repo that holds other weights; yield a note if it does not say which.

    Only the training records in the repo are read; a re-run compares the weights themselves.

    Args:
        made: The submission.

    Raises:
        ResultError: A training record in the model repo is of other weights.
    """
    record = made.record
    runs = {fold: run for result in made.results.values() for fold, run in result.runs.items()}
    unknown = []
    for fold, run in runs.items():
        found = _read_training(made, fold)
        if found is None:
            unknown.append(fold)
        elif found.weights_sha256 != run.detector.weights_sha256:
            raise ResultError(
                f"{record.model} at {record.revision[:12]} holds other weights than those that"
                f" scored {fold}: name the commit that holds them (--revision)"
            )
    if unknown:
        yield (
            f"{record.model} does not say which weights it holds for {', '.join(unknown)}; a"
            " re-run compares them"
        )


def _read_training(made: Submission, fold: str) -> RunRecord | None:
    """Read the training record of a fold in the model repo, or that of its only detector."""
    for name in (f"{fold}/{RECORD_FILE}", RECORD_FILE):
        file = read_hub_file(made.record.model, name, revision=made.record.revision)
        if file is not None:
            return read_record(file.parent)
    return None


def refuse_merged(made: Submission, place: Path, head: HubListing) -> None:
    """Refuse to change what was merged, and to submit the same predictions twice.

    Args:
        made: The submission.
        place: The folder with its files, at their paths in the repo.
        head: The files of the results repo.

    Raises:
        ResultError: The results repo holds this revision in another form, or these predictions.
    """
    folder = made.record.place.folder
    own = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    merged = {path for path in head.files if path.startswith(f"{folder}/")}
    if merged and not all(
        path in merged and matches_identity(place / path, head.files[path]) for path in own
    ):
        raise ResultError(
            f"{head.repo} holds another submission of {made.record.model} at this revision, and"
            " what was merged stays: submit the weights of another commit (--revision)"
        )
    listed = made.record.files.items()
    digests = {digest: name for name, digest in listed if name.endswith(PREDICTIONS_FILE)}
    for path, identity in sorted(head.files.items()):
        if identity in digests and path not in merged:
            raise ResultError(
                f"{head.repo} holds the same {digests[identity]} already: {printable(path)}"
            )
