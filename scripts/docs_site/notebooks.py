"""A page for each notebook: with its outputs where it has been run, as git holds it elsewhere.

``make test`` and ``make notebooks`` run the notebooks and leave them, with their outputs, in
``build/notebooks``; building the site runs none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import nbformat
from nbconvert import MarkdownExporter

FOLDER: Final = "notebooks"
_BAR: Final = re.compile(r"^.*(\d%\|.*\||: 0video \[).*\n?", re.MULTILINE)
"""A progress bar that has come to its end."""
_TEMPLATE: Final = """\
{%- extends "index.md.j2" -%}
{% block stream %}
``` {.text .output}
{{ output.text | strip_ansi | trim }}
```
{% endblock stream %}
{% block data_text scoped %}
``` {.text .output}
{{ output.data["text/plain"] }}
```
{% endblock data_text %}
"""
"""Text that a cell gave is told from its code, and from what it gave next."""
_UNNAMED: Final = re.compile(r"!\[(png|svg|jpeg)\]\(")
_DOWNLOAD: Final = """\
<p class="notebook-download"><a href="{name}" download>Download this notebook</a></p>

"""
_NOT_RUN: Final = """\
!!! note
    It was not run when this site was built, so its outputs are missing. `make notebooks` runs it.

"""


def make_notebook_pages(sources: Path, executed: Path) -> Iterator[tuple[str, str | bytes]]:
    """Yield each page as Markdown, and the pictures on it, by their paths in the site's sources.

    Args:
        sources: The notebooks without outputs.
        executed: The folder of those that were run; it need not exist, and one that is not a run of
            its source is ignored.
    """
    exporter = MarkdownExporter()
    exporter.raw_template = _TEMPLATE
    for path in sorted(sources.glob("*.ipynb")):
        source = _read(path)
        run = _read(executed / path.name) if (executed / path.name).is_file() else source
        if _list_cells(run) != _list_cells(source):
            run = source
        _drop_noise(run)
        resources = {"output_files_dir": f"{path.stem}-files", "unique_key": "output"}
        text, made = exporter.from_notebook_node(run, resources=resources)
        text = _UNNAMED.sub("![What the cell above draws](", text)
        heading, _, rest = text.lstrip().partition("\n")
        note = "" if run is not source else _NOT_RUN
        page = f"{heading}\n\n{_DOWNLOAD.format(name=path.name)}{note}{rest}"
        yield f"{FOLDER}/{path.stem}.md", page
        for name, data in made["outputs"].items():
            yield f"{FOLDER}/{name}", data


def _read(path: Path) -> Any:  # noqa: ANN401 — nbformat has no types
    return nbformat.read(path, as_version=4)


def _list_cells(notebook: Any) -> list[tuple[str, str]]:  # noqa: ANN401
    return [(cell.cell_type, cell.source) for cell in notebook.cells]


def _drop_noise(notebook: Any) -> None:  # noqa: ANN401
    """Remove progress bars, and the cell that installs on Colab, from what readers see."""
    notebook.cells = [cell for cell in notebook.cells if "google.colab" not in cell.source]
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type == "stream":
                output.text = _BAR.sub("", output.text)
        if "outputs" in cell:
            cell.outputs = [each for each in cell.outputs if each.get("text", "-").strip()]
