"""The detectors in a folder that ``thb train`` wrote: one, or one for each fold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from thb.runs.record import read_record
from thb_dataset.errors import DetectorError

CONFIG_FILE = "config.json"
PREDICTIONS_FILE = "predictions.parquet"


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """One detector with trained weights.

    Attributes:
        name: Of the detector; the folds of a training share it.
        protocol: ``p1``, ``p2`` or ``p3``; None for weights that were not trained here.
        fold: ``p1``, ``p3-hallo``, …; None likewise.
        folder: Holds ``config.json`` and the weights.
    """

    name: str
    protocol: str | None
    fold: str | None
    folder: Path


def find_run_folders(given: str | Path) -> tuple[RunFolder, ...]:
    """Find the detectors in a folder: the folder itself, or the folders in it, by name.

    Raises:
        DetectorError: There is none, or a record is damaged.
    """
    folder = Path(given).expanduser().resolve()
    inside = sorted(file.parent for file in folder.glob(f"*/{CONFIG_FILE}"))
    runs = [folder] if (folder / CONFIG_FILE).is_file() else inside
    if not runs:
        raise DetectorError(f"{given} holds no detector: give a folder that thb train wrote")
    found = []
    for run in runs:
        record = read_record(run)
        fold = record.fold if record else None
        name = folder.parent.name if run == folder and fold == folder.name else folder.name
        protocol = record.protocol if record else None
        found.append(RunFolder(name=name, protocol=protocol, fold=fold, folder=run))
    return tuple(found)


def default_out(detector: str | Path) -> Path:
    """Return where an evaluation of this detector is written: its folder, or ``runs/<name>``."""
    folder = Path(detector).expanduser()
    if folder.is_dir():
        return folder
    return Path("runs") / re.sub(r"[^\w.-]+", "--", str(detector))
