"""Weights in their authors' repo: fetched by name, checked, converted, and never more than that."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load, save

from scripts.drawn_weights import draw_state
from tests.support.hub_answers import RunClient
from tests.support.loopback_hub import LoopbackHub
from tests.support.sources import ROOT

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

REPO = "yermandy/GenD_CLIP_L_14"
OFFLINE = {"HF_HUB_OFFLINE": "1"}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Return the files of the repo with a small network of random weights."""
    golden = ROOT / "tests" / "detectors" / "golden" / "gend-clip-l-14.json"
    record = json.loads(golden.read_text("utf-8"))
    shapes = {key: tuple(shape) for key, (_, shape) in record["state"].items()}
    return {
        "config.json": json.dumps(record["settings"]).encode(),
        "model.safetensors": save(draw_state(shapes, record["seed"], record["gain"])),
        "modeling_gend.py": b"raise SystemExit('code of a stranger')",
    }


@pytest.fixture
def video(tiny_release: MiniRelease) -> str:
    return str(min(tiny_release.real_root.rglob("*.mp4")))


def score(answer: Any) -> float:
    return float(json.loads(answer.stdout)["videos"][0]["score"])


def test_by_name_and_by_repo_and_from_a_folder(
    hub: LoopbackHub, run_client: RunClient, files: dict[str, bytes], video: str, tmp_path: Path
) -> None:
    commit = hub.create(REPO, files)
    home = tmp_path / "home"
    scores = []
    for words, env in (("gend", {}), (REPO, {}), ("gend", OFFLINE)):
        arguments = ["predict", words, video, "--format", "json"]
        answer = run_client("command", home=home, env=env, arguments=arguments)
        assert answer.result == {"exit": 0}, answer.stderr
        scores.append(score(answer))
        told = f"downloading GenD on CLIP ViT-L/14: 0 MB from https://huggingface.co/{REPO} at"
        assert (told in answer.stderr) is (len(scores) == 1)
        assert "no verdict: the detector has no threshold" in answer.stderr
        run = json.loads(answer.stdout)["run"]["detector"]
        assert (run["name"], run["weights_licence"], run["untrained"]) == (REPO, "MIT", False)
    assert not hub.requested("modeling_gend")
    loads = [line for line in hub.requested("safetensors") if line.startswith("GET")]
    assert len(loads) == 1
    assert commit in loads[0]
    arguments = ["calibrate", "gend", "--reals", str(Path(video).parent), "-q"]
    answer = run_client("command", home=home, env=OFFLINE, arguments=arguments)
    assert answer.result == {"exit": 0}, answer.stderr
    arguments = ["predict", REPO, video, "--format", "json"]
    answer = run_client("command", home=home, env=OFFLINE, arguments=arguments)
    assert json.loads(answer.stdout)["videos"][0]["threshold"] is not None
    listed = run_client("command", home=home, env=OFFLINE, arguments=["detectors"]).stdout
    assert f"thb predict {REPO} VIDEO; they are on this machine" in listed
    assert "thb predict yermandy/GenD_PE_L VIDEO; fetched at the first use" in listed
    folder = tmp_path / "by-hand"
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    arguments = ["predict", str(folder), video, "--format", "json"]
    answer = run_client("command", env=OFFLINE, arguments=arguments)
    scores.append(score(answer))
    assert len(set(scores)) == 1
    (folder / "model.safetensors").unlink()
    answer = run_client("command", env=OFFLINE, arguments=arguments)
    assert "by-hand lacks model.safetensors: fetch it from the same repo" in answer.stderr


def test_without_the_hub_it_says_what_to_fetch(run_client: RunClient, video: str) -> None:
    answer = run_client("command", env=OFFLINE, arguments=["predict", "gend", video])
    assert answer.result == {"exit": 3}
    assert "(1,216 MB, licence MIT)" in answer.stderr
    assert f"hf download {REPO} config.json model.safetensors --local-dir" in answer.stderr


def test_files_that_somebody_fetched_into_the_cache_are_enough(
    hub: LoopbackHub, run_client: RunClient, files: dict[str, bytes], tmp_path: Path
) -> None:
    hub.create(REPO, files)
    home = tmp_path / "home"
    for name in files:
        run_client("read", home=home, repo=REPO, name=name)
    answer = run_client("fetch", home=home, env=OFFLINE, repo=REPO)
    assert (Path(answer.result["folder"]) / "conversion.json").is_file()


