"""One detector's predictions: fetched when a visitor asks, drawn, and packed to be downloaded."""

from __future__ import annotations

import hashlib
import logging
import tempfile
from pathlib import Path
from typing import Final

from thb.boards.pictures import Picture, draw_curves
from thb.boards.reading import PublishedBoards, fetch_predictions, pack_predictions
from thb.boards.views import view_detector
from thb.runtime.text import plain
from thb_dataset.errors import THBError

MOST_PARCELS: Final = 20
"""The archives that are kept; Gradio copies one when it hands it out."""
_log = logging.getLogger("thb.leaderboard")


def fetch(
    boards: PublishedBoards | None, key: str, protocol: str
) -> tuple[tuple[Picture, ...], str, Path | None]:
    """Fetch a detector's predictions.

    Args:
        boards: The boards that are shown.
        key: The detector.
        protocol: The protocol whose ROC curves are drawn.

    Returns:
        The figures, a sentence as HTML if something is missing, and the archive to download.
    """
    found = view_detector(boards.detectors, key) if boards is not None and key else None
    if boards is None or found is None:
        return (), "Choose a detector first.", None
    row = next(iter(found.rows.values()))
    if not row.folder:
        return (), "These figures are the paper's, and nobody has the predictions.", None
    try:
        files = fetch_predictions(boards, row.folder)
        archive = _pack(boards, row.folder, files)
        own = [path for fold, path in files.items() if fold.partition("-")[0] == protocol]
        pictures = draw_curves(own, protocol, name=row.name)
    except THBError as error:
        reason = str(error).replace(str(boards.folder), "the results")
        return (), f"The predictions cannot be read: {plain(reason)}.", None
    except Exception:
        _log.exception("the predictions of %s could not be read", row.folder)
        return (), "The predictions cannot be read; the log of this page says more.", None
    if not pictures:
        return (), "It has no ROC curves here: choose P1, P2 or P3 above.", archive
    return pictures, "", archive


def _pack(boards: PublishedBoards, submission: str, files: dict[str, Path]) -> Path:
    place = Path(tempfile.gettempdir()) / "thb-leaderboard"
    digest = hashlib.sha256(f"{boards.repo} {boards.revision} {submission}".encode()).hexdigest()
    archive = place / digest[:16] / f"{submission.partition('/')[0]}-predictions.zip"
    archive.parent.mkdir(parents=True, exist_ok=True)
    pack_predictions(files, archive)
    kept = sorted(place.glob("*/*.zip"), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in kept[MOST_PARCELS:]:
        old.unlink(missing_ok=True)
    return archive
