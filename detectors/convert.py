"""From an official checkpoint to a folder that every ``thb`` command can load."""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from detectors.listing import CONVERTIBLE, DETECTORS
from thb_dataset.errors import DetectorError
from thb_dataset.files import lock_folder, workshop_prefix

if TYPE_CHECKING:
    from detectors.conversion import Conversion, Layout

REPORT_NAME: Final = "conversion.json"
WEIGHTS_FILE: Final = "model.safetensors"
_log = logging.getLogger(__name__)


def find_layout(name: str) -> Layout[Any]:
    """Return what is known about the official checkpoints of a detector.

    Raises:
        DetectorError: The detector does not exist or has no official checkpoints.
    """
    path = DETECTORS[name].layout if name in DETECTORS else None
    if path is None:
        raise DetectorError(
            f"no official checkpoints are known for {name!r}: choose {', '.join(CONVERTIBLE)}"
        )
    module_name, _, attribute = path.partition(":")
    layout: Layout[Any] = getattr(import_module(module_name), attribute)
    return layout


def convert(
    name: str, checkpoint: str | Path, out: str | Path, *, variant: str | None = None
) -> Conversion:
    """Convert an official checkpoint: every key is used, or left behind for a stated reason.

    The file is read as weights only. The folder gets safetensors, a ``config.json`` with one
    logit (higher = fake), and a ``conversion.json`` that reports what was done.

    Args:
        name: The detector whose official code wrote the checkpoint.
        checkpoint: The official file, or the folder that holds it as ``model.safetensors``.
        out: The folder to write; it must be empty or not exist.
        variant: Who trained the weights, where the file cannot tell: ``"official"`` or
            ``"deepfakebench"`` for TALL. None assumes one, and the report names the others.

    Returns:
        The report.

    Raises:
        SettingsError: The detector has no such variant, or its files tell theirs.
        DetectorError: The detector is unknown, the folder is not empty, or the checkpoint is not
            what the detector's official code writes; unknown and missing keys are named.

    Examples:
        >>> thb.convert("tall", "official.pth", "tall")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.DetectorError: ...official.pth...
    """
    layout = find_layout(name)
    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise DetectorError(f"{target} exists and is not an empty folder: choose another")
    from detectors.conversion import convert_checkpoint

    file = Path(checkpoint)
    if file.is_dir():
        file /= WEIGHTS_FILE
    model, report = convert_checkpoint(layout, file, variant)
    if report.alternatives:
        others = " or ".join(report.alternatives)
        _log.warning(
            "the file does not tell who trained it, so %s is assumed, with its frames and crops;"
            " if that is wrong, convert again with --variant %s",
            report.variant,
            others,
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    # Written beside the target and moved at the end, so that an interrupted conversion leaves no
    # half-written folder.
    with (
        lock_folder(target),
        tempfile.TemporaryDirectory(dir=target.parent, prefix=workshop_prefix(target)) as folder,
    ):
        draft = Path(folder) / "model"
        model.save_pretrained(draft)
        record = json.dumps(report.to_dict(), indent=2) + "\n"
        (draft / REPORT_NAME).write_text(record, encoding="utf-8")
        if target.exists():
            target.rmdir()
        shutil.move(draft, target)
    return report
