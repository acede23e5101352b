"""The published leaderboard starts from its own files, without torch, and shows a repo's boards."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from detectors.registry import create_detector, find_detector_class
from tests.support.loopback_hub import LoopbackHub
from tests.support.made_boards import write_small_results
from tests.support.running_space import RunningSpace
from tests.support.sources import ROOT
from thb.boards.building import build_boards
from thb.publishing.checkout import BOARD_EXTRAS, find_space, pin_requirements
from thb.publishing.space import publish_space
from thb_dataset.errors import ReleaseError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

REPO, RESULTS = "someone/a-board", "someone/some-results"
# With -I and -S, Python ignores the folder that it is started in and the working copy.
START = """
import runpy, sys
sys.argv[0] = "app.py"
sys.path[:0] = [FOLDER]
sys.path.append(LIBRARIES)
for absent in ("torch", "torchvision", "transformers", "accelerate", "safetensors"):
    sys.modules[absent] = None
import thb
for package in (thb,):
    assert package.__file__.startswith(FOLDER), package.__file__
runpy.run_path(FOLDER + "/app.py", run_name="__main__")
"""
ABSENT = '("torch", "torchvision", "transformers", "accelerate", "safetensors")'
EXAMINE = """
import json, sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False)
record, report = client.predict([handle_file(sys.argv[2])], "p3", api_name="/detectability")
assert "What detectors catch" in open(report, encoding="utf-8").read()
print(json.dumps(record))
"""
ASK = """
import json, sys
from gradio_client import Client
client = Client(sys.argv[1], verbose=False)
print(json.dumps([client.predict(name, api_name="/board") for name in ("p3", "p9")]))
"""


def publish(hub: LoopbackHub, home: Path, *more: str) -> Any:
    words = [sys.executable, "-m", "thb", "publish", "space", "leaderboard", "--repo", REPO]
    done = subprocess.run(
        [*words, "--results", RESULTS, "--format", "json", *more],
        env=hub.environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_was_pushed_starts_and_shows_the_boards_of_the_hub(
    hub: LoopbackHub, tmp_path: Path
) -> None:
    root = write_small_results(tmp_path / "results")
    board = build_boards(root, out=root / "boards", n_bootstrap=50).detectors
    files = (path for path in root.rglob("*") if path.is_file())
    hub.create(RESULTS, {path.relative_to(root).as_posix(): path.read_bytes() for path in files})
    made = publish(hub, tmp_path / "publisher")
    assert made["commit"] == hub.datasets[REPO].refs["main"]
    assert publish(hub, tmp_path / "publisher")["commit"] is None, "twice changes nothing"
    folder = write_files(hub, tmp_path)
    assert json.loads((folder / "board.json").read_text("utf-8")) == {
        "results": RESULTS,
        "detectors": [],
    }
    assert not (folder / "detectors.json").exists()
    (tmp_path / "work").mkdir()
    script = START.replace("FOLDER", repr(str(folder)))
    script = script.replace("LIBRARIES", repr(sysconfig.get_path("purelib")))
    words = [sys.executable, "-I", "-S", "-u", "-c", script]
    env = {**hub.environment(tmp_path / "home"), "TMPDIR": str(tmp_path / "work")}
    with RunningSpace(words, folder=folder, env=env, log=tmp_path / "log.txt") as space:
        table, unknown = ask(space.address)
    log = (tmp_path / "log.txt").read_text("utf-8")
    assert [row["name"] for row in table["rows"]] == [
        row.name for row in board.protocols["p3"].rows
    ], log
    assert unknown["rows"] == []
    assert "p3" in unknown["problem"]
    assert "Traceback" not in log


def write_files(hub: LoopbackHub, place: Path) -> Path:
    """Write what was published into a folder; no path of the machine may be in it."""
    folder = place / "space"
    for path, data in hub.files(REPO).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        assert str(place).encode() not in data
    return folder


def ask(address: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", ASK, address], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_cannot_be_published_is_said(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="runs 4 detectors at most"):
        publish_space("leaderboard", repo=REPO, detectors=["gend"] * 5, dry_run=tmp_path / "a")
    with pytest.raises(ReleaseError, match="shows no boards"):
        publish_space("demo", repo=REPO, results=RESULTS, dry_run=tmp_path / "b")
    with pytest.raises(ReleaseError, match="not the name of a dataset repo"):
        publish_space("leaderboard", repo=REPO, results="../results", dry_run=tmp_path / "c")
    made = publish_space("leaderboard", repo=REPO, dry_run=tmp_path / "d")
    assert any("no results yet" in note for note in made.notes)


def test_its_versions_are_those_that_the_tests_run_with() -> None:
    pins = pin_requirements(extras=BOARD_EXTRAS)
    app = find_space("leaderboard")
    assert (app / "requirements.txt").read_text("utf-8") == pins, "write pin_requirements() to it"
    assert not any(line.startswith("torch") for line in pins.splitlines())
    head = yaml.safe_load((app / "README.md").read_text("utf-8").split("---")[1])
    assert f"gradio=={head['sdk_version']}" in pins.splitlines()
    assert len(head["short_description"]) <= 60, "the Hub accepts no more"


def test_with_a_detector_it_examines_new_fakes(
    hub: LoopbackHub, tmp_path: Path, tiny_release: MiniRelease
) -> None:
    kind = find_detector_class("baseline")
    own = create_detector(kind, seed=3, config=kind.tiny)
    own.config.untrained = False
    own.save_pretrained(tmp_path / "runs" / "mine")
    made = publish(hub, tmp_path / "publisher", "--detector", str(tmp_path / "runs" / "mine"))
    assert any("detectors on offer: 1" in note for note in made["notes"])
    assert any("has no threshold" in note for note in made["notes"])
    folder = write_files(hub, tmp_path)
    pins = (folder / "requirements.txt").read_text("utf-8").splitlines()
    assert {line.partition("==")[0] for line in pins} >= {"torch", "grad-cam", "matplotlib"}
    named = json.loads((folder / "board.json").read_text("utf-8"))["detectors"]
    assert named == ["weights/mine/own"]
    (tmp_path / "work").mkdir()
    script = START.replace("FOLDER", repr(str(folder))).replace(ABSENT, "()")
    script = script.replace("LIBRARIES", repr(sysconfig.get_path("purelib")))
    words = [sys.executable, "-I", "-S", "-u", "-c", script]
    env = {**hub.environment(tmp_path / "home"), "TMPDIR": str(tmp_path / "work")}
    fake = min((tiny_release.hub / "fake").rglob("*.mp4"))
    with RunningSpace(words, folder=folder, env=env, log=tmp_path / "log.txt") as space:
        done = subprocess.run(
            [sys.executable, "-c", EXAMINE, space.address, str(fake)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr + (tmp_path / "log.txt").read_text("utf-8")
    record = json.loads(done.stdout)
    (finding,) = record["findings"]
    assert set(finding["scores"]) == {fake.name}
    assert finding["detector"] == "mine/own"
    assert any("thb calibrate" in note for note in record["notes"])
