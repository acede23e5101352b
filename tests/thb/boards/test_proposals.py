"""A proposed generator: its manifest names the clips by hash, and the board finds it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.made_boards import write_small_results
from thb.boards.building import build_boards
from thb.boards.proposals import make_proposal, write_proposal
from thb.preprocessing.settings import Preparation
from thb_dataset.errors import SettingsError, VideoDecodeError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease


@pytest.fixture
def clips(tiny_release: MiniRelease, tmp_path: Path) -> Path:
    folder = tmp_path / "clips"
    folder.mkdir()
    for file in sorted((tiny_release.hub / "fake").rglob("*.mp4"))[:2]:
        (folder / file.name).write_bytes(file.read_bytes())
    return folder


def test_a_manifest_names_every_clip_and_the_board_shows_it(clips: Path, tmp_path: Path) -> None:
    settings = Preparation(progress=False)
    links = {"code": "https://example.org/code"}
    record = make_proposal(clips, name="Newer Face", links=links, settings=settings)
    root = write_small_results(tmp_path / "results")
    file = write_proposal(record, root, repo="studio/newer", revision="v2")
    written = json.loads(file.read_text("utf-8"))
    assert {clip["name"]: (clip["sha256"], clip["bytes"]) for clip in written["clips"]} == {
        path.name: (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_size)
        for path in clips.iterdir()
    }
    assert all(clip["fps"] > 0 and clip["width"] > 0 for clip in written["clips"])
    board = build_boards(root, n_bootstrap=20).generators
    (row,) = (row for row in board.protocols["p3"].rows if row.name == "Newer Face")
    assert (row.part, row.link) == ("proposed", links["code"])
    with pytest.raises(SettingsError, match="never changes"):
        write_proposal(record, root, repo="studio/newer", revision="v2")


def test_what_cannot_be_proposed_is_named(clips: Path, tmp_path: Path) -> None:
    settings = Preparation(progress=False)
    with pytest.raises(SettingsError):
        make_proposal(clips, name="<b>", settings=settings)
    with pytest.raises(SettingsError):
        make_proposal(clips, name="x", links={"x": "javascript:1"}, settings=settings)
    record = make_proposal(clips, name="x", settings=settings)
    for repo, revision in (("../x", "v1"), ("o/n", "../v1"), ("o/n", "")):
        with pytest.raises(SettingsError):
            write_proposal(record, tmp_path, repo=repo, revision=revision)
    assert not (tmp_path / "generators").exists()
    (clips / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(VideoDecodeError, match=r"broken\.mp4 cannot be proposed"):
        make_proposal(clips, name="x", settings=settings)
