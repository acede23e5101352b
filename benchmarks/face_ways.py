"""The ways from a video file to face crops that ``benchmarks/faces.py`` compares."""

from __future__ import annotations

import importlib.util
import os
import statistics
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import make_clips
from thb_dataset.faces.crops import ARCFACE_POINTS, ARCFACE_SIDE, fit_similarity
from thb_dataset.faces.finder import load_face_finder
from thb_dataset.video.reader import VideoReader

SPEC = ClipSpec(frames=32, size=256)
Boxes = dict[int, npt.NDArray[np.float32]]


@dataclass
class Cost:
    """What one way cost, run after run, and what it found, clip after clip."""

    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    boxes: list[Boxes] = field(default_factory=list)
    crops: list[int] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def close_clip(self, boxes: Boxes, crops: int) -> None:
        """Say that the runs since the last call were of one clip, and what they found."""
        self.boxes.append(boxes)
        self.crops.append(crops)
        self.ends.append(len(self.cpu))

    def per_clip(self) -> list[float]:
        """Median processor seconds of each clip."""
        starts = [0, *self.ends[:-1]]
        return [statistics.median(self.cpu[a:b]) for a, b in zip(starts, self.ends, strict=True)]


def list_children() -> list[str]:
    """Ids of the processes that this one has started and that live."""
    return [
        child
        for task in Path("/proc/self/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def cpu_seconds() -> float:
    """Processor time of this process, of its children that live, and of those that ended."""
    times = os.times()
    total = times.user + times.system + times.children_user + times.children_system
    ticks = os.sysconf("SC_CLK_TCK")
    for child in list_children():
        fields = Path("/proc", child, "stat").read_text().rpartition(")")[2].split()
        total += (int(fields[11]) + int(fields[12])) / ticks
    return total


@contextmanager
def timed(cost: Cost) -> Iterator[None]:
    """Add what happens inside to a cost."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    yield
    cost.cpu.append(cpu_seconds() - cpu)
    cost.wall.append(time.perf_counter() - wall)


def decode(path: Path) -> int:
    """Decode a clip from its first frame to its last and do nothing with it."""
    with av.open(str(path)) as container:
        container.streams.video[0].thread_type = "NONE"
        return sum(1 for _ in container.decode(video=0))


def read_by_opencv(path: Path, wanted: set[int] | None = None) -> Iterator[tuple[int, Any]]:
    """Give the frames of a clip as BGR, all of them or those wanted."""
    capture = cv2.VideoCapture(str(path))
    number = 0
    while True:
        there, frame = capture.read()
        if not there:
            break
        if wanted is None or number in wanted:
            yield number, frame
        number += 1
    capture.release()


def largest(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Choose the largest of several boxes."""
    sides = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return np.asarray(boxes[int(np.argmax(sides)), :4], np.float32)


class Ours:
    """The toolkit: read, follow one face, cut 32 crops."""

    def __init__(self) -> None:
        self.finder, self.reader = load_face_finder(), VideoReader()

    def __call__(self, path: Path) -> tuple[Boxes, int]:
        """Return the box by frame, and the number of crops."""
        clips = make_clips(path, SPEC, self.finder, self.reader)
        boxes = dict(zip(clips.frame_index[0].tolist(), clips.boxes[0], strict=True))
        return boxes, clips.pixels.shape[1]


class InsightFaceDefault:
    """InsightFace as it comes, on every frame of the clip."""

    def __init__(self, pack: Path) -> None:
        import onnxruntime
        from insightface.app import FaceAnalysis

        warnings.simplefilter("ignore", FutureWarning)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1  # one core is all there is
        self.analysis = FaceAnalysis(
            name=str(pack), providers=["CPUExecutionProvider"], sess_options=options
        )
        self.analysis.prepare(ctx_id=-1)

    def __call__(self, path: Path) -> tuple[Boxes, int]:
        """Return the box by frame, and the number of frames with one."""
        boxes = {}
        for number, frame in read_by_opencv(path):
            faces = self.analysis.get(frame)
            if faces:
                boxes[number] = largest(np.stack([face.bbox for face in faces]))
        return boxes, len(boxes)


class InsightFaceChosen(InsightFaceDefault):
    """The same without recognition, and only on the 32 frames: what it costs at the least."""

    def __call__(self, path: Path) -> tuple[Boxes, int]:
        """Return the box by frame, and the number of frames with one."""
        wanted = {int(i) for i in np.linspace(0, decode(path) - 1, SPEC.frames)}
        boxes = {}
        for number, frame in read_by_opencv(path, wanted):
            found, _ = self.analysis.det_model.detect(frame)
            if len(found):
                boxes[number] = largest(found)
        return boxes, len(boxes)


class DeepfakeBench:
    """32 frames, dlib's detector upsampled once, landmarks, alignment, detection on the crop."""

    POINTS = (37, 44, 30, 49, 55)
    SIDE, SCALE = 256, 1.3

    def __init__(self) -> None:
        import dlib

        package = importlib.util.find_spec("face_recognition_models")
        if package is None or package.origin is None:
            raise ModuleNotFoundError("face_recognition_models")
        model = Path(package.origin).parent / "models" / "shape_predictor_68_face_landmarks.dat"
        self.detect = dlib.get_frontal_face_detector()
        self.place = dlib.shape_predictor(str(model))
        border = (self.SCALE - 1) / 2
        self.target = (ARCFACE_POINTS / ARCFACE_SIDE + border) / self.SCALE * self.SIDE

    def __call__(self, path: Path) -> tuple[Boxes, int]:
        """Return the box by frame, and the number of crops."""
        capture = cv2.VideoCapture(str(path))
        count = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        capture.release()
        wanted = {int(i) for i in np.linspace(0, count - 1, SPEC.frames)}
        boxes: Boxes = {}
        crops = 0
        for number, frame in read_by_opencv(path, wanted):
            rgb = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
            faces = self.detect(rgb, 1)
            if not faces:
                continue
            face = max(faces, key=lambda one: one.width() * one.height())
            shape = self.place(rgb, face)
            points = np.array([[shape.part(i).x, shape.part(i).y] for i in self.POINTS], float)
            crop = cv2.warpAffine(rgb, fit_similarity(points, self.target), (self.SIDE, self.SIDE))
            again = self.detect(crop, 1)
            if again:
                self.place(crop, again[0])
                crops += 1
            sides = (face.left(), face.top(), face.right(), face.bottom())
            boxes[number] = np.array(sides, np.float32)
        return boxes, crops
