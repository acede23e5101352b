"""Compare GenD's own frames and crops with ours, for the same videos and the same five points.

    python -m scripts.check_gend_crops ORIGINALS --videos DIR [--mtcnn SITE] [--write FILE]

ORIGINALS holds a checkout of yermandy/GenD, whose ``detector.py`` needs imageio and onnxruntime.
Every frame that GenD takes of every video is cut twice from the points that our face finder gives:
by its code and the processor of each backbone, and by ours. The mean difference in grey levels must
stay below 0.5.

The authors find faces with RetinaFace (InsightFace's ``det_10g``). ``--mtcnn`` names a folder with
facenet-pytorch (``pip install --no-deps --target SITE facenet-pytorch==2.6.0``), whose MTCNN places
the same five points and has its weights inside. The crops from its points are then compared with
those from ours, which shows what another face finder changes; ``--det-10g FILE`` does the same with
the authors' own finder, where its file is at hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import nn

if not __package__:  # run as a file, not by python -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from detectors.gend.configuration import CLIPS
from detectors.torchvision_guard import make_torchvision_importable
from scripts.check_parity import find_checkout, open_site
from scripts.drawn_weights import draw_input, importing_from
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.following import follow_face
from thb_dataset.clips.video_clips import choose_policy
from thb_dataset.errors import VideoError
from thb_dataset.faces.finder import load_face_finder
from thb_dataset.faces.framing import cut_frame, place_frame
from thb_dataset.faces.values import SAME_FACE_OVERLAP
from thb_dataset.video.reader import VideoReader

Picture = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float32]
Finder = Callable[[Picture], Points | None]
"""From a frame to the five points of its largest face."""

LIMIT = 0.5
BOX = np.zeros(4, np.float32)
DRAWN_POINTS = (
    [[60, 70], [120, 64], [92, 100], [68, 132], [118, 128]],
    [[20.5, 30.25], [60, 45], [33, 62], [15, 80], [50, 92.75]],
    [[100, 100], [112, 99], [105, 108], [101, 114], [111, 113]],
)
"""Points on the drawn picture: upright, turned and partly outside, and small."""


def main() -> int:
    """Check frames and crops; return 0 if every mean difference is within the limit, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("originals", type=Path)
    parser.add_argument("--videos", type=Path, help="folder with videos, searched to its depth")
    parser.add_argument("--most", type=int, default=1000, help="the most videos")
    parser.add_argument("--mtcnn", type=Path, metavar="SITE")
    parser.add_argument("--det-10g", type=Path, metavar="FILE")
    parser.add_argument("--write", type=Path, help="keep the answers for a drawn picture")
    given = parser.parse_args()
    if given.mtcnn:
        open_site(given.mtcnn)
    make_torchvision_importable()
    with importing_from(find_checkout(given.originals, "GenD")):
        original = import_module("detector")
    if given.write:
        given.write.write_text(json.dumps(answer_drawn(original)) + "\n", encoding="utf-8")
    finders: dict[str, Finder] = {}
    if given.mtcnn:
        finders["MTCNN"] = open_mtcnn()
    if given.det_10g:
        finders["RetinaFace"] = open_retinaface(given.det_10g)
    faces = list(read_faces(original, given.videos, given.most))
    for name, find in finders.items():
        print(describe_places(name, find, faces))
    return int(max(compare_crops(original, faces), default=0.0) > LIMIT)


def compare_crops(original: ModuleType, faces: Sequence[tuple[Picture, Points]]) -> list[float]:
    """Cut every face twice for each backbone; print and return the mean differences."""
    means = []
    for name, process in make_processors().items():
        found = [
            float(
                np.abs(
                    process(cut_theirs(original, rgb, points))
                    - cut_frame(rgb, CLIPS[name], box=BOX, points=points).astype(np.float64)
                ).mean()
            )
            for rgb, points in faces
        ]
        means.append(float(np.mean(found or [0.0])))
        largest = max(found, default=0.0)
        print(f"{name}: {len(found)} faces, {means[-1]:.3f} grey levels (largest {largest:.3f})")
    return means


