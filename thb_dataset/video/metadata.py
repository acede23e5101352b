"""What a container tells of its video, inside the child process.

No frame is decoded here. FFmpeg itself may look into the first pictures when it opens a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from thb_dataset.errors import VideoDecodeError
from thb_dataset.video.decoder import VideoFile, find_audio_stream
from thb_dataset.video.values import Limits, VideoMetadata

PACKETS: Final = 500
"""The packets of a video that are read at most, 20 seconds at 25 frames per second."""

LONGEST_TAG: Final = 200
"""The letters of a tag that are kept; an encoder's name is far shorter."""


def read_metadata(path: str, limits: Limits) -> VideoMetadata:
    """Read what a file declares, and the sizes and key frame flags of its first packets.

    Args:
        path: The file.
        limits: The cost that the video may cause.

    Raises:
        VideoDecodeError: The file is not a video, of an unsupported kind, or has no packets.
        VideoTooLargeError: The video is larger or longer than the limits.
    """
    with VideoFile(path, limits) as video:
        stream, seconds = video.stream, video.declared_seconds
        context = stream.codec_context
        period = video.declared_period
        fps = float(1 / period) if period > 0 else None
        tags = [
            held.get("encoder", "").strip() for held in (video.container.metadata, stream.metadata)
        ]
        sizes, keys = _read_packets(video)
        bits = 8 * sum(sizes) / len(sizes)
        return VideoMetadata(
            fps=fps,
            width=stream.width,
            height=stream.height,
            bits_per_pixel=bits / (stream.width * stream.height),
            kbit_per_second=None if fps is None else bits * fps / 1000,
            seconds=seconds,
            gop_frames=measure_gop(keys, len(sizes)),
            has_audio=find_audio_stream(video.container) is not None,
            encoder=", ".join(tag[:LONGEST_TAG] for tag in tags if tag),
            codec=context.codec.canonical_name,
            profile=context.profile or "",
        )


def measure_gop(keys: Sequence[int], total: int) -> int:
    """Return the longest run of packets from a key frame up to the next one, or to the end.

    >>> measure_gop([0, 12, 24], 30)
    12
    >>> measure_gop([0], 30)
    30

    Args:
        keys: The places of the key frames, ascending.
        total: The number of packets.
    """
    return max(after - before for before, after in pairwise([*keys, total])) if keys else total


def _read_packets(video: VideoFile) -> tuple[list[int], list[int]]:
    """Return the bytes of the first packets, and the places of the key frames among them."""
    sizes: list[int] = []
    keys: list[int] = []
    for packet in video.packets(video.stream):
        if packet is None or not packet.size or packet.is_discard:
            continue
        if packet.is_keyframe:
            keys.append(len(sizes))
        sizes.append(packet.size)
        if len(sizes) == PACKETS:
            break
    if not sizes:
        raise VideoDecodeError("holds no packet of video; the file is damaged, fetch it again")
    return sizes, keys
