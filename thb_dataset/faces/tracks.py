"""Link the boxes of single frames to tracks of faces, with pure functions of numbers.

A face is linked to the track whose last box it overlaps. If that is not certain (little overlap,
several candidates, or frames without the track in between), the embeddings decide.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.faces.values import Face, overlap

CERTAIN_OVERLAP: Final = 0.5
"""The intersection over union from which two lone boxes in neighbouring frames are one face."""

POSSIBLE_OVERLAP: Final = 0.1
"""The intersection over union below which a link rests on the embeddings alone."""

SMOOTHING_SECONDS: Final = 0.1
"""The standard deviation of the Gaussian over time that removes the face detector's jitter.

On 16 real clips with every frame searched, it shrinks the boxes' second differences to a sixth.
"""

Resemblance = Callable[[int, Face, int, Face], float]
"""Returns the cosine of two faces, -1 to 1; each is given after the number of its frame."""


@dataclass
class Track:
    """One face followed through the frames that were searched.

    Attributes:
        frames: The numbers of the searched frames that show it, ascending.
        faces: The face in each of these frames.
    """

    frames: list[int] = field(default_factory=list)
    faces: list[Face] = field(default_factory=list)

    @property
    def median_side(self) -> float:
        """The median of the longer sides of its boxes, in pixels."""
        return float(np.median([face.side for face in self.faces]))


def link_tracks(
    frames: Sequence[Sequence[Face]],
    *,
    resemblance: Resemblance | None = None,
    same_face: float = 0.4,
    cuts: Sequence[bool] | None = None,
) -> list[Track]:
    """Link the faces of consecutive searched frames.

    Args:
        frames: The faces of each frame.
        resemblance: Decides uncertain links; None leaves them to the overlap alone.
        same_face: The cosine from which two single frames show one face.
        cuts: Whether the picture jumps before each frame, so that overlap proves nothing.

    Returns:
        The tracks, the longest first, and among equally long ones the largest first.
    """
    tracks: list[Track] = []
    for number, faces in enumerate(frames):
        cut = bool(cuts[number]) if cuts is not None else False
        pairs = _rank_pairs(tracks, number, faces, cut, resemblance, same_face)
        taken_tracks: set[int] = set()
        taken_faces: set[int] = set()
        for _, t, f in pairs:
            if t not in taken_tracks and f not in taken_faces:
                taken_tracks.add(t)
                taken_faces.add(f)
                tracks[t].frames.append(number)
                tracks[t].faces.append(faces[f])
        for f, face in enumerate(faces):
            if f not in taken_faces:
                tracks.append(Track(frames=[number], faces=[face]))
    return sorted(tracks, key=lambda track: (-len(track.frames), -track.median_side))


def _rank_pairs(
    tracks: Sequence[Track],
    number: int,
    faces: Sequence[Face],
    cut: bool,
    resemblance: Resemblance | None,
    same_face: float,
) -> list[tuple[float, int, int]]:
    """List the possible links in this frame, the surest first."""
    overlaps = np.array(
        [[overlap(track.faces[-1].box, face.box) for face in faces] for track in tracks]
    ).reshape(len(tracks), len(faces))
    pairs: list[tuple[float, int, int]] = []
    for t, track in enumerate(tracks):
        for f, face in enumerate(faces):
            shared = float(overlaps[t, f])
            fresh = track.frames[-1] == number - 1 and not cut
            alone = (
                np.sum(overlaps[t] > POSSIBLE_OVERLAP) == 1
                and np.sum(overlaps[:, f] > POSSIBLE_OVERLAP) == 1
            )
            if fresh and alone and shared >= CERTAIN_OVERLAP:
                pairs.append((2.0 + shared, t, f))
            elif resemblance is None:
                if shared > POSSIBLE_OVERLAP:
                    pairs.append((shared, t, f))
            else:
                alike = resemblance(track.frames[-1], track.faces[-1], number, face)
                if alike >= same_face:
                    pairs.append((alike + shared, t, f))
    return sorted(pairs, key=lambda pair: -pair[0])


def longest_gap(frames: Sequence[int], total: int) -> int:
    """Return the longest run of searched frames without the face, at both ends of the video too.

    Args:
        frames: The numbers of the searched frames that show it, ascending.
        total: The number of searched frames.
    """
    edges = [-1, *frames, total]
    return max(b - a - 1 for a, b in pairwise(edges))


def longest_run(frames: Sequence[int], gap: int) -> tuple[int, int]:
    """Return the first and the last frame of the most sightings without a longer gap than this.

    Args:
        frames: The numbers of the searched frames that show the face, ascending, at least one.
        gap: The number of searched frames in a row that may be without the face.
    """
    runs = [[frames[0]]]
    for before, frame in pairwise(frames):
        if frame - before - 1 > gap:
            runs.append([])
        runs[-1].append(frame)
    longest = max(runs, key=len)
    return longest[0], longest[-1]


def spread_over_shots(
    values: npt.NDArray[np.float32],
    at_seconds: npt.NDArray[np.float64],
    to_seconds: npt.NDArray[np.float64],
    at_shots: npt.NDArray[np.int64],
    to_shots: npt.NDArray[np.int64],
) -> npt.NDArray[np.float32]:
    """Smooth and read values as :func:`spread_over_time` does, but within each shot by itself.

    Only a shot without any measurement is interpolated between those around it.

    Args:
        values: float32 (K, D), boxes or points.
        at_seconds: float64 (K,), strictly ascending.
        to_seconds: float64 (M,).
        at_shots: int64 (K,), the number of the shot of each measurement.
        to_shots: int64 (M,), the number of the shot of each time to read.

    Returns:
        float32 (M, D).
    """
    spread = spread_over_time(values, at_seconds, to_seconds)
    shots = np.unique(at_shots)
    if len(shots) == 1:
        return spread
    for shot in shots:
        here, there = at_shots == shot, to_shots == shot
        spread[there] = spread_over_time(values[here], at_seconds[here], to_seconds[there])
    return spread


def spread_over_time(
    values: npt.NDArray[np.float32],
    at_seconds: npt.NDArray[np.float64],
    to_seconds: npt.NDArray[np.float64],
    *,
    smoothing_seconds: float = SMOOTHING_SECONDS,
) -> npt.NDArray[np.float32]:
    """Smooth values measured at some times, and read them at others.

    Smoothing is a Gaussian mean over neighbours in time. Between two measurements the value is
    interpolated linearly; before the first and after the last it is constant.

    Args:
        values: float32 (K, D), boxes or points.
        at_seconds: float64 (K,), strictly ascending.
        to_seconds: float64 (M,).
        smoothing_seconds: The standard deviation of the Gaussian; 0 does not smooth.

    Returns:
        float32 (M, D).
    """
    smooth = values.astype(np.float64)
    if smoothing_seconds > 0:
        apart = (at_seconds[:, None] - at_seconds[None, :]) / smoothing_seconds
        # Half a neighbourhood at the ends would pull values inwards, so it is kept symmetric.
        reach = np.minimum(at_seconds - at_seconds[0], at_seconds[-1] - at_seconds)
        near = np.abs(at_seconds[:, None] - at_seconds[None, :]) <= reach[:, None] + 1e-9
        weights = np.exp(-0.5 * apart**2) * near
        smooth = (weights / weights.sum(axis=1, keepdims=True)) @ smooth
    columns = [np.interp(to_seconds, at_seconds, column) for column in smooth.T]
    return np.stack(columns, axis=1).astype(np.float32)
