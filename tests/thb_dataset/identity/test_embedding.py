"""Identities of videos: the same people in other footage are found, and strangers are not."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.errors import FacePackError, NoFaceError, VideoDecodeError
from thb_dataset.faces.finder import FaceFinder, load_face_finder
from thb_dataset.identity.embedding import IdentityStore, VideoIdentity, read_identity
from thb_dataset.identity.known_people import calibrate_threshold
from thb_dataset.identity.leakage import LeakReport, PairVerdict, check_leaks
from thb_dataset.identity.relations import Subject
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.reader import VideoReader

Picture = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


def write_video(path: Path, pictures: list[Picture]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "26"})
        stream.width, stream.height, stream.pix_fmt = (
            pictures[0].shape[1],
            pictures[0].shape[0],
            "yuv420p",
        )
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def film_photo(photo: Picture, seed: int, side: int = 320) -> list[Picture]:
    """Return fifteen frames of a photo by a hand-held camera: moved, zoomed, in other light."""
    rng = np.random.default_rng(seed)
    start = rng.uniform(-0.03, 0.03, 3)
    speed = rng.uniform(-0.004, 0.004, 3)
    light = rng.uniform(0.8, 1.2)
    frames = []
    for i in range(15):
        x, y, zoom = start + speed * i
        scale = side / max(photo.shape[:2]) * (1 + zoom)
        matrix = np.array([[scale, 0, x * side], [0, scale, y * side]])
        frame = cv2.warpAffine(photo, matrix, (side, side), flags=cv2.INTER_AREA)
        frames.append(np.clip(frame.astype(np.float32) * light, 0, 255).astype(np.uint8))
    return frames


def read_photo(path: Path) -> Picture:
    bgr = cv2.imread(str(path))
    assert bgr is not None
    return np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8)


@pytest.fixture(scope="module")
def people(test_data: Path) -> list[tuple[Path, str]]:
    """Return 28 photos of 12 people."""
    with (test_data / "faces" / "PROVENANCE.csv").open(encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["kind"] == "single"]
    assert len(rows) == 28
    return [(test_data / "faces" / row["path"], row["identity"]) for row in rows]


@pytest.fixture(scope="module")
def filmed(
    people: list[tuple[Path, str]],
    embedded_finder: FaceFinder,
    reader: VideoReader,
    tmp_path_factory: pytest.TempPathFactory,
) -> list[VideoIdentity]:
    folder = tmp_path_factory.mktemp("filmed")
    return [
        read_identity(
            write_video(folder / f"{i}.mp4", film_photo(read_photo(path), i)),
            embedded_finder,
            reader,
        )
        for i, (path, _) in enumerate(people)
    ]


def compare(
    subjects: list[Subject], identities: list[VideoIdentity], finder: FaceFinder
) -> LeakReport:
    return check_leaks(
        subjects,
        np.stack([identity.mean for identity in identities]),
        np.stack([identity.middle for identity in identities]),
        pack=finder.pack.to_dict(),
        threshold=finder.pack.same_person,
    )


def test_every_person_planted_in_two_splits_is_found_and_nobody_else(
    people: list[tuple[Path, str]], filmed: list[VideoIdentity], embedded_finder: FaceFinder
) -> None:
    """One photo of each person is in train; the others, from other days, are in test."""
    seen: set[str] = set()
    subjects, names = [], {}
    for i, (_, person) in enumerate(people):
        split = "test" if person in seen else "train"
        seen.add(person)
        names[f"video {i}"] = person
        subjects.append(Subject(video_id=f"video {i}", split=split, shows=None, driver=None))
    report = compare(subjects, filmed, embedded_finder)
    leaks = {(pair.a, pair.b) for pair in report.pairs if pair.verdict is PairVerdict.LEAK}
    planted = {
        (a.video_id, b.video_id)
        for a, b in combinations(subjects, 2)
        if names[a.video_id] == names[b.video_id] and a.split != b.split
    }
    assert len(planted) == 16
    assert planted <= leaks
    assert (leaks - planted, report.compared - len(planted)) == (set(), 176), "false alarms"
    assert len(report.groups) == 12


@pytest.mark.parametrize("kind", ["mean", "middle"])
def test_the_threshold_lies_between_the_people(
    people: list[tuple[Path, str]],
    filmed: list[VideoIdentity],
    embedded_finder: FaceFinder,
    kind: str,
) -> None:
    vectors = np.stack([getattr(identity, kind) for identity in filmed])
    names = [person for _, person in people]
    result = calibrate_threshold(vectors, names, embedded_finder.pack.same_person)
    assert (result.same, result.different) == (21, 357)
    assert result.false_alarms == 0
    assert result.found >= (21 if kind == "mean" else 19)


def test_a_clip_planted_cut_mirrored_and_re_encoded_is_found(
    test_data: Path, embedded_finder: FaceFinder, reader: VideoReader, tmp_path: Path
) -> None:
    """Twelve clips are in train; other seconds of four of them, mirrored and cropped, in test."""
    sample = test_data / "thb-sample"
    paths = sorted((sample / "real_videos" / "CelebV-HQ").glob("*.mp4"))[:12]
    subjects, identities = [], []
    for path in paths:
        subjects.append(Subject(video_id=path.name, split="train", shows=None, driver=None))
        identities.append(read_identity(path, embedded_finder, reader))
    for path in paths[::3]:
        frames = reader.read_frames(path, FramePolicy(frames=60, sampling="consecutive", clips=2))
        half = frames.pixels[-60:]
        height, width = (half.shape[1] // 40 * 36, half.shape[2] // 40 * 36)
        other = [frame[:height, -width:][:, ::-1] for frame in half]
        planted = write_video(tmp_path / f"planted {path.name}", other)
        subjects.append(Subject(video_id=planted.name, split="test", shows=None, driver=None))
        identities.append(read_identity(planted, embedded_finder, reader))
    report = compare(subjects, identities, embedded_finder)
    leaks = {(pair.a, pair.b) for pair in report.pairs if pair.verdict is PairVerdict.LEAK}
    assert leaks == {(path.name, f"planted {path.name}") for path in paths[::3]}


def test_an_identity_is_of_unit_length_and_has_a_picture(filmed: list[VideoIdentity]) -> None:
    for identity in filmed:
        assert np.linalg.norm(identity.mean) == pytest.approx(1, abs=1e-5)
        assert np.linalg.norm(identity.middle) == pytest.approx(1, abs=1e-5)
        assert identity.picture.shape == (112, 112, 3)
        assert (identity.frames_read, identity.frames_with_face) == (5, 5)


def test_everybody_whom_a_video_shows_is_embedded(
    people: list[tuple[Path, str]],
    filmed: list[VideoIdentity],
    embedded_finder: FaceFinder,
    reader: VideoReader,
    tmp_path: Path,
) -> None:
    """Two people side by side, and two people one after the other."""
    first, second = (
        next(i for i, (_, person) in enumerate(people) if person == name)
        for name in sorted({person for _, person in people})[:2]
    )
    films = [film_photo(read_photo(people[i][0]), i) for i in (first, second)]
    beside = [np.concatenate(pair, axis=1) for pair in zip(*films, strict=True)]
    for number, pictures in enumerate((beside, [*films[0], *films[1]])):
        path = write_video(tmp_path / f"{number}.mp4", pictures)
        both = read_identity(path, embedded_finder, reader)
        seen = np.concatenate([both.mean[None], both.others])
        for alone in (filmed[first], filmed[second]):
            assert (seen @ alone.mean).max() > embedded_finder.pack.same_person
    assert filmed[first].others.shape == (0, embedded_finder.pack.embedding_dim)


def test_both_backends_see_the_same_person(
    test_data: Path,
    embedded_finder: FaceFinder,
    insightface_finder: FaceFinder,
    reader: VideoReader,
) -> None:
    path = test_data / "bad" / "frames_3.mp4"
    one, other = (read_identity(path, f, reader) for f in (embedded_finder, insightface_finder))
    assert one.frames_read == 1, "a shorter video is embedded by its middle frame"
    assert float(one.mean @ other.mean) > 0.9


def test_a_known_identity_needs_no_reader(
    test_data: Path, embedded_finder: FaceFinder, reader: VideoReader, tmp_path: Path
) -> None:
    store = IdentityStore(tmp_path)
    path = test_data / "bad" / "frames_9.mp4"
    first = store.get(path, embedded_finder, reader)
    nobody: VideoReader = None  # type: ignore[assignment] # a call on it would raise
    again = IdentityStore(tmp_path).get(path, embedded_finder, nobody)
    for name in ("mean", "middle", "picture", "others"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    assert (first.faces, first.frames_read) == (again.faces, again.frames_read)


def test_videos_that_show_nobody_say_so(
    test_data: Path, embedded_finder: FaceFinder, reader: VideoReader, tmp_path: Path
) -> None:
    store = IdentityStore(tmp_path)
    for _ in range(2):
        with pytest.raises(NoFaceError, match="no face"):
            store.get(test_data / "bad" / "black.mp4", embedded_finder, reader)
        with pytest.raises(VideoDecodeError):
            store.get(test_data / "bad" / "zero_bytes.mp4", embedded_finder, reader)


def test_a_pack_without_a_recogniser_is_refused(
    insightface_pack: Path, tmp_path: Path, reader: VideoReader, test_data: Path
) -> None:
    name = "det_yunet.onnx"
    (tmp_path / name).write_bytes((insightface_pack / name).read_bytes())
    with pytest.raises(FacePackError, match="no recognition model"):
        read_identity(test_data / "bad" / "frames_9.mp4", load_face_finder(tmp_path), reader)
