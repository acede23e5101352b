"""The wanted frames of one video by decord's API, inside the child process, where it is installed.

What may be read at all, the limits and the facts are still PyAV's; decord only gives pixels and
times. Its frames equal PyAV's on healthy 8-bit video of square pixels; with more bits or a stretch
they are a few grey levels apart. Where a video is damaged, or very small, it gives up; PyAV goes on
with what decodes, so PyAV is the default.
"""

from __future__ import annotations

import importlib
from dataclasses import asdict

import av
import numpy as np
import numpy.typing as npt

from thb_dataset.errors import VideoDecodeError
from thb_dataset.video.decoder import VideoFile
from thb_dataset.video.messages import Answers
from thb_dataset.video.painter import Painter
from thb_dataset.video.values import Limits

BLOCK_FRAMES = 8


def decode_with_decord(
    path: str, limits: Limits, wanted: npt.NDArray[np.int64], to_end: bool, answers: Answers
) -> int:
    """Send the wanted frames.

    Returns:
        Frames that decord counts.

    Raises:
        VideoDecodeError: decord cannot open or decode it.
    """
    decord = importlib.import_module("decord")
    with VideoFile(path, limits) as video:
        first = next(video.frames(), None)
        if first is None:
            return 0
        painter = Painter(video, first)
        info = asdict(painter.describe())
    try:
        # By now the path is known to be a plain file in a container that opens no other.
        reader = decord.VideoReader(path, ctx=decord.cpu(0), num_threads=1)
        total = len(reader)
        answers.send("begin", info=info, count=len(wanted))
        start = float(reader.get_frame_timestamp(0)[0])
        for block in range(0, len(wanted), BLOCK_FRAMES):
            indices = [int(i) for i in wanted[block : block + BLOCK_FRAMES] if i < total]
            if not indices:
                break
            batch = reader.get_batch(indices).asnumpy()
            times = reader.get_frame_timestamp(indices)[:, 0]
            for place, index in enumerate(indices):
                pixels = _fit(batch[place], painter).data
                seconds = float(times[place]) - start
                answers.send("frame", pixels, place=block + place, index=index, seconds=seconds)
    except (decord.DECORDError, RuntimeError) as error:
        words = str(error).strip().partition("\n")[0]
        raise VideoDecodeError(
            f"cannot be decoded by decord ({words}); the backend pyav reads damaged files as far"
            " as they go"
        ) from error
    return total


def _fit(pixels: npt.NDArray[np.uint8], painter: Painter) -> npt.NDArray[np.uint8]:
    """Stretch to square pixels, which decord does not do; it does turn upright."""
    height, width, _ = painter.shape
    if pixels.shape == painter.shape:
        return np.ascontiguousarray(pixels)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame = frame.reformat(width, height, "rgb24", interpolation="BICUBIC", threads=1)
    return np.ascontiguousarray(frame.to_ndarray().astype(np.uint8, copy=False))
