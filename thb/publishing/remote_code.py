"""A detector's code as flat files beside its weights, for machines without this package.

``trust_remote_code`` loads what a repo's ``auto_map`` names, and copies only modules that lie side
by side. So every module of ours that the class needs becomes one file, and imports of one from
another become relative; nothing else of the text is changed.
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
    """Collect what a class needs to be loaded elsewhere.

    Args:
        detector_class: Ours, or one of a module of the user's own.

    Returns:
        The text of every file by its name, and the config's ``auto_map``.

    Raises:
        DetectorError: A module has no source, or imports another in a way that cannot be turned.
    """
    config_class = detector_class.config_class
    roots = {*OURS, detector_class.__module__.partition(".")[0]}
    waiting = [detector_class.__module__, config_class.__module__]
    files: dict[str, str] = {}
    while waiting:
        module = waiting.pop()
        name = f"{_flatten(module)}.py"
        if name not in files:
            files[name], needed = _turn(module, roots)
            waiting += needed
    auto_map = {
        "AutoConfig": f"{_flatten(config_class.__module__)}.{config_class.__name__}",
        "AutoModelForVideoClassification": (
            f"{_flatten(detector_class.__module__)}.{detector_class.__name__}"
        ),
    }
    return files, auto_map


def _flatten(module: str) -> str:
    return module.replace(".", "_")


def _turn(module: str, roots: set[str]) -> tuple[str, list[str]]:
    """Return a module's text with relative imports, and the modules that it needs."""
    source, package = _read(module)
    lines = source.splitlines(keepends=True)
    imports: list[tuple[ast.ImportFrom, str]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            inside = [one.name for one in node.names if one.name.partition(".")[0] in roots]
            if inside:
                raise DetectorError(
                    f"{module}: 'import {inside[0]}' cannot be published: write 'from … import …'"
                )
        elif isinstance(node, ast.ImportFrom):
            dotted = "." * node.level + (node.module or "")
            target = importlib.util.resolve_name(dotted, package)
            if target.partition(".")[0] in roots:
                home = _find_home(target, [one.name for one in node.names])
                imports.append((node, home))
    # From the last to the first, so that the places of those before stay right.
    for node, home in sorted(imports, key=lambda one: one[0].lineno, reverse=True):
        theirs = module.partition(".")[0] not in OURS and home.partition(".")[0] in OURS
        lines[node.lineno - 1 : node.end_lineno] = _write_import(node, home, fall_back=theirs)
    return "".join(lines), [home for _, home in imports]


def _write_import(node: ast.ImportFrom, home: str, *, fall_back: bool) -> list[str]:
    """Write an import anew, relative.

    Args:
        node: As it stands.
        home: The module that is meant.
        fall_back: Take it from this package where that is installed, so that a class of somebody
            else's is then a detector like any other.
    """
    indent = " " * node.col_offset
    names = ", ".join(ast.unparse(one) for one in node.names)
    relative = f"from .{_flatten(home)} import {names}\n"
    if not fall_back:
        return [f"{indent}{relative}"]
    return [
        f"{indent}try:\n",
        f"{indent}    from {home} import {names}\n",
        f"{indent}except ImportError:\n",
        f"{indent}    {relative}",
    ]


def _find_home(module: str, names: list[str]) -> str:
    """Return the module that really holds names which a package only passes on.

    Raises:
        DetectorError: They are of several modules, so that one import cannot be turned.
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
    """Return a module's source, and the package that its relative imports begin from."""
    found = importlib.util.find_spec(module)
    if found is None or found.origin is None or not found.origin.endswith(".py"):
        raise DetectorError(f"{module} has no source file, so its code cannot be published")
    is_package = found.submodule_search_locations is not None
    package = module if is_package else module.rpartition(".")[0]
    return Path(found.origin).read_text(encoding="utf-8"), package


def describe(detector_class: type[Detector]) -> str:
    """Return the first paragraph of what a class says of itself, or of what its module does."""
    for text in (inspect.getdoc(inspect.getmodule(detector_class)), inspect.getdoc(detector_class)):
        if text:
            return " ".join(text.split("\n\n", maxsplit=1)[0].split())
    return ""
