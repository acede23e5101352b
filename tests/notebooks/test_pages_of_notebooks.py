"""The pages that the site makes of notebooks: what was run, without what only a terminal needs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nbformat import v4

from scripts.docs_site.notebooks import make_notebook_pages
from tests.support.notebooks import FOLDER, NOTEBOOKS

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="  # noqa: E501
BAR = "training p1: 100%|████| 9/9 [00:01<00:00]\n"


def write_notebook(path: Path, *, code: str, outputs: list[object]) -> None:
    """Write a notebook with a heading, the cell for Colab, and one cell of code."""
    cells = [
        v4.new_markdown_cell("# A title\n\nWords."),
        v4.new_code_cell('import sys\n\nif "google.colab" in sys.modules:\n    1'),
        v4.new_code_cell(code, outputs=outputs),
    ]
    for number, cell in enumerate(cells):
        cell.id = str(number)
    notebook = v4.new_notebook(cells=cells)
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture
def outputs() -> list[object]:
    return [
        v4.new_output("stream", name="stderr", text=f"{BAR}p1: a sentence\n"),
        v4.new_output("stream", name="stderr", text=BAR),
        v4.new_output("display_data", data={"image/png": PIXEL, "text/plain": "<Figure>"}),
    ]


def test_a_page_shows_what_the_run_gave(tmp_path: Path, outputs: list[object]) -> None:
    write_notebook(tmp_path / "docs" / "a.ipynb", code="f()", outputs=[])
    write_notebook(tmp_path / "build" / "a.ipynb", code="f()", outputs=outputs)
    made = dict(make_notebook_pages(tmp_path / "docs", tmp_path / "build"))
    page, picture = made["notebooks/a.md"], "a-files/output_1_1.png"
    assert isinstance(page, str)
    assert page.startswith("# A title\n")
    assert '<a href="a.ipynb" download>' in page
    assert "p1: a sentence" in page
    assert f"![What the cell above draws]({picture})" in page
    for absent in ("100%", "colab", "was not run", "<Figure>"):
        assert absent not in page
    assert isinstance(made[f"notebooks/{picture}"], bytes)


def test_a_run_of_other_cells_is_not_shown(tmp_path: Path, outputs: list[object]) -> None:
    write_notebook(tmp_path / "docs" / "a.ipynb", code="f()", outputs=[])
    write_notebook(tmp_path / "build" / "a.ipynb", code="g()", outputs=outputs)
    (page,) = dict(make_notebook_pages(tmp_path / "docs", tmp_path / "build")).values()
    assert "f()" in str(page)
    assert "a sentence" not in str(page)
    assert "was not run" in str(page)


def test_every_notebook_has_a_page_without_a_run(tmp_path: Path) -> None:
    made = dict(make_notebook_pages(FOLDER, tmp_path))
    assert list(made) == [f"notebooks/{Path(name).stem}.md" for name in NOTEBOOKS]
