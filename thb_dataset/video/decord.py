"""Decode the wanted frames of a video with decord's API, inside the child process.

Install the extra ``decord`` and choose the backend where a reader is made::

    pip install 'talkingheadbench[decord]'

    from thb_dataset.video.reader import VideoReader

    with VideoReader(backend="decord") as reader: ...

PyAV still decides which files are read, checks the limits and gathers the facts; decord only gives
pixels and times. Its frames equal PyAV's on undamaged 8-bit video with square pixels. With more
bits, or where pixels are stretched, they are a few grey levels apart. decord gives up on a video
that is damaged or very small, while PyAV goes on with what decodes; so PyAV is the default.
"""

from __future__ import annotations

import importlib
from fractions import Fraction

import av
import numpy as np
import numpy.typing as npt

from thb_dataset.errors import VideoDecodeError
from thb_dataset.video.decoded import Decoded, send_begin
from thb_dataset.video.decoder import VideoFile
from thb_dataset.video.messages import Answers
from thb_dataset.video.painter import Painter
from thb_dataset.video.values import Limits

BLOCK_FRAMES = 8


def decode_with_decord(
    path: str, limits: Limits, wanted: npt.NDArray[np.int64], to_end: bool, answers: Answers
) -> Decoded:
    """Send the wanted frames of a video.

    Args:
        path: The file.
        limits: The cost that the video may cause.
        wanted: int64 (n,), the indices of the frames to send, ascending.
        to_end: Not used: decord counts all frames of a video when it opens the file.
        answers: The pipe to the parent.

    Returns:
        The stamps of all frames that decord counts.

    Raises:
        VideoDecodeError: decord cannot open or decode the file, or would show its pictures wrongly.
    """
    decord = importlib.import_module("decord")
    with VideoFile(path, limits) as video:
        result = Decoded(video.declared_period)
        first = next(video.frames(), None)
        if first is None:
            return result
        painter = Painter(video, first, len(wanted))
        result.warnings.extend(painter.warnings)
        if painter.colours.differ or first.interlaced_frame:
            raise VideoDecodeError(
                "is HDR, has BT.2020 colours or is interlaced, which decord does not convert; use"
                " the backend pyav"
            )
        send_begin(painter, len(wanted), answers)
    try:
        # The path is known by now to be a plain file, in a container that opens no other file.
        reader = decord.VideoReader(path, ctx=decord.cpu(0), num_threads=1)
        total = len(reader)
        times = reader.get_frame_timestamp(list(range(total)))[:, 0]
        result.stamps.extend(Fraction(float(time)) for time in times)
        for block in range(0, len(wanted), BLOCK_FRAMES):
            indices = [int(i) for i in wanted[block : block + BLOCK_FRAMES] if i < total]
            if not indices:
                break
            batch = reader.get_batch(indices).asnumpy()
            for place, index in enumerate(indices):
                pixels = _fit(batch[place], painter).data
                answers.send("frame", pixels, place=block + place, index=index)
    except (decord.DECORDError, RuntimeError) as error:
        words = str(error).strip().partition("\n")[0]
        raise VideoDecodeError(
            f"cannot be decoded by decord ({words}); the backend pyav reads what is left of a"
            " damaged file"
        ) from error
    return result


def _fit(pixels: npt.NDArray[np.uint8], painter: Painter) -> npt.NDArray[np.uint8]:
    """Scale a picture to its size: decord turns pictures upright, but does not stretch them."""
    height, width, _ = painter.shape
    if pixels.shape == painter.shape:
        return np.ascontiguousarray(pixels)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame = frame.reformat(width, height, "rgb24", interpolation="BICUBIC", threads=1)
    return np.ascontiguousarray(frame.to_ndarray().astype(np.uint8, copy=False))
