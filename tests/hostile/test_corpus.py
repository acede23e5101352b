"""At least 500 hostile files: the parent survives, and each gives frames or a named error."""

from __future__ import annotations

import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.support.hostile_corpus import MAKERS, make_endless_edits, make_small_giants
from tests.support.video_files import read_number
from tests.support.workshop import Workshop, open_workshop
from thb_dataset.clips.spectrogram import MELS, RATE_HZ, draw_spectrogram
from thb_dataset.errors import VideoError, VideoTimeoutError, VideoTooLargeError
from thb_dataset.video.painter import FULL_HD_PIXELS, MANY_BYTES
from thb_dataset.video.reader import FramePolicy, Frames, Limits, VideoReader

SEED = "talking heads"
LIMITS = Limits(
    max_pixels=4096 * 2304,
    open_seconds=5.0,
    wall_seconds=10.0,
    cpu_seconds=9,
    address_space_bytes=1 << 30,
)
EIGHT = FramePolicy(frames=8)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A server that must not be called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def reader() -> Iterator[VideoReader]:
    with VideoReader(LIMITS) as reader:
        yield reader


def open_shop(folder: Path, server: socket.socket, kind: str) -> Workshop:
    url = f"http://127.0.0.1:{server.getsockname()[1]}/x.mp4"
    return open_workshop(folder, url, f"{SEED} {kind}")


def test_there_are_enough() -> None:
    assert sum(count for _, count in MAKERS.values()) >= 500


@pytest.mark.parametrize("kind", MAKERS)
def test_hostile_files_end_as_frames_or_named_errors(
    kind: str, tmp_path: Path, server: socket.socket, reader: VideoReader
) -> None:
    shop = open_shop(tmp_path, server, kind)
    maker, count = MAKERS[kind]
    outcomes: Counter[str] = Counter()
    paths = list(maker(shop))
    assert len(set(paths)) == len(paths) == count
    longest, peak_mib, parent_mib = 0.0, 0, parent_peak_mib()
    for path in paths:
        began = time.monotonic()
        outcomes[read(reader, path)] += 1
        longest = max(longest, time.monotonic() - began)
        hear(reader, path)
        if path.suffix == ".wav" and listen(reader, path):
            outcomes["sound"] += 1
        peak_mib = max(peak_mib, child_peak_mib(reader))
    assert parent_peak_mib() - parent_mib < 1024
    healthy = reader.read_frames(shop.victim, EIGHT)
    assert [read_number(picture) for picture in healthy.pixels] == healthy.index.tolist()
    with pytest.raises(BlockingIOError):
        server.accept()
    if kind in {"pointers", "links"}:
        assert set(outcomes) == {"VideoDecodeError"}
    if sys.platform.startswith("linux"):
        # No file above could exceed these limits.
        text = Path(f"/proc/{reader.child_pid}/limits").read_text()
        assert f"Max address space         {1 << 30}" in text
    print(  # noqa: T201 — for readers of the log
        f"{kind}: {count} files: {dict(outcomes)}; at most {longest:.1f} s, child {peak_mib} MiB"
    )


def child_peak_mib(reader: VideoReader) -> int:
    """Return the peak resident memory of the child; 0 without a child or outside Linux."""
    status = Path(f"/proc/{reader.child_pid}/status")
    if not status.is_file():
        return 0
    lines = status.read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024


def read(reader: VideoReader, path: Path) -> str:
    """Return the outcome of reading frames: ``frames`` or the name of the error."""
    try:
        frames = reader.read_frames(path, EIGHT)
    except VideoError as error:
        check_message(error, path)
        died = "died" in str(error)
        return f"{type(error).__name__}{' (child died)' if died else ''}"
    check_frames(frames)
    return "frames"


def hear(reader: VideoReader, path: Path) -> None:
    try:
        audio = reader.read_audio(path, 16_000)
    except VideoError as error:
        check_message(error, path)
        return
    if audio is not None:
        assert audio.samples.ndim == 1
        assert audio.seconds <= LIMITS.max_seconds + 60


