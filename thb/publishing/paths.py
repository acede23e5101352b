"""Paths of this machine, which have no place in a published file."""

from __future__ import annotations

import shutil
from pathlib import Path

from thb_dataset.files import parse_json, write_json


def copy_without_paths(source: Path, target: Path) -> None:
    """Copy a file; in a JSON file only the last part of each absolute path is kept."""
    if source.suffix != ".json":
        shutil.copyfile(source, target)
        return
    write_json(target, _strip(parse_json(source.read_bytes())))


def _strip(value: object) -> object:
    """Return a JSON value in which each absolute path is only its last part."""
    if isinstance(value, dict):
        return {key: _strip(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_strip(item) for item in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    return value
