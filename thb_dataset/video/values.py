"""The values that reading a video takes and returns: limits, facts, frames and sound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The cost that one video may cause. Sizes are checked before a frame is decoded.

    Attributes:
        max_pixels: The width times the height of a frame, as stored and as shown.
        max_seconds: The declared length of the video, and of its sound if sound is read. A length
            that comes from broken time stamps is measured anew.
        max_frames: The number of frames in the file, counted without decoding.
        max_output_bytes: The size of the pixels or samples that one call returns.
        open_seconds: The time in which a file must be opened, by the clock; an honest index takes
            milliseconds.
        wall_seconds: The time of one call, by the parent's clock.
        cpu_seconds: The processor time of one call in the child.
        address_space_bytes: All memory of the child, libraries included.
    """

    max_pixels: int = 8192 * 4320
    max_seconds: float = 1800.0
    max_frames: int = 108_000
    max_output_bytes: int = 1 << 30
    open_seconds: float = 10.0
    wall_seconds: float = 300.0
    cpu_seconds: int = 240
    address_space_bytes: int = 1 << 30

    @classmethod
    def raised(cls, *, max_pixels: int, max_seconds: float) -> Self:
        """Return limits for larger or longer videos, with the time and memory that these need.

        Args:
            max_pixels: The width times the height of a frame.
            max_seconds: The length of a video.
        """
        plain = cls()
        longer = max(1.0, max_seconds / plain.max_seconds)
        larger = max(1.0, max_pixels / plain.max_pixels)
        return cls(
            max_pixels=max_pixels,
            max_seconds=max_seconds,
            max_frames=round(plain.max_frames * longer),
            wall_seconds=plain.wall_seconds * longer * larger,
            cpu_seconds=round(plain.cpu_seconds * longer * larger),
            address_space_bytes=round(plain.address_space_bytes * larger),
        )


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a file declares about its video, and how its pictures are shown.

    Attributes:
        width: The columns of the pictures, which are upright. Large ones may be returned smaller,
            see :class:`Frames`.
        height: The rows of the pictures.
        rotation_degrees: The clockwise turn that the display matrix asks for: 0, 90, 180 or 270.
            It is already applied to the pictures.
        mirrored: Whether the display matrix also asks for a left-right flip after the turn.
        stored_width: The columns as coded.
        stored_height: The rows as coded.
        sample_aspect_ratio: The width of a stored pixel over its height. Beyond 1.3 either way,
            the shorter side of the pictures is stretched to make the pixels square; nearer to 1,
            the pictures are the stored pixels, unchanged.
        codec: The name of the codec in FFmpeg.
        pixel_format: The name of the stored pixel format.
        fps: The mean number of frames per second; None if the file does not declare it.
        seconds: The length; None if the file does not declare it.
        declared_frames: The number of frames that the file declares; None if it declares none.
            Compare it with ``Frames.total_frames``: a damaged file declares more than it holds.
        has_audio: Whether the file has a sound stream that can be decoded.
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
class VideoMetadata:
    """What tells videos apart without a look at a picture.

    Attributes:
        fps: The mean number of frames per second; None if the file does not declare it.
        width: The columns of the pictures as coded.
        height: The rows of the pictures as coded.
        bits_per_pixel: The mean size of a coded picture over its pixels, from the first packets.
        kbit_per_second: The bit rate of these packets, in 1000 bits per second; None without fps.
        seconds: The declared length; None if the file does not declare it.
        gop_frames: The frames from one key frame to the next: the longest such run among the
            first packets; all of them if only the first one is a key frame.
        has_audio: Whether the file has a sound stream that can be decoded.
        encoder: The ``encoder`` tags of the container and of the video stream, as the file has
            them: text by strangers; empty without tags.
        codec: The name of the codec in FFmpeg.
        profile: The profile of the codec; empty if there is none.
    """

    fps: float | None
    width: int
    height: int
    bits_per_pixel: float
    kbit_per_second: float | None
    seconds: float | None
    gop_frames: int
    has_audio: bool
    encoder: str
    codec: str
    profile: str


@dataclass(frozen=True, kw_only=True)
class Render:
    """How videos are rendered alike: H.264 by x264 in MP4, without sound and without tags.

    Attributes:
        fps: The frames per second.
        side: The rows and columns of the pictures; even.
        crf: The constant rate factor of x264.
        preset: The preset of x264.
    """

    fps: int = 25
    side: int = 512
    crf: int = 23
    preset: str = "medium"


@dataclass(frozen=True, kw_only=True)
class Frames:
    """The chosen frames of one video, in order, each of them once.

    Attributes:
        pixels: uint8 (T, H, W, 3), RGB, full range, upright. Pictures larger than Full HD are
            averaged down if there are so many of them that they would take much memory.
        index: int64 (T,), the place of each frame among the frames that decode, from 0.
        seconds: float64 (T,), strictly ascending, the time of each frame after the first frame of
            the video: from the file's own time stamps or, if these do not rise, evenly spaced.
        total_frames: The number of frames that decode. Frames that the decoder reports as
            damaged, and those after them up to the next key frame, are left out.
        read_to_end: False if reading stopped at the last frame wanted; ``total_frames`` is then
            the number of frames in the file, not all of them decoded.
        info: What the file declares.
        warnings: What is unusual about the video and may matter to a score, a sentence each.
    """

    pixels: npt.NDArray[np.uint8]
    index: npt.NDArray[np.int64]
    seconds: npt.NDArray[np.float64]
    total_frames: int
    read_to_end: bool
    info: VideoInfo
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Audio:
    """The sound of one video, on the clock of its frames.

    Attributes:
        samples: float32 (n,), mono (the mean of all channels). Sample 0 is at the time of the
            video's first frame: earlier sound is cut off, a later start is filled with zeros.
        rate_hz: The number of samples per second.
        channels: The number of channels in the file.
        codec: The name of the sound's codec.
        start_seconds: The time at which the file's sound begins, relative to the first frame
            (may be below 0).
    """

    samples: npt.NDArray[np.float32]
    rate_hz: int
    channels: int
    codec: str
    start_seconds: float

    @property
    def seconds(self) -> float:
        """The length of ``samples``."""
        return len(self.samples) / self.rate_hz
