"""Follow one face through the frames of a video."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import NoFaceError
from thb_dataset.faces.cuts import has_jumped
from thb_dataset.faces.finder import FaceFinder
from thb_dataset.faces.search import FaceSearch, search_faces
from thb_dataset.faces.tracks import Track, longest_gap, longest_run, spread_over_shots
from thb_dataset.video.values import Frames


@dataclass(frozen=True)
class FollowedFace:
    """One face followed through the frames of a video.

    Attributes:
        boxes: float32 (M, 4), its smoothed box in each of the M frames.
        points: float32 (M, 5, 2), its smoothed points.
        faces: The number of faces followed, counted as in ``VideoClips``.
        frames_with_face: The number of searched frames in which it was found.
        frames_searched: The number of frames searched.
    """

    boxes: npt.NDArray[np.float32]
    points: npt.NDArray[np.float32]
    faces: int
    frames_with_face: int
    frames_searched: int


class PartlySeenError(NoFaceError):
    """The face is in sight for half of the frames or more, but not over the whole video.

    Attributes:
        first: The first frame of the stretch in which it is in sight, counted from 0.
        last: The last one.
        faces: The number of faces followed in the whole video.
    """

    def __init__(self, message: str, first: int, last: int, faces: int) -> None:
        super().__init__(message)
        self.faces = faces
        self.first = first
        self.last = last


def follow_face(frames: Frames, finder: FaceFinder) -> FollowedFace:
    """Follow the face that most of the searched frames show, and among several the largest.

    Frames in which it is not found take their box from their neighbours. At most a quarter of the
    searched frames in a row (but at least one) may be bridged in this way.

    Args:
        frames: The frames of one video, ascending.
        finder: The face finder.

    Raises:
        NoFaceError: The face is in fewer than half of the searched frames, is too small in all of
            them, or is absent for too long; if half of the frames show it without such a break, it
            is a PartlySeenError.
    """
    search = search_faces(frames, finder)
    _check_track(search, frames)
    return follow_track(search, search.tracks[0], frames)


def follow_track(search: FaceSearch, track: Track, frames: Frames) -> FollowedFace:
    """Read the box and the points of one of the faces found in every frame.

    Args:
        search: The faces found in the frames.
        track: One of them.
        frames: The frames.
    """
    numbers = search.numbers[track.frames]
    shots = _number_shots(track, search, frames.seconds)
    times = frames.seconds[numbers], frames.seconds, shots[numbers], shots
    boxes = spread_over_shots(np.stack([face.box for face in track.faces]), *times)
    points = spread_over_shots(np.stack([face.points.reshape(10) for face in track.faces]), *times)
    return FollowedFace(
        boxes=boxes,
        points=points.reshape(-1, 5, 2),
        faces=search.faces,
        frames_with_face=len(track.frames),
        frames_searched=len(search.numbers),
    )


def _number_shots(
    track: Track, search: FaceSearch, seconds: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """Number the shots of a video: a cut or a jump of the face begins another, int64 (M,)."""
    begins = search.cuts.copy()
    places = search.numbers[track.frames]
    for (a, one), (b, other) in pairwise(zip(places, track.faces, strict=True)):
        begins[b] |= has_jumped([one], [other], float(seconds[b] - seconds[a]))
    return np.cumsum(begins)


def allowed_gap(search: FaceSearch) -> int:
    """Return the number of searched frames in a row that may be without the face."""
    return max(1, len(search.numbers) // 4)


def _check_track(search: FaceSearch, frames: Frames) -> None:
    track, searched = search.tracks[0], len(search.numbers)
    seen, others = len(track.frames), search.faces - 1
    which = f"of {others + 1} faces, the one in sight longest is" if others else "a face is"
    if seen * 2 < searched:
        advice = "; ask for all faces to score each" if others else ""
        raise NoFaceError(
            f"{which} in only {seen} of {searched} frames, but half are needed{advice}"
        )
    gap, allowed = longest_gap(track.frames, searched), allowed_gap(search)
    if gap <= allowed:
        return
    first, last = longest_run(track.frames, allowed)
    reason = (
        f"the face is absent from {gap} of {searched} frames in a row, but only {allowed} can"
        " be bridged"
    )
    if sum(first <= place <= last for place in track.frames) * 2 >= searched:
        begin, end = frames.index[search.numbers[[first, last]]]
        raise PartlySeenError(reason, int(begin), int(end), search.faces)
    raise NoFaceError(f"{reason}; another face is in sight meanwhile" if others else reason)
