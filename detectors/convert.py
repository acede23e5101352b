"""From an official checkpoint to a folder that every command of ours can load."""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from detectors.conversion import Conversion

LAYOUTS: Final[dict[str, str]] = {
    "caddm": "detectors.caddm.conversion",
    "df_adapter": "detectors.df_adapter.conversion",
    "lipfd": "detectors.lipfd.conversion",
    "tall": "detectors.tall.conversion",
}
"""Detector → module that knows its official checkpoints."""

REPORT_NAME: Final = "conversion.json"


def convert(name: str, checkpoint: str | Path, out: str | Path) -> Conversion:
    """Convert an official checkpoint: every key is used, or left behind for a stated reason.

    The file is read as weights only. What is written is safetensors and ``config.json``, with one
    logit, higher = fake, and ``conversion.json`` that says what was done.

    Args:
        name: Detector whose official code wrote the checkpoint.
        checkpoint: The official file.
        out: Folder to write; it must not exist, or be empty.

    Raises:
        DetectorError: No such detector, the folder is taken, or the checkpoint is not what the
            detector's official code writes; unknown and missing keys are named.
    """
    if name not in LAYOUTS:
        raise DetectorError(
            f"no official checkpoints are known for {name!r}: one of {', '.join(sorted(LAYOUTS))}"
        )
    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DetectorError(f"{target} exists and is not an empty folder: name another")
    from detectors.conversion import convert_checkpoint

    model, report = convert_checkpoint(import_module(LAYOUTS[name]).LAYOUT, Path(checkpoint))
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written beside it and moved at the end: an interrupted conversion leaves no half folder.
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{target.name}-") as folder:
        made = Path(folder) / "model"
        model.save_pretrained(made)
        record = json.dumps(report.to_dict(), indent=2) + "\n"
        (made / REPORT_NAME).write_text(record, encoding="utf-8")
        if target.exists():
            target.rmdir()
        shutil.move(made, target)
    return report
