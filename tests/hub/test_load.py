"""thb.load: local files from the Hub, from a folder and from the user's own real videos."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.hub_answers import RunClient
from tests.support.loopback_hub import LoopbackHub
from thb_dataset.mini.release import MiniRelease
from thb_dataset.protocols import build_folds
from thb_dataset.records import Generator, Label, Video
from thb_dataset.release.scan import read_release

REPO = "someone/TalkingHeadBench"


@pytest.fixture
def hub_folder(tiny_release: MiniRelease) -> Path:
    return tiny_release.hub


@pytest.fixture
def real_root(tiny_release: MiniRelease) -> Path:
    return tiny_release.real_root


@pytest.fixture
def repo(hub: LoopbackHub, hub_folder: Path) -> str:
    hub.create_from_folder(REPO, hub_folder)
    return REPO


def videos_of(folder: Path, *, fake: bool) -> dict[str, Video]:
    """The videos of p3-hallo's splits."""
    (fold,) = build_folds(read_release(folder).videos, "p3", held_out=Generator.HALLO)
    rows = [video for split in fold.splits.values() for video in split]
    return {v.video_id: v for v in rows if (v.label is Label.FAKE) is fake}


def flat(result: dict[str, dict[str, str | None]]) -> dict[str, str | None]:
    return {video_id: path for rows in result.values() for video_id, path in rows.items()}


