"""A detector's code as flat files beside its weights, for machines without this package.

``trust_remote_code`` loads the classes that a repo's ``auto_map`` names, and it copies only modules
that lie in one folder. So each of our modules that the class needs becomes one file, and imports
between them become relative. The rest of the text stays as it is.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
from pathlib import Path

from detectors.base import Detector
from thb_dataset.errors import DetectorError

OURS = ("detectors", "thb_dataset")


def bundle_code(detector_class: type[Detector]) -> tuple[dict[str, str], dict[str, str]]:
    """Collect the code that a class needs to be loaded elsewhere.

    Args:
        detector_class: A detector of this package, or of a user's own module.

    Returns:
        The text of every file by its name, and the config's ``auto_map``.

    Raises:
        DetectorError: A module has no source, or has an import that cannot be made relative.
    """
    config_class = detector_class.config_class
    roots = {*OURS, detector_class.__module__.partition(".")[0]}
    waiting = [detector_class.__module__, config_class.__module__]
    files: dict[str, str] = {}
    while waiting:
        module = waiting.pop()
        name = f"{_flat_name(module)}.py"
        if name not in files:
            files[name], needed = _flatten_imports(module, roots)
            waiting += needed
    auto_map = {
        "AutoConfig": f"{_flat_name(config_class.__module__)}.{config_class.__name__}",
        "AutoModelForVideoClassification": (
            f"{_flat_name(detector_class.__module__)}.{detector_class.__name__}"
        ),
    }
    return files, auto_map


def _flat_name(module: str) -> str:
    return module.replace(".", "_")


def _flatten_imports(module: str, roots: set[str]) -> tuple[str, list[str]]:
    """Return a module's text with relative imports, and the modules that it needs."""
    source, package = _read(module)
    lines = source.splitlines(keepends=True)
    imports: list[tuple[ast.ImportFrom, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            ours = [alias.name for alias in node.names if alias.name.partition(".")[0] in roots]
            if ours:
                raise DetectorError(
                    f"{module}: 'import {ours[0]}' cannot be published: write 'from … import …'"
                )
        elif isinstance(node, ast.ImportFrom):
            dotted = "." * node.level + (node.module or "")
            target = importlib.util.resolve_name(dotted, package)
            if target.partition(".")[0] in roots:
                home = _find_home(target, [alias.name for alias in node.names])
                imports.append((node, home))
    # From the last to the first, so that the line numbers of earlier imports stay right.
    for node, home in sorted(imports, key=lambda item: item[0].lineno, reverse=True):
        theirs = module.partition(".")[0] not in OURS and home.partition(".")[0] in OURS
        lines[node.lineno - 1 : node.end_lineno] = _write_import(node, home, fall_back=theirs)
    return "".join(lines), [home for _, home in imports]


def _write_import(node: ast.ImportFrom, home: str, *, fall_back: bool) -> list[str]:
    """Return the lines of an import, made relative.

    Args:
        node: The import as it is.
        home: The module that the names come from.
        fall_back: Import from this package where it is installed, so that a user's own class is a
            detector like any other there; relative only where it is not.
    """
    indent = " " * node.col_offset
    names = ", ".join(ast.unparse(alias) for alias in node.names)
    relative = f"from .{_flat_name(home)} import {names}\n"
    if not fall_back:
        return [f"{indent}{relative}"]
    return [
        f"{indent}try:\n",
        f"{indent}    from {home} import {names}\n",
        f"{indent}except ImportError:\n",
        f"{indent}    {relative}",
    ]


def _find_home(module: str, names: list[str]) -> str:
    """Return the module that defines names which a package only re-exports.

    Raises:
        DetectorError: The names come from several modules, so one import cannot name them all.
    """
    found = importlib.import_module(module)
    if not hasattr(found, "__path__"):
        return module
    homes = {getattr(getattr(found, name, None), "__module__", module) for name in names}
    if len(homes) != 1 or homes == {module}:
        raise DetectorError(
            f"'from {module} import {', '.join(names)}' cannot be published: import each name from"
            " the module that defines it"
        )
    return homes.pop()


def _read(module: str) -> tuple[str, str]:
    """Return a module's source, and the package that its relative imports start from."""
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        raise DetectorError(f"{module} has no source file, so its code cannot be published")
    is_package = found.submodule_search_locations is not None
    package = module if is_package else module.rpartition(".")[0]
    return Path(found.origin).read_text(encoding="utf-8"), package


def describe(detector_class: type[Detector]) -> str:
    """Return the first paragraph of the docstring of a class's module, or else of the class."""
    for text in (inspect.getdoc(inspect.getmodule(detector_class)), inspect.getdoc(detector_class)):
        if text:
            return " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return ""
