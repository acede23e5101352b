"""The place where notebooks are executed, with settings and caches of its own."""

from __future__ import annotations

import os

import pytest

from tests.support.notebooks import Desk


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The folder that all workers share; kernels read no settings of the user's."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / "notebooks"
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("THB_CACHE", str(folder / "cache"))
    monkeypatch.setenv("HF_HOME", str(folder / "huggingface"))
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        monkeypatch.setenv(name, str(folder / name.lower()))
    return Desk(folder)
