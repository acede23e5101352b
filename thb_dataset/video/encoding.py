"""Encode pictures as every render is encoded: H.264 by x264 in MP4, without sound and tags."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
import numpy.typing as npt

from thb_dataset.video.values import Render


def encode_pictures(pictures: Iterable[tuple[npt.NDArray[np.uint8], int]], how: Render) -> bytes:
    """Return the content of an MP4 file; the same pictures always give the same bytes.

    Args:
        pictures: Pairs of a picture, uint8 (side, side, 3), RGB, and the number of frames for
            which it is shown.
        how: The rate, size and quality of the video.
    """
    memory = BytesIO()
    # Without "bitexact" the writer names itself in the file.
    with av.open(memory, "w", format="mp4", container_options={"fflags": "+bitexact"}) as target:
        options = {"crf": str(how.crf), "preset": how.preset, "threads": "1"}
        stream = target.add_stream("libx264", rate=how.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = how.side, how.side, "yuv420p"
        stream.codec_context.thread_count = 1
        stream.codec_context.time_base = Fraction(1, how.fps)
        place = 0
        for pixels, times in pictures:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            for _ in range(times):
                picture.pts = place
                picture.time_base = stream.codec_context.time_base
                target.mux(stream.encode(picture))
                place += 1
        target.mux(stream.encode(None))
    return memory.getvalue()
