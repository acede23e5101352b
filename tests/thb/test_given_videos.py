"""The words by which people name videos on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from thb.commands.given_videos import find_videos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.mp4", "a.MOV", "notes.txt", "[x].webm"):
        (tmp_path / name).touch()
    (tmp_path / "inner").mkdir()
    return tmp_path


def test_a_folder_stands_for_the_videos_in_it(folder: Path) -> None:
    found = [path.name for path in find_videos([str(folder)])]
    assert found == ["[x].webm", "a.MOV", "b.mp4"]
    assert find_videos([f"{folder}/inner"]) == [folder / "inner"], "its row says that it is one"


def test_a_pattern_stands_for_what_fits_it_and_a_name_for_itself(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_videos([f"{folder}/*.mp4", f"{folder}/no.mp4"]) == [
        folder / "b.mp4",
        folder / "no.mp4",
    ]
    assert find_videos([f"{folder}/[x].webm"]) == [folder / "[x].webm"], "a file of that very name"
    monkeypatch.setenv("HOME", str(folder))
    assert find_videos(["~/b.mp4"]) == [folder / "b.mp4"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("", "empty name"),
        ("-", "standard input"),
        ("https://example.com/clip.mp4", "https://example.com/clip.mp4 is a web address"),
        ("{folder}/*.mkv", "no file fits"),
    ],
)
def test_what_cannot_name_a_video_is_told_at_once(folder: Path, word: str, said: str) -> None:
    with pytest.raises(typer.BadParameter) as refused:
        find_videos([word.format(folder=folder)])
    assert said in str(refused.value)
