"""``thb leak-check``, ``thb data split`` and ``thb cache``, on real clips with planted leaks."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import typer

from thb.commands.cache import parse_size

if TYPE_CHECKING:
    from tests.support.command_line import Run

FAKES = {
    "Hallo/train/02183--u0mh-e5qfFw_9--Hallo": "train",
    "Hallo/test/10001--aaaaaaaaaaa_1--Hallo": "test",
    "Hallo2/test/05091--KJZPwHVV-FQ_4--Hallo2": "test",
}
PLANTED = "Hallo/test/10001--aaaaaaaaaaa_1--Hallo"
LEAK = {"Hallo/02183--u0mh-e5qfFw_9--Hallo", "Hallo/10001--aaaaaaaaaaa_1--Hallo"}


@pytest.fixture(scope="module")
def leaky(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three fakes and two reals; a training fake is also a test fake under another name."""
    root = tmp_path_factory.mktemp("leaky")
    sample = test_data / "thb-sample"
    for name in FAKES:
        target = root / "hub" / "fake" / f"{name}.mp4"
        target.parent.mkdir(parents=True, exist_ok=True)
        source = "Hallo/train/02183--u0mh-e5qfFw_9--Hallo" if name == PLANTED else name
        shutil.copy(sample / "hub" / "fake" / f"{source}.mp4", target)
    reals = root / "reals" / "CelebV-HQ"
    reals.mkdir(parents=True)
    names = [path.name for path in sorted((sample / "real_videos" / "CelebV-HQ").glob("*.mp4"))[:2]]
    for name in names:
        shutil.copy(sample / "real_videos" / "CelebV-HQ" / name, reals / name)
    lists = root / "hub" / "real"
    lists.mkdir()
    blocks = {"Train": {"CelebV-HQ": names[:1]}, "Val": {}, "Test": {"CelebV-HQ": names[1:]}}
    (lists / "real_dataset_split.json").write_text(json.dumps(blocks))
    return root


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache of the module, so that every face is embedded once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def use_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THB_CACHE", str(cache))


def check(run_thb: Run, leaky: Path, *more: object) -> tuple[int, dict[str, Any]]:
    ended = run_thb(
        "leak-check", "--release", leaky / "hub", "--real-root", leaky / "reals",
        "--quiet", "--format", "json", *more,
    )  # fmt: skip
    record = json.loads(ended.out)
    (report,) = record["folds"].values()
    return ended.code, report | {"known_people": record["known_people"]}


def test_the_planted_leak_is_a_finding(run_thb: Run, leaky: Path, tmp_path: Path) -> None:
    page = tmp_path / "made" / "sheet.html"
    code, report = check(run_thb, leaky, "--html", page)
    assert code == 1
    assert [{pair["a"], pair["b"]} for pair in report["pairs"]] == [LEAK]
    assert report["pairs"][0]["similarity"] > 0.99
    assert report["videos"] == {"test": 3, "train": 2}
    assert report["counts"]["leak"] == 1
    assert report["unread"] == {}
    assert report["known_people"] is None
    assert page.read_text().count("data:image/jpeg") == 2


def test_the_text_says_the_same(run_thb: Run, leaky: Path) -> None:
    ended = run_thb(
        "leak-check", "--release", leaky / "hub", "--real-root", leaky / "reals", "--quiet"
    )
    assert ended.code == 1
    assert "1 pairs: possibly the same person under different names." in ended.out
    assert all(name in ended.out for name in LEAK)


