"""Table 4 from the data: the counts, the published ones, and the differences."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from tests.support.full_size import full_size_release
from thb.reports.statistics import ReleaseStatistics, count_release

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

PUBLISHED = {
    "Hallo": (303, 117),
    "Hallo2": (327, 105),
    "AniPortraitAudio": (396, 146),
    "AniPortraitVideo": (314, 108),
    "LivePortrait": (352, 177),
    "EmoPortrait": (381, 192),
    "MAGI-1": (0, 66),
    "Hallo3": (0, 10),
}


def write_release(folder: Path, *, left_out: int = 0, as_test: str = "") -> Path:
    """Write empty files in the place of the release's videos.

    Args:
        folder: The folder of the release.
        left_out: The number of train videos of Hallo that are missing.
        as_test: A generator whose validation videos the paper counts as test: 50 of its test
            videos lie in train instead.
    """
    paths, split_list = full_size_release()
    moved = 0
    for path in paths:
        if left_out and path.startswith("fake/Hallo/train/"):
            left_out -= 1
            continue
        if moved < 50 and as_test and path.startswith(f"fake/{as_test}/test/"):
            file = folder / path.replace("/test/", "/train/")
            moved += 1
        else:
            file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (folder / "real" / "real_dataset_split.json").write_text(json.dumps(split_list))
    return folder


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> ReleaseStatistics:
    return count_release(write_release(tmp_path_factory.mktemp("whole")))


def test_a_whole_release_differs_in_nothing(whole: ReleaseStatistics) -> None:
    counts = {count.name: count for count in whole.counts}
    for name, (train, test) in PUBLISHED.items():
        count = counts[name]
        assert (count.published_train, count.published_test) == (train, test)
        assert count.validation == (50 if train else 0)
        differences = (count.train_difference, count.test_difference, count.total_difference)
        assert differences == (0, 0, 0), name
    assert (counts["all fakes"].total, counts["all fakes"].published_total) == (2994, 2994)
    assert (counts["all real videos"].total, counts["all real videos"].total_difference) == (
        2312,
        0,
    )
    assert counts["Hallo"].validation_as == "train"
    assert (counts["Hallo"].removed, counts["Hallo3"].removed) == (0.42, None)


def test_what_is_missing_is_a_difference(tmp_path: Path) -> None:
    counted = count_release(write_release(tmp_path, left_out=7, as_test="Hallo2"))
    counts = {count.name: count for count in counted.counts}
    hallo, hallo2, fakes = counts["Hallo"], counts["Hallo2"], counts["all fakes"]
    assert (hallo.train_difference, hallo.test_difference, hallo.total_difference) == (-7, 0, -7)
    assert (hallo2.validation_as, hallo2.train_difference, hallo2.test_difference) == ("test", 0, 0)
    assert (fakes.validation_as, fakes.train_difference, fakes.total_difference) == ("both", -7, -7)
    assert "−7" in counted.to_markdown()


def test_every_format_has_the_same_counts(whole: ReleaseStatistics) -> None:
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(whole.to_csv()))}
    written = {row["name"]: row for row in whole.to_dict()["counts"]}
    stream = io.StringIO()
    whole.print(Console(file=stream, width=120))
    texts = {
        "markdown": (whole.to_markdown(), "|"),
        "latex": (whole.to_latex().replace("\\\\", "").replace("\\%", "%"), "&"),
        "text": (stream.getvalue(), None),
    }
    for name, count in written.items():
        numbers = [count[key] for key in ("train", "validation", "test", "total")]
        assert [int(rows[name][key]) for key in ("train", "validation", "test", "total")] == numbers
        for text, mark in texts.values():
            lines = [line.strip(" |") for line in text.splitlines()]
            (line,) = [line for line in lines if line.startswith((f"{name} ", f"{name} {mark}"))]
            values = line.removeprefix(name).replace(mark or " ", " ").split()
            assert [int(value) for value in values[:4]] == numbers
            assert str(count["published_total"]) in values


def test_a_terminal_of_80_columns_is_wide_enough(whole: ReleaseStatistics) -> None:
    stream = io.StringIO()
    whole.print(Console(file=stream, width=80))
    table, _, _ = stream.getvalue().partition("A difference is")
    assert max(map(len, table.splitlines())) <= 80
    assert "2994" in table


def test_a_synthetic_release_is_compared_with_nothing(
    tiny_release: MiniRelease, run_thb: Run
) -> None:
    ended = run_thb("data", "statistics", "--release", tiny_release.hub, "--format", "json")
    counted = json.loads(ended.out)
    assert counted["synthetic"]
    assert {row["published_total"] for row in counted["counts"]} == {None}
    files = list((tiny_release.hub / "fake").rglob("*.mp4"))
    (fakes,) = [row for row in counted["counts"] if row["name"] == "all fakes"]
    assert fakes["total"] == len(files)
    for name in ("text", "markdown", "latex", "csv"):
        ended = run_thb("data", "statistics", "--release", tiny_release.hub, "--format", name)
        assert ended.code == 0
        assert "LivePortrait" in ended.out
