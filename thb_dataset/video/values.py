"""What reading a video takes and gives: the limits, the facts, the frames, the sound."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one video may cost. Sizes are checked before a frame is decoded.

    Attributes:
        max_pixels: Width times height of a frame, as stored and as shown.
        max_seconds: Declared length of the video, and of the sound when sound is asked for.
        max_frames: Frames in the file, counted without decoding.
        max_output_bytes: Pixels or samples handed back by one call.
        wall_seconds: Time of one call, by the parent's clock.
        cpu_seconds: Processor time of one call in the child.
        address_space_bytes: All memory of the child, libraries included.
    """

    max_pixels: int = 4096 * 2304
    max_seconds: float = 1800.0
    max_frames: int = 108_000
    max_output_bytes: int = 1 << 30
    wall_seconds: float = 300.0
    cpu_seconds: int = 240
    address_space_bytes: int = 1 << 30


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a file says of its video, and how its pictures are handed out.

    Attributes:
        width: Columns of the pictures handed out, upright.
        height: Rows of the same.
        rotation_degrees: Clockwise turn that the display matrix asks for, already applied to the
            pictures: 0, 90, 180 or 270.
        mirrored: The display matrix also asks for a left-right flip (applied after the turn).
        stored_width: Columns as coded.
        stored_height: Rows as coded.
        sample_aspect_ratio: Width of a stored pixel over its height. Beyond 1.3 either way the
            shorter side of the pictures is stretched to make pixels square; nearer to 1 the
            pictures are the stored pixels, untouched.
        codec: Name of the codec, as FFmpeg writes it.
        pixel_format: Name of the stored pixel format.
        fps: Mean frames a second by the file; None where it does not say.
        seconds: Declared length; None where the file does not say.
        declared_frames: Frames that the file says it has; None where it does not say. Compare
            with ``Frames.total_frames``: a damaged file declares more than it gives.
        has_audio: There is a sound stream that can be decoded.
    """

    width: int
    height: int
    rotation_degrees: int
    mirrored: bool
    stored_width: int
    stored_height: int
    sample_aspect_ratio: float
    codec: str
    pixel_format: str
    fps: float | None
    seconds: float | None
    declared_frames: int | None
    has_audio: bool


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The chosen frames of one video, in order, each once.

    Attributes:
        pixels: uint8 (T, H, W, 3), RGB, full range, upright.
        index: int64 (T,), place of each frame among the frames that decode, from 0.
        seconds: float64 (T,), time of each frame after the video's first, from the file's own
            time stamps.
        total_frames: Frames that decode. Frames that the decoder reports as damaged, and those
            after them up to the next key frame, are left out.
        read_to_end: False where reading stopped at the last frame wanted; ``total_frames`` is
            then the number of frames in the file, undecoded.
        info: What the file says.
    """

    pixels: npt.NDArray[np.uint8]
    index: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    total_frames: int
    read_to_end: bool
    info: VideoInfo


@dataclass(frozen=True, kw_only=True)
class Audio:
    """The sound of one video, on the clock of its frames.

    Attributes:
        samples: float32 (n,), mono (the mean of all channels). Sample 0 is at the time of the
            video's first frame: sound before it is cut off, a later start is filled with zeros.
        rate_hz: Samples a second.
        channels: Channels in the file.
        codec: Name of the sound's codec.
        start_seconds: Where the file's sound begins, relative to the first frame (may be below 0).
    """

    samples: npt.NDArray[np.float32]
    rate_hz: int
    channels: int
    codec: str
    start_seconds: float

    @property
    def seconds(self) -> float:
        """Length of ``samples``."""
        return len(self.samples) / self.rate_hz
