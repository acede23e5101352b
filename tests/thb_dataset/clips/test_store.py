"""The store reads nothing twice, keeps nothing half written, and mixes nothing up."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.store import ClipStore
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import ClipTooShortError, NoFaceError, VideoDecodeError
from thb_dataset.faces.packs import FacePack
from thb_dataset.faces.values import Face
from thb_dataset.files import DRAFT_PREFIX
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.values import Frames, VideoInfo

Picture = npt.NDArray[np.uint8]

INFO = VideoInfo(
    width=64, height=64, rotation_degrees=0, mirrored=False, stored_width=64, stored_height=64,
    sample_aspect_ratio=1.0, codec="none", pixel_format="rgb24", fps=25.0, seconds=None,
    declared_frames=None, has_audio=False,
)  # fmt: skip
SPEC = ClipSpec(frames=4, size=32)


class NoiseReader:
    """Reads 20 frames of noise, made from the content of a file, and counts the reads."""

    def __init__(self) -> None:
        self.reads = 0

    def read_frames(self, path: Path, policy: FramePolicy) -> Frames:
        self.reads += 1
        content = path.read_bytes()
        if content == b"broken":
            raise VideoDecodeError(f"{path.name}: broken")
        index = np.unique(policy.choose(20))
        rng = np.random.default_rng(list(content))
        pixels = rng.integers(0, 256, (len(index), 64, 64, 3), dtype=np.uint8)
        return Frames(
            pixels=pixels, index=index, seconds=index / 25, total_frames=20, read_to_end=True,
            info=INFO,
        )  # fmt: skip


class CentreFinder:
    """Finds one face in the middle of every frame, or none if it is blind."""

    def __init__(self, name: str = "centre", *, blind: bool = False) -> None:
        self.pack = FacePack(
            name=name, backend="none", licence="", embedding_dim=0, same_person=0.5, sha256s={}
        )
        self.blind = blind

    def find(self, rgb: Picture, *, embed: bool = False) -> list[Face]:
        box = np.array([10, 10, 50, 50], np.float32)
        face = Face(box=box, points=np.full((5, 2), 30, np.float32), score=0.9)
        return [] if self.blind else [face]

    def embed(self, rgb: Picture, face: Face) -> npt.NDArray[np.float32]:
        raise AssertionError("no recogniser")


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"some video")
    return path


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return ClipStore(tmp_path / "store")


def get(
    store: ClipStore, video: Path, reader: NoiseReader, finder: CentreFinder | None = None
) -> VideoClips:
    return store.get(video, SPEC, finder or CentreFinder(), reader)  # type: ignore[arg-type] # a stand-in for the child process


def assert_same(a: VideoClips, b: VideoClips) -> None:
    for name in ("pixels", "frame_index", "seconds", "boxes", "points"):
        one, other = getattr(a, name), getattr(b, name)
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one, other)
    assert replace(a, pixels=b.pixels).frames_with_face == b.frames_with_face
    assert a.frame_size == b.frame_size
    assert (a.faces, a.frames_searched, a.frames_read) == (
        b.faces,
        b.frames_searched,
        b.frames_read,
    )


def entries(store: ClipStore) -> list[Path]:
    return sorted((store.folder / "crops").glob("*/*.npz"))


def test_the_second_time_reads_no_video_and_gives_the_same(store: ClipStore, video: Path) -> None:
    reader = NoiseReader()
    first = get(store, video, reader)
    video_again = get(ClipStore(store.folder), video, reader)
    assert reader.reads == 1
    assert_same(first, video_again)
    assert first.pixels.std() > 30, "the picture is noise, in which any loss would show"


def test_the_same_content_elsewhere_is_known(store: ClipStore, video: Path) -> None:
    reader = NoiseReader()
    get(store, video, reader)
    copy = video.with_name("-other name.mp4")
    copy.write_bytes(video.read_bytes())
    get(store, copy, reader)
    assert reader.reads == 1


def test_changed_content_is_read_again(store: ClipStore, video: Path) -> None:
    reader = NoiseReader()
    first = get(store, video, reader)
    video.write_bytes(b"another vid")
    assert (get(store, video, reader).pixels != first.pixels).any()
    assert reader.reads == 2


@pytest.mark.parametrize(
    "change", [{"frames": 5}, {"clips": 2}, {"margin": 1.5}, {"size": 48}, {"crop": "aligned"}]
)
def test_other_crops_are_other_entries(
    store: ClipStore, video: Path, change: dict[str, object]
) -> None:
    reader = NoiseReader()
    get(store, video, reader)
    other = ClipSpec.from_dict(SPEC.to_dict() | change)
    store.get(video, other, CentreFinder(), reader)  # type: ignore[arg-type] # a stand-in
    assert reader.reads == 2
    assert len(entries(store)) == 2


def test_normalisation_is_no_part_of_the_key_and_the_pack_is(store: ClipStore, video: Path) -> None:
    reader = NoiseReader()
    get(store, video, reader)
    other = replace(SPEC, mean=(0.0, 0.0, 0.0), colour="BGR", aggregation="mean_logit")
    store.get(video, other, CentreFinder(), reader)  # type: ignore[arg-type] # a stand-in
    assert reader.reads == 1
    get(store, video, reader, CentreFinder("another pack"))
    assert reader.reads == 2


def test_no_face_is_remembered_and_names_the_file(store: ClipStore, video: Path) -> None:
    reader, finder = NoiseReader(), CentreFinder(blind=True)
    for _ in range(2):
        with pytest.raises(NoFaceError, match=r"clip\.mp4: no face in any of 4 frames"):
            get(store, video, reader, finder)
    assert reader.reads == 1


def test_too_short_is_remembered(store: ClipStore, video: Path) -> None:
    reader = NoiseReader()
    for _ in range(2):
        with pytest.raises(ClipTooShortError, match="20 frames"):
            store.get(video, replace(SPEC, frames=21), CentreFinder(), reader)  # type: ignore[arg-type] # a stand-in
    assert reader.reads == 1


def test_a_failure_to_decode_is_tried_again(store: ClipStore, video: Path) -> None:
    reader = NoiseReader()
    video.write_bytes(b"broken")
    for _ in range(2):
        with pytest.raises(VideoDecodeError, match="broken"):
            get(store, video, reader)
    assert reader.reads == 2
    assert entries(store) == []


@pytest.mark.parametrize("damage", ["empty", "truncated", "flipped", "noise", "pickled"])
def test_a_damaged_entry_is_rebuilt(store: ClipStore, video: Path, damage: str) -> None:
    reader = NoiseReader()
    first = get(store, video, reader)
    (entry,) = entries(store)
    content = bytearray(entry.read_bytes())
    if damage == "empty":
        content = bytearray()
    elif damage == "truncated":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        for i in range(100, len(content), 101):
            content[i] ^= 0xFF
    elif damage == "noise":
        content = bytearray(os.urandom(len(content)))
    if damage == "pickled":
        np.savez(entry, error=np.array([{"a": 1}, None], dtype=object))
    else:
        entry.write_bytes(content)
    assert_same(get(store, video, reader), first)
    assert reader.reads == 2
    assert_same(get(store, video, reader), first)
    assert reader.reads == 2


def test_a_damaged_memo_is_no_digest(store: ClipStore, video: Path) -> None:
    reader = NoiseReader()
    get(store, video, reader)
    (memo,) = (store.folder / "digests").glob("*/*")
    memo.write_bytes(b"\xff\x00")
    get(store, video, reader)
    assert reader.reads == 1


def test_a_full_disk_leaves_nothing(
    store: ClipStore, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    reader = NoiseReader()
    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="No space left"):
        get(store, video, reader)
    left = [path for path in (store.folder / "crops").rglob("*") if path.is_file()]
    assert left == []
    monkeypatch.undo()
    get(store, video, reader)
    assert len(entries(store)) == 1


def make_many(store: ClipStore, folder: Path, count: int) -> list[Path]:
    videos = []
    for i in range(count):
        path = folder / f"{i}.mp4"
        path.write_bytes(f"video {i}".encode())
        get(store, path, NoiseReader())
        videos.append(path)
        for entry in entries(store):  # a second apart
            stat = entry.stat()
            os.utime(entry, ns=(stat.st_atime_ns, stat.st_mtime_ns - 10**9))
    return videos


def test_prune_drops_what_was_unused_for_longest(store: ClipStore, tmp_path: Path) -> None:
    videos = make_many(store, tmp_path, 6)
    full = store.info()
    assert full.entries == 6
    assert full.bytes == sum(path.stat().st_size for path in entries(store))
    get(store, videos[0], NoiseReader())  # used again just now
    left = store.prune(full.bytes * 3 // 6)
    assert (left.entries, left.bytes <= full.bytes // 2) == (3, True)
    reads = []
    for path in videos:
        reader = NoiseReader()
        get(ClipStore(store.folder), path, reader)
        reads.append(reader.reads)
    assert reads == [0, 1, 1, 1, 0, 0]
    assert store.prune(0).entries == 0


def test_a_bounded_store_stays_below_its_bound(tmp_path: Path) -> None:
    plain = ClipStore(tmp_path / "plain")
    make_many(plain, tmp_path, 1)
    bound = plain.info().bytes * 4
    bounded = ClipStore(tmp_path / "bounded", max_bytes=bound)
    make_many(bounded, tmp_path, 12)
    assert bounded.info().bytes <= bound
    assert bounded.info().entries >= 2


def test_an_unused_store_is_empty(tmp_path: Path) -> None:
    info = ClipStore(tmp_path / "absent").prune()
    assert (info.entries, info.bytes) == (0, 0)


def _hammer(folder: str, videos: list[str], start: object) -> None:
    start.wait()  # type: ignore[attr-defined] # a multiprocessing event
    store, reader = ClipStore(Path(folder)), NoiseReader()
    for _ in range(3):
        for video in videos:
            get(store, Path(video), reader)


def _write_and_die(folder: str, videos: list[str], writes: int) -> None:
    """Write and prune entries, and die in the middle of the write after that many."""
    savez, numbers = np.savez, iter(range(writes + 1))

    def savez_or_die(draft: Path, **arrays: npt.NDArray[np.generic]) -> None:
        savez(draft, **arrays)  # type: ignore[arg-type] # allow_pickle is not among the names
        if next(numbers) == writes:
            os.truncate(draft, draft.stat().st_size // 2)
            os.kill(os.getpid(), signal.SIGKILL)

    pytest.MonkeyPatch().setattr(np, "savez", savez_or_die)
    store, reader = ClipStore(Path(folder)), NoiseReader()
    while True:
        for video in videos:
            get(store, Path(video), reader)
        store.prune(0)


def test_a_killed_writer_leaves_nothing_that_misleads(store: ClipStore, tmp_path: Path) -> None:
    videos = []
    for i in range(20):
        path = tmp_path / f"{i}.mp4"
        path.write_bytes(f"video {i}".encode())
        videos.append(str(path))
    context = multiprocessing.get_context("fork")
    for count, writes in enumerate((0, 7, 19, 45), start=1):
        worker = context.Process(target=_write_and_die, args=(str(store.folder), videos, writes))
        worker.start()
        worker.join()
        assert worker.exitcode == -signal.SIGKILL
        assert len(list(store.folder.rglob(".writing-*"))) == count
    fresh = ClipStore(tmp_path / "fresh")
    for video in videos:
        here, there = (get(place, Path(video), NoiseReader()) for place in (store, fresh))
        assert_same(here, there)
    assert store.info().entries == 20


def test_what_a_killed_writer_left_is_pruned_when_it_is_old(store: ClipStore, video: Path) -> None:
    get(store, video, NoiseReader())
    (entry,) = entries(store)
    old, new = (entry.with_name(f"{DRAFT_PREFIX}{age}.{entry.name}") for age in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (time.time() - 7200, time.time() - 7200))
    assert store.prune().entries == 1
    assert (old.exists(), new.exists()) == (False, True)


def test_processes_share_a_store(store: ClipStore, tmp_path: Path) -> None:
    videos = []
    for i in range(6):
        path = tmp_path / f"{i}.mp4"
        path.write_bytes(f"video {i}".encode())
        videos.append(str(path))
    context = multiprocessing.get_context("fork")
    start = context.Event()
    workers = [
        context.Process(target=_hammer, args=(str(store.folder), videos, start)) for _ in range(3)
    ]
    for worker in workers:
        worker.start()
    start.set()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    assert len(entries(store)) == 6
    reader = NoiseReader()
    for video in videos:
        get(store, Path(video), reader)
    assert reader.reads == 0
    assert not list(store.folder.rglob(f"{DRAFT_PREFIX}*"))
