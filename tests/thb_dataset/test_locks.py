"""Folders in use: one writer at a time, and no lock that outlives its process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from thb_dataset.errors import THBError
from thb_dataset.files import DRAFT_PREFIX, lock_folder, workshop_prefix, write_whole

HOLD = """
import sys, time
from pathlib import Path
from thb_dataset.files import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(60)
"""


def test_a_folder_in_use_names_the_process_and_a_kill_frees_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(run)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        says = rf"in use by process {holder.pid} .*--out"
        with pytest.raises(THBError, match=says), lock_folder(run):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    with lock_folder(run):
        assert not run.exists()  # a lock makes no folder
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_a_folder_in_use_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "link").symlink_to("run")
    link = lock_folder(tmp_path / "link")
    with lock_folder(tmp_path / "run"), pytest.raises(THBError, match="in use"), link:
        pass


def test_what_a_killed_process_left_is_cleared(tmp_path: Path) -> None:
    run, other = tmp_path / "run", tmp_path / "run-hallo"
    for folder in (run, other):
        folder.mkdir()
        (tmp_path / f"{workshop_prefix(folder)}abcd1234" / "draft").mkdir(parents=True)
    old, new = run / f"{DRAFT_PREFIX}1.json", run / f"{DRAFT_PREFIX}2.json"
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    with lock_folder(run):
        left = {path.name for path in tmp_path.iterdir() if path.name.startswith(".")}
    assert left == {".run.in-use", f"{workshop_prefix(other)}abcd1234"}
    assert [path.name for path in run.iterdir()] == [new.name]


def test_folders_that_were_being_written_are_cleared_too(tmp_path: Path) -> None:
    left = tmp_path / "run" / "checkpoint" / f"{DRAFT_PREFIX}abcd"
    (left / "epoch-00001").mkdir(parents=True)
    (left / "epoch-00001" / "weights.safetensors").touch()
    os.utime(left, (1, 1))
    with lock_folder(tmp_path / "run"):
        assert [*left.parent.iterdir()] == []


def test_writing_a_file_clears_what_a_killed_process_left_of_it(tmp_path: Path) -> None:
    old, new, other = (
        tmp_path / f"{DRAFT_PREFIX}{name}"
        for name in ("0000000a.a[1].mp4", "0000000b.a[1].mp4", "0000000c.a1.mp4")
    )
    for draft in (old, new, other):
        draft.touch()
    for draft in (old, other):
        os.utime(draft, (1, 1))
    with write_whole(tmp_path / "a[1].mp4") as draft:
        draft.touch()
    assert {path.name for path in tmp_path.iterdir()} == {"a[1].mp4", new.name, other.name}
