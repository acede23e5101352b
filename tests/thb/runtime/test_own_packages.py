"""Files beside the user that bear our names, or a library's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
LOOK = (
    "import thb, detectors.listing, metrics.talking_head_detection.roc, thb_dataset.errors, typer;"
    "print('ours')"
)


@pytest.fixture
def crowded(tmp_path: Path) -> Path:
    """A folder of files that bear our names and that of a library; importing one fails."""
    trap = "raise RuntimeError('this is not ours')"
    for name in ("metrics", "detectors", "thb_dataset", "typer"):
        (tmp_path / f"{name}.py").write_text(trap)
    (tmp_path / "thb_dataset.py").unlink()
    (tmp_path / "thb_dataset").mkdir()
    (tmp_path / "thb_dataset" / "__init__.py").write_text(trap)
    return tmp_path


def start(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with our root last on its path, where an editable installation is found."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_files_beside_you_do_not_hide_ours_from_a_module_run(crowded: Path) -> None:
    ended = start("-m", "thb", "score", "nowhere", folder=crowded)
    assert ended.returncode == 2, ended.stderr
    assert "not ours" not in ended.stderr


def test_files_beside_you_do_not_hide_ours_from_a_program(crowded: Path) -> None:
    (crowded / "typer.py").unlink()  # in a program, the user's own files do come first
    ended = start("-c", LOOK, folder=crowded)
    assert ended.stdout == "ours\n", ended.stderr


def test_files_beside_you_do_not_hide_ours_from_the_command(crowded: Path) -> None:
    program = "import sys; del sys.path[0]; from thb.cli import main; main(['score', 'nowhere'])"
    ended = start("-c", program, folder=crowded)
    assert ended.returncode == 2, ended.stderr
    assert "not ours" not in ended.stderr


def test_a_folder_called_thb_does_not_hide_ours_from_the_command(crowded: Path) -> None:
    (crowded / "thb").mkdir()
    (crowded / "thb" / "__init__.py").write_text("raise RuntimeError('this is not ours')")
    program = "import sys; del sys.path[0]; from thb.cli import main; main(['score', 'nowhere'])"
    assert start("-c", program, folder=crowded).returncode == 2