def test_the_pairs_fit_a_terminal_of_80_columns(
    run_thb: Run, leaky: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ended = run_thb(
        "leak-check", "--release", leaky / "hub", "--real-root", leaky / "reals", "--quiet"
    )
    table = [line for line in ended.out.splitlines() if line.startswith(" ")]
    assert max(map(len, table)) <= 80
    assert all(any(name in line for line in table) for name in LEAK), "whole, on lines of their own"


def test_the_middle_frame_and_a_threshold_can_be_chosen(run_thb: Run, leaky: Path) -> None:
    code, report = check(run_thb, leaky, "--measure", "middle", "--threshold", "0.6")
    assert (code, report["measure"], report["threshold"]) == (1, "middle", 0.6)


def test_a_protocol_is_compared_by_its_own_splits(run_thb: Run, leaky: Path) -> None:
    code, report = check(run_thb, leaky, "--protocol", "p3", "--fold", "p3-hallo2")
    assert (code, report["videos"]) == (0, {"test": 2, "train": 2}), "the leak is not in this fold"


def test_without_a_fold_every_fold_is_compared(run_thb: Run, leaky: Path, tmp_path: Path) -> None:
    fakes = leaky / "hub" / "fake"
    slugs = ["AniPortraitAudio", "AniPortraitVideo", "EmoPortrait", "Hallo", "Hallo2"]
    for place, generator in enumerate([*slugs, "LivePortrait"]):
        for split, name in (
            ("train", "Hallo2/test/05091--KJZPwHVV-FQ_4--Hallo2"),
            ("test", PLANTED),
        ):
            target = (
                tmp_path / "fake" / generator / split / f"{place:05d}--{split:a<11}_1--{generator}"
            )
            target.parent.mkdir(parents=True)
            shutil.copy(fakes / f"{name}.mp4", target.with_suffix(".mp4"))
    shutil.copy(
        fakes / "Hallo/train/02183--u0mh-e5qfFw_9--Hallo.mp4",
        tmp_path / "fake" / "Hallo" / "train" / "02183--u0mh-e5qfFw_9--Hallo.mp4",
    )
    shutil.copytree(leaky / "hub" / "real", tmp_path / "real")
    page = tmp_path / "sheet.html"
    words = ("leak-check", "--release", tmp_path, "--real-root", leaky / "reals", "--quiet")
    ended = run_thb(*words, "--protocol", "p3", "--html", page, "--format", "json")
    folds = json.loads(ended.out)["folds"]
    leaks = {name: report["counts"]["leak"] for name, report in folds.items()}
    assert ended.code == 1
    assert leaks.pop("p3-hallo") == 0, "its train fakes are held out, the leaking one too"
    assert list(leaks.values()) == [1] * 5
    assert page.read_text().count("<h2>p3-") == 6
    text = run_thb(*words, "--protocol", "p3").out
    assert all(f"{name}:\n" in text for name in folds)


def test_missing_reals_are_counted_not_compared(run_thb: Run, leaky: Path) -> None:
    ended = run_thb("leak-check", "--release", leaky / "hub", "--quiet", "--format", "json")
    report = json.loads(ended.out)["folds"]["release"]
    assert report["videos"] == {"test": 2, "train": 1}
    assert set(report["unread"].values()) == {"its file is missing"}
    text = run_thb("leak-check", "--release", leaky / "hub", "--quiet").out
    assert "not compared: 2 videos whose files are missing" in text


def test_known_people_give_the_false_alarm_rate(
    run_thb: Run, leaky: Path, test_data: Path, tmp_path: Path
) -> None:
    with (test_data / "faces" / "PROVENANCE.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["kind"] == "single"]
    for row in rows:
        folder = tmp_path / row["identity"]
        folder.mkdir(exist_ok=True)
        shutil.copy(test_data / "faces" / row["path"], folder)
    (tmp_path / "notes_1.txt").write_text("no picture")
    _, report = check(run_thb, leaky, "--people", tmp_path)
    known = report["known_people"]
    assert (known["same"], known["found"]) == (21, 21)
    assert (known["different"], known["false_alarms"], known["false_alarm_rate"]) == (357, 0, 0.0)
    assert known["flagged"] == []
    assert known["most_different"] < known["suggested"] < known["least_same"]


def test_a_picture_under_the_wrong_name_is_named(
    run_thb: Run, leaky: Path, test_data: Path, tmp_path: Path
) -> None:
    for name, wrong in (("id10_1", "ann_1"), ("id10_2", "ann_2"), ("id10_3", "bob_1")):
        shutil.copy(test_data / "faces" / f"{name}.jpg", tmp_path / f"{wrong}.jpg")
    ended = run_thb(
        "leak-check", "--release", leaky / "hub", "--real-root", leaky / "reals",
        "--people", tmp_path, "--quiet",
    )  # fmt: skip
    assert "2 of 2 pairs of two people flagged" in ended.out
    assert "flagged as one person: ann_1.jpg and bob_1.jpg" in ended.out


def test_a_folder_is_no_page(run_thb: Run, leaky: Path, tmp_path: Path) -> None:
    assert run_thb("leak-check", "--release", leaky / "hub", "--html", tmp_path).code == 2


def test_pictures_without_a_face_are_an_error(run_thb: Run, leaky: Path, tmp_path: Path) -> None:
    ended = run_thb("leak-check", "--release", leaky / "hub", "--people", tmp_path, "--quiet")
    assert ended.code == 3
    assert "shows a face" in ended.err


def test_a_split_keeps_the_planted_person_together(run_thb: Run, leaky: Path) -> None:
    ended = run_thb(
        "data", "split", leaky, "--ratios", 0.5, 0.25, 0.25, "--quiet", "--format", "json"
    )
    plan = json.loads(ended.out)
    assert ended.code == 0
    homes = {
        plan["assignments"][f"hub/fake/{name}.mp4"]
        for name in (PLANTED, "Hallo/train/02183--u0mh-e5qfFw_9--Hallo")
    }
    assert len(homes) == 1
    assert len(plan["assignments"]) == 5
    again = run_thb("data", "split", leaky, "--ratios", 0.5, 0.25, 0.25, "--quiet")
    lines = [line.split("\t") for line in again.out.splitlines()]
    assert {name: split for split, name, *_ in lines if split != "none"} == plan["assignments"]


def test_a_split_names_what_it_cannot_place(
    run_thb: Run, leaky: Path, test_data: Path, tmp_path: Path
) -> None:
    shutil.copy(next((leaky / "reals").rglob("*.mp4")), tmp_path / "a.mp4")
    shutil.copy(test_data / "bad" / "black.mp4", tmp_path / "b.mp4")
    ended = run_thb("data", "split", tmp_path, "--quiet", "--format", "json")
    plan = json.loads(ended.out)
    assert ended.code == 1
    assert list(plan["assignments"]) == ["a.mp4"]
    assert "NoFaceError" in plan["unread"]["b.mp4"]


def test_a_split_accounts_for_every_file(run_thb: Run, leaky: Path, tmp_path: Path) -> None:
    folder = tmp_path / "videos"
    video = next(leaky.rglob("*.mp4"))
    for name in ("one.mp4", "two.TS", "notes.txt", ".hidden"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(video.read_bytes())
    (folder / "empty.mov").touch()
    (folder / "dead.mp4").symlink_to("/nosuch")
    (folder / "elsewhere").symlink_to(leaky)
    plan = json.loads(run_thb("data", "split", folder, "--quiet", "--format", "json").out)
    assert set(plan["assignments"]) == {"one.mp4", "two.TS"}
    assert "a link to a file that does not exist" in plan["unread"]["dead.mp4"]
    assert "an empty file" in plan["unread"]["empty.mov"]
    assert plan["ignored"] == [".hidden", "elsewhere", "notes.txt"]
    text = run_thb("data", "split", folder, "--quiet").out
    assert "none\tnotes.txt\tnot a video" in text


@pytest.mark.parametrize("empty", [True, False])
def test_a_split_of_nothing_is_an_error(run_thb: Run, tmp_path: Path, empty: bool) -> None:
    folder = tmp_path if empty else tmp_path / "absent"
    ended = run_thb("data", "split", folder, "--quiet")
    assert ended.code == 3
    assert ("there is no video in" if empty else "there is no folder") in ended.err


def test_the_cache_is_counted_and_pruned(run_thb: Run, cache: Path) -> None:
    entry = cache / "clips" / "crops" / "ab" / f"{'ab' * 32}.npz"
    entry.parent.mkdir(parents=True, exist_ok=True)
    np.savez(entry, x=np.zeros(10_000))
    before = json.loads(run_thb("cache", "info", "--format", "json").out)
    assert before["entries"] >= 1
    assert before["bytes"] >= 80_000
    assert str(cache / "clips") in run_thb("cache", "info").out
    same = json.loads(run_thb("cache", "prune", "--max-size", "1G", "--format", "json").out)
    assert same["entries"] == before["entries"]
    words = ("cache", "prune", "--max-size", "0", "--format", "json")
    tried = run_thb(*words, "--dry-run")
    assert json.loads(tried.out)["entries"] == 0, "what would be left"
    assert f"dry run: {before['entries']} entries" in tried.err
    assert json.loads(run_thb("cache", "info", "--format", "json").out) == before
    after = json.loads(run_thb(*words).out)
    assert (after["entries"], after["bytes"]) == (0, 0)
    assert run_thb("cache", "prune", "--max-size", "much").code == 2


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500M", 500 * 2**20), ("1.5 GiB", 3 * 2**29), ("20g", 20 * 2**30), ("7kb", 7168)],
)
def test_sizes_are_read(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "-1", "1P", "G", "1e3", "NaN"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_size(text)
