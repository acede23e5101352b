"""Run folders that two commands want at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from thb_dataset.files import lock_folder

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease


@pytest.mark.parametrize("verb", ["train", "evaluate", "explain-split"])
def test_a_run_folder_in_use_is_one_line(
    verb: str, untrained: Path, tiny_release: MiniRelease, tmp_path: Path, run_thb: Run
) -> None:
    out = tmp_path / "out"
    release = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root]
    with lock_folder(out / "p1"):
        ended = run_thb(verb, untrained, "--protocol", "p1", *release, "--out", out, "-q")
    assert ended.code == 3, ended.err
    (line,) = [line for line in ended.err.splitlines() if line.startswith("error")]
    assert f"{out / 'p1'} is in use by process" in line
    assert list(out.iterdir()) == []
    assert list(tmp_path.iterdir()) == [out]
