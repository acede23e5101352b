"""Publishing: one commit or one pull request, and nothing the second time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.hub_answers import RunClient
from tests.support.loopback_hub import LoopbackHub
from tests.support.small_release import small_release

REPO = "someone/TalkingHeadBench"


@pytest.fixture
def repo(hub: LoopbackHub) -> str:
    hub.create(REPO, small_release())
    return REPO


def index_of(hub: LoopbackHub, revision: str = "main") -> dict[str, bytes]:
    files = hub.files(REPO, revision)
    return {path: data for path, data in files.items() if path.startswith("index/")}


def test_one_commit_and_then_none(hub: LoopbackHub, repo: str, run_client: RunClient) -> None:
    videos = hub.datasets[REPO].refs["main"]
    first = run_client("publish", release=repo, repo=repo).result
    assert first["videos_commit"] == videos
    assert first["commit"] == hub.datasets[REPO].refs["main"] != videos
    assert len(hub.datasets[REPO].trees) == 2, "one commit"
    again = run_client("publish", release=repo, repo=repo).result
    assert again["commit"] is None
    assert (again["changed"], again["deleted"]) == ([], [])
    assert again["videos_commit"] == videos, "the index's own commit is not pointed at"
    assert len(hub.datasets[REPO].trees) == 2
    assert not hub.requested(".mp4"), "no video is downloaded"
    assert not any("upload" in line and ".mp4" in line for line in hub.requests)


def test_the_owners_terms_stay(hub: LoopbackHub, repo: str, run_client: RunClient) -> None:
    run_client("publish", release=repo, repo=repo)
    for term in (b"\nlicense: mit\n", b"\nextra_gated_prompt: Sign.\n"):
        assert term in hub.files(REPO)["README.md"]


def test_one_pull_request_and_then_none(hub: LoopbackHub, repo: str, run_client: RunClient) -> None:
    first = run_client("publish", release=repo, repo=repo, create_pr=True).result
    again = run_client("publish", release=repo, repo=repo, create_pr=True).result
    assert again["pull_request"] == first["pull_request"]
    assert again["commit"] is None
    assert len(hub.datasets[REPO].pulls) == 1
    hub.datasets[REPO].merge(1)
    merged = run_client("publish", release=repo, repo=repo, create_pr=True).result
    assert (merged["changed"], merged["commit"]) == ([], None)


def test_a_new_video_moves_the_index_and_stale_files_go(
    hub: LoopbackHub, repo: str, run_client: RunClient
) -> None:
    run_client("publish", release=repo, repo=repo)
    hub.change(REPO, add={"index/train/Hallo-9.parquet": b"left over", "note.txt": b"x"})
    kept = run_client("publish", release=repo, repo=repo).result
    assert kept["changed"] == []
    assert kept["deleted"] == ["index/train/Hallo-9.parquet"]
    head = hub.change(REPO, add={"fake/Hallo/test/20009--clip27_7--Hallo.mp4": b"new"})
    moved = run_client("publish", release=repo, repo=repo).result
    assert moved["videos_commit"] == head
    assert "index/test/Hallo.parquet" in moved["changed"]


def test_a_folder_is_published_where_its_videos_are(
    hub: LoopbackHub, repo: str, run_client: RunClient, tmp_path: Path
) -> None:
    folder = tmp_path / "release"
    for path, data in small_release().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    from_hub = run_client("publish", release=repo, repo=repo, dry_run=str(tmp_path / "a")).result
    assert from_hub["commit"] is None
    sent = run_client("publish", release=str(folder), repo=repo).result
    assert sent["files"] == from_hub["files"]
    written = {
        path.relative_to(tmp_path / "a").as_posix(): path.read_bytes()
        for path in (tmp_path / "a").rglob("*")
        if path.is_file()
    }
    live = hub.files(REPO)
    assert written == {path: live[path] for path in written}, "a dry run writes what is sent"
    assert set(written) == set(sent["files"])


def test_a_dry_run_needs_no_hub_where_the_place_is_given(
    repo: str, run_client: RunClient, tmp_path: Path, hub: LoopbackHub
) -> None:
    folder = tmp_path / "release"
    for path, data in small_release().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    source = str(folder)
    made = run_client(
        "publish", release=source, repo=repo, videos_at="main", dry_run=str(tmp_path / "out")
    )
    assert made.error is None, made.message
    assert not hub.requests
    kept = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    again = run_client(
        "publish", release=source, repo=repo, videos_at="main", dry_run=str(tmp_path / "out")
    )
    assert "is not empty: give a new folder" in again.message
    assert {path: path.read_bytes() for path in kept} == kept
    refused = run_client("publish", release=source, repo=repo, videos_at="main")
    assert "for a dry run" in refused.message
    pull = run_client(
        "publish", release=source, repo=repo, videos_at="refs/pr/1", dry_run=str(tmp_path / "out")
    )
    assert "a commit's 40 digits or main, not 'refs/pr/1'" in pull.message


def test_videos_that_are_not_in_the_repo_are_named(
    hub: LoopbackHub, repo: str, run_client: RunClient, tmp_path: Path
) -> None:
    folder = tmp_path / "release"
    for path, data in small_release().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    lost = next(path for path in small_release() if path.endswith(".mp4"))
    hub.change(REPO, drop=[lost])
    answer = run_client("publish", release=str(folder), repo=repo)
    assert answer.error == "ReleaseError"
    assert f"lacks 1 files of the release: {lost}" in answer.message
    assert "hf upload" in answer.message


def test_a_companion_repo_points_at_the_other_and_says_what_that_costs(
    hub: LoopbackHub, repo: str, run_client: RunClient
) -> None:
    hub.create("other/companion")
    made = run_client("publish", release=repo, repo="other/companion").result
    assert "viewer" in made["notes"][0]
    assert hub.datasets[REPO].refs["main"] == made["videos_commit"]
    loaded = run_client("load_configs", repo="other/companion", configs=["p3-hallo"])
    assert loaded.error is None, loaded.message


def test_a_card_that_lost_its_yaml_is_seen_and_repaired(
    hub: LoopbackHub, repo: str, run_client: RunClient
) -> None:
    run_client("publish", release=repo, repo=repo)
    card = hub.files(REPO)["README.md"]
    hub.change(REPO, add={"README.md": b"# Hello\n"})
    found = run_client("verify", release=repo).result["findings"]
    broken = [finding for finding in found if finding["kind"] == "card cannot be used"]
    assert "does not begin with YAML" in broken[0]["detail"]
    repaired = run_client("publish", release=repo, repo=repo).result
    assert repaired["changed"] == ["README.md"]
    assert hub.files(REPO)["README.md"].partition(b"configs:")[2] == card.partition(b"configs:")[2]


def test_eval_yaml_which_the_hub_may_refuse_is_left_out_unless_it_is_asked_for(
    hub: LoopbackHub, repo: str, run_client: RunClient
) -> None:
    hub.refuse_eval_yaml = True
    refused = run_client("publish", release=repo, repo=repo, with_eval=True)
    assert refused.error == "ReleaseError"
    assert "--with-eval" in refused.message
    assert len(hub.datasets[REPO].trees) == 1
    sent = run_client("publish", release=repo, repo=repo)
    assert sent.error is None, sent.message
    assert "eval.yaml" not in hub.files(REPO)
    hub.refuse_eval_yaml = False
    sent = run_client("publish", release=repo, repo=repo, with_eval=True)
    assert sent.result["changed"] == ["eval.yaml"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nobody/nothing", "there is no dataset repo nobody/nothing"),
        ("x", "not the name of a repo"),
    ],
)
def test_a_repo_that_is_not_there_is_named(
    repo: str, run_client: RunClient, name: str, says: str
) -> None:
    answer = run_client("publish", release=repo, repo=name)
    assert answer.error == "ReleaseError"
    assert says in answer.message


def test_a_refused_release_is_not_published(
    hub: LoopbackHub, repo: str, run_client: RunClient
) -> None:
    train = next(path for path in small_release() if path.startswith("fake/Hallo/train/"))
    hub.change(REPO, add={train.replace("/train/", "/test/"): b"twice"})
    answer = run_client("publish", release=repo, repo=repo)
    assert "two files, one video id" in answer.message
    assert not index_of(hub)
