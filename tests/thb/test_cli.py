"""The command line: data on stdout, errors in one line, and the small verbs."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import thb
from thb.runtime.console import exit_code_of, explain_error, run_command
from thb_dataset.errors import ReleaseError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease


def test_the_version_is_shown(run_thb: Run) -> None:
    ended = run_thb("--version")
    assert (ended.code, ended.out.strip()) == (0, f"talkingheadbench {thb.__version__}")


def test_no_command_is_help(run_thb: Run) -> None:
    ended = run_thb()
    assert ended.code == 2
    assert "evaluate" in ended.out + ended.err


def test_an_error_is_one_line_with_what_to_do_next(run_thb: Run) -> None:
    ended = run_thb("predict", "basline", "x.mp4")
    (line,) = ended.err.splitlines()
    assert line.startswith("error: no detector 'basline'")
    assert "did you mean baseline?" in line


def test_a_traceback_is_there_for_those_who_ask(
    run_thb: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THB_DEBUG", "1")
    ended = run_thb("predict", "basline", "x.mp4")
    assert ended.code == 4
    assert "Traceback" in ended.err
    assert "DetectorError" in ended.err


def test_a_bug_is_a_traceback_and_no_code_of_ours(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise RuntimeError("nobody foresaw this")

    with pytest.raises(SystemExit) as ended:
        run_command(fail)
    assert ended.value.code == 70
    assert "RuntimeError: nobody foresaw this" in capfd.readouterr().err


def test_a_full_disk_is_a_line(capfd: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/where")

    with pytest.raises(SystemExit) as ended:
        run_command(fail)
    assert ended.value.code == 3
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("error: No space left on device (/some/where)")


def test_an_interrupted_run_says_that_it_goes_on(capfd: pytest.CaptureFixture[str]) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        run_command(interrupt)
    assert ended.value.code == 130
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("interrupted: ")


def test_a_missing_extra_says_how_to_install_it() -> None:
    error = ModuleNotFoundError("No module named 'torch'", name="torch.nn")
    assert exit_code_of(error) == 4
    assert explain_error(error).endswith("pip install 'talkingheadbench[models]'")
    assert exit_code_of(ModuleNotFoundError("No module named 'x'", name="x")) == 70


@pytest.fixture
def no_filters() -> Iterator[None]:
    with warnings.catch_warnings():
        yield


@pytest.mark.usefixtures("no_filters")
def test_only_our_own_warnings_are_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def warn() -> None:
        for module in ("some.library", "thb.predict", "thbother"):
            warnings.warn_explicit(f"from {module}", UserWarning, "file.py", 1, module)

    with pytest.raises(SystemExit):
        run_command(warn)
    assert capfd.readouterr().err == "warning: from thb.predict\n"


def test_a_reader_that_leaves_is_no_error() -> None:
    command = [sys.executable, "-m", "thb", "env"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert running.stdout
    assert running.stderr
    running.stdout.close()
    with running.stderr:
        assert running.stderr.read() == b""
    assert running.wait() == 0


def test_env_names_all_that_moves_a_score(run_thb: Run) -> None:
    ended = run_thb("env", "--format", "json")
    assert ended.code == 0
    found = json.loads(ended.out)
    assert {"talkingheadbench", "torch", "transformers", "numpy", "av"} <= set(found["packages"])
    assert found["decoder"]["libavcodec"]
    assert found["devices"]["cpu_capability"]
    assert len(found["face_pack"]["sha256s"]) == 2
    assert found["folders"]["cache"] == os.environ["THB_CACHE"]
    assert found["hub"]["THB_HUB_SECONDS"] == 30
    assert "libavcodec" in run_thb("env").out


def test_env_survives_an_unusable_face_pack(run_thb: Run) -> None:
    ended = run_thb("env", "--format", "json", "--face-pack", "./nowhere")
    assert ended.code == 0
    assert "nowhere" in json.loads(ended.out)["face_pack"]["unusable"]


def test_the_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from thb.runtime.cache import cache_folder

    monkeypatch.setenv("THB_CACHE", str(tmp_path / "own"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "own"
    monkeypatch.delenv("THB_CACHE")
    assert cache_folder() == tmp_path / "xdg" / "thb"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder() == Path.home() / ".cache" / "thb"


def test_the_table_of_a_release_fits_a_terminal_of_80_columns(
    run_thb: Run, tiny_release: MiniRelease, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lines = run_thb("data", "verify", "--release", tiny_release.hub).out.splitlines()
    for name in ("AniPortraitAudio", "FaceForensics++"):
        (line,) = [line for line in lines if line.strip().startswith(f"{name} ")]
        assert len(line) <= 80


def test_data_verify(run_thb: Run, tiny_release: MiniRelease, tmp_path: Path) -> None:
    ended = run_thb("data", "verify", "--release", tiny_release.hub, "--format", "json")
    audit = json.loads(ended.out)
    assert ended.code == (0 if audit["sound"] else 1)
    text = run_thb("data", "verify", "--release", tiny_release.hub)
    assert text.code == ended.code
    assert "EmoPortrait" in text.out
    assert "real videos: not looked for (--real-root DIR names their folder)" in text.out
    reals = ("data", "verify", "--release", tiny_release.hub, "--real-root")
    whole = run_thb(*reals, tiny_release.real_root)
    assert whole.code == ended.code
    assert "real videos are there" in whole.out
    none = run_thb(*reals, tmp_path)
    assert none.code == 1
    assert f"put them at {tmp_path}/CelebV-HQ/" in none.out
    named = json.loads(run_thb(*reals, tmp_path, "--format", "json").out)["missing_reals"]
    assert len(named) == sum(row["total"] for row in audit["counts"][-2:])
    broken = tmp_path / "hub"
    (broken / "fake" / "Nobody" / "test").mkdir(parents=True)
    (broken / "fake" / "Nobody" / "test" / "00001--aaaaaaaaaaa_1--Nobody.mp4").touch()
    (broken / "real").mkdir()
    (broken / "real" / "real_dataset_split.json").write_text("{}")
    found = run_thb("data", "verify", "--release", broken)
    assert found.code == 1
    assert "unknown generator" in found.out


def test_errors_of_a_library_call_keep_their_type(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError):
        thb.evaluate(tmp_path, protocol="p1", release=tmp_path / "nowhere")
