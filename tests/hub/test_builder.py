"""The builder of loading_script.py, from a folder and from the Hub, plain and streaming."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_answers import RunClient
from tests.support.loopback_hub import LoopbackHub
from tests.support.sources import ROOT
from thb_dataset.hub.index import config_names, index_features
from thb_dataset.mini.release import MiniRelease
from thb_dataset.protocols import Fold, build_folds
from thb_dataset.records import Generator, Label
from thb_dataset.release.scan import read_release

REPO = "someone/TalkingHeadBench"


@pytest.fixture
def fold(tiny_release: MiniRelease) -> Fold:
    return build_folds(read_release(tiny_release.hub).videos, "p3", held_out=Generator.HALLO)[0]


@pytest.mark.parametrize("streaming", [False, True])
def test_a_folder_is_built_with_local_files(
    run_client: RunClient, tiny_release: MiniRelease, fold: Fold, streaming: bool
) -> None:
    options: dict[str, Any] = {
        "base_path": str(tiny_release.hub),
        "config": "p3-hallo",
        "real_root": str(tiny_release.real_root),
        "streaming": streaming,
    }
    answer = run_client("build", **options)
    assert answer.error is None, answer.message
    assert list(answer.result) == ["train", "validation", "test", "extra"]
    for split, videos in fold.splits.items():
        assert set(answer.result[split]) == {video.video_id for video in videos}
        for video in videos:
            path, sound = answer.result[split][video.video_id]
            assert Path(path).is_file()
            assert sound is None or Path(sound).is_file()


@pytest.mark.parametrize("streaming", [False, True])
def test_the_hub_is_built_with_hf_paths_and_no_video_is_asked_for(
    hub: LoopbackHub, run_client: RunClient, tiny_release: MiniRelease, fold: Fold, streaming: bool
) -> None:
    commit = hub.create_from_folder(REPO, tiny_release.hub)
    answer = run_client(
        "build", base_path=f"hf://datasets/{REPO}", config="p3-hallo", streaming=streaming
    )
    assert answer.error is None, answer.message
    for split, videos in fold.splits.items():
        for video in videos:
            path, sound = answer.result[split][video.video_id]
            place = f"hf://datasets/{REPO}@{commit}/"
            assert path == (place + video.path if video.label is Label.FAKE else None)
            assert sound == (place + video.audio if video.audio else None)
    assert not hub.requested(".mp4")


def test_rows_are_made_anew_when_the_real_videos_arrive(
    run_client: RunClient, tiny_release: MiniRelease, tmp_path: Path, fold: Fold
) -> None:
    reals = tmp_path / "reals"
    reals.mkdir()
    home = tmp_path / "home"
    options: dict[str, Any] = {
        "base_path": str(tiny_release.hub),
        "config": "p3-hallo",
        "real_root": str(reals),
    }
    real_id = next(video.video_id for video in fold.test if video.label is Label.REAL)
    before = run_client("build", home=home, **options).result
    assert before["test"][real_id][0] is None
    name = f"{real_id.rpartition('/')[2]}.mp4"
    (reals / name).write_bytes(next(tiny_release.real_root.rglob(name)).read_bytes())
    after = run_client("build", home=home, **options).result
    assert after["test"][real_id][0] == str(reals / name)


def test_the_script_builds_from_the_command_line(tiny_release: MiniRelease, tmp_path: Path) -> None:
    script = [sys.executable, str(ROOT / "loading_script.py")]
    done = subprocess.run(
        [*script, "p2", "--base-path", tiny_release.hub, "--cache-dir", tmp_path / "cache"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "test.emoportrait: " in done.stdout
    failed = subprocess.run(
        [*script, "--base-path", tmp_path], capture_output=True, text=True, check=False
    )
    assert failed.returncode == 3
    assert "is not a release" in failed.stderr


def test_what_is_built_has_the_very_types_of_what_is_published(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    from loading_script import TalkingHeadBench

    builder = TalkingHeadBench(base_path=tiny_release.hub, cache_dir=str(tmp_path))
    assert builder.info.features == index_features(), "otherwise no table can be joined to another"


def test_the_builder_has_every_config_and_its_own_fields() -> None:
    from loading_script import TalkingHeadBench, TalkingHeadBenchConfig

    assert tuple(TalkingHeadBench.builder_configs) == config_names()
    assert TalkingHeadBench.DEFAULT_CONFIG_NAME == "p1"
    assert TalkingHeadBenchConfig(name="p1", real_root="~/real").real_root == "~/real"
