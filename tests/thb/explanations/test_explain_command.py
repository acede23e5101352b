"""``thb explain``, ``explain-split``, ``gallery``: files written, and mistakes refused early."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from thb.explanations.video_rows import read_explanations

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

pytestmark = pytest.mark.skipif(
    find_spec("pytorch_grad_cam") is None, reason="grad-cam is not installed"
)


@pytest.fixture
def clip(tiny_release: MiniRelease, tmp_path: Path) -> Path:
    """A video of the synthetic release in a folder of its own."""
    folder = tmp_path / "videos"
    folder.mkdir()
    first = min(tiny_release.hub.glob("fake/Hallo/test/*.mp4"))
    return Path(shutil.copy(first, folder / "clip.mp4"))


def test_one_video_gets_its_overlay_sheet_and_map(
    untrained: Path, clip: Path, tmp_path: Path, run_thb: Run
) -> None:
    overlay = tmp_path / "new" / "cam.mp4"
    ended = run_thb(
        "explain", untrained, clip, "--out", overlay, "--sweep-layers", "--format", "json", "-q"
    )
    assert ended.code == 0, ended.err
    (record,) = json.loads(ended.out)["videos"]
    files = [overlay, overlay.with_suffix(".png"), overlay.with_suffix(".npz")]
    files.append(overlay.with_name("cam-layers.png"))
    assert record["layer"] == "feature_map"
    assert record["zero"] == "mean of the video", "it has no threshold"
    assert record["files"] == [str(file) for file in files]
    assert sorted(overlay.parent.iterdir()) == sorted(files)
    assert sum(record["energy"].values()) == pytest.approx(1, abs=1e-6)
    scored = json.loads(run_thb("predict", untrained, clip, "--format", "json", "-q").out)
    assert record["score"] == pytest.approx(scored["videos"][0]["score"], abs=1e-6)


def test_videos_with_the_same_name_stay_apart_and_a_bad_one_gets_its_reason(
    untrained: Path, clip: Path, tmp_path: Path, run_thb: Run
) -> None:
    other = tmp_path / "other" / clip.name
    other.parent.mkdir()
    shutil.copy(clip, other)
    numbered = clip.with_stem("clip-2")
    shutil.copy(clip, numbered)
    bad = tmp_path / "bad.mp4"
    bad.write_text("no video")
    out = tmp_path / "out"
    ended = run_thb("explain", untrained, clip, numbered, other, bad, "--out", out, "-q")
    assert ended.code == 3
    assert {path.name for path in out.glob("*.mp4")} == {"clip.mp4", "clip-2.mp4", "clip-3.mp4"}
    assert f"{bad}: error (is not a video" in ended.out
    assert "1 of 4 videos could not be judged" in ended.err


@pytest.mark.parametrize("named", ["folder", "file"])
def test_no_video_is_written_over(untrained: Path, clip: Path, named: str, run_thb: Run) -> None:
    before = clip.read_bytes()
    place = clip.parent if named == "folder" else clip
    ended = run_thb("explain", untrained, clip, "--out", place)
    assert ended.code == 2
    assert clip.read_bytes() == before
    assert list(clip.parent.iterdir()) == [clip]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["explain", "baseline"], "Missing argument 'VIDEO'"),
        (["explain", "baseline", "a.mp4", "--fold", "hallo"], "--fold"),
        (["explain", "baseline", "a.mp4", "--format", "markdown"], "markdown"),
        (["explain", "baseline", "a.mp4", "b.mp4", "--out", "one.mp4"], "one.mp4"),
        (["explain", "baseline", "a.mp4", "--protocol", "p1"], "a.mp4"),
        (["explain", "baseline", "--gallery"], "--protocol"),
        (["explain-split", "baseline"], "--protocol"),
        (["explain-split", "baseline", "--protocol", "p1", "--fold", "hallo"], "--fold"),
        (["gallery", "baseline", "--protocol", "p1", "--format", "markdown"], "markdown"),
        (["gallery", "baseline", "--protocol", "all", "--out", "g.png"], "g.png"),
        (["explain", "baseline", "a.mp4", "--out", "cam.webm"], ".mp4, or a folder"),
        (["explain", "baseline", "a.mp4", "--out", "cam.GIF"], ".mp4, or a folder"),
        (["gallery", "baseline", "--protocol", "p1", "--out", "g.jpg"], ".png, or a folder"),
        (["explain-split", "baseline", "--protocol", "p1", "--out", "a.mp4"], "name a folder"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(
    words: list[str], message: str, run_thb: Run
) -> None:
    ended = run_thb(*words)
    assert ended.code == 2
    assert message in ended.err


def test_a_split_and_its_gallery(
    untrained: Path, tiny_release: MiniRelease, tmp_path: Path, run_thb: Run
) -> None:
    run = tmp_path / "run"
    shutil.copytree(untrained, run)
    where = ["--protocol", "p3", "--fold", "hallo", "--release", tiny_release.hub, "-q"]
    where += ["--real-root", tiny_release.real_root]
    few = ["--limit", 1, "--steps", 0]
    ended = run_thb("explain-split", run, *where, *few, "--overlays", "--format", "json")
    assert ended.code == 0, ended.err
    rows, _ = read_explanations(run / "p3-hallo" / "explanations.parquet")
    for row in rows:
        overlay = run / "p3-hallo" / "explanations" / f"{row.video_id}.mp4"
        assert all(overlay.with_suffix(end).is_file() for end in (".mp4", ".png", ".npz"))
    (done,) = json.loads(ended.out)["explanations"]
    assert {cell["generator"] for cell in done["cells"]} >= {"Hallo", "real"}
    assert rows
    table = run_thb("explain", run, *where, *few, "--format", "markdown")  # the old spelling
    assert table.out.strip() == (run / "explanations-p3-hallo.md").read_text().strip()
    drawn = run_thb("gallery", run, *where)
    assert drawn.code == 0, drawn.err
    sheet = Path(drawn.out.splitlines()[-1])
    assert sheet == run / "gallery-p3-hallo.png"
    with Image.open(sheet) as picture:
        picture.verify()
