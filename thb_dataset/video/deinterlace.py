"""Deinterlace the frames of a video one by one, as players do; other frames pass untouched."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
from av.filter import Graph

INTERLACED = "the pictures are interlaced and were deinterlaced (bwdif), as players do"
"""The warning for a video of which a frame was deinterlaced."""


def deinterlace(frames: Iterable[av.VideoFrame], warnings: list[str]) -> Iterator[av.VideoFrame]:
    """Yield one frame for each frame given, in the same order and with its own time stamp.

    From the first interlaced frame on, the frames go through FFmpeg's filter ``bwdif``, which
    leaves those that are not interlaced as they are.

    Args:
        frames: The decoded frames.
        warnings: Gets a sentence if a frame is interlaced.
    """
    weaver: _Weaver | None = None
    for frame in frames:
        if weaver is not None and not weaver.takes(frame):
            yield from weaver.finish()
            weaver = None
        if weaver is None and frame.interlaced_frame:
            weaver = _Weaver(frame)
            if INTERLACED not in warnings:
                warnings.append(INTERLACED)
        if weaver is None:
            yield frame
        else:
            yield from weaver.add(frame)
    if weaver is not None:
        yield from weaver.finish()


class _Weaver:
    """The filter for frames of one size and format; it holds one frame back."""

    def __init__(self, first: av.VideoFrame) -> None:
        self._kind = _kind(first)
        self._stamps: deque[tuple[int | None, Fraction | None]] = deque()
        self._count = 0
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=Fraction(1, 25)
        )
        # One frame for each frame; only those that are marked as interlaced are changed.
        filter_ = self._graph.add("bwdif", "mode=send_frame:deint=interlaced")
        sink = self._graph.add("buffersink")
        source.link_to(filter_)
        filter_.link_to(sink)
        self._graph.configure()

    def takes(self, frame: av.VideoFrame) -> bool:
        """Return whether a frame has the size and the format of the frames before it."""
        return self._kind == _kind(frame)

    def add(self, frame: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """Give the filter a frame, and yield those that are ready."""
        self._stamps.append((frame.pts, frame.time_base))
        # The filter needs stamps that rise, and the file's own need not.
        frame.pts, frame.time_base = self._count, Fraction(1, 25)
        self._count += 1
        self._graph.push(frame)
        yield from self._pull()

    def finish(self) -> Iterator[av.VideoFrame]:
        """Yield the frames that the filter still holds."""
        self._graph.push(None)
        yield from self._pull()

    def _pull(self) -> Iterator[av.VideoFrame]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if not isinstance(frame, av.VideoFrame):
                return
            frame.pts, time_base = self._stamps.popleft()
            if time_base is not None:
                frame.time_base = time_base
            yield frame


def _kind(frame: av.VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
