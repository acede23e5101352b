"""Caches that cannot be written, and users without a home."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.forked_python import THB
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips import disk_store

if TYPE_CHECKING:
    from tests.support.forked_python import RunPython
    from thb_dataset.mini.release import MiniRelease

HOMELESS = f"""
import pwd
def find_none(_):
    raise KeyError("no such user")
pwd.getpwuid = find_none
{THB}"""


@pytest.fixture
def video(tiny_release: MiniRelease) -> Path:
    return min(tiny_release.hub.glob("fake/*/test/*.mp4"))


def score(detector: Path, video: Path, store: Path) -> float:
    (row,) = predict(detector, video, settings=PredictSettings(progress=False, store=store)).rows
    assert row.score is not None, row
    return row.score


@pytest.fixture
def expected(untrained: Path, video: Path, tmp_path: Path) -> float:
    return score(untrained, video, tmp_path / "good")


def test_a_file_in_the_place_of_the_cache_costs_no_score(
    untrained: Path,
    video: Path,
    expected: float,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = tmp_path / "file"
    store.touch()
    assert score(untrained, video, store) == expected
    assert score(untrained, video, store) == expected
    (message,) = caplog.messages
    assert "THB_CACHE" in message
    assert str(store) in message


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_cache_that_refuses_costs_no_score(
    number: int,
    untrained: Path,
    video: Path,
    expected: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(path: Path) -> Any:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(disk_store, "write_whole", refuse)
    assert score(untrained, video, tmp_path / "store") == expected
    (message,) = caplog.messages
    assert os.strerror(number) in message


def test_a_cache_that_can_only_be_read_is_read(
    untrained: Path, video: Path, expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "utime", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    assert score(untrained, video, tmp_path / "good") == expected


@pytest.mark.parametrize("words", [["env"], ["cache", "info"]])
def test_a_user_without_a_home_is_told_and_goes_on(
    words: list[str], run_python: RunPython, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("HOME", "THB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    ended = run_python(HOMELESS, *words, folder=tmp_path)
    assert ended.code == 0, ended.err
    (line,) = ended.err.splitlines()
    assert line.startswith("warning: this user has no home folder")
    assert "THB_CACHE" in line
    assert list(tmp_path.iterdir()) == []  # no folder called ~


def test_the_mini_release_names_the_cache_that_it_cannot_use(
    untrained: Path, run_python: RunPython, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("THB_CACHE", str(tmp_path / "file"))
    words = ["evaluate", untrained, "--protocol", "p1", "--release", "mini", "--out", tmp_path]
    ended = run_python(THB, *words)
    assert ended.code == 3, ended.err
    assert "set THB_CACHE" in ended.err


def test_training_crops_go_to_a_temporary_folder_where_the_store_cannot_be_written(
    tmp_path: Path,
) -> None:
    from thb.training.memory import ClipMemory

    (tmp_path / "file").touch()
    memory = ClipMemory(1, ClipSpec(), tmp_path / "file", memory_bytes=0)
    assert memory.is_on_disk
    memory.close()
