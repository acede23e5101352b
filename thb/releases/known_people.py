"""The threshold of a face pack, measured on pictures of known people."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import ReleaseError

if TYPE_CHECKING:
    from thb_dataset.identity.known_people import PeopleCalibration

PICTURE_SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


def calibrate_people(
    folder: Path, *, face_pack: str = "embedded", threshold: float | None = None
) -> PeopleCalibration:
    """Measure how well a face pack's threshold tells known people apart.

    Args:
        folder: A folder with a subfolder of pictures for each person, or with pictures named
            ``<person>_<n>``. The largest face of each picture counts.
        face_pack: The face pack, as ``load_face_finder`` takes it.
        threshold: The cosine similarity to judge; None for the pack's own.

    Raises:
        ReleaseError: The folder lacks two pictures of one person and a picture of a second person.
    """
    from thb_dataset.faces.finder import load_face_finder
    from thb_dataset.identity.known_people import calibrate_threshold

    finder = load_face_finder(face_pack)
    people: list[str] = []
    pictures: list[str] = []
    vectors: list[npt.NDArray[np.float32]] = []
    for path in sorted(folder.rglob("*")):
        person = _name_person(path, folder)
        if person is None:
            continue
        picture = _read_picture(path)
        faces = [] if picture is None else finder.find(picture)
        if picture is not None and faces:
            people.append(person)
            pictures.append(path.relative_to(folder).as_posix())
            vectors.append(finder.embed(picture, faces[0]))
    if not people:
        raise ReleaseError(f"no picture in {folder} shows a face, so there is nothing to compare")
    chosen = finder.pack.same_person if threshold is None else threshold
    return calibrate_threshold(np.stack(vectors), people, chosen, pictures=pictures)


def _name_person(path: Path, folder: Path) -> str | None:
    if path.suffix.lower() not in PICTURE_SUFFIXES or not path.is_file():
        return None
    if path.parent != folder:
        return path.parent.name
    match = re.fullmatch(r"(?P<person>.+)_\d+", path.stem)
    return match["person"] if match else None


def _read_picture(path: Path) -> npt.NDArray[np.uint8] | None:
    import cv2

    bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    return None if bgr is None else np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8)
