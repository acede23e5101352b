"""The Python of docs/ runs, from page to page, on a small synthetic release.

Blocks with ``>>>`` must also print what stands below them. A block whose first line says that it
needs the Hub is not run here; that it names what exists, ``test_examples.py`` checks.
"""

from __future__ import annotations

import doctest
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.sources import ROOT

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

BLOCK = re.compile(r"^( *)```python\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
NEEDS_THE_HUB = "# needs the Hub"
PROGRAMS = {
    page.relative_to(ROOT).as_posix(): blocks
    for page in sorted((ROOT / "docs").rglob("*.md"))
    if (blocks := [block for _, block in BLOCK.findall(page.read_text("utf-8"))])
}


@pytest.fixture(scope="module")
def workplace(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages speak of: a run, two clips, and a folder of videos."""
    import thb

    folder = tmp_path_factory.mktemp("reader")
    run = folder / "runs" / "baseline"
    release: dict[str, Any] = {
        "release": tiny_release.hub,
        "real_root": tiny_release.real_root,
        "protocol": "p1",
    }
    thb.train("baseline", out=run, settings={"epochs": 1, "batch_size": 8}, **release)
    thb.evaluate(run, **release)
    clips = sorted((tiny_release.hub / "fake" / "Hallo").rglob("*.mp4"))
    shutil.copy(clips[0], folder / "clip.mp4")
    shutil.copy(clips[-1], folder / "other.mp4")
    shutil.copytree(tiny_release.real_root / "CelebV-HQ", folder / "VIDEOS")
    return folder


@pytest.fixture
def inside(workplace: Path) -> Iterator[None]:
    """Work in that folder."""
    before = Path.cwd()
    os.chdir(workplace)
    yield
    os.chdir(before)


@pytest.mark.usefixtures("inside")
@pytest.mark.parametrize("page", PROGRAMS)
def test_the_programs_of_a_page_run(page: str, tiny_release: MiniRelease) -> None:
    small = f"{str(tiny_release.hub)!r}, real_root={str(tiny_release.real_root)!r}"
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in PROGRAMS[page]:
        if block.startswith(NEEDS_THE_HUB):
            continue
        program = re.sub(r'"mini"(?=[,)])', lambda _: small, block)
        if program.lstrip().startswith(">>>"):
            run_doctest(program, names, page)
        else:
            exec(compile(program, page, "exec"), names)  # noqa: S102 — our own pages


def run_doctest(text: str, names: dict[str, Any], page: str) -> None:
    """Run the examples of a block in the names of its page, and keep what they define."""
    test = doctest.DocTestParser().get_doctest(text, names, page, page, 0)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    failed, tried = runner.run(test, clear_globs=False)
    assert tried
    assert not failed
    names.update(test.globs)


def test_the_pages_hold_programs() -> None:
    assert {"docs/quickstart.md", "docs/concepts/metric.md", "docs/formats.md"} <= set(PROGRAMS)
