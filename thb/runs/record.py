"""``run.json``, the record that a training leaves beside its weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from thb_dataset.protocols import Fold
    from thb_dataset.release.scan import Release

RECORD_FILE: Final = "run.json"
HISTORY_FILE: Final = "history.csv"
CURVE_FILE: Final = "history.svg"
RECORD_FORMAT: Final = "thb-run/1"


def describe_fold(fold: Fold, release: Release) -> dict[str, Any]:
    """Say on what a detector is trained."""
    return {
        "protocol": fold.protocol.value,
        "fold": fold.name,
        "held_out": None if fold.held_out is None else fold.held_out.value,
        "split_by": fold.split_by,
        "release": {
            "name": release.name,
            "revision": release.revision,
            "synthetic": release.synthetic,
        },
    }


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the ``run.json`` of a folder, None where there is none.

    Raises:
        DetectorError: The file is damaged or of a version that is not known.
    """
    file = folder / RECORD_FILE
    if not file.is_file():
        return None
    try:
        record = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        raise DetectorError(f"{file} is damaged: {error}") from error
    if not isinstance(record, dict) or record.get("format") != RECORD_FORMAT:
        raise DetectorError(f"{file} is no {RECORD_FORMAT} record")
    return record
