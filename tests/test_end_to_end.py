"""The whole way by the commands that a user types: train, evaluate, score, predict."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from thb.cli import main
from thb.training.settings import TrainOptions
from thb.training.train import train

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

PROTOCOLS = ("p1", "p2", "p3")
FOLDS = {"p1": 1, "p2": 6, "p3": 6}
Ask = Callable[..., Any]


@pytest.fixture
def ask(capfd: pytest.CaptureFixture[str]) -> Ask:
    """Run ``thb … --format json`` in this process and return its data."""

    def run(*words: object, code: int = 0) -> Any:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, words), "--format", "json"])
        written = capfd.readouterr()
        assert ended.value.code == code, written.err
        return json.loads(written.out)

    return run


def train_by_command(ask: Ask, release: list[object], run: Path) -> None:
    trained = ask(
        *("train", "baseline", "--protocol", "all", *release, "--out", run),
        *("--epochs", "1", "--batch-size", "8"),
    )["folds"]
    assert len(trained) == sum(FOLDS.values())
    assert all((Path(fold["folder"]) / "model.safetensors").is_file() for fold in trained)


def evaluate_score_and_predict(ask: Ask, release: list[object], run: Path, video: Path) -> Any:
    """Evaluate every fold of every protocol, score again, predict; return the results."""
    evaluated = ask(
        *("evaluate", run, "--protocol", "all", *release, "--bootstrap", "20"),
    )["results"]
    assert [result["protocol"] for result in evaluated] == list(PROTOCOLS)
    for result in evaluated:
        assert len(result["runs"]) == FOLDS[result["protocol"]]
        for fold, made in result["runs"].items():
            assert made["trained_on"]["fold"] == made["fold"] == fold

    scored = ask("score", run, "--bootstrap", "20", *("--out", run / "again"))["results"]
    assert scored == evaluated
    assert sorted(path.name for path in (run / "again").iterdir()) == [
        f"result-{protocol}.json" for protocol in PROTOCOLS
    ]

    told = ask("predict", run / "p1", video)["videos"]
    assert [row["status"] for row in told] == ["ok"]
    assert [row["verdict"] in ("called fake", "not called fake", "none") for row in told] == [True]
    return evaluated


def test_on_the_synthetic_release(ask: Ask, tiny_release: MiniRelease, tmp_path: Path) -> None:
    release = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root]
    video = next(tiny_release.hub.glob("fake/Hallo/test/*.mp4"))
    train_by_command(ask, release, tmp_path / "run")
    results = evaluate_score_and_predict(ask, release, tmp_path / "run", video)
    assert all(result["release"]["synthetic"] for result in results)
    for result in results:
        test = [cell for cell in result["cells"] if cell["part"] == "test"]
        assert len({cell["generator"] for cell in test}) == 6
        assert all(set(cell["measures"]) == {"auc", "t1", "t01", "brier"} for cell in test)


@pytest.mark.timeout(900)
def test_on_real_clips(ask: Ask, test_data: Path, tmp_path: Path) -> None:
    """Every fold of the real sample, small: one epoch, two frames of 48 pixels a clip."""
    sample = test_data / "thb-sample"
    options = TrainOptions(config={"clip": {"frames": 2, "size": 48}}, progress=False)
    for protocol in PROTOCOLS:
        train(
            "baseline",
            protocol=protocol,
            release=sample / "hub",
            real_root=sample / "real_videos",
            out=tmp_path / "run",
            settings={"epochs": 1},
            options=options,
        )
    release = ["--release", sample / "hub", "--real-root", sample / "real_videos"]
    video = next((sample / "hub" / "fake" / "Hallo2" / "test").glob("*.mp4"))
    results = evaluate_score_and_predict(ask, release, tmp_path / "run", video)
    assert not any(result["release"]["synthetic"] for result in results)
    (p1, _, _) = results
    for cell in p1["cells"]:
        unscored = sum(cell["unscored"].values())
        assert cell["n_real"] + cell["n_fake"] + unscored >= 24
        assert unscored <= 3  # the walking woman of MAGI-1, and faces that turn away
