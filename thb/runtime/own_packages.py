"""Our packages are found beside this one, whatever a file in the working folder is called."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Final

NAMES: Final = ("detectors", "metrics", "thb_dataset")
"""The packages that are installed together with ``thb``."""

_ROOT: Final = str(Path(__file__).resolve().parents[2])


class _OwnPackages(MetaPathFinder):
    """Finds our packages before ``sys.path`` is searched, and no other."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return PathFinder.find_spec(fullname, [_ROOT]) if fullname in NAMES else None


def find_own_packages_first() -> None:
    """Let no ``metrics.py`` or ``detectors/`` on ``sys.path`` hide our package of that name.

    An editable installation is searched after all of ``sys.path``, so any such file would win.
    """
    if not any(isinstance(finder, _OwnPackages) for finder in sys.meta_path):
        sys.meta_path.insert(0, _OwnPackages())
