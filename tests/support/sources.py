"""The project's own files, as the tests of its structure read them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
PACKAGES: Final = ("thb", "thb_dataset", "detectors", "metrics")
"""What a wheel holds."""
PRODUCTS: Final = (*PACKAGES, "spaces")
"""What is installed or published."""

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True)
class Source:
    """A Python file.

    Attributes:
        path: Its path below the root, with slashes.
        text: Its content.
        tree: Its syntax tree.
    """

    path: str
    text: str
    tree: ast.Module

    @property
    def definitions(self) -> Iterator[tuple[str, Definition]]:
        """Every function, method and class with its dotted name, but none inside a function."""
        yield from _find_definitions(self.tree, "")


def _find_definitions(
    node: ast.Module | ast.ClassDef, inside: str
) -> Iterator[tuple[str, Definition]]:
    for child in node.body:
        if isinstance(child, Definition):
            yield f"{inside}{child.name}", child
            if isinstance(child, ast.ClassDef):
                yield from _find_definitions(child, f"{inside}{child.name}.")


@cache
def read_sources(*folders: str) -> tuple[Source, ...]:
    """Read every Python file below these folders of the project."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    assert paths
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    return tuple(
        Source(path.relative_to(ROOT).as_posix(), text, ast.parse(text))
        for path, text in texts.items()
    )
