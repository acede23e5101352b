"""Python that stands in texts (pages, docstrings, programs of tests) names what exists."""

from __future__ import annotations

import ast
import doctest
import importlib
import re
import textwrap
from collections.abc import Iterator
from functools import cache

import pytest

import thb
from tests.support.sources import PACKAGES, PRODUCTS, ROOT, read_sources

BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", *(f"{folder}/**/*.md" for folder in PRODUCTS))
    for path in ROOT.glob(pattern)
)
FOLDERS = (*PRODUCTS, "scripts", "benchmarks", "tests")


def find_unknown_names(program: str) -> Iterator[str]:
    """Yield what a program takes from our packages that is not there."""
    wanted: list[tuple[str, str | None]]
    for node in ast.walk(ast.parse(program)):
        match node:
            case ast.Import():
                wanted = [(alias.name, None) for alias in node.names]
            case ast.ImportFrom(module=str(module), level=0):
                wanted = [(module, alias.name) for alias in node.names]
            case ast.Attribute(value=ast.Name(id="thb")):
                wanted = [("thb", node.attr)]
            case _:
                continue
        for module, name in wanted:
            if module.partition(".")[0] in PACKAGES and not exists(module, name):
                yield f"{module}.{name}" if name else module


@cache
def exists(module: str, name: str | None = None) -> bool:
    """Say whether there is such a module and, if a name is given, such a name in it."""
    path = ROOT.joinpath(*module.split("."))
    if path.is_dir():
        path /= "__init__.py"
    if not path.with_suffix(".py").is_file():
        return False
    if name in (None, "*") or exists(f"{module}.{name}"):
        return True
    if module == "thb":
        return name in thb.__all__
    return hasattr(importlib.import_module(module), str(name))


@pytest.mark.parametrize("page", PAGES)
def test_the_examples_of_a_page_name_what_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for block in BLOCK.findall(text):
        examples = doctest.DocTestParser().get_examples(block)
        program = "".join(example.source for example in examples) or block
        assert list(find_unknown_names(program)) == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_programs_in_strings_name_what_exists(folder: str) -> None:
    unknown = []
    for source in read_sources(folder):
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                unknown += [
                    f"{source.path}:{node.lineno} {name}"
                    for program in (node.value, *BLOCK.findall(node.value))
                    for name in find_if_it_is_python(program)
                ]
    assert unknown == []


def find_if_it_is_python(text: str) -> list[str]:
    if "import " not in text:
        return []
    try:
        return list(find_unknown_names(textwrap.dedent(text)))
    except SyntaxError:
        return []  # prose
