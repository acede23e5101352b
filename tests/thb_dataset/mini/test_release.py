"""The synthetic release: its layout, its flaws, and what a kill or a failure leaves behind."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import wave
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from tests.support.forked_python import RunPython
from tests.support.killed_process import run_and_kill
from thb_dataset.errors import ReleaseError
from thb_dataset.faces.finder import load_face_finder
from thb_dataset.mini import release as mini
from thb_dataset.mini.motion import FPS, RATE_HZ, SAMPLES_PER_FRAME
from thb_dataset.mini.plan import Clip, Plan, make_plan
from thb_dataset.mini.release import MiniRelease, MiniSize, write_mini_release
from thb_dataset.protocols import Protocol, build_folds
from thb_dataset.records import (
    EXTRA_GENERATORS,
    TRAINING_GENERATORS,
    Generator,
    Label,
    RealDataset,
    Split,
    Video,
)
from thb_dataset.release.media import locate_videos
from thb_dataset.release.scan import SYNTHETIC_MARKER, Release, audit_release, read_release
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.reader import VideoReader

SHORT = replace(MiniSize.tiny(), frames=4)
"""The smallest release with every kind of video, for tests that write it."""


@pytest.fixture(scope="module")
def release(tiny_release: MiniRelease) -> Release:
    return read_release(tiny_release.hub)


@pytest.fixture(scope="module")
def files(tiny_release: MiniRelease, release: Release) -> dict[str, Path]:
    return locate_videos(release, tiny_release.real_root, release.videos).files


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(0, MiniSize())


def hashes(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


class TestWhatItHolds:
    def test_every_video_of_every_list_is_there(
        self, release: Release, files: dict[str, Path]
    ) -> None:
        assert set(files) == {video.video_id for video in release.videos}
        kinds = {(video.generator, video.release_split) for video in release.videos}
        assert kinds == {
            *((g, split) for g in (*TRAINING_GENERATORS, None) for split in Split),
            *((g, Split.TEST) for g in EXTRA_GENERATORS),
        }
        reals = {(video.real_dataset, video.release_split) for video in release.videos}
        assert reals >= {(dataset, split) for dataset in RealDataset for split in Split}

    def test_the_official_list_names_more_and_they_are_there_too(
        self, tiny_release: MiniRelease, release: Release
    ) -> None:
        official = read_release(tiny_release.hub, split_list="official_ff++")
        more = {v.video_id for v in official.videos} - {v.video_id for v in release.videos}
        assert len(more) == MiniSize.tiny().official_only
        assert len(locate_videos(official, tiny_release.real_root, official.videos).files) == len(
            official.videos
        )

    def test_it_is_sound_and_says_that_it_is_synthetic(
        self, tiny_release: MiniRelease, release: Release
    ) -> None:
        assert release.synthetic
        assert release.name == "mini"
        assert audit_release(release).is_sound
        for tree in (tiny_release.hub, tiny_release.real_root):
            assert "SYNTHETIC" in (tree / SYNTHETIC_MARKER).read_text("utf-8")
            assert "synthetic" in (tree / "README.md").read_text("utf-8")

    def test_all_protocols_can_be_built_by_folder_and_by_driver(self, release: Release) -> None:
        for split_by in ("release", "driver"):
            for protocol in Protocol:
                folds = build_folds(release.videos, protocol, split_by=split_by)
                assert len(folds) == len(protocol.held_out)
                for fold in folds:
                    for part in (fold.train, fold.validation, fold.test):
                        assert {video.label for video in part} == set(Label)

    def test_every_video_has_its_sound_as_a_wav(
        self,
        tiny_release: MiniRelease,
        release: Release,
        reader: VideoReader,
        files: dict[str, Path],
    ) -> None:
        for video in release.videos:
            assert video.audio is not None
            path = tiny_release.hub / video.audio
            with wave.open(str(path), "rb") as file:
                assert (file.getnchannels(), file.getframerate()) == (1, RATE_HZ)
                seconds = file.getnframes() / file.getframerate()
            assert seconds == pytest.approx(reader.probe(files[video.video_id]).seconds, abs=0.07)


class TestNames:
    def test_a_leading_dash_is_lost_in_the_fakes_and_restored(self, release: Release) -> None:
        for split in (Split.TRAIN, Split.TEST):
            dashed = [
                video
                for video in release.videos
                if video.generator in TRAINING_GENERATORS
                and video.release_split is split
                and (video.driver or "").startswith("-")
            ]
            assert dashed
            for video in dashed:
                assert f"{video.portrait}--{str(video.driver)[1:]}--" in video.path

    def test_ids_are_as_youtube_makes_them(self, plan: Plan) -> None:
        drivers = [clip.driver for clip in plan.clips if "CelebV-HQ" in clip.path]
        ids = [driver.rpartition("_")[0] for driver in drivers]
        assert {len(name) for name in ids} == {11}
        assert len(set(drivers)) == len(drivers)
        for odd in ("--", "-", "_"):
            assert any(odd in name[1:] for name in ids)
        assert any(name.startswith("_") for name in ids)

    def test_portraits_are_numbers_that_ffhq_does_not_have(self, release: Release) -> None:
        portraits = {video.portrait for video in release.videos} - {None}
        assert portraits
        assert all(70_000 <= int(str(portrait)) < 100_000 for portrait in portraits)

    def test_people_and_drivers_stay_in_one_block(self, plan: Plan) -> None:
        listed = {
            name.removesuffix(".mp4"): block
            for block, datasets in plan.split_list.items()
            for names in datasets.values()
            for name in names
        }
        generators: dict[str, set[Generator]] = defaultdict(set)
        people: dict[str, set[str]] = defaultdict(set)
        for clip in plan.clips:
            if clip.generator is None:
                continue
            block = {"train": "Train", "val": "Val"}.get(Path(clip.path).parent.name, "Test")
            assert listed[clip.driver] == block
            generators[clip.driver].add(clip.generator)
            people[clip.person].add(block)
        assert max(len(found) for found in generators.values()) >= 4
        assert all(len(blocks) == 1 for blocks in people.values())

    def test_training_shows_each_face_real_and_fake_but_no_test_face_twice(
        self, plan: Plan
    ) -> None:
        faces: dict[tuple[str, bool], set[str]] = defaultdict(set)
        for clip in plan.clips:
            block = clip.person.partition("/")[0]
            faces[block, clip.generator is None].add(clip.person)
        for block in (Split.TRAIN, Split.VALIDATION):
            assert faces[block, False] <= faces[block, True]
        assert not faces[Split.TEST, False] & faces[Split.TEST, True]


class TestNoShortcut:
    def test_coding_is_planned_alike_for_real_and_fake(self, plan: Plan) -> None:
        fake = [clip.generator is not None for clip in plan.clips]
        for value in ("frames", "bit_rate", "grain"):
            auc = roc_auc_score(fake, [getattr(clip, value) for clip in plan.clips])
            assert 0.4 < auc < 0.6, value

    def test_files_are_as_large_as_planned_whatever_they_show(
        self, tiny_release: MiniRelease
    ) -> None:
        def surplus(clip: Clip) -> float:
            size = (tiny_release.hub.parent / clip.path).stat().st_size
            return float(size / (clip.bit_rate / 8 * clip.frames / FPS))

        clips = make_plan(0, MiniSize.tiny()).clips
        fakes = [surplus(clip) for clip in clips if clip.generator is not None]
        reals = [surplus(clip) for clip in clips if clip.generator is None]
        assert np.median(fakes) == pytest.approx(np.median(reals), rel=0.1)

    def test_all_files_are_made_alike(self, reader: VideoReader, files: dict[str, Path]) -> None:
        kinds = set()
        for path in files.values():
            info = reader.probe(path)
            kinds.add((info.codec, info.pixel_format, info.width, info.height, info.fps))
            assert info.has_audio
        assert kinds == {("h264", "yuv420p", 256, 256, 25.0)}

    def test_all_carry_the_word_synthetic(self, files: dict[str, Path]) -> None:
        for path in files.values():
            with av.open(str(path)) as file:
                assert "SYNTHETIC" in file.metadata["comment"]
                frame = next(file.decode(video=0)).to_ndarray(format="gray")
            # The capital I of the word is a stroke of pure white.
            assert frame[240:252, 5:75].max() > 190


class TestWhatItShows:
    def test_a_face_is_found_in_every_frame(
        self, reader: VideoReader, files: dict[str, Path]
    ) -> None:
        finder = load_face_finder()
        for video_id, path in files.items():
            frames = reader.read_frames(path, FramePolicy(frames=6))
            for index, pixels in zip(frames.index, frames.pixels, strict=True):
                faces = finder.find(pixels)
                assert len(faces) == 1, (video_id, index)
                assert faces[0].side > 70

    def test_the_mouth_follows_the_sound_of_honest_videos_only(
        self,
        tiny_release: MiniRelease,
        release: Release,
        reader: VideoReader,
        files: dict[str, Path],
    ) -> None:
        def agreement(video: Video) -> float:
            loudness = measure_loudness(tiny_release.hub / str(video.audio))
            opening = measure_opening(reader, files[video.video_id], len(loudness))
            return float(np.corrcoef(loudness, opening)[0, 1])

        honest = [agreement(v) for v in release.videos if v.label is Label.REAL]
        wrong = [agreement(v) for v in release.videos if v.generator is Generator.HALLO]
        assert np.median(honest) > 0.75
        assert np.median(wrong) < 0.4


def measure_loudness(path: Path) -> npt.NDArray[np.float64]:
    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float64)
    per_frame = samples.reshape(-1, SAMPLES_PER_FRAME)
    return np.asarray(np.sqrt((per_frame**2).mean(axis=1)))


def measure_opening(reader: VideoReader, path: Path, frames: int) -> npt.NDArray[np.float64]:
    """Return how tall the face is below the nose, by the points and the box of the finder."""
    finder = load_face_finder()
    heights = []
    for pixels in reader.read_frames(path, FramePolicy(frames=frames)).pixels:
        face = finder.find(pixels)[0]
        nose, mouth = face.points[2], face.points[3:].mean(axis=0)
        heights.append(mouth[1] - nose[1])
    return np.array(heights)


class TestWriting:
    def test_the_same_seed_gives_the_same_bytes(self, tmp_path: Path) -> None:
        for name in ("one", "two"):
            write_mini_release(tmp_path / name, size=SHORT, progress=False)
        assert hashes(tmp_path / "one") == hashes(tmp_path / "two")

    def test_another_seed_gives_other_names(self, plan: Plan) -> None:
        other = make_plan(1, MiniSize())
        assert not {clip.path for clip in plan.clips} & {clip.path for clip in other.clips}
        assert len(plan.clips) == len(other.clips)

    def test_a_complete_one_is_left_alone_and_a_damaged_one_replaced(self, tmp_path: Path) -> None:
        folder = tmp_path / "mini"
        first = write_mini_release(folder, size=SHORT, progress=False)
        victim = next(first.hub.rglob("*.mp4"))
        before = (hashes(folder), victim.stat().st_mtime_ns)
        assert write_mini_release(folder, size=SHORT, progress=False) == first
        assert (hashes(folder), victim.stat().st_mtime_ns) == before
        victim.write_bytes(victim.read_bytes()[:100])
        write_mini_release(folder, size=SHORT, progress=False)
        assert hashes(folder) == before[0]
        assert list(tmp_path.iterdir()) == [folder]

    def test_what_it_did_not_write_is_refused(self, tmp_path: Path) -> None:
        thesis = tmp_path / "thesis.tex"
        thesis.write_text("years of work")
        with pytest.raises(ReleaseError, match=r"thesis\.tex"):
            write_mini_release(tmp_path, size=SHORT, progress=False)
        with pytest.raises(ReleaseError, match="empty or a new folder"):
            write_mini_release(thesis, size=SHORT, progress=False)
        assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]

    def test_files_added_to_a_release_are_not_deleted_with_it(self, tmp_path: Path) -> None:
        folder = tmp_path / "mini"
        folder.mkdir()
        (folder / "mini.json").write_text(json.dumps({"synthetic": True, "files": {}}))
        (folder / "mine.csv").write_text("1")
        with pytest.raises(ReleaseError, match=r"mine\.csv"):
            write_mini_release(folder, size=SHORT, progress=False)
        assert (folder / "mine.csv").read_text() == "1"

    def test_a_failure_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(path: Path, samples: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(mini, "write_wav", fail)
        with pytest.raises(OSError, match="No space left"):
            write_mini_release(tmp_path / "mini", size=SHORT, progress=False)
        assert list(tmp_path.iterdir()) == []

    def test_a_kill_leaves_no_release_and_the_next_run_cleans_up(
        self, tmp_path: Path, run_python: RunPython
    ) -> None:
        folder = tmp_path / "mini"
        write = "thb_dataset.mini.release:write_video"
        run_and_kill(run_python, WRITER, [folder], after=write, calls=3)
        assert len(list(tmp_path.glob(".mini.*.partial/new/**/*.mp4"))) == 3
        assert not folder.exists()
        write_mini_release(folder, size=SHORT, progress=False)
        assert list(tmp_path.iterdir()) == [folder]

    def test_two_at_once_agree(self, tmp_path: Path) -> None:
        with writer(tmp_path / "mini") as one, writer(tmp_path / "mini") as two:
            assert (one.wait(), two.wait()) == (0, 0)
        assert [path.name for path in tmp_path.iterdir()] == ["mini"]
        assert read_release(tmp_path / "mini" / "hub").synthetic

    def test_progress_goes_to_stderr(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write_mini_release(tmp_path / "mini", size=SHORT)
        out, err = capsys.readouterr()
        assert out == ""
        assert "synthetic release" in err


WRITER = """
import sys; from dataclasses import replace; from thb_dataset.mini.release import *
write_mini_release(sys.argv[1], size=replace(MiniSize.tiny(), frames=4), progress=False)
"""


def writer(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder)])
