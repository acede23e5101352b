"""A published detector loads by its id, with the package and without it, to the same logits."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml

from detectors.base import Detector
from detectors.listing import DETECTORS
from detectors.registry import create_detector, find_detector_class, load_detector
from tests.support.loopback_hub import LoopbackHub
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.evaluation.result import Result
from thb.exchange.eval_results import EVAL_RESULTS_FILE
from thb.prediction.inference import PredictSettings
from thb.prediction.predictions import read_predictions
from thb.publishing.detector import publish_detector
from thb.publishing.remote_code import bundle_code
from thb.training.settings import TrainOptions
from thb.training.train import train
from thb_dataset.errors import DetectorError, ReleaseError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

REPO = "someone/a-detector"

WITH_PACKAGE = """
import json, sys, torch
import detectors
detectors.register_detectors()
from transformers import AutoModelForVideoClassification
model = AutoModelForVideoClassification.from_pretrained(sys.argv[1])
assert type(model).__module__.startswith("detectors."), type(model)
"""
GUARD = Path(__file__).resolve().parents[2] / "detectors" / "torchvision_guard.py"
# The tests' environment may hold a torchvision that breaks transformers. It is made importable
# here, as everybody with such a torchvision has to do.
WITHOUT_PACKAGE = f"""
import importlib.util, json, runpy, sys
sys.path.append(sys.argv[2])
runpy.run_path({str(GUARD)!r})["make_torchvision_importable"]()
if importlib.util.find_spec("detectors") or importlib.util.find_spec("thb_dataset"):
    print(json.dumps("installed"))
    raise SystemExit
import torch
from transformers import AutoModelForVideoClassification
try:
    AutoModelForVideoClassification.from_pretrained(sys.argv[1], trust_remote_code=False)
except ValueError as error:
    assert "trust_remote_code" in str(error), error
else:
    raise SystemExit("it ran code without being asked to")
model = AutoModelForVideoClassification.from_pretrained(sys.argv[1], trust_remote_code=True)
assert type(model).__module__.startswith("transformers_modules."), type(model)
"""
ALL_WITHOUT_PACKAGE = (
    WITHOUT_PACKAGE.partition("try:")[0]
    + """
answers = []
for folder in sys.argv[3:]:
    model = AutoModelForVideoClassification.from_pretrained(folder, trust_remote_code=True)
    torch.manual_seed(0)
    spec = model.config.clip_spec
    pixels = torch.randn(2, spec.pictures, 3, spec.size, spec.size)
    with torch.inference_mode():
        answers.append(model.eval()(pixels).logits.tolist())
print(json.dumps(answers))
raise SystemExit
"""
)
LOGITS = """
torch.manual_seed(0)
spec = model.config.clip_spec
pixels = torch.randn(2, spec.pictures, 3, spec.size, spec.size)
with torch.inference_mode():
    print(json.dumps(model.eval()(pixels).logits.tolist()))