def test_fakes_come_once_reals_are_joined_and_then_no_hub_is_needed(
    hub: LoopbackHub,
    repo: str,
    run_client: RunClient,
    hub_folder: Path,
    real_root: Path,
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    options: dict[str, Any] = {
        "protocol": "p3",
        "fold": "hallo",
        "release": repo,
        "real_root": str(real_root),
    }
    first = run_client("load", home=home, **options)
    assert first.error is None, first.message
    assert list(first.result) == ["train", "validation", "test", "extra"]
    rows = flat(first.result)
    fakes, reals = videos_of(hub_folder, fake=True), videos_of(hub_folder, fake=False)
    assert set(rows) == set(fakes) | set(reals)
    for video_id, video in fakes.items():
        assert Path(str(rows[video_id])).read_bytes() == (hub_folder / video.path).read_bytes()
    assert all(Path(str(rows[video_id])).is_file() for video_id in reals)
    got = [line for line in hub.requested(".mp4") if line.startswith("GET")]
    assert len(got) == len(set(got)) == len(fakes), "each fake once, and nothing else"
    assert "missing" not in first.stderr

    hub.requests.clear()
    again = run_client("load", home=home, **options)
    assert again.result == first.result
    assert not hub.requested(".mp4")
    hub.requests.clear()
    for env in ({"HF_HUB_OFFLINE": "1"}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        offline = run_client("load", home=home, env=env, **options)
        assert offline.error is None, offline.message
        assert offline.result == first.result
        assert "using commit" in offline.stderr
    assert not hub.requests

    workers = run_client("load_with_workers", home=home, env={"HF_HUB_OFFLINE": "1"}, **options)
    assert workers.error is None, workers.message
    assert set(workers.result["sizes"]) == set(first.result["train"])
    assert all(size > 0 for size in workers.result["sizes"].values())


def test_missing_reals_are_counted_named_and_refused_if_strict(
    repo: str, run_client: RunClient, hub_folder: Path, real_root: Path, tmp_path: Path
) -> None:
    reals = videos_of(hub_folder, fake=False)
    some = tmp_path / "reals"
    shutil.copytree(real_root, some)
    lost = sorted(name for name in reals if name.startswith("CelebV-HQ/"))[0]
    next(some.rglob(f"{lost.partition('/')[2]}.mp4")).unlink()
    options: dict[str, Any] = {"protocol": "p3-hallo", "release": repo, "real_root": str(some)}
    home = tmp_path / "home"
    answer = run_client("load", home=home, **options)
    assert answer.error is None, answer.message
    rows = flat(answer.result)
    assert [name for name, path in rows.items() if path is None] == [lost]
    assert f"1 of CelebV-HQ: {lost}.mp4; put them at {some}/CelebV-HQ/" in answer.stderr
    strict = run_client("load", home=home, strict=True, **options)
    assert strict.error == "ReleaseError"
    assert "1 of CelebV-HQ" in strict.message
    del options["real_root"]
    none = run_client("load", home=home, **options)
    assert f"of CelebV-HQ: {min(n for n in reals if n.startswith('Cel'))}" in none.stderr
    assert {name for name, path in flat(none.result).items() if path is None} == set(reals)


def test_a_damaged_download_is_taken_again_and_twice_is_an_error(
    hub: LoopbackHub, repo: str, run_client: RunClient, hub_folder: Path, tmp_path: Path
) -> None:
    path = next(iter(videos_of(hub_folder, fake=True).values())).path
    options: dict[str, Any] = {"protocol": "p3-hallo", "release": repo}
    hub.damaged[path] = 1
    answer = run_client("load", **options)
    assert answer.error is None, answer.message
    local = next(p for p in flat(answer.result).values() if p is not None and p.endswith(path))
    assert Path(local).read_bytes() == (hub_folder / path).read_bytes()
    hub.damaged[path] = 2
    home = tmp_path / "home"
    refused = run_client("load", home=home, **options)
    assert refused.error == "ReleaseError"
    assert f"{path} of {repo} was downloaded twice with a wrong checksum" in refused.message
    healed = run_client("load", home=home, **options)
    assert healed.error is None, healed.message


def test_a_download_that_broke_off_goes_on(
    hub: LoopbackHub, repo: str, run_client: RunClient, hub_folder: Path, tmp_path: Path
) -> None:
    fakes = videos_of(hub_folder, fake=True)
    path = sorted(video.path for video in fakes.values())[-1]
    home = tmp_path / "home"
    options: dict[str, Any] = {"protocol": "p3-hallo", "release": repo}
    hub.failing.add(path)
    broken = run_client("load", home=home, **options)
    assert broken.error == "ReleaseError"
    assert "500" in broken.message
    got = {line for line in hub.requested(".mp4") if line.startswith("GET") and path not in line}
    hub.requests.clear()
    hub.failing.clear()
    whole = run_client("load", home=home, **options)
    assert whole.error is None, whole.message
    again = {line for line in hub.requested(".mp4") if line.startswith("GET")}
    assert not got & again, "files in the cache are not requested again"
    assert len(got) + len(again) == len(fakes)


def test_a_folder_a_pull_request_and_a_mapping_of_real_folders(
    hub: LoopbackHub, run_client: RunClient, hub_folder: Path, real_root: Path
) -> None:
    hub.create_from_folder("luchaoqi/TalkingHeadBench", hub_folder)
    own = "luchaoqi/TalkingHeadBench"
    run_client("publish", release=own, repo=own, create_pr=True)
    reals = {name: str(real_root / name) for name in ("FaceForensics++", "CelebV-HQ")}
    local = run_client("load", protocol="p1", release=str(hub_folder), real_root=reals)
    assert local.error is None, local.message
    assert None not in flat(local.result).values()
    hub.requests.clear()
    pull = run_client("load", protocol="p1", release="refs/pr/1", real_root=reals)
    assert pull.error is None, pull.message
    assert {k: set(v) for k, v in pull.result.items()} == {
        k: set(v) for k, v in local.result.items()
    }
    assert any("refs/pr/1" in line for line in hub.requests)


def test_an_index_from_the_wheel_needs_no_listing_of_the_repo(
    hub: LoopbackHub, repo: str, run_client: RunClient, hub_folder: Path, tmp_path: Path
) -> None:
    own = tmp_path / "packaged" / repo.replace("/", "--")
    made = run_client("publish", release=repo, repo=repo, dry_run=str(own))
    assert made.error is None, made.message
    hub.requests.clear()
    options: dict[str, Any] = {"protocol": "p3-hallo", "release": repo}
    packaged: dict[str, Any] = {"packaged": str(own.parent)}
    answer = run_client("with_packaged", what="load", **packaged, **options)
    assert answer.error is None, answer.message
    assert answer.result.keys() == {"train", "validation", "test", "extra"}
    fakes = videos_of(hub_folder, fake=True)
    rows = flat(answer.result)
    assert all(Path(str(rows[video_id])).is_file() for video_id in fakes)
    assert not [line for line in hub.requests if "/tree/" in line or ".json" in line]
    # The packaged index says what was there; the audit and the next publication, what is there.
    hub.change(repo, drop=[next(iter(fakes.values())).path])
    audit = run_client("with_packaged", what="verify", **packaged, release=repo).result
    assert sum(row["total"] for row in audit["counts"]) == len(read_release(hub_folder).videos) - 1
