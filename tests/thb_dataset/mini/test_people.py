"""The drawn people: nobody's photograph, faces to the finder, and unlike each other."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

import thb_dataset.mini
from thb_dataset.faces.finder import Face, FaceFinder
from thb_dataset.mini.canvas import MARGIN, Bytes, Floats, Landmarks, as_floats
from thb_dataset.mini.flaws import Flaws
from thb_dataset.mini.motion import make_motion, make_speech
from thb_dataset.mini.person import Beard, HairStyle, Person, invent_person
from thb_dataset.mini.plan import MiniSize, chance, make_plan
from thb_dataset.mini.portrait import Portrait, make_portrait
from thb_dataset.mini.render import Camera, render_frames


@pytest.fixture(scope="module")
def cast() -> list[str]:
    return sorted({clip.person for clip in make_plan(0, MiniSize()).clips})


@pytest.fixture(scope="module")
def people(cast: list[str]) -> list[Person]:
    return [invent_person(chance(0, "person", name)) for name in cast]


@pytest.fixture(scope="module")
def portraits(cast: list[str]) -> list[Portrait]:
    return [make_portrait(chance(0, "person", name)) for name in cast[::3]]


@pytest.fixture(scope="module")
def faces(portraits: list[Portrait], embedded_finder: FaceFinder) -> list[Face]:
    found = []
    for portrait in portraits:
        (face,) = embedded_finder.find(photograph(portrait), embed=True)
        found.append(face)
    return found


def photograph(portrait: Portrait, *, mouth: float = 0.3, blink: float = 0.0) -> Bytes:
    """Return a frame of a person who looks straight ahead."""
    rng = chance(0, "photograph")
    motion = make_motion(make_speech(8, rng), rng)
    still = {name: np.zeros_like(values) for name, values in vars(motion).items()}
    still["mouth"], still["blink"] = still["mouth"] + mouth, still["blink"] + blink
    camera = Camera(grain=0, shake=0)
    return next(render_frames(portrait, type(motion)(**still), Flaws(), camera, rng))


def expected_points(marks: Landmarks) -> npt.NDArray[np.float64]:
    left, right = marks.eyes
    mouth = marks.mouth
    corners = [(mouth.x + side * mouth.half_width, mouth.corner_y) for side in (-1, 1)]
    return np.array([(left.x, left.y), (right.x, right.y), marks.nose, *corners]) - MARGIN


def test_no_picture_lies_in_the_package() -> None:
    folder = Path(str(thb_dataset.mini.__file__)).parent
    assert {path.suffix for path in folder.iterdir() if path.is_file()} == {".py"}


def test_every_face_is_found_surely_and_its_parts_are_where_they_were_drawn(
    portraits: list[Portrait], faces: list[Face]
) -> None:
    for portrait, face in zip(portraits, faces, strict=True):
        assert face.score > 0.85
        away = np.abs(face.points - expected_points(portrait.marks))
        eyes = np.linalg.norm(face.points[1] - face.points[0])
        assert away.mean() < 0.15 * eyes
        assert away.max() < 0.3 * eyes


def test_skin_is_of_every_tone(portraits: list[Portrait], people: list[Person]) -> None:
    tones = lightness([[person.skin for person in people]])
    counts, _ = np.histogram(tones, bins=(30, 45, 55, 65, 75, 90))
    assert counts.sum() == len(people)
    assert counts.min() >= 4
    seen = [lightness(cheek(portrait)).mean() for portrait in portraits]
    assert np.ptp(seen) > 30


def lightness(rgb: npt.ArrayLike) -> Floats:
    """Return L* of colours, float32 (H, W), from (H, W, 3), RGB, 0 to 255."""
    return as_floats(cv2.cvtColor(as_floats(rgb) / np.float32(255), cv2.COLOR_RGB2LAB)[..., 0])


def cheek(portrait: Portrait) -> Bytes:
    eye, (_, nose_y) = portrait.marks.eyes[0], portrait.marks.nose
    x, y = int(eye.x), int(nose_y)
    return portrait.head[y - 4 : y + 4, x - 4 : x + 4, :3]


def test_ages_hair_and_beards_differ(people: list[Person]) -> None:
    assert {person.hair for person in people} == set(HairStyle)
    assert {person.beard for person in people} == set(Beard)
    ages = np.array([person.age for person in people])
    assert (ages < 0.3).sum() >= 10
    assert (ages > 0.6).sum() >= 10


def test_no_two_people_are_alike(portraits: list[Portrait], faces: list[Face]) -> None:
    crops = [photograph(portrait).astype(np.float32) for portrait in portraits]
    for one, two in combinations(crops, 2):
        assert np.abs(one - two).mean() > 8
    alike = [likeness(a, b) for a, b in combinations(faces, 2)]
    assert np.median(alike) < 0.75
    assert max(alike) < 0.95, "a person in two poses is at 0.95 or more"


def test_one_person_stays_the_same_in_another_pose(
    portraits: list[Portrait], faces: list[Face], embedded_finder: FaceFinder
) -> None:
    for portrait, face in zip(portraits[:6], faces, strict=False):
        (other,) = embedded_finder.find(photograph(portrait, mouth=0.6), embed=True)
        assert likeness(face, other) > 0.8


def likeness(one: Face, two: Face) -> float:
    assert one.embedding is not None
    assert two.embedding is not None
    return float(one.embedding @ two.embedding)


def test_the_mouth_opens_and_the_eyes_close(portraits: list[Portrait]) -> None:
    for portrait in portraits:
        shut, wide = (photograph(portrait, mouth=mouth) for mouth in (0.0, 1.0))
        mouth, (left, _) = portrait.marks.mouth, portrait.marks.eyes
        assert change(shut, wide, mouth.x, mouth.lower_y + 8) > 12
        assert change(shut, photograph(portrait, mouth=0.0, blink=1.0), left.x, left.y) > 12
        assert change(shut, wide, left.x, left.y) == 0


def change(one: Bytes, two: Bytes, x: float, y: float) -> float:
    """Return the mean change of the pixels around a canvas point, in grey levels."""
    column, row = int(x) - MARGIN, int(y) - MARGIN
    place = np.s_[row - 3 : row + 4, column - 8 : column + 9]
    return float(np.abs(one[place].astype(np.float32) - two[place]).mean())


def test_the_same_name_gives_the_same_person() -> None:
    one, two, other = (make_portrait(chance(0, name)) for name in ("a", "a", "b"))
    assert (one.head == two.head).all()
    assert (one.head != other.head).any()
