"""Every config on the card, loaded by `datasets` alone, holds what the protocols say."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.support.full_size import full_size_text
from tests.support.hub_answers import RunClient
from tests.support.hub_clients import digest
from tests.support.loopback_hub import LoopbackHub
from thb_dataset.mini.plan import MiniSize, make_plan
from thb_dataset.protocols import PAPER_PROTOCOLS, build_folds
from thb_dataset.records import TRAINING_GENERATORS, Label, Video
from thb_dataset.release.scan import Release, make_release, read_release

REPO = "someone/TalkingHeadBench"
LIST = "real/real_dataset_split.json"


def made_of(paths: list[str], text: str) -> tuple[Release, dict[str, bytes]]:
    files = dict.fromkeys(paths, b"") | {LIST: text.encode()}
    release = make_release(root=Path(), name="x", revision=None, paths=files, split_text=text)
    return release, files


def full_size() -> tuple[Release, dict[str, bytes]]:
    return made_of(*full_size_text())


def mini() -> tuple[Release, dict[str, bytes]]:
    plan = make_plan(0, MiniSize())
    clips = [path for clip in plan.clips for path in (clip.path, clip.audio) if path]
    paths = [path.removeprefix("hub/") for path in clips if path.startswith("hub/")]
    return made_of(paths, json.dumps(plan.split_list))


def sample(folder: Path) -> tuple[Release, dict[str, bytes]]:
    root = folder / "thb-sample" / "hub"
    paths = (path for path in root.rglob("*") if path.is_file())
    files = {path.relative_to(root).as_posix(): path for path in paths}
    return read_release(root), {
        name: path.read_bytes() if name == LIST else b"" for name, path in files.items()
    }


@pytest.fixture(params=["mini", "sample", "full_size"])
def release(request: pytest.FixtureRequest) -> tuple[Release, dict[str, bytes]]:
    if request.param == "sample":
        return sample(request.getfixturevalue("test_data"))
    return mini() if request.param == "mini" else full_size()


def expected_row(video: Video, commit: str) -> dict[str, Any]:
    """Return a row by its definition, independently of the code under test."""
    base = f"hf://datasets/{REPO}@{commit}/"
    return {
        "video_id": video.video_id,
        "video": base + video.path if video.label is Label.FAKE else None,
        "audio": base + video.audio if video.audio else None,
        "label": 1 if video.label is Label.FAKE else 0,
        "generator": video.generator and str(video.generator),
        "portrait": video.portrait,
        "driver": video.driver,
        "real_dataset": video.real_dataset and str(video.real_dataset),
        "release_split": str(video.release_split),
        "path": video.path,
    }


def expected_configs(videos: tuple[Video, ...], commit: str) -> dict[str, dict[str, Any]]:
    """Return what every config should hold, from build_folds alone."""

    def describe(rows: tuple[Video, ...]) -> dict[str, Any]:
        return {"rows": len(rows), "digest": digest(expected_row(row, commit) for row in rows)}

    configs: dict[str, dict[str, Any]] = {}
    for protocol in PAPER_PROTOCOLS:
        umbrella: dict[str, Any] = {}
        for fold in build_folds(videos, protocol):
            splits = {"train": fold.train, "validation": fold.validation, "test": fold.test}
            plain = {name: describe(rows) for name, rows in splits.items()}
            for name, found in plain.items():
                umbrella[f"{name}.{fold.name.partition('-')[2]}"] = found
            if fold.extra:
                plain["extra"] = umbrella["extra"] = describe(fold.extra)
            configs[fold.name] = plain
        if protocol.is_folded:
            configs[protocol.value] = umbrella
    return configs


def test_every_config_is_what_the_protocols_say(
    release: tuple[Release, dict[str, bytes]], hub: LoopbackHub, run_client: RunClient
) -> None:
    read, files = release
    commit = hub.create(REPO, files)
    published = run_client("publish", release=REPO, repo=REPO)
    assert published.error is None, published.message
    loaded = run_client("load_configs", repo=REPO).result
    expected = expected_configs(read.videos, commit)
    assert set(loaded["configs"]) == set(expected)
    assert len(expected) == 3 + 2 * len(TRAINING_GENERATORS)
    for config, splits in expected.items():
        assert loaded["configs"][config] == splits, config
    assert loaded["default"] == expected["p1"]
    assert not hub.requested(".mp4")
    assert not hub.requested(".wav")
    check_index(hub, read.videos)


def check_index(hub: LoopbackHub, videos: tuple[Video, ...]) -> None:
    """No row is stored twice or left out, and there are 23 tables."""
    tables = {path: data for path, data in hub.files(REPO).items() if path.endswith(".parquet")}
    ids: Counter[str] = Counter()
    for data in tables.values():
        table = pq.read_table(io.BytesIO(data))
        ids.update(table["video_id"].to_pylist())
        for row in table["video"].to_pylist() + table["audio"].to_pylist():
            assert row is None or row["bytes"] is None
    assert ids == Counter(video.video_id for video in videos)
    names = {re.sub(r"-\d+(?=\.parquet)", "", path.removeprefix("index/")) for path in tables}
    six = [str(generator) for generator in TRAINING_GENERATORS]
    wanted = {
        f"{split}/{name}.parquet"
        for split in ("train", "validation", "test")
        for name in (*six, "real")
    }
    assert {name.replace("MAGI.parquet", "MAGI-1.parquet") for name in names} == wanted | {
        "test/MAGI-1.parquet",
        "test/Hallo3.parquet",
    }


def test_columns_have_the_types_of_the_issue(hub: LoopbackHub, run_client: RunClient) -> None:
    hub.create(REPO, mini()[1])
    run_client("publish", release=REPO, repo=REPO)
    features = run_client("load_configs", repo=REPO, configs=["p1"]).result["features"]
    assert list(features) == [
        "video_id",
        "video",
        "audio",
        "label",
        "generator",
        "portrait",
        "driver",
        "real_dataset",
        "release_split",
        "path",
    ]
    assert features["label"] == "ClassLabel(names=['real', 'fake'])"
    assert features["video"].startswith("Video(")
    assert features["audio"].startswith("Audio(")


def test_a_config_streams_and_a_pull_request_loads(hub: LoopbackHub, run_client: RunClient) -> None:
    read, files = mini()
    hub.create(REPO, files)
    published = run_client("publish", release=REPO, repo=REPO, create_pr=True).result
    assert published["pull_request"].endswith("/discussions/1")
    assert "README.md" not in hub.files(REPO), "main is changed by its owner only"
    loaded = run_client(
        "load_configs", repo=REPO, configs=["p3-hallo"], revision="refs/pr/1"
    ).result
    (fold,) = build_folds(read.videos, "p3", held_out=TRAINING_GENERATORS[0])
    assert loaded["configs"]["p3-hallo"]["train"]["rows"] == len(fold.train)
    hub.datasets[REPO].merge(1)
    streamed = run_client("stream", repo=REPO, config="p3-hallo").result["ids"]
    assert streamed == {
        name: [video.video_id for video in rows] for name, rows in fold.splits.items()
    }


def test_a_published_video_decodes_straight_from_the_hub(
    hub: LoopbackHub, run_client: RunClient, test_data: Path
) -> None:
    hub.create_from_folder(REPO, test_data / "thb-sample" / "hub")
    run_client("publish", release=REPO, repo=REPO)
    answer = run_client("decode_over_http", repo=REPO, config="p3-hallo")
    assert answer.error is None, answer.message
    assert min(answer.result["size"]) > 0
    assert len(hub.requested(".mp4")) >= 1
