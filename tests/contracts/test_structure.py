"""The rules of the house that no linter checks: sizes, docstrings, what is forbidden where."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.support.sources import PACKAGES, PRODUCTS, ROOT, Function, Source, read_sources

LINES_OF_A_MODULE = 350
LINES_OF_A_FUNCTION = 60
UNSAFE_MODULES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"}
READS_CHECKPOINTS = "conversion.py"
CHANGES_THE_PATH = {
    *("thb/cli.py", "thb/__main__.py"),
    # In the repository, what both need lies in spaces/shared; published, it lies beside them.
    *("spaces/demo/app.py", "spaces/leaderboard/app.py"),
}


def test_no_module_is_longer_than_a_reader_bears() -> None:
    lines = {source.path: len(source.text.splitlines()) for source in read_sources(*PRODUCTS)}
    assert {path: n for path, n in lines.items() if n > LINES_OF_A_MODULE} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    lines = {
        f"{source.path} {name}": count_lines(source, node)
        for source in read_sources(*PRODUCTS)
        for name, node in source.definitions
        if isinstance(node, Function)
    }
    assert {name: n for name, n in lines.items() if n > LINES_OF_A_FUNCTION} == {}


def count_lines(source: Source, node: Function) -> int:
    """Count the lines of a function; the options of a command are its documentation.

    Examples, which end a docstring, do not count: a function is no harder to read for them.
    """
    is_command = source.path.startswith("thb/commands/")
    first = node.body[0].lineno if is_command else node.lineno
    _, _, examples = (ast.get_docstring(node) or "").partition("\n\nExamples:\n")
    shown = 2 + len(examples.splitlines()) if ">>> " in examples else 0
    return (node.end_lineno or first) - first + 1 - shown


def test_everything_public_has_a_docstring() -> None:
    bare = []
    for source in read_sources(*PRODUCTS):
        named = {source.path: source.tree} | {
            f"{source.path} {name}": node
            for name, node in source.definitions
            if not any(part.startswith("_") for part in name.split("."))
        }
        bare += [name for name, node in named.items() if not ast.get_docstring(node)]
    assert bare == []


def test_only_what_people_start_changes_where_python_looks_for_modules() -> None:
    changing = {
        source.path
        for source in read_sources(*PRODUCTS)
        for node in ast.walk(source.tree)
        if changes_the_path(node)
    }
    assert changing <= CHANGES_THE_PATH


def changes_the_path(node: ast.AST) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(value=value)):
            targets: list[ast.expr] = [value]
        case ast.Assign():
            targets = node.targets
        case ast.AugAssign() | ast.AnnAssign():
            targets = [node.target]
        case ast.Delete():
            targets = node.targets
        case _:
            return False
    bare = [target.value if isinstance(target, ast.Subscript) else target for target in targets]
    return any(ast.unparse(target) == "sys.path" for target in bare)


def test_only_a_conversion_reads_checkpoints_and_nothing_is_unpickled() -> None:
    for source in read_sources(*PRODUCTS, "scripts", "benchmarks"):
        used = {(node.lineno, name) for node, name in find_names(source.tree)}
        unsafe = [(line, name) for line, name in used if name.partition(".")[0] in UNSAFE_MODULES]
        assert unsafe == [], source.path
        if not source.path.startswith("detectors/") or not source.path.endswith(READS_CHECKPOINTS):
            assert [line for line, name in used if name == "torch.load"] == [], source.path
        for node in ast.walk(source.tree):
            if isinstance(node, ast.keyword) and node.arg in ("allow_pickle", "weights_only"):
                safe = node.arg == "weights_only"
                assert ast.unparse(node.value) == str(safe), f"{source.path}:{node.value.lineno}"


def find_names(tree: ast.Module) -> Iterator[tuple[ast.stmt | ast.expr, str]]:
    """Yield what is imported, and every attribute of a plain name, as dotted names."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node, alias.name) for alias in node.names)
            case ast.ImportFrom():
                yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)
            case ast.Attribute(value=ast.Name(id=name)):
                yield node, f"{name}.{node.attr}"


def test_the_tests_mirror_the_rooms() -> None:
    rooms = {
        path.parent.relative_to(ROOT / "tests")
        for package in PACKAGES
        for path in (ROOT / "tests" / package).rglob("test_*.py")
    }
    assert [room.as_posix() for room in rooms if not (ROOT / room).is_dir()] == []