"""


def publish(run: Path, hub: LoopbackHub, home: Path, *more: str) -> Any:
    words = [sys.executable, "-m", "thb", "publish", "detector", str(run), "--repo", REPO]
    done = subprocess.run(
        [*words, *more, "--format", "json"],
        env=hub.environment(home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def ask_for_logits(
    script: str, hub: LoopbackHub, home: Path, *flags: str, more: Sequence[str] = ()
) -> Any:
    packages = sysconfig.get_path("purelib")
    done = subprocess.run(
        [sys.executable, *flags, "-c", script + LOGITS, REPO, packages, *more],
        env=hub.environment(home),
        cwd=Path("/") if "-I" in flags else Path.cwd(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_with_the_package_and_without_it(hub: LoopbackHub, tmp_path: Path) -> None:
    detector_class = find_detector_class("tall")
    model = create_detector(detector_class, seed=3, config=detector_class.tiny)
    model.save_pretrained(tmp_path / "run")
    made = publish(tmp_path / "run", hub, tmp_path / "publisher", "--weights-licence", "MIT")
    assert made["commit"] == hub.datasets[REPO].refs["main"]
    again = publish(tmp_path / "run", hub, tmp_path / "publisher", "--weights-licence", "MIT")
    assert again["commit"] is None, "publishing twice changes nothing"
    asked = publish(tmp_path / "run", hub, tmp_path / "publisher", "--create-pr")
    assert asked["pull_request"].endswith("/1"), "the card has another licence now"
    assert hub.datasets[REPO].refs["main"] == made["commit"]
    assert asked["changed"] == ["README.md", "config.json"]
    assert not [path for path in made["files"] if path.endswith((".bin", ".pt", ".pkl"))]

    expected = compute_logits(model)
    installed = ask_for_logits(WITH_PACKAGE, hub, tmp_path / "installed")
    assert installed == pytest.approx(expected, abs=1e-6)
    # -S ignores the file that makes the working copy importable, and -I ignores the folder.
    alone = ask_for_logits(WITHOUT_PACKAGE, hub, tmp_path / "alone", "-I", "-S")
    if alone == "installed":
        pytest.skip("the package is among the libraries and cannot be hidden")
    assert alone == installed


def compute_logits(model: Detector) -> list[float]:
    """Compute the logits as the processes do."""
    torch.manual_seed(0)
    spec = model.config.clip_spec
    pixels = torch.randn(2, spec.pictures, 3, spec.size, spec.size)
    with torch.inference_mode():
        logits: list[float] = model.eval()(pixels).logits.tolist()
    return logits


def test_code_of_every_detector_stands_alone(hub: LoopbackHub, tmp_path: Path) -> None:
    """Load all of them in one process without the package, from folders that a dry run wrote."""
    names, expected = sorted(DETECTORS), []
    for name in names:
        detector_class = find_detector_class(name)
        model = create_detector(detector_class, seed=3, config=detector_class.tiny)
        model.save_pretrained(tmp_path / name)
        publish_detector(tmp_path / name, repo=REPO, dry_run=tmp_path / "published" / name)
        expected.append(compute_logits(model))
        for file in (tmp_path / "published" / name).glob("*.py"):
            # Examples in docstrings may import what they like: nobody runs them there.
            assert not re.search(r"^\s*from (?:detectors|thb)", file.read_text("utf-8"), re.M)
    folders = [str(tmp_path / "published" / name) for name in names]
    alone = ask_for_logits(ALL_WITHOUT_PACKAGE, hub, tmp_path / "home", "-I", "-S", more=folders)
    if alone == "installed":
        pytest.skip("the package is among the libraries and cannot be hidden")
    for logits, wanted in zip(alone, expected, strict=True):
        assert logits == pytest.approx(wanted, rel=1e-5, abs=1e-6)


def test_what_cannot_be_published_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DetectorError, match="not the name of a repo"):
        publish_detector(tmp_path, repo="no-owner")
    with pytest.raises(DetectorError, match=r"there is no folder .*absent"):
        publish_detector(tmp_path / "absent", repo=REPO)
    (tmp_path / "published_oddly.py").write_text(
        "import detectors.base\n\n\nclass Odd(detectors.base.Detector):\n"
        "    model_type = 'test_published_oddly'\n    cam_layer = 'x'\n\n"
        "    def forward(self, pixel_values, labels=None):\n        return None\n\n"
        "    def cam_reshape(self, activations, frames):\n        return activations\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DetectorError, match=r"'import detectors\.base' cannot"):
        bundle_code(find_detector_class("published_oddly:Odd"))


@pytest.fixture(scope="module")
def evaluated(tiny_release: MiniRelease, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of one fold, trained briefly and evaluated."""
    run = tmp_path_factory.mktemp("evaluated") / "run"
    where: dict[str, Any] = {
        "protocol": "p3",
        "fold": "hallo",
        "release": tiny_release.hub,
        "real_root": tiny_release.real_root,
    }
    train(
        "baseline",
        **where,
        out=run,
        settings={"epochs": 1, "batch_size": 4},
        options=TrainOptions(config={"clip": {"frames": 2, "size": 32}}, progress=False),
    )
    scoring = PredictSettings(progress=False)
    evaluate(run, **where, settings=EvaluateSettings(n_bootstrap=0, scoring=scoring))
    return run


