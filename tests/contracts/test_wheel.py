"""The wheel: what a user installs holds the packages with their data, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from email import message_from_bytes
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tests.support.sources import PACKAGES, ROOT

KEPT_WITH_THE_HUB_REPO = ("detectors", "metrics")
"""Packages whose other files (cards, requirements) belong to the Hub repo, not to the wheel."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy of the packages by the build backend itself, which asks no network."""
    pytest.importorskip("setuptools", minversion="77", reason="needs a setuptools of today")
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGES:
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    (copy / "tests").mkdir()
    (copy / "tests" / "test_nothing.py").touch()
    program = "import sys; from setuptools import build_meta as b; b.build_wheel(sys.argv[1])"
    built = subprocess.run(
        [sys.executable, "-c", program, str(out)],
        cwd=copy,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (path,) = out.glob("talkingheadbench-*.whl")
    return zipfile.ZipFile(path)


def test_it_holds_every_file_of_the_packages_and_no_other(wheel: zipfile.ZipFile) -> None:
    held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and is_shipped(path)
    }
    assert held == wanted
    assert {f"{package}/py.typed" for package in PACKAGES} <= held
    assert "thb_dataset/hub/dataset_card_template.md" in held


def is_shipped(path: Path) -> bool:
    package = path.relative_to(ROOT).parts[0]
    return package not in KEPT_WITH_THE_HUB_REPO or path.suffix == ".py" or path.name == "py.typed"


def test_it_brings_the_command_and_the_licence(wheel: zipfile.ZipFile) -> None:
    by_name = {Path(name).name: name for name in wheel.namelist() if ".dist-info/" in name}
    assert "thb = thb.cli:main" in wheel.read(by_name["entry_points.txt"]).decode()
    assert {"LICENSE", "METADATA"} <= set(by_name)
    about = message_from_bytes(wheel.read(by_name["METADATA"]))
    assert about["License-Expression"] == "Apache-2.0"
    assert about.get_all("License-File") == ["LICENSE"]
    assert about["Requires-Python"] == ">=3.11"
    assert about["Description-Content-Type"] == "text/markdown"
    assert "# TalkingHeadBench" in str(about.get_payload())


def test_it_works_where_there_is_no_checkout(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """The installed wheel with the dependencies of this environment; make wheel-check has none."""
    venv.create(tmp_path / "venv", with_pip=False)
    (packages,) = (tmp_path / "venv").glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    wheel.extractall(packages)
    python = tmp_path / "venv" / "bin" / "python"
    command = python.with_name("thb")
    program = "import sys; from thb.cli import main; sys.exit(main())"
    command.write_text(f"#!{python}\n{program}\n", encoding="utf-8")
    command.chmod(0o755)
    used = subprocess.run(
        [python, "-I", ROOT / "scripts" / "use_wheel.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert used.returncode == 0, used.stderr


def test_every_pinned_package_runs_on_the_first_python_that_we_promise() -> None:
    """Debian 12 has 3.11.2, where a package that asks for 3.11.5 stops the installation."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {line.partition("==")[0].lower() for line in lines if "==" in line}
    assert len(pinned) > 100
    asked = {
        one.name: one.metadata["Requires-Python"]
        for one in distributions()
        if one.name.lower() in pinned and "Requires-Python" in one.metadata
    }
    refused = {name: told for name, told in asked.items() if "3.11.0" not in SpecifierSet(told)}
    assert refused == {}
