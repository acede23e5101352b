"""Read the boards that ``thb board build`` wrote, and a submission's predictions, when asked."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from thb.boards.board import FORMAT, DetectorBoard, GeneratorBoard
from thb.boards.writing import DETECTORS, GENERATORS
from thb.runs.folders import PREDICTIONS_FILE
from thb.runtime.records import read_json
from thb.runtime.text import printable
from thb_dataset.errors import ResultError
from thb_dataset.files import write_whole

BOARDS: Final = "boards"
"""The folder of a results repo that holds its boards."""
SUBMISSIONS: Final = "results"
"""The folder of a results repo that holds its submissions."""
LARGEST_BOARD_BYTES: Final = 200_000_000
_FOLDER: Final = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_HOST: Final = "https://huggingface.co"

_Board = TypeVar("_Board", DetectorBoard, GeneratorBoard)


@dataclass(frozen=True, kw_only=True)
class PublishedBoards:
    """The boards of a results repo, as they were built.

    Attributes:
        detectors: The board of detectors.
        generators: The board of generators.
        folder: The folder that they were read from.
        repo: The dataset repo on the Hub; None for a folder of this machine.
        revision: The commit of that repo; None for a folder.
    """

    detectors: DetectorBoard
    generators: GeneratorBoard
    folder: Path
    repo: str | None = None
    revision: str | None = None

    def link_to(self, submission: str) -> str:
        """Return the address of a submission's folder on the Hub; empty for a folder."""
        if self.repo is None or not _FOLDER.fullmatch(submission):
            return ""
        return f"{_HOST}/datasets/{self.repo}/tree/{self.revision}/{SUBMISSIONS}/{submission}"


def read_boards(results: str | Path) -> PublishedBoards:
    """Read both boards of a results repo; nothing is computed.

    Args:
        results: A folder with ``boards/``, or a dataset repo on the Hub as ``org/name`` or
            ``org/name@revision``, of which only the boards are downloaded.

    Raises:
        ResultError: There is no board, or its file is damaged or of another format.
        ReleaseError: There is no such repo on the Hub.
        HubUnreachableError: The Hub does not answer.
    """
    folder, repo = open_results(results, [f"{BOARDS}/*.json"])
    return PublishedBoards(
        detectors=_read(folder / BOARDS / f"{DETECTORS}.json", DetectorBoard, results),
        generators=_read(folder / BOARDS / f"{GENERATORS}.json", GeneratorBoard, results),
        folder=folder,
        repo=repo,
        revision=folder.name if repo else None,
    )


def _read(path: Path, kind: type[_Board], results: str | Path) -> _Board:
    place = printable(str(results))
    if not path.is_file():
        raise ResultError(
            f"{place} has no {BOARDS}/{path.name}: run thb board build on the results and add what"
            " it writes"
        )
    if path.stat().st_size > LARGEST_BOARD_BYTES:
        raise ResultError(f"{BOARDS}/{path.name} of {place} is too large to be a board")
    try:
        board = read_json(kind, path.read_bytes())
    except ValueError as error:
        reason = printable(str(error))[:300]
        raise ResultError(f"{BOARDS}/{path.name} of {place} is damaged: {reason}") from error
    if board.format != FORMAT:
        raise ResultError(
            f"{BOARDS}/{path.name} of {place} has the format {printable(board.format)[:40]!r}, and"
            f" this toolkit reads {FORMAT}: build the boards again or take a newer toolkit"
        )
    return board


def open_results(results: str | Path, patterns: Sequence[str]) -> tuple[Path, str | None]:
    """Return the folder of the results, and the repo's name if they come from the Hub.

    Args:
        results: A folder, or a dataset repo on the Hub as ``org/name`` or ``org/name@revision``.
        patterns: What is downloaded of a repo.

    Raises:
        ReleaseError: There is no such repo on the Hub.
        HubUnreachableError: The Hub does not answer and the repo was not read before.
    """
    from thb.releases.opening import parse_hub_name

    folder = Path(results).expanduser()
    name = None if folder.is_dir() else parse_hub_name(results)
    if name is None:
        return folder, None
    return _download(name.repo, name.revision, patterns), name.repo


def _download(repo: str, revision: str | None, patterns: Sequence[str]) -> Path:
    from huggingface_hub import snapshot_download

    from thb_dataset.hub.errors import explained_hub_errors
    from thb_dataset.hub.release import quiet_bar

    with explained_hub_errors(repo, revision):
        return Path(
            snapshot_download(
                repo,
                revision=revision,
                repo_type="dataset",
                allow_patterns=list(patterns),
                tqdm_class=quiet_bar(),
            )
        )


def fetch_predictions(boards: PublishedBoards, submission: str) -> dict[str, Path]:
    """Return the files with a submission's predictions by fold, downloaded if need be.

    Args:
        boards: The boards that name the submission.
        submission: ``<org>__<model>/<revision>``, as a row's ``folder`` says.

    Raises:
        ResultError: The name leads out of the results, or there are no predictions.
        ReleaseError: The repo is no longer on the Hub.
        HubUnreachableError: The Hub does not answer.
    """
    if not _FOLDER.fullmatch(submission) or ".." in submission:
        raise ResultError(f"{printable(submission)[:100]!r} is not the folder of a submission")
    inside = f"{SUBMISSIONS}/{submission}"
    root = boards.folder
    if boards.repo is not None:
        root = _download(boards.repo, boards.revision, [f"{inside}/*/{PREDICTIONS_FILE}"])
    files = {
        path.parent.name: path
        for path in sorted((root / inside).glob(f"*/{PREDICTIONS_FILE}"))
        if boards.repo is not None or path.resolve().is_relative_to(root.resolve())
    }
    if not files:
        raise ResultError(f"there are no predictions in {inside}")
    return files


def pack_predictions(files: dict[str, Path], archive: Path) -> None:
    """Write predictions into one zip file, each under ``<fold>/predictions.parquet``.

    Raises:
        OSError: A file cannot be read or the archive not be written.
    """
    with write_whole(archive) as draft, zipfile.ZipFile(draft, "w") as packed:
        for fold, path in files.items():
            packed.write(path, f"{fold}/{PREDICTIONS_FILE}")