def test_the_card_has_the_runs_own_figures(evaluated: Path, tmp_path: Path) -> None:
    made = publish_detector(
        evaluated, repo=REPO, dry_run=tmp_path / "out", weights_licence="CC0-1.0"
    )
    assert (made.commit, made.folder) == (None, tmp_path / "out")
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    head = yaml.safe_load(card.split("---")[1])
    assert (head["license"], head["pipeline_tag"]) == ("cc0-1.0", "video-classification")
    result = Result.load(evaluated / "result-p3-hallo.json")
    (cell,) = [cell for cell in result.cells if cell.part == "test"]
    assert f"| {cell.generator} | test | {cell.n_fake} | {cell.n_real} |" in card
    assert f"{cell.measures['auc'].value:.3f} (" in card
    assert "SYNTHETIC" in card
    assert "datasets" not in head
    assert "base_model" not in head, "the Hub's leaderboards hide models that have one"
    for file in (tmp_path / "out").rglob("*"):
        assert not file.is_file() or str(tmp_path).encode() not in file.read_bytes()
        assert not file.is_file() or str(evaluated.parent).encode() not in file.read_bytes()
    assert EVAL_RESULTS_FILE not in made.files, "results of a synthetic release are entered nowhere"
    assert load_detector(tmp_path / "out").config.weights_licence == "CC0-1.0"
    assert (tmp_path / "out" / "history.svg").is_file()


def test_entries_are_of_these_weights_and_of_a_repo(evaluated: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    for file in evaluated.iterdir():
        if file.is_file():
            (run / file.name).write_bytes(file.read_bytes())
    file = run / "result-p3-hallo.json"
    content = json.loads(file.read_text("utf-8"))
    content["release"]["synthetic"] = False
    file.write_text(json.dumps(content), "utf-8")
    made = publish_detector(run, repo=REPO, dry_run=tmp_path / "a")
    assert EVAL_RESULTS_FILE not in made.files
    assert any("--dataset" in note for note in made.notes)
    with pytest.raises(ReleaseError, match="not empty"):
        publish_detector(run, repo=REPO, dry_run=tmp_path / "a")
    made = publish_detector(run, repo=REPO, dry_run=tmp_path / "b", dataset="someone/Benchmark")
    text = (tmp_path / "b" / EVAL_RESULTS_FILE).read_text("utf-8")
    entry, sharp = yaml.safe_load(text)
    (cell,) = [cell for cell in content["cells"] if cell["part"] == "test"]
    assert entry["dataset"] == {"id": "someone/Benchmark", "task_id": "p3_hallo"}
    assert entry["value"] == pytest.approx(cell["measures"]["auc"]["value"], abs=1e-6)
    assert sharp["dataset"]["task_id"] == "p3_hallo_t1"
    assert sharp["value"] == pytest.approx(cell["measures"]["t1"]["value"], abs=1e-6)
    assert f"n_real={cell['n_real']}" in sharp["notes"]
    content["runs"]["p3-hallo"]["detector"]["weights_sha256"] = "0" * 64
    file.write_text(json.dumps(content), "utf-8")
    other = publish_detector(run, repo=REPO, dry_run=tmp_path / "c", dataset="someone/Benchmark")
    assert EVAL_RESULTS_FILE not in other.files
    assert any("no result of these weights" in note for note in other.notes)


def test_a_published_detector_is_evaluated_by_its_id_and_on_its_own_fold_only(
    hub: LoopbackHub, evaluated: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    publish(evaluated, hub, tmp_path / "publisher")

    def ask(*words: str) -> subprocess.CompletedProcess[str]:
        where = ["--release", str(tiny_release.hub), "--real-root", str(tiny_release.real_root)]
        return subprocess.run(
            [sys.executable, "-m", "thb", "evaluate", REPO, *where, "--bootstrap", "0", *words],
            env=hub.environment(tmp_path / "user"),
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )

    refused = ask("--protocol", "p1")
    assert refused.returncode == 4
    assert "was trained for p3-hallo split by release, not for p1" in refused.stderr
    done = ask("--protocol", "p3", "--fold", "hallo")
    assert done.returncode == 0, done.stderr
    (theirs,) = tmp_path.rglob("predictions.parquet")
    scores = [
        {row.video_id: row.score for row in read_predictions(file).rows}
        for file in (theirs, evaluated / "p3-hallo" / "predictions.parquet")
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-6, nan_ok=True)
