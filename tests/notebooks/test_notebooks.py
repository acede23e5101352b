"""The notebooks of the docs: they run, without a warning, and git holds them without outputs."""

from __future__ import annotations

import ast
import re

import pytest

import thb
from tests.support.notebooks import FOLDER, NOTEBOOKS, Desk, list_code, list_texts, read_notebook

every_notebook = pytest.mark.parametrize("name", NOTEBOOKS)
OURS = {"thb", "thb_dataset", "detectors", "metrics"}
INSTALLING = re.compile(
    r'import sys\n\nif "google\.colab" in sys\.modules:.*\n'
    r'    %pip install -q "talkingheadbench.* @ git\+https://\S+@v(?P<version>[^"]+)".*'
)


@pytest.mark.timeout(900)
@every_notebook
def test_a_notebook_runs_without_a_warning_and_names_no_place_of_the_machine(
    name: str, desk: Desk
) -> None:
    texts = list_texts(desk.execute(name))
    assert texts
    for text in texts:
        assert str(desk.folder) not in text
        assert not re.search(r"(?i)\bwarning\b|Traceback", text), text


def test_there_are_five() -> None:
    assert [name[:2] for name in NOTEBOOKS] == ["01", "02", "03", "04", "05"]


@every_notebook
def test_git_holds_neither_outputs_nor_traces_of_a_run(name: str) -> None:
    notebook = read_notebook(name)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert dict(notebook.metadata.language_info) == {"name": "python"}
    for cell in notebook.cells:
        assert not cell.metadata
        assert cell.get("execution_count") is None
        assert cell.get("outputs", []) == []
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|work|Users|content|mnt)/|[A-Z]:\\\\", text)


@every_notebook
def test_a_notebook_says_what_it_gives_and_where_to_go_next(name: str) -> None:
    notebook = read_notebook(name)
    first, last = notebook.cells[0], notebook.cells[-1]
    assert first.cell_type == last.cell_type == "markdown"
    assert re.match(r"# \S.*\n\n.*(At the end|at the end)", first.source)
    assert "It takes" in first.source
    assert "SYNTHETIC" in first.source.upper()
    assert "## What next" in last.source
    for link in re.findall(r"\]\((?!https?://)([^)#]+)", "".join(c.source for c in notebook.cells)):
        assert (FOLDER / link).is_file(), link


@every_notebook
def test_the_first_cell_installs_this_version_on_colab_only(name: str) -> None:
    code = list_code(read_notebook(name))
    found = INSTALLING.fullmatch(code[0].source)
    assert found
    assert found["version"] == thb.__version__
    assert not any("pip" in cell.source for cell in code[1:])


@every_notebook
def test_a_notebook_uses_only_what_is_public(name: str) -> None:
    for cell in list_code(read_notebook(name))[1:]:
        source = re.sub(r"^%%writefile .*\n", "", cell.source)
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                assert (node.module or "").partition(".")[0] not in OURS
            elif isinstance(node, ast.Import):
                roots = {alias.name for alias in node.names}
                assert not {root for root in roots if root.partition(".")[0] in OURS} - {"thb"}
            elif isinstance(node, ast.Attribute) and ast.unparse(node.value) == "thb":
                assert node.attr in thb.__all__


def test_every_notebook_is_told_of_where_notebooks_are_listed() -> None:
    page = (FOLDER / "index.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\]\((\d\d-[^)]+\.ipynb)\)", page)) == set(NOTEBOOKS)
