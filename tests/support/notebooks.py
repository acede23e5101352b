"""Notebooks of the docs, executed as a reader executes them: in a kernel of their own."""

from __future__ import annotations

import fcntl
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import nbformat
from nbclient import NotebookClient

from tests.support.sources import ROOT

FOLDER: Final = ROOT / "docs" / "notebooks"
NOTEBOOKS: Final = sorted(path.name for path in FOLDER.glob("*.ipynb"))
OUT: Final = "THB_NOTEBOOKS_OUT"
"""Names a folder that takes the executed notebooks, from which the site of docs/ is built."""
LONGEST_CELL_SECONDS: Final = 600
STRICT: Final = """\
import warnings

warnings.simplefilter("error")
warnings.filterwarnings("ignore", module="ipykernel")  # what it says of itself at its end
"""
"""Runs before the first cell, so that a notebook that warns fails."""


def read_notebook(name: str) -> Any:
    """Return a notebook of the docs as git holds it."""
    return nbformat.read(FOLDER / name, as_version=4)


def execute(name: str, folder: Path) -> Any:
    """Return a notebook with its outputs, executed in a folder.

    Args:
        name: The file's name.
        folder: The folder in which the kernel works; what the notebook writes stays there.
    """
    notebook = read_notebook(name)
    strict = nbformat.v4.new_code_cell(STRICT)
    notebook.cells.insert(0, strict)
    NotebookClient(
        notebook,
        kernel_name="python3",
        timeout=LONGEST_CELL_SECONDS,
        coalesce_streams=True,  # of a progress bar only the last line stays
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    del notebook.cells[0]
    for number, cell in enumerate(list_code(notebook), start=1):
        cell.execution_count = number
    return notebook


@dataclass(frozen=True)
class Desk:
    """Where the notebooks are executed: a folder for each, and one cache for all.

    The first notebook begins with nothing. The others find the detector that it has trained, as
    they do for a reader who runs them in one folder.
    """

    folder: Path

    def execute(self, name: str) -> Any:
        """Return an executed notebook; each is executed once, whichever worker asks first."""
        work, file = self.folder / Path(name).stem, self.folder / name
        with (self.folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.is_file():
                if name != NOTEBOOKS[0]:
                    self.execute(NOTEBOOKS[0])
                    trained = self.folder / Path(NOTEBOOKS[0]).stem / "runs"
                    shutil.copytree(trained, work / "runs", dirs_exist_ok=True)
                work.mkdir(exist_ok=True)
                nbformat.write(execute(name, work), file)
                if out := os.environ.get(OUT):
                    Path(out).mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, out)
        return nbformat.read(file, as_version=4)


def list_code(notebook: Any) -> list[Any]:
    """Return the code cells of a notebook."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def list_texts(notebook: Any) -> list[str]:
    """Return every text that the outputs of an executed notebook show."""
    outputs = [output for cell in list_code(notebook) for output in cell.outputs]
    shown = [text for output in outputs for text in output.get("data", {}).items()]
    texts = [text for kind, text in shown if kind.startswith("text/") or kind.endswith("+xml")]
    return texts + [output.text for output in outputs if output.output_type == "stream"]
