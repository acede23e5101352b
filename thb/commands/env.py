"""``thb env``: what moves a score on this machine."""

from __future__ import annotations

from typing import Any

from thb.commands.options import FacePackOption, FormatOption, OutputFormat
from thb.commands.output import write_json, write_line


def env(output: FormatOption = OutputFormat.TEXT, face_pack: FacePackOption = "embedded") -> None:
    """Show versions, devices, decoder, face pack and folders: paste it into a bug report."""
    from thb.runtime.environment import environment

    found = environment(face_pack)
    if output is OutputFormat.JSON:
        write_json(found)
        return
    for line in _lines(found):
        write_line(line)


def _lines(found: dict[str, Any], indent: str = "") -> list[str]:
    lines = []
    for name, value in found.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}", *_lines(value, indent + "  ")]
        elif isinstance(value, list):
            lines.append(f"{indent}{name:<24} {', '.join(map(str, value)) or 'none'}")
        else:
            lines.append(f"{indent}{name:<24} {'none' if value is None else value}")
    return lines
