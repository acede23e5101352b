"""Write a synthetic release in the layout of the benchmark, for tests and first runs.

``write_mini_release(folder)`` writes::

    <folder>/hub/            the content of the Hub repo: fake/, audio/, real/*.json
    <folder>/real_videos/    the videos that a user brings: FaceForensics++/…, CelebV-HQ/…
    <folder>/mini.json       the list of these files, and the seed

All eight generators draw the same kind of invented talking head and add the flaws that the
benchmark documents for them (``flaws.py``). Real videos have no flaws. Both are coded in the same
way, so a detector has to look at the picture. The results of a detector here say nothing about the
benchmark; therefore every video and both folders carry the word SYNTHETIC.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
import time
import wave
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout
from tqdm import tqdm

from thb_dataset.errors import ReleaseError
from thb_dataset.files import parse_json, write_json
from thb_dataset.mini.flaws import FLAWS, Flaws, spoil_motion, spoil_portrait
from thb_dataset.mini.mark import COMMENT
from thb_dataset.mini.motion import (
    FPS,
    RATE_HZ,
    SAMPLES_PER_FRAME,
    Motion,
    Speech,
    make_motion,
    make_speech,
)
from thb_dataset.mini.plan import Clip, MiniSize, Plan, chance, make_plan
from thb_dataset.mini.portrait import Portrait, make_portrait
from thb_dataset.mini.render import Camera, render_frames
from thb_dataset.release.scan import SYNTHETIC_MARKER
from thb_dataset.watching import is_watched
from thb_dataset.wording import shorten_list

__all__ = ["MiniRelease", "MiniSize", "write_mini_release"]

_RECORD = "mini.json"
_STALE_SECONDS = 3600
_IN_USE = "in-use"
"""The file that a process locks in the folder that it prepares."""
_NOTICE = """\
SYNTHETIC: nothing in this folder is a real video, and no generator of the benchmark made any of it.

