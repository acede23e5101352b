"""The façade: every public name is there, quick to import, and never hidden by a module."""

from __future__ import annotations

import ast
import inspect
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import thb
import thb_dataset.errors
from thb_dataset.errors import THBError

HEAVY = {"torch", "transformers", "accelerate", "numpy", "pyarrow", "av", "cv2", "datasets"}


def run_python(code: str) -> str:
    """Run a program in a fresh interpreter and return what it wrote to stdout."""
    ended = subprocess.run(
        [sys.executable, "-c", code], env=os.environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_all_is_sorted_and_every_name_is_importable() -> None:
    assert thb.__all__ == sorted(set(thb.__all__))
    assert set(thb._HOMES) == set(thb.__all__) - {"__version__"}
    assert list(thb._HOMES) == sorted(thb._HOMES)
    for name in thb.__all__:
        assert getattr(thb, name) is not None
    assert dir(thb) == thb.__all__


def test_every_name_comes_from_the_module_that_defines_it() -> None:
    for name, home in thb._HOMES.items():
        value = getattr(thb, name)
        module, _, attribute = home.partition(":")
        assert value.__module__ == module, name
        assert value.__name__ == (attribute or name), name


def test_type_checkers_read_the_same_names() -> None:
    source = Path(thb.__file__).read_text(encoding="utf-8")
    (block,) = [
        node
        for node in ast.parse(source).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    ]
    seen = {}
    for node in block.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                attribute = f":{alias.name}" if alias.asname else ""
                seen[alias.asname or alias.name] = f"{node.module}{attribute}"
    assert seen == thb._HOMES
    assert "__version__: str" in [ast.unparse(node) for node in block.body]


def test_every_error_of_the_tree_is_there() -> None:
    errors = {
        name
        for name, value in vars(thb_dataset.errors).items()
        if isinstance(value, type) and issubclass(value, THBError)
    }
    assert errors <= set(thb.__all__)


def test_every_public_name_is_documented() -> None:
    for name in set(thb.__all__) - {"__version__"}:
        assert re.match(r"[A-Z`].{9,}", inspect.getdoc(getattr(thb, name)) or ""), name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'thb' has no attribute 'nothing'"):
        _ = thb.nothing


def test_no_module_hides_a_function() -> None:
    modules = {module.name for module in pkgutil.iter_modules(thb.__path__)}
    assert not modules & set(thb.__all__)
    code = (
        "import thb.prediction.predict, thb.evaluation.evaluate, thb.training.train\n"
        "import thb\n"
        "assert all(map(callable, (thb.predict, thb.evaluate, thb.train, thb.score)))"
    )
    assert run_python(code) == ""
    assert not any(isinstance(getattr(thb, name), ModuleType) for name in thb.__all__)


@pytest.mark.parametrize("module", ["thb", "thb.cli", "thb.runtime.console"])
def test_importing_it_imports_nothing_heavy(module: str) -> None:
    code = f"import {module}, sys; print(*sorted({{n.partition('.')[0] for n in sys.modules}}))"
    assert not HEAVY & set(run_python(code).split())


def test_the_version_is_the_package_s() -> None:
    from importlib.metadata import version

    assert thb.__version__ == version("talkingheadbench")