def describe_places(name: str, find: Finder, faces: Sequence[tuple[Picture, Points]]) -> str:
    """Return in words how the squares by another finder's points differ from those by ours."""
    found = [(rgb, points, find(rgb)) for rgb, points in faces]
    rows = [
        compare_places(points, elsewhere, (rgb.shape[0], rgb.shape[1]))
        for rgb, points, elsewhere in found
        if elsewhere is not None
    ]
    same = [row for row in rows if row[1] >= SAME_FACE_OVERLAP]
    apart, overlap, size, turn = np.mean(same, axis=0)
    return (
        f"{name}: a face in {len(rows)} of {len(faces)} frames, in {len(same)} the one that we"
        f" follow; of these, points {apart:.1%} of the distance of the eyes from ours, squares"
        f" overlap by {overlap:.3f} and are {size:.3f} times as wide, turned by {turn:.1f} degrees"
        " (means)"
    )


def read_faces(
    original: ModuleType, folder: Path | None, most: int
) -> Iterator[tuple[Picture, Points]]:
    """Yield the frames that GenD takes of each video, with the points of the face in each.

    Raises:
        SystemExit: Our frames are not the first of the original's order.
    """
    finder, reader = load_face_finder(), VideoReader()
    spec = CLIPS["clip"]
    for path in sorted(folder.rglob("*.mp4"))[:most] if folder else ():
        try:
            frames = reader.read_frames(path, choose_policy(spec))
            face = follow_face(frames, finder)
        except VideoError as error:
            print(f"{path.name}: {error}", file=sys.stderr)
            continue
        order = original.max_spread_permutation_pq(frames.total_frames, frames.total_frames // 2)
        if sorted(order[: spec.clips]) != frames.index.tolist():
            raise SystemExit(f"{path.name}: GenD takes other frames")
        yield from zip(frames.pixels, face.points, strict=True)


def cut_theirs(original: ModuleType, rgb: Picture, points: Points) -> Picture:
    """Cut a face by the authors' code with the settings of their command, as RGB."""
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    cut: Picture = original.align_face(bgr, points, target_size=None, scale=1.3)[0]
    return cut[..., ::-1]


def make_processors() -> dict[str, Callable[[Picture], npt.NDArray[np.float64]]]:
    """Return the processor of each backbone without its mean and deviation, in grey levels."""
    from timm.data.transforms_factory import create_transform
    from transformers import CLIPImageProcessor, DINOv3ViTImageProcessor

    clip = CLIPImageProcessor(
        size={"shortest_edge": 224}, crop_size={"height": 224, "width": 224}, do_normalize=False
    )
    dino = DINOv3ViTImageProcessor(size={"height": 224, "width": 224}, do_normalize=False)
    pe: Any = create_transform(
        (3, 224, 224), interpolation="bicubic", crop_pct=1.0, mean=(0, 0, 0), std=(1, 1, 1)
    )

    def by_processor(processor: Callable[..., Any]) -> Callable[[Picture], npt.NDArray[np.float64]]:
        def process(cut: Picture) -> npt.NDArray[np.float64]:
            image = Image.fromarray(np.ascontiguousarray(cut))
            values = processor(images=image, return_tensors="pt")["pixel_values"][0]
            return values.double().permute(1, 2, 0).numpy() * 255.0  # type: ignore[no-any-return] # untyped

        return process

    def by_timm(cut: Picture) -> npt.NDArray[np.float64]:
        values = pe(Image.fromarray(np.ascontiguousarray(cut)))
        return values.double().permute(1, 2, 0).numpy() * 255.0  # type: ignore[no-any-return] # untyped

    return {"clip": by_processor(clip), "dinov3": by_processor(dino), "pe": by_timm}


def compare_places(ours: Points, theirs: Points, frame_size: tuple[int, int]) -> list[float]:
    """Return how far apart two sets of points are, and the squares that are cut by them.

    Returns:
        The mean distance over that of the eyes, the intersection over union, the ratio of the
        sides, and the turn in degrees.
    """
    spec: ClipSpec = CLIPS["clip"]
    eyes = float(np.linalg.norm(ours[0] - ours[1]))
    apart = float(np.linalg.norm(ours - theirs, axis=1).mean()) / eyes
    squares, turns, scales = [], [], []
    for points in (ours, theirs):
        matrix = place_frame(spec, box=BOX, points=points, frame_size=frame_size)
        scales.append(float(np.hypot(matrix[0, 0], matrix[1, 0])))
        turns.append(float(np.degrees(np.arctan2(matrix[1, 0], matrix[0, 0]))))
        corners = np.array([[0, 0], [224, 0], [224, 224], [0, 224]]) - 0.5 - matrix[:, 2]
        squares.append((corners @ np.linalg.inv(matrix[:, :2]).T).astype(np.float32))
    both = cv2.intersectConvexConvex(squares[0], squares[1])[0]
    areas = (224 / scales[0]) ** 2 + (224 / scales[1]) ** 2
    turn = abs((turns[0] - turns[1] + 180) % 360 - 180)
    return [apart, both / (areas - both), scales[0] / scales[1], turn]


def open_mtcnn() -> Finder:
    """Return a function that gives the points of the largest face by MTCNN, None without one."""
    from facenet_pytorch import MTCNN
    from facenet_pytorch.models.utils import detect_face

    detect_face.batched_nms = suppress  # torchvision's own needs operators that it may lack
    finder = MTCNN(select_largest=True, keep_all=False)

    def find(rgb: Picture) -> Points | None:
        points = finder.detect(Image.fromarray(rgb), landmarks=True)[2]
        return None if points is None else np.asarray(points[0], np.float32)

    return find


def suppress(
    boxes: torch.Tensor, scores: torch.Tensor, groups: torch.Tensor, limit: float
) -> torch.Tensor:
    """Return the numbers of the boxes that overlap no better one of their group by the limit."""
    kept: list[int] = []
    for number in scores.argsort(descending=True).tolist():
        box, better = boxes[number], boxes[kept]
        both = torch.minimum(box[2:], better[:, 2:]) - torch.maximum(box[:2], better[:, :2])
        inside = both.clamp(min=0).prod(dim=1)
        areas = (box[2:] - box[:2]).prod() + (better[:, 2:] - better[:, :2]).prod(dim=1)
        same = groups[kept] == groups[number]
        if not bool(((inside > limit * (areas - inside)) & same).any()):
            kept.append(number)
    return torch.tensor(kept, dtype=torch.long)


def open_retinaface(file: Path) -> Finder:
    """Return the same by the authors' own finder, with their threshold."""
    from insightface.model_zoo.retinaface import RetinaFace

    finder = RetinaFace(str(file))
    finder.prepare(-1, input_size=(640, 640), det_thresh=0.1)

    def find(rgb: Picture) -> Points | None:
        boxes, points = finder.detect(np.ascontiguousarray(rgb[..., ::-1]))
        if not len(boxes):
            return None
        areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        return np.asarray(points[areas.argmax()], np.float32)

    return find


def answer_drawn(original: ModuleType) -> dict[str, Any]:
    """Return what the original cuts out of a drawn picture, and the frames that it takes.

    Of each crop its side, and the means of 8 x 8 blocks of it at 224 pixels by Pillow.
    """
    picture = draw_picture()
    crops = []
    for five in DRAWN_POINTS:
        cut = cut_theirs(original, picture, np.array(five, np.float32))
        image = Image.fromarray(np.ascontiguousarray(cut))
        means = {
            name: average(np.asarray(image.resize((224, 224), how), np.float64))
            for name, how in (
                ("pillow_cubic", Image.Resampling.BICUBIC),
                ("pillow", Image.Resampling.BILINEAR),
            )
        }
        crops.append({"points": five, "side": len(cut), **means})
    orders = {
        str(total): original.max_spread_permutation_pq(total, total // 2)[:32]
        for total in (1, 2, 31, 32, 33, 100, 257, 1000)
    }
    return {"crops": crops, "orders": orders}


def draw_picture() -> Picture:
    """Return the drawn picture, uint8 (200, 180, 3)."""
    return draw_input(1, (3, 200, 180), 255.0, seed=3)[0].permute(1, 2, 0).byte().numpy()


def average(values: npt.NDArray[np.float64]) -> list[list[list[float]]]:
    """Return the means of 8 x 8 blocks of a square picture, to three digits."""
    pooled = nn.functional.avg_pool2d(torch.from_numpy(values).permute(2, 0, 1), 28)
    return [[[round(value, 3) for value in row] for row in plane] for plane in pooled.tolist()]


if __name__ == "__main__":
    raise SystemExit(main())
