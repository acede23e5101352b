"""A published Space starts from its own files and answers, with the working copy hidden."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from detectors.registry import create_detector, find_detector_class, load_detector
from tests.support.loopback_hub import LoopbackHub
from tests.support.records import make_run_record
from tests.support.running_space import RunningSpace
from thb.prediction.calibration import THRESHOLDS_FILE, Calibration
from thb.prediction.calls import UNTRAINED_BANNER
from thb.publishing.checkout import find_space, list_files, pin_requirements
from thb.publishing.space import publish_space
from thb.runs.provenance import hash_weights
from thb.runs.record import ReleaseRecord
from thb.runtime.records import read_json, write_text
from thb_dataset.errors import DetectorError, ReleaseError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

REPO = "someone/a-space"
ROOT = Path(__file__).resolve().parents[2]
# With -I and -S, Python ignores the folder that it is started in and the working copy.
START = """
import runpy, sys
sys.argv[0] = "app.py"
sys.path[:0] = [FOLDER]
sys.path.append(LIBRARIES)
import thb, detectors, thb_dataset, metrics
for package in (thb, detectors, thb_dataset, metrics):
    assert package.__file__.startswith(FOLDER), package.__file__
assert thb.__version__
runpy.run_path(FOLDER + "/app.py", run_name="__main__")
"""
ASK = """
import json, sys
from gradio_client import Client, handle_file
client = Client(sys.argv[1], verbose=False)
record = client.predict(handle_file(sys.argv[2]), ["run"], "", api_name="/score")
print(json.dumps(record))
"""


RECORD = write_text(make_run_record(protocol="p3", fold="p3-hallo", held_out="Hallo")).encode()


def ask_to_publish(
    detector: str | Path, hub: LoopbackHub, home: Path
) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "thb", "publish", "space", "demo", "--repo", REPO]
    return subprocess.run(
        [*words, "--detector", str(detector), "--format", "json"],
        env=hub.environment(home),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def publish(detector: str | Path, hub: LoopbackHub, home: Path) -> Any:
    done = ask_to_publish(detector, hub, home)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A small detector that belongs to no protocol."""
    detector_class = find_detector_class("baseline")
    model = create_detector(detector_class, seed=3, config=detector_class.tiny)
    model.save_pretrained(tmp_path / "run")
    return tmp_path / "run"


def test_what_was_pushed_starts_and_gives_a_score(
    hub: LoopbackHub, run: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    made = publish(run, hub, tmp_path / "publisher")
    assert made["commit"] == hub.datasets[REPO].refs["main"]
    assert publish(run, hub, tmp_path / "publisher")["commit"] is None, "twice changes nothing"
    folder = tmp_path / "space"
    for path, data in hub.files(REPO).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        assert str(tmp_path).encode() not in data
    (tmp_path / "work").mkdir()
    places = {"FOLDER": str(folder), "LIBRARIES": sysconfig.get_path("purelib")}
    script = START
    for name, value in places.items():
        script = script.replace(name, repr(value))
    # An isolated Python ignores PYTHONUNBUFFERED, so it needs -u.
    words = [sys.executable, "-I", "-S", "-u", "-c", script]
    env = {**hub.environment(tmp_path / "home"), "TMPDIR": str(tmp_path / "work")}
    with RunningSpace(words, folder=folder, env=env, log=tmp_path / "log.txt") as space:
        record = ask(space.address, next((tiny_release.hub / "fake").rglob("*.mp4")))
    (judgement,) = record["judgements"]
    assert judgement["problem"] is None, space.log.read_text("utf-8")
    assert 0 <= judgement["prediction"]["score"] <= 1
    assert judgement["verdict"]["verdict"] == "none", "0.5 is not a threshold"
    assert not any((tmp_path / "work" / "thb-space-jobs").iterdir())


def ask(address: str, clip: Path) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", ASK, address, str(clip)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_dry_run_writes_all_and_older_files_go(
    hub: LoopbackHub, run: Path, tmp_path: Path
) -> None:
    made = publish_space("demo", repo=REPO, detectors=[str(run)], dry_run=tmp_path / "out")
    assert made.commit is None
    assert {"app.py", "README.md", "requirements.txt", "detectors.json"} <= set(made.files)
    assert any("has no threshold" in note for note in made.notes)
    with pytest.raises(ReleaseError, match="not empty"):
        publish_space("demo", repo=REPO, dry_run=tmp_path / "out")
    publish(run, hub, tmp_path / "publisher")
    hub.change(REPO, add={"thb/gone.py": b"", "examples/clip.mp4": b"theirs"})
    again = publish(run, hub, tmp_path / "publisher")
    assert again["deleted"] == ["thb/gone.py"]
    assert "examples/clip.mp4" in hub.files(REPO), "the publisher's own files stay"