The TalkingHeadBench toolkit drew these videos from a random seed. They lie in the layout of the
benchmark's release so that the toolkit can be tried and tested without a download. "Generators"
here are drawn flaws on drawn faces, "real" means a drawing without them. A program draws every
face from random numbers, without any photograph: nobody who exists is shown, and names are made up.
What a detector scores here says nothing about the benchmark.
"""


@dataclass(frozen=True, kw_only=True)
class MiniRelease:
    """A synthetic release on disk.

    Attributes:
        hub: The folder in the layout of the Hub repo.
        real_root: The folder of the "real" videos.
    """

    hub: Path
    real_root: Path


def write_mini_release(
    folder: str | Path, *, seed: int = 0, progress: bool = True, size: MiniSize | None = None
) -> MiniRelease:
    """Write the synthetic release, or reuse a complete one of the same seed and size.

    The same seed and size give the same bytes on one machine. The release is written beside
    ``folder`` and moved there once it is complete, so a killed run leaves no incomplete release.

    Args:
        folder: The folder to write; created if it does not exist. An older or damaged mini release
            there is replaced; anything else is refused.
        seed: The seed of all names, faces, voices and movements.
        progress: Whether to show a progress bar on stderr.
        size: The number and length of the videos. By default there are about 140 videos of two
            seconds, written in well under a minute; ``MiniSize.tiny()`` gives about 30 short
            videos in seconds.

    Raises:
        ReleaseError: ``folder`` holds something else.
    """
    folder, size = Path(folder), size or MiniSize()
    release = MiniRelease(hub=folder / "hub", real_root=folder / "real_videos")
    wanted = _describe(seed, size)
    if _is_complete(folder, wanted):
        return release
    _refuse_strangers(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove_stale(folder)
    partial = Path(tempfile.mkdtemp(".partial", f".{folder.name}.", folder.parent))
    with FileLock(partial / _IN_USE):
        try:
            _write_all(partial / "new", make_plan(seed, size), wanted, progress=progress)
            _move_in(partial, folder, wanted)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return release


def _describe(seed: int, size: MiniSize) -> dict[str, Any]:
    """Return the values that a release must have to be reused, a hash of our code included."""
    code = hashlib.sha256()
    for source in sorted(Path(__file__).parent.glob("*.py")):
        code.update(source.read_bytes())
    return {
        "synthetic": True,
        "about": "made by the TalkingHeadBench toolkit; see hub/" + SYNTHETIC_MARKER,
        "seed": seed,
        "size": asdict(size),
        "code_sha256": code.hexdigest(),
    }


def _read_record(folder: Path) -> dict[str, Any] | None:
    try:
        record = parse_json((folder / _RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) and isinstance(record.get("files"), dict) else None


def _is_complete(folder: Path, wanted: dict[str, Any]) -> bool:
    record = _read_record(folder)
    if record is None or any(record.get(key) != value for key, value in wanted.items()):
        return False
    return bool(_list_files(folder) == record["files"])


def _list_files(folder: Path) -> dict[str, int]:
    """Return the size of every file under a folder, except the record itself."""
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path != folder / _RECORD
    }


def _refuse_strangers(folder: Path) -> None:
    """Refuse a folder with files that this module has not written."""
    if not folder.exists():
        return
    record = _read_record(folder) or {"files": {}}
    strangers = (
        sorted(set(_list_files(folder)) - set(record["files"])) if folder.is_dir() else ["."]
    )
    if strangers:
        raise ReleaseError(
            f"{folder} holds files that are not part of a synthetic release "
            f"({shorten_list(strangers, 3)}): give an empty or a new folder"
        )


def _remove_stale(folder: Path) -> None:
    """Remove what killed runs have left beside the folder."""
    for partial in folder.parent.glob(f".{folder.name}.*.partial"):
        with suppress(Timeout, OSError):  # it is in use, or has just been removed
            if (partial / _IN_USE).is_file():
                with FileLock(partial / _IN_USE, timeout=0):  # a killed process has lost its lock
                    shutil.rmtree(partial, ignore_errors=True)
            elif partial.stat().st_mtime < time.time() - _STALE_SECONDS:
                shutil.rmtree(partial, ignore_errors=True)


def _move_in(partial: Path, folder: Path, wanted: dict[str, Any]) -> None:
    # Another process may have written the same release in the meantime; its files then stay.
    if _is_complete(folder, wanted):
        return
    try:
        if folder.exists():
            folder.rename(partial / "old")
        (partial / "new").rename(folder)
    except OSError:
        if not _is_complete(folder, wanted):
            raise


def _write_all(folder: Path, plan: Plan, wanted: dict[str, Any], *, progress: bool) -> None:
    for name, content in (
        ("real_dataset_split.json", plan.split_list),
        ("real_dataset_split_official_ff++.json", plan.official_list),
    ):
        write_json(folder / "hub" / "real" / name, content)
    for tree in ("hub", "real_videos"):
        _write_text(folder / tree / SYNTHETIC_MARKER, _NOTICE)
        _write_text(folder / tree / "README.md", "# A synthetic release\n\n" + _NOTICE)
    studio = _Studio(wanted["seed"], 2 * wanted["size"]["frames"])
    shown = tqdm(
        plan.clips,
        desc="writing the synthetic release",
        unit="video",
        file=sys.stderr,
        disable=not progress,
        mininterval=0.1 if is_watched(sys.stderr) else 15.0,
    )
    for clip in shown:
        studio.shoot(clip, folder)
    record = {**wanted, "files": _list_files(folder)}
    write_json(folder / _RECORD, record)


def _write_text(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


class _Studio:
    """Makes the videos of a plan; people and drivers are drawn once and then reused."""

    def __init__(self, seed: int, frames: int) -> None:
        self._seed, self._frames = seed, frames
        self._portrait = lru_cache(maxsize=64)(self._draw_portrait)
        self._performance = lru_cache(maxsize=256)(self._draw_performance)

    def shoot(self, clip: Clip, folder: Path) -> None:
        """Write a video and its WAV file."""
        rng = chance(self._seed, "clip", clip.path)
        portrait = self._portrait(clip.person)
        motion, samples = self._perform(clip)
        flaws = Flaws()
        if clip.generator is not None:
            flaws = FLAWS[clip.generator].times(rng.uniform(0.85, 1.15))
            other_voice = make_speech(clip.frames, rng)
            motion = spoil_motion(motion, flaws, other_voice, rng)
            portrait = spoil_portrait(portrait, flaws, rng)
        camera = Camera(grain=clip.grain, shake=rng.uniform(0, 0.8))
        frames = render_frames(portrait, motion, flaws, camera, rng)
        write_video(folder / clip.path, frames, samples, bit_rate=clip.bit_rate)
        write_wav(folder / clip.audio, samples)

    def _perform(self, clip: Clip) -> tuple[Motion, npt.NDArray[np.int16]]:
        """Return the driver's movement and voice for the length of a clip."""
        motion, speech = self._performance(clip.driver)
        values = {name: value[: clip.frames] for name, value in vars(motion).items()}
        return replace(motion, **values), speech.samples[: clip.frames * SAMPLES_PER_FRAME]

    def _draw_portrait(self, person: str) -> Portrait:
        return make_portrait(chance(self._seed, "person", person))

    def _draw_performance(self, driver: str) -> tuple[Motion, Speech]:
        rng = chance(self._seed, "driver", driver)
        speech = make_speech(self._frames, rng)
        return make_motion(speech, rng), speech


def write_video(
    path: Path,
    frames: Iterable[npt.NDArray[np.uint8]],
    samples: npt.NDArray[np.int16],
    *,
    bit_rate: int,
) -> None:
    """Write an MP4 file of H.264 and AAC; the same input gives the same bytes.

    Args:
        path: The file to write; its folder is created if it does not exist.
        frames: uint8 (H, W, 3) each, RGB, at FPS.
        samples: int16 (n,), mono, at RATE_HZ.
        bit_rate: The bit rate of the pictures, in bits per second.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", format="mp4") as file:
        file.metadata["comment"] = COMMENT
        picture = file.add_stream("libx264", rate=FPS)
        picture.thread_count, picture.pix_fmt, picture.bit_rate = 1, "yuv420p", bit_rate
        picture.options = {"preset": "superfast", "threads": "1"}
        sound = file.add_stream("aac", rate=RATE_HZ, layout="mono", bit_rate=48_000)
        for number, pixels in enumerate(frames):
            if not number:
                picture.height, picture.width = pixels.shape[:2]
            file.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        file.mux(picture.encode(None))
        audio = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        audio.sample_rate = RATE_HZ
        file.mux(sound.encode(audio))
        file.mux(sound.encode(None))


def write_wav(path: Path, samples: npt.NDArray[np.int16]) -> None:
    """Write a WAV file.

    Args:
        path: The file to write; its folder is created if it does not exist.
        samples: int16 (n,), mono, at RATE_HZ.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE_HZ)
        file.writeframes(samples.astype("<i2").tobytes())