def listen(reader: VideoReader, path: Path) -> bool:
    """Read a file as the sound beside a video, draw it, and say whether it was sound."""
    began = time.monotonic()
    try:
        audio = reader.read_wav(path, RATE_HZ)
    except VideoError as error:
        check_message(error, path)
        return False
    finally:
        assert time.monotonic() - began < LIMITS.wall_seconds + 2
    assert audio is not None
    assert audio.seconds <= LIMITS.max_seconds + 1
    return len(draw_spectrogram(audio.samples)) == MELS


def parent_peak_mib() -> int:
    """Return the peak resident memory of this process."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit >> 20


def check_message(error: VideoError, path: Path) -> None:
    assert str(error).startswith(f"{path}: ")
    assert "\n" not in str(error)
    assert len(str(error)) < len(str(path)) + 400


def check_frames(frames: Frames) -> None:
    count, height, width, channels = frames.pixels.shape
    assert (count, channels) == (len(frames.index), 3)
    assert height * width <= frames.info.height * frames.info.width
    assert frames.pixels.nbytes <= max(MANY_BYTES, 3 * count * FULL_HD_PIXELS)
    assert frames.info.height * frames.info.width <= LIMITS.max_pixels
    assert (np.diff(frames.index) > 0).all()
    assert (np.diff(frames.seconds) > 0).all()
    assert frames.index[-1] < frames.total_frames <= LIMITS.max_frames
    assert np.isfinite(frames.seconds).all()


def test_declared_excess_is_refused_before_decoding(
    tmp_path: Path, server: socket.socket, reader: VideoReader
) -> None:
    pictures, times = tmp_path / "pictures", tmp_path / "times"
    for folder, kind in ((pictures, "huge_pictures"), (times, "absurd_times")):
        folder.mkdir()
        list(MAKERS[kind][0](open_shop(folder, server, kind)))
    for name in ("both_65500x65500.mov", "both_4096x2305.mov", "honest_4096x2400.mkv"):
        with pytest.raises(VideoError, match=f"{LIMITS.max_pixels} pixels"):
            reader.read_frames(pictures / name, FramePolicy(frames=1))
    for name in ("gap_3600.mkv", "gap_3600.mov"):
        with pytest.raises(VideoTooLargeError, match=r"length of 39600\.0 s.*max_seconds"):
            reader.read_frames(times / name, FramePolicy(frames=1))


def test_a_file_that_takes_long_to_open_is_given_up(
    tmp_path: Path, server: socket.socket, reader: VideoReader
) -> None:
    shop = open_shop(tmp_path, server, "endless_edits")
    path = next(iter(make_endless_edits(shop)))
    with VideoReader(Limits(open_seconds=0.02)) as hasty:
        for read in (hasty.probe, lambda path: hasty.read_frames(path, EIGHT)):
            with pytest.raises(VideoTimeoutError, match=r"was not opened within 0\.02 s"):
                read(path)
    with pytest.raises(VideoTooLargeError, match=r"108001 packets or more .* index"):
        reader.read_frames(path, EIGHT)


MEMORY = """
import sys, threading
from pathlib import Path
from thb_dataset.video.reader import FramePolicy, VideoReader
kept, readers = [], [VideoReader(), VideoReader()]
def read(reader):
    kept.append(reader.read_frames(sys.argv[1], FramePolicy(frames=37)))
threads = [threading.Thread(target=read, args=(reader,)) for reader in readers]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(len(kept))
for pid in ("self", *(reader.child_pid for reader in readers)):
    status = Path(f"/proc/{pid}/status").read_text()
    print(int(status.partition("VmHWM:")[2].split()[0]) >> 10)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_small_files_of_giant_pictures_cost_parent_and_children_less_than_a_gibibyte(
    tmp_path: Path, server: socket.socket
) -> None:
    path = next(iter(make_small_giants(open_shop(tmp_path, server, "small_giants"))))
    assert path.stat().st_size < 60_000
    command = [sys.executable, "-c", MEMORY, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    kept, *mib = map(int, done.stdout.split())
    assert kept == 2
    assert len(mib) == 3
    assert max(mib) < 1024


def test_the_same_seed_makes_the_same_files(tmp_path: Path, server: socket.socket) -> None:
    made = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        paths = MAKERS["flipped"][0](open_shop(folder, server, "flipped"))
        made.append({path.name: path.read_bytes() for path in paths})
    assert made[0] == made[1]
