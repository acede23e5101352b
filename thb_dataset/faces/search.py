"""Choose the frames to search for faces, search them, and link the faces to tracks.

Finding faces costs more than decoding, so as few frames are searched as the video allows. If every
frame of a coarse search shows one face, only the stretches in which it moves are searched more
finely, by halves. In any other case (a frame without a face, several faces, a cut) the video is
searched in full. The frames on both sides of a cut, and of a jump of the face, are searched always.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import NoFaceError
from thb_dataset.faces.cuts import UNLIKE_DIFFERENCE, find_cuts, has_jumped, measure_differences
from thb_dataset.faces.tracks import Track, link_tracks
from thb_dataset.faces.values import Face, FaceFinder, overlap
from thb_dataset.video.values import Frames

MIN_FACE_PIXELS: Final = 32
"""The longer side of the smallest box that is followed."""

COARSE_GAP_SECONDS: Final = 1.2
"""The largest gap between the frames of the coarse search."""

FINE_GAP_SECONDS: Final = 0.15
"""The gap of a full search; no frame is searched between two frames this near to each other."""

STEADY_OVERLAP: Final = 0.85
"""The overlap from which the boxes between two boxes are interpolated.

On 31 real clips of 32 frames, 15 frames of a clip are then searched, and the boxes overlap
InsightFace's by 0.920 instead of 0.931.
"""

MAX_FACES: Final = 8
"""The number of faces followed in one frame, the largest ones; it bounds the cost of a crowd."""


@dataclass(frozen=True)
class FaceSearch:
    """The frames searched, and the faces found.

    Attributes:
        numbers: int64 (K,), the frames searched, ascending.
        tracks: At least one track, the longest first, and among equally long ones the largest
            first; their ``frames`` are places in ``numbers``.
        cuts: bool (M,), the frames, searched or not, that begin another scene.
    """

    numbers: npt.NDArray[np.int64]
    tracks: list[Track]
    cuts: npt.NDArray[np.bool_]

    @property
    def faces(self) -> int:
        """The number of faces followed.

        A face seen in a single frame counts as a false alarm, unless there is no other face.
        """
        return sum(len(track.frames) > 1 for track in self.tracks) or 1


def search_faces(frames: Frames, finder: FaceFinder, *, every_frame: bool = False) -> FaceSearch:
    """Search frames for faces and link what is found.

    Args:
        frames: The frames of one video, ascending.
        finder: The face finder.
        every_frame: Whether to search all frames, however still the face is.

    Raises:
        NoFaceError: No frame shows a face, or none shows one that is large enough.
    """
    differences = measure_differences(frames.pixels)
    cuts = find_cuts(differences, frames.seconds)
    unlike = cuts | (differences > UNLIKE_DIFFERENCE)
    found: dict[int, list[Face]] = {}

    def look(number: int) -> list[Face]:
        """Return the large faces of a frame, which is searched only once."""
        if number not in found:
            found[number] = finder.find(frames.pixels[number])
        return take_large(found[number])

    if every_frame:
        numbers = list(range(len(frames.index)))
    else:
        numbers = _choose_as_needed(frames.seconds, look, cuts, is_plain=not unlike.any())
    large = {number: look(number) for number in numbers}
    if not any(large.values()):
        sides = [face.side for faces in found.values() for face in faces]
        raise NoFaceError(
            f"the largest face is {max(sides):.0f} pixels wide or high, but {MIN_FACE_PIXELS} are"
            " needed"
            if sides
            else f"no face in any of {len(numbers)} frames"
        )
    tracks = _link(frames, large, unlike, finder)
    return FaceSearch(numbers=np.array(numbers), tracks=tracks, cuts=cuts)


def take_large(faces: list[Face]) -> list[Face]:
    """Return the faces that are large enough to follow, and of a crowd only the largest ones."""
    return [face for face in faces if face.side >= MIN_FACE_PIXELS][:MAX_FACES]


def choose_searched(seconds: npt.NDArray[np.float64], gap_seconds: float) -> list[int]:
    """Choose the first frame, the last frame, and as few frames in between as the gap allows.

    Args:
        seconds: float64 (M,), the time of each frame, ascending.
        gap_seconds: The largest gap between chosen frames.

    Returns:
        The chosen frames, ascending.
    """
    chosen = [0]
    last = len(seconds) - 1
    while chosen[-1] < last:
        here = chosen[-1]
        reach = int(np.searchsorted(seconds, seconds[here] + gap_seconds + 1e-6, side="right")) - 1
        chosen.append(min(last, max(here + 1, reach)))
    return chosen


def _choose_as_needed(
    seconds: npt.NDArray[np.float64],
    look: Callable[[int], list[Face]],
    cuts: npt.NDArray[np.bool_],
    *,
    is_plain: bool,
) -> list[int]:
    """Search coarsely, then by halves where the face moves; in full if there is not one face."""
    numbers = choose_searched(seconds, COARSE_GAP_SECONDS)
    is_plain = is_plain and all(len(look(number)) == 1 for number in numbers)
    while is_plain:
        between = [
            (a + b) // 2
            for a, b in pairwise(numbers)
            if b - a > 1
            and seconds[b] - seconds[a] > FINE_GAP_SECONDS + 1e-6
            and overlap(look(a)[0].box, look(b)[0].box) < STEADY_OVERLAP
        ]
        if not between:
            return _close_in_on_jumps(numbers, seconds, look)
        is_plain = all(len(look(number)) == 1 for number in between)
        numbers = sorted([*numbers, *between])
    beside = {int(number) for cut in np.flatnonzero(cuts) for number in (cut - 1, cut)}
    numbers = sorted({*numbers, *choose_searched(seconds, FINE_GAP_SECONDS), *beside})
    return _close_in_on_jumps(numbers, seconds, look)


def _close_in_on_jumps(
    numbers: list[int], seconds: npt.NDArray[np.float64], look: Callable[[int], list[Face]]
) -> list[int]:
    """Search by halves, however near in time, until the frames of each jump are neighbours."""
    while True:
        between = [
            (a + b) // 2
            for a, b in pairwise(numbers)
            if b - a > 1 and has_jumped(look(a), look(b), float(seconds[b] - seconds[a]))
        ]
        if not between:
            return numbers
        numbers = sorted([*numbers, *between])


def _link(
    frames: Frames,
    faces: Mapping[int, list[Face]],
    unlike: npt.NDArray[np.bool_],
    finder: FaceFinder,
) -> list[Track]:
    """Link the faces of the searched frames; embeddings are computed only where needed."""
    numbers = list(faces)
    embeddings: dict[tuple[int, int], npt.NDArray[np.float32]] = {}

    def embed(place: int, face: Face) -> npt.NDArray[np.float32]:
        """Return the embedding of a face, which is computed only once."""
        key = (place, id(face))
        if key not in embeddings:
            embeddings[key] = finder.embed(frames.pixels[numbers[place]], face)
        return embeddings[key]

    def resemblance(a: int, face_a: Face, b: int, face_b: Face) -> float:
        """Return the cosine of two faces."""
        return float(embed(a, face_a) @ embed(b, face_b))

    jumps = [bool(unlike[a + 1 : b + 1].any()) for a, b in pairwise(numbers)]
    return link_tracks(
        list(faces.values()),
        resemblance=resemblance if finder.pack.embedding_dim else None,
        cuts=[False, *jumps],
    )