def test_a_later_download_must_be_the_first_one(
    hub: LoopbackHub, run_client: RunClient, files: dict[str, bytes], tmp_path: Path
) -> None:
    commit = hub.create(REPO, files)
    home = tmp_path / "home"
    first = Path(run_client("fetch", home=home, repo=REPO).result["folder"])
    record = first.parent / "yermandy--GenD_CLIP_L_14.json"
    kept = json.loads(record.read_text("utf-8"))
    assert kept["commit"] == commit
    other = {key: value + 1 for key, value in load(files["model.safetensors"]).items()}
    hub.change(REPO, add={"model.safetensors": save(other)})
    # The conversion and the download are lost; the recorded commit is fetched, not the newest.
    shutil.rmtree(first)
    shutil.rmtree(home / "hf" / "hub")
    again = run_client("fetch", home=home, repo=REPO)
    assert again.result == {"folder": str(first)}
    # Of a file that differs from the record nothing is downloaded.
    record.write_text(json.dumps({**kept, "model.safetensors": "0" * 64}))
    shutil.rmtree(home / "hf" / "hub")
    asked = len(hub.requested("safetensors"))
    refused = run_client("fetch", home=home, repo=REPO)
    assert refused.error == "DetectorError"
    assert "model.safetensors of yermandy/GenD_CLIP_L_14 has another sha256" in refused.message
    assert str(record) in refused.message
    assert len(hub.requested("safetensors")) == asked
    record.write_text("[")
    assert "is damaged" in run_client("fetch", home=home, repo=REPO).message


def test_files_in_the_cache_that_somebody_changed_are_refused(
    hub: LoopbackHub, run_client: RunClient, files: dict[str, bytes], tmp_path: Path
) -> None:
    hub.create(REPO, files)
    home = tmp_path / "home"
    first = Path(run_client("fetch", home=home, repo=REPO).result["folder"])
    shutil.rmtree(first)
    (weights,) = (home / "hf" / "hub").rglob("model.safetensors")
    other = {
        key: torch.zeros_like(value) for key, value in load(files["model.safetensors"]).items()
    }
    weights.resolve().write_bytes(save(other))
    refused = run_client("fetch", home=home, repo=REPO)
    assert "model.safetensors of yermandy/GenD_CLIP_L_14 has another sha256" in refused.message
    assert not first.exists()


def test_what_is_known_counts_more_than_the_first_download(
    hub: LoopbackHub, run_client: RunClient, files: dict[str, bytes]
) -> None:
    commit = hub.create(REPO, files)
    hub.change(REPO, add={"config.json": b"{}"})
    known = run_client("fetch", repo=REPO, commit=commit)
    assert known.error is None, known.message
    digest = {"model.safetensors": "1" * 64}
    refused = run_client("fetch", repo=REPO, commit=commit, sha256=digest)
    assert "has another sha256 than the known one" in refused.message


def test_pickles_are_not_read(
    hub: LoopbackHub, run_client: RunClient, files: dict[str, bytes], tmp_path: Path
) -> None:
    hub.create(REPO, {"config.json": files["config.json"], "pytorch_model.bin": b"pickle"})
    refused = run_client("fetch", repo=REPO)
    assert refused.error == "DetectorError"
    assert "holds no model.safetensors: nothing else is read" in refused.message
    assert not hub.requested(".bin")
    pickle = io.BytesIO()
    torch.save(load(files["model.safetensors"]), pickle)
    hub.create("yermandy/GenD_DINOv3_L", {**files, "model.safetensors": pickle.getvalue()})
    disguised = run_client("fetch", home=tmp_path, repo="yermandy/GenD_DINOv3_L")
    assert not list(tmp_path.rglob("yermandy--*.json")), "it is not recorded as the first download"
    assert "does not hold safetensors, so it is not read" in disguised.message
    missing = run_client("fetch", repo="yermandy/GenD_PE_L")
    assert "there is no model repo yermandy/GenD_PE_L" in missing.message