def test_a_threshold_goes_along_and_stands_on_the_card(run: Path, tmp_path: Path) -> None:
    calibration = Calibration(
        target_fpr=0.01,
        threshold=0.731,
        n_real=200,
        false_alarms=2,
        n_fake=10,
        true_positive_rate=0.5,
        excluded={"real": {}, "fake": {}},
        release=ReleaseRecord(name="mine", revision="r"),
        fold="p1",
        split_by="release",
        weights_sha256=hash_weights(load_detector(run)),
        face_pack="embedded",
        precision="fp32",
        resolved=True,
    )
    (run / THRESHOLDS_FILE).write_text(write_text(calibration), "utf-8")
    made = publish_space("demo", repo=REPO, detectors=[str(run)], dry_run=tmp_path / "out")
    assert not any("threshold" in note for note in made.notes)
    (sent,) = (tmp_path / "out").rglob(THRESHOLDS_FILE)
    assert read_json(Calibration, sent.read_text("utf-8")) == calibration
    card = (sent.parent / "README.md").read_text("utf-8")
    assert str(calibration) in card
    assert "0.731" in card
    assert UNTRAINED_BANNER in card


def test_what_cannot_be_published_is_said(run: Path, tmp_path: Path) -> None:
    with pytest.raises(ReleaseError, match="not the name of a Space"):
        publish_space("demo", repo="no-owner")
    with pytest.raises(ReleaseError, match="only demo, leaderboard"):
        publish_space("demos", repo=REPO, dry_run=tmp_path / "a")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DetectorError, match="holds no detector"):
        publish_space(
            "demo", repo=REPO, detectors=[str(tmp_path / "empty")], dry_run=tmp_path / "b"
        )
    with pytest.raises(DetectorError, match="offered twice"):
        publish_space("demo", repo=REPO, detectors=[str(run), str(run)], dry_run=tmp_path / "c")


def test_a_hub_id_is_offered_if_the_hub_has_it(hub: LoopbackHub, tmp_path: Path) -> None:
    hub.create("someone/a-detector", {"run.json": RECORD})
    made = publish("someone/a-detector", hub, tmp_path / "publisher")
    (entry,) = json.loads(hub.files(REPO)["detectors.json"])
    assert entry == {
        "name": "a-detector",
        "protocol": "p3",
        "fold": "p3-hallo",
        "reference": "someone/a-detector",
    }
    assert "detectors on offer: 1" in made["notes"]
    refused = ask_to_publish("someone/mistyped", hub, tmp_path / "publisher")
    assert refused.returncode == 3
    assert "there is no model repo someone/mistyped" in refused.stderr


def test_only_tracked_files_of_a_checkout_are_published(tmp_path: Path) -> None:
    files = ("app.py", "inside/face.png", "inside/notes.txt", ".hidden", "inside/x.pyc")
    for name in files:
        (tmp_path / "package" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "package" / name).touch()

    def list_names() -> list[str]:
        return [str(path) for path in list_files(tmp_path / "package", checkout=tmp_path)]

    assert list_names() == ["app.py", "inside/face.png", "inside/notes.txt"], "no checkout"
    for words in (["init", "--quiet"], ["add", "package/app.py", "package/inside/face.png"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)  # noqa: S607
    assert list_names() == ["app.py", "inside/face.png"]
    (tmp_path / "package" / "app.py").unlink()
    assert list_names() == ["inside/face.png"], "tracked, but deleted in the working tree"
    (tmp_path / ".git" / "index").write_bytes(b"damaged")
    with pytest.raises(ReleaseError, match="git cannot list the files"):
        list_names()


def test_versions_are_exact_and_the_same_everywhere() -> None:
    pins = pin_requirements()
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins.splitlines())
    app = find_space("demo")
    assert (app / "requirements.txt").read_text("utf-8") == pins, "write pin_requirements() to it"
    head = yaml.safe_load((app / "README.md").read_text("utf-8").split("---")[1])
    assert f"gradio=={head['sdk_version']}" in pins.splitlines()
    assert len(head["short_description"]) <= 60, "the Hub accepts no more"
    older = pin_requirements(torch="2.11.0").splitlines()
    assert "torch==2.11.0" in older
    assert not any(line.startswith("torchvision") for line in older)
