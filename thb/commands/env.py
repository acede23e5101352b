"""``thb env``: everything about this machine that can change a score."""

from __future__ import annotations

from typing import Any

from thb.commands.options import FACE_PACK, FORMAT, FacePackOption, FormatOption, OutputFormat
from thb.commands.output import write_json, write_line


def env(output: FormatOption = FORMAT, face_pack: FacePackOption = FACE_PACK) -> None:
    """Show the versions, devices and folders in use.

    This is everything about the machine that can change a score: paste it into a bug report.

    JSON: python, platform, packages, decoder, devices, face_pack, folders, hub and variables.

    Examples:
        thb env
        thb env --format json
    """
    from thb.runtime.environment import environment

    found = environment(face_pack)
    if output is OutputFormat.JSON:
        write_json(found)
        return
    for line in _format_lines(found):
        write_line(line)


def _format_lines(found: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for name, value in found.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", *_format_lines(value, indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{name:<24} {', '.join(map(str, value)) or 'none'}")
        else:
            lines.append(f"{indent}{name:<24} {'none' if value is None else value}")
    return lines
