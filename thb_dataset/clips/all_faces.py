"""Turn a video into clips of every face in it, one after the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.following import allowed_gap, follow_track
from thb_dataset.clips.sounds import read_sound
from thb_dataset.clips.video_clips import (
    VideoClips,
    choose_policy,
    cut_followed,
    make_clips,
    put_spectrogram_before,
)
from thb_dataset.errors import ClipTooShortError, NoFaceError
from thb_dataset.faces.finder import FaceFinder
from thb_dataset.faces.search import FaceSearch, search_faces
from thb_dataset.faces.tracks import (
    POSSIBLE_OVERLAP,
    Track,
    longest_gap,
    longest_run,
    spread_over_time,
)
from thb_dataset.faces.values import overlap
from thb_dataset.video.values import Frames

if TYPE_CHECKING:
    from thb_dataset.video.reader import VideoReader


def make_clips_of_all(
    path: Path,
    spec: ClipSpec,
    finder: FaceFinder,
    reader: VideoReader,
    *,
    sound_path: Path | None = None,
) -> list[VideoClips]:
    """Cut the clips of every face, without a store.

    Of a face that comes and goes, the longest stretch in sight is taken. A face that was seen in a
    single frame counts as a false alarm, unless there is no other face.

    Args:
        path: The video.
        spec: The settings of the clips; those of whole frames give one result.
        finder: Finds the faces.
        reader: Decodes the video, once more for every face that is there for a part of it only.
        sound_path: A WAV file that is used if the clips need sound and the video has none.

    Returns:
        The clips of each face, at least one, by the time of its first frame.

    Raises:
        VideoError: The video cannot be decoded, is too short, or shows no face for the length of a
            clip.
    """
    if spec.crop == "full":
        return [make_clips(path, spec, finder, reader, sound_path=sound_path)]
    samples = read_sound(path, reader, sound_path) if spec.listens else None
    frames = reader.read_frames(path, choose_policy(spec))
    search = search_faces(frames, finder)
    tracks = [track for track in search.tracks if len(track.frames) > 1] or search.tracks[:1]
    cut = [_cut_track(path, spec, finder, reader, frames, search, track) for track in tracks]
    found = [clips for clips in cut if clips is not None]
    if not found:
        raise NoFaceError(
            f"{len(tracks)} faces, none of them in sight for the {choose_policy(spec).span} frames"
            " that one clip needs"
        )
    if samples is not None:
        found = [
            put_spectrogram_before(clips, samples, frames.total_frames, spec) for clips in found
        ]
    found = [replace(clips, faces=max(search.faces, clips.faces)) for clips in found]
    return sorted(found, key=lambda clips: float(clips.seconds.min()))


def _cut_track(
    path: Path,
    spec: ClipSpec,
    finder: FaceFinder,
    reader: VideoReader,
    frames: Frames,
    search: FaceSearch,
    track: Track,
) -> VideoClips | None:
    """Cut one face in the stretch in which it is in sight; None if no clip fits into it."""
    policy, allowed = choose_policy(spec), allowed_gap(search)
    first, last = longest_run(track.frames, allowed)
    kept = [k for k, place in enumerate(track.frames) if first <= place <= last]
    track = Track([track.frames[k] for k in kept], [track.faces[k] for k in kept])
    if longest_gap(track.frames, len(search.numbers)) > allowed:
        begin, end = frames.index[search.numbers[[first, last]]]
        policy = replace(policy, first=int(begin), last=int(end))
        try:
            part = reader.read_frames(path, policy)
        except ClipTooShortError:
            return None
        again = search_faces(part, finder)
        same = _find_again(track, search, frames, again, part)
        if same is None:
            return None
        frames, search, track = part, again, same
    layout = policy.choose(frames.total_frames)
    return cut_followed(frames, layout, spec, follow_track(search, track, frames))


def _find_again(
    track: Track, search: FaceSearch, frames: Frames, again: FaceSearch, part: Frames
) -> Track | None:
    """Return the face of a closer search that is where a face of the first search was."""
    at = frames.seconds[search.numbers[track.frames]]
    boxes = spread_over_time(
        np.stack([face.box for face in track.faces]), at, part.seconds, smoothing_seconds=0
    )

    def likeness(other: Track) -> float:
        """Return the sum of the overlaps, which favours the face that is seen longest."""
        places = again.numbers[other.frames]
        return sum(overlap(boxes[k], face.box) for k, face in zip(places, other.faces, strict=True))

    best = max(again.tracks, key=likeness)
    return best if likeness(best) >= POSSIBLE_OVERLAP * len(best.frames) else None
