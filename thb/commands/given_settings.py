"""What ``thb train`` is given as settings: a file of JSON, and ``NAME=VALUE`` pairs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import typer

from thb_dataset.files import parse_json

_CONFIG_HINT: Final = 'a config is a file with JSON such as {"clip": {"margin": 1.6}}'


def read_config(file: Path | None) -> dict[str, Any] | None:
    """Read the settings of a fresh detector.

    Raises:
        typer.BadParameter: The file cannot be read or is not a JSON object.
    """
    if file is None:
        return None
    try:
        config = parse_json(file.read_bytes())
    except (OSError, ValueError) as error:
        raise typer.BadParameter(
            f"{file}: {error}; {_CONFIG_HINT}", param_hint="--config"
        ) from error
    if not isinstance(config, dict):
        raise typer.BadParameter(
            f"{file} is not a JSON object; {_CONFIG_HINT}", param_hint="--config"
        )
    return config


def read_settings(pairs: Iterable[str], **flags: object) -> dict[str, Any]:
    """Return the settings that were given; a ``NAME=VALUE`` pair overrides a flag.

    Args:
        pairs: What follows each ``--set``; a value that is not JSON is text.
        flags: The settings that have a flag of their own; None if it was not given.

    Raises:
        typer.BadParameter: A pair has no name or no value.
    """
    settings: dict[str, Any] = {name: flag for name, flag in flags.items() if flag is not None}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals):
            raise typer.BadParameter(f"{pair!r} is not NAME=VALUE", param_hint="--set")
        try:
            settings[name.replace("-", "_")] = parse_json(value)
        except ValueError:
            settings[name.replace("-", "_")] = value
    return settings
