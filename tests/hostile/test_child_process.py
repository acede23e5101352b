"""The child process obeys its limits, its deaths become named errors, and it never outlives us."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.video_files import number_picture, read_number, write_numbered, write_repeated
from thb_dataset.errors import (
    THBError,
    VideoDecodeError,
    VideoError,
    VideoTimeoutError,
    VideoTooLargeError,
)
from thb_dataset.video.child import VideoChild
from thb_dataset.video.reader import FramePolicy, Limits, VideoReader

pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="looks at the child through /proc"
)
EIGHT = FramePolicy(frames=8)


@pytest.fixture
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_numbered(tmp_path_factory.mktemp("clips") / "clip.mp4", 20)


@pytest.fixture(scope="module")
def slow_clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A video of Full HD noise, which takes seconds to decode and is quickly written."""
    noise = np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), np.uint8)
    path = write_repeated(tmp_path_factory.mktemp("clips") / "slow.mov", noise, 200)
    yield path
    path.unlink()  # 150 MB


def child_of(reader: VideoReader) -> int:
    assert reader.child_pid is not None
    return reader.child_pid


def is_running(pid: int) -> bool:
    try:
        return stat_fields(pid)[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_it_decodes(pid: int, before: int) -> None:
    """Wait until a child has used more processor time than it had; pytest's limit ends it."""
    while used_ticks(pid) <= before:
        time.sleep(0.01)


def wait_until_it_ends(pid: int) -> None:
    try:
        ended = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    select.select([ended], [], [])
    os.close(ended)


def stat_fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()


def read_limits(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/limits").read_text().splitlines()[1:]
    return {line[:26].strip(): line[26:].split()[0] for line in lines}


def test_the_limits_are_in_force(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    with VideoReader(Limits(address_space_bytes=700 << 20, cpu_seconds=7)) as reader:
        reader.probe(clip)
        pid = child_of(reader)
        limits = read_limits(pid)
        assert limits["Max address space"] == str(700 << 20)
        assert limits["Max core file size"] == limits["Max file size"] == "0"
        assert 7 <= int(limits["Max cpu time"]) <= 10
        assert int(limits["Max open files"]) <= 64
        assert os.getsid(pid) == os.getpgid(pid) == pid
        assert b"HF_TOKEN" not in Path(f"/proc/{pid}/environ").read_bytes()
        assert Path(f"/proc/{pid}/cwd").readlink() == Path("/")
        fields = Path(f"/proc/{pid}/status").read_text().split()
        assert int(fields[fields.index("Threads:") + 1]) <= 2


def test_processor_time_is_renewed_for_each_video(clip: Path) -> None:
    with VideoReader(Limits(cpu_seconds=5)) as reader:
        reader.probe(clip)
        pid = child_of(reader)
        before = int(read_limits(pid)["Max cpu time"])
        for _ in range(60):
            reader.read_frames(clip, EIGHT)
        used = used_ticks(pid) / os.sysconf("SC_CLK_TCK")
        assert int(read_limits(pid)["Max cpu time"]) == pytest.approx(used + 5.5, abs=1.5)
        assert int(read_limits(pid)["Max cpu time"]) >= before
        assert child_of(reader) == pid


def test_too_much_processor_time_is_a_timeout(slow_clip: Path, clip: Path) -> None:
    with VideoReader(Limits(cpu_seconds=0)) as reader:
        with pytest.raises(VideoTimeoutError, match=r"0 s of processor time.*cpu_seconds"):
            reader.read_frames(slow_clip, EIGHT)
        assert reader.read_frames(clip, EIGHT).total_frames == 20


def test_too_much_time_is_a_timeout_and_the_child_is_ended(slow_clip: Path, clip: Path) -> None:
    with VideoReader() as reader:
        reader.probe(clip)
        pid = child_of(reader)
        reader.limits = Limits(wall_seconds=0.2)
        with pytest.raises(VideoTimeoutError, match=r"within 0\.2 s.*wall_seconds"):
            reader.read_frames(slow_clip, EIGHT)
        assert not is_running(pid)
        reader.limits = Limits()
        assert reader.read_frames(clip, EIGHT).total_frames == 20


def test_a_child_that_hangs_is_ended(clip: Path) -> None:
    with VideoReader() as reader:
        reader.probe(clip)
        pid = child_of(reader)
        reader.limits = Limits(wall_seconds=1.0)
        os.kill(pid, signal.SIGSTOP)
        with pytest.raises(VideoTimeoutError):
            reader.probe(clip)
        assert not is_running(pid)


def test_too_much_memory_is_refused_by_name(
    reader: VideoReader, slow_clip: Path, clip: Path
) -> None:
    reader.probe(clip)
    fields = Path(f"/proc/{child_of(reader)}/status").read_text().split()
    # Enough to start and to read a small video, but too little for a picture of Full HD.
    enough = int(fields[fields.index("VmSize:") + 1]) + 4096 << 10
    with VideoReader(Limits(address_space_bytes=enough)) as narrow:
        assert narrow.read_frames(clip, EIGHT).total_frames == 20
        with pytest.raises(VideoTooLargeError, match=r"MiB of memory.*address_space_bytes"):
            narrow.read_frames(slow_clip, EIGHT)
        assert narrow.read_frames(clip, EIGHT).total_frames == 20


def test_a_long_video_needs_no_more_memory_than_a_short_one(tmp_path: Path) -> None:
    def peak_kilobytes(frames: int) -> int:
        video = write_repeated(tmp_path / f"{frames}.mov", number_picture(5), frames)
        with VideoReader() as reader:
            assert reader.read_frames(video, EIGHT).total_frames == frames
            fields = Path(f"/proc/{child_of(reader)}/status").read_text().split()
        return int(fields[fields.index("VmHWM:") + 1])

    ten_minutes = peak_kilobytes(15_000)
    assert ten_minutes < 1 << 20
    assert ten_minutes - peak_kilobytes(100) < 32 << 10


@pytest.fixture
def kill(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Send a signal to the next children, each during its first request."""

    def prepare(number: int, children: int) -> None:
        request, pids = VideoChild.request, set[int]()

        def request_and_kill(child: VideoChild, message: dict[str, Any]) -> None:
            before = used_ticks(child.pid)
            request(child, message)
            if len(pids) < children and child.pid not in pids:
                wait_until_it_decodes(child.pid, before)
                os.kill(child.pid, number)
                pids.add(child.pid)

        monkeypatch.setattr(VideoChild, "request", request_and_kill)

    return prepare


def used_ticks(pid: int) -> int:
    return sum(map(int, stat_fields(pid)[11:13]))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_child_killed_from_outside_is_replaced_and_the_answer_right(
    number: int, reader: VideoReader, clip: Path, slow_clip: Path, kill: Callable[[int, int], None]
) -> None:
    reader.probe(clip)
    first = child_of(reader)
    kill(number, 1)
    frames = reader.read_frames(slow_clip, FramePolicy(frames=8, sampling="consecutive"))
    assert frames.index.tolist() == list(range(8))
    assert child_of(reader) != first


def test_a_child_killed_twice_is_an_error_and_the_next_video_works(
    reader: VideoReader, clip: Path, slow_clip: Path, kill: Callable[[int, int], None]
) -> None:
    kill(signal.SIGKILL, 2)
    with pytest.raises(VideoDecodeError, match="ended twice by SIGKILL"):
        reader.read_frames(slow_clip, EIGHT)
    assert reader.read_frames(clip, EIGHT).total_frames == 20


def test_a_child_killed_while_idle_is_replaced(reader: VideoReader, clip: Path) -> None:
    reader.probe(clip)
    first = child_of(reader)
    os.kill(first, signal.SIGKILL)
    assert reader.probe(clip).declared_frames == 20
    assert child_of(reader) != first


def test_a_child_that_crashes_names_the_file_and_the_signal(
    reader: VideoReader, clip: Path, slow_clip: Path, kill: Callable[[int, int], None]
) -> None:
    kill(signal.SIGSEGV, 1)
    with pytest.raises(VideoDecodeError, match=r"slow\.mov: the decoder crashed \(SIGSEGV\)"):
        reader.read_frames(slow_clip, EIGHT)
    assert reader.read_frames(clip, EIGHT).total_frames == 20


def test_closing_ends_the_child_and_the_reader_can_go_on(clip: Path) -> None:
    reader = VideoReader()
    reader.probe(clip)
    pid = child_of(reader)
    reader.close()
    reader.close()
    assert reader.child_pid is None
    assert not is_running(pid)
    with reader:
        assert reader.probe(clip).declared_frames == 20


def test_a_forgotten_reader_takes_its_child_along(clip: Path) -> None:
    reader = VideoReader()
    reader.probe(clip)
    pid = child_of(reader)
    del reader
    wait_until_it_ends(pid)


PARENT = """
import sys
from thb_dataset.video.reader import FramePolicy, VideoReader
reader = VideoReader()
reader.probe(sys.argv[1])
print(reader.child_pid, flush=True)
if len(sys.argv) > 2:
    reader.read_frames(sys.argv[2], FramePolicy(frames=8))
sys.stdin.read()
"""


@pytest.mark.parametrize("busy", [True, False])
def test_a_child_does_not_outlive_a_killed_parent(busy: bool, clip: Path, slow_clip: Path) -> None:
    command = [sys.executable, "-c", PARENT, str(clip), *([str(slow_clip)] if busy else [])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert is_running(child)
        if busy:
            before = used_ticks(child)
            wait_until_it_decodes(child, before + 5)
        parent.kill()
        parent.wait()
        wait_until_it_ends(child)


def _read_in_fork(reader: VideoReader, clip: str, numbers: Any) -> None:
    frames = reader.read_frames(clip, EIGHT)
    numbers.put((os.getpid(), reader.child_pid, [read_number(p) for p in frames.pixels]))
    reader.close()


def test_a_forked_process_gets_a_child_of_its_own(reader: VideoReader, clip: Path) -> None:
    reader.probe(clip)
    pid = child_of(reader)
    context = multiprocessing.get_context("fork")
    numbers = context.SimpleQueue()
    process = context.Process(target=_read_in_fork, args=(reader, str(clip), numbers))
    process.start()
    process.join()
    assert process.exitcode == 0
    _, other, seen = numbers.get()
    assert other != pid
    assert seen == EIGHT.choose(20).ravel().tolist()
    assert child_of(reader) == pid
    assert reader.probe(clip).declared_frames == 20


def test_readers_in_threads_do_not_disturb_each_other(clip: Path) -> None:
    def work(results: list[list[int]]) -> None:
        with VideoReader() as own:
            for _ in range(10):
                frames = own.read_frames(clip, EIGHT)
                results.append([read_number(p) for p in frames.pixels])

    results: list[list[int]] = []
    threads = [threading.Thread(target=work, args=(results,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [EIGHT.choose(20).ravel().tolist()] * 30


def test_an_interrupt_in_mid_answer_leaves_no_old_answer_behind(
    reader: VideoReader, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receive_into = VideoChild.receive_into

    def interrupt_in_the_middle(child: VideoChild, buffer: memoryview, deadline: float) -> None:
        pixels = buffer.cast("B")
        if len(pixels) < 64 * 64 * 3:  # a header, and not a picture
            receive_into(child, buffer, deadline)
            return
        receive_into(child, pixels[: len(pixels) // 2], deadline)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(VideoChild, "receive_into", interrupt_in_the_middle)
        with pytest.raises(KeyboardInterrupt):
            reader.read_frames(clip, EIGHT)
    frames = reader.read_frames(clip, EIGHT)
    assert [read_number(p) for p in frames.pixels] == frames.index.tolist()


def test_a_decoder_that_does_not_start_stops_the_run_with_its_words(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(THBError, match="does not start") as caught:
        VideoReader().probe(clip)
    assert not isinstance(caught.value, VideoError)
