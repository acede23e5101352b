"""The rules for the tests themselves: no reliance on speed, on private names or on each other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.support.sources import read_sources

MAY_SLEEP = {
    "tests/thb_dataset/clips/test_store.py": "the clock of a file system has to move on",
    "tests/thb_dataset/hub/test_patience.py": "a Hub that hangs or drips is what is tested",
    "tests/hostile/test_child_process.py": "no event tells how long another process has computed",
}
TESTS = read_sources("tests")


def find_calls(tree: ast.Module) -> Iterator[tuple[str, ast.Call]]:
    """Yield every call with the last part of the called name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2], node


def test_every_test_module_says_what_it_tests() -> None:
    modules = [source for source in TESTS if re.search(r"/test_\w+\.py$", source.path)]
    assert [source.path for source in modules if not ast.get_docstring(source.tree)] == []


def test_threads_are_limited_in_one_place() -> None:
    limiting = {
        source.path
        for source in TESTS
        for name, _ in find_calls(source.tree)
        if name == "set_num_threads"
    }
    assert limiting == {"tests/conftest.py"}


def test_nobody_sleeps_without_a_reason() -> None:
    sleeping = {
        source.path for source in TESTS for name, _ in find_calls(source.tree) if name == "sleep"
    }
    assert sleeping == set(MAY_SLEEP)


def test_no_private_name_is_patched() -> None:
    patched = [
        f"{source.path}:{call.lineno}"
        for source in TESTS
        for name, call in find_calls(source.tree)
        if name in ("setattr", "delattr") and any(is_private(word) for word in call.args[:2])
    ]
    assert patched == []
    changed = [
        f"{source.path}:{node.lineno} {node.attr}"
        for source in TESTS
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute) and changes_what_is_private(node)
    ]
    assert changed == []


def is_private(word: ast.expr) -> bool:
    """Say whether a text names a private attribute, also at the end of a dotted path."""
    text = word.value if isinstance(word, ast.Constant) else None
    return isinstance(text, str) and re.search(r"(^|\.)_[a-z]\w*$", text) is not None


def changes_what_is_private(node: ast.Attribute) -> bool:
    """Say whether a private attribute of something else is set, or defaults are reached for."""
    if node.attr in ("__defaults__", "__kwdefaults__"):
        return True
    is_set = isinstance(node.ctx, ast.Store | ast.Del) and ast.unparse(node.value) != "self"
    return is_set and re.match(r"_[a-z]", node.attr) is not None


def test_no_test_imports_another_test_or_a_conftest() -> None:
    imported = [
        f"{source.path}:{node.lineno} {node.module}"
        for source in TESTS
        for node in ast.walk(source.tree)
        if isinstance(node, ast.ImportFrom) and re.match(r"tests\.(?!support\.)", node.module or "")
    ]
    assert imported == []
