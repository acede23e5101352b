"""Read the child's answers, with every size checked: the child handles untrusted bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from thb_dataset import errors
from thb_dataset.errors import VideoDecodeError, VideoError, VideoTooLargeError
from thb_dataset.video.child import VideoChild
from thb_dataset.video.values import Audio, Frames, Limits, VideoInfo, VideoMetadata

_ERRORS: dict[str, type[VideoError]] = {
    name: getattr(errors, name)
    for name in (
        "VideoDecodeError",
        "VideoTooLargeError",
        "VideoTimeoutError",
        "ClipTooShortError",
        "NoAudioError",
    )
}


class Refusal(Exception):  # noqa: N818 — an answer, which the reader turns into a VideoError
    """The reason why there is no result, given by the child or by a check of its answer.

    Attributes:
        error_class: The class of the error to raise.
        fit: Whether the child can take another request.
    """

    def __init__(self, error_class: type[VideoError], message: str, *, fit: bool) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.fit = fit


class Conversation:
    """The answers to one request.

    Args:
        child: The child that was asked.
        deadline: A time of ``time.monotonic`` by which the answers must be there.
        limits: The cost that the video may cause.
    """

    def __init__(self, child: VideoChild, deadline: float, limits: Limits) -> None:
        self._child = child
        self._deadline = deadline
        self._limits = limits

    def receive_info(self) -> VideoInfo:
        """Read the answer to ``probe``.

        Raises:
            Refusal: There is no result.
        """
        return VideoInfo(**self._receive("info")["info"])

    def receive_metadata(self) -> VideoMetadata:
        """Read the answer to ``metadata``.

        Raises:
            Refusal: There is no result.
        """
        return VideoMetadata(**self._receive("metadata")["metadata"])

    def receive_render(self) -> bytes:
        """Read the answer to ``render``.

        Raises:
            Refusal: There is no result.
        """
        message = self._receive("rendered")
        self._check_output(message["payload"])
        content = np.empty(message["payload"], dtype=np.uint8)
        self._receive_payload(message, content)
        return content.tobytes()

    def receive_frames(self, max_side: int | None = None) -> Frames:
        """Read the answers to ``frames``; the last ``begin`` replaces all that came before it.

        Args:
            max_side: Pictures whose longer side is longer than this are averaged down to it, one
                by one.

        Raises:
            Refusal: There is no result.
        """
        message = self._receive("begin")
        while message["kind"] == "begin":
            info, count = VideoInfo(**message["info"]), int(message["count"])
            sent = int(message["height"]), int(message["width"])
            height, width = _fit(*sent, max_side)
            self._check_output(max(count * height * width, sent[0] * sent[1]) * 3)
            pixels = np.empty((count, height, width, 3), dtype=np.uint8)
            index = np.zeros(count, dtype=np.int64)
            while (message := self._receive("frame", "begin", "end"))["kind"] == "frame":
                place = int(message["place"])
                if (height, width) == sent:
                    self._receive_payload(message, pixels[place])
                else:
                    whole = np.empty((*sent, 3), dtype=np.uint8)
                    self._receive_payload(message, whole)
                    pixels[place] = _shrink(whole, height, width)
                index[place] = message["index"]
        seconds = np.zeros(count, dtype=np.float64)
        self._receive_payload(message, seconds)
        return Frames(
            pixels=pixels,
            index=index,
            seconds=seconds,
            total_frames=int(message["total_frames"]),
            read_to_end=bool(message["read_to_end"]),
            info=info,
            warnings=tuple(map(str, message["warnings"])),
        )

    def receive_audio(self, rate_hz: int) -> Audio | None:
        """Read the answer to ``audio`` or ``wav``.

        Args:
            rate_hz: The number of samples per second that was asked for.

        Returns:
            The sound; None if the video has no sound.

        Raises:
            Refusal: There is no result.
        """
        message = self._receive("audio", "silence")
        if message["kind"] == "silence":
            return None
        self._check_output(message["payload"])
        samples = np.empty(message["payload"] // 4, dtype=np.float32)
        self._receive_payload(message, samples)
        return Audio(
            samples=samples,
            rate_hz=rate_hz,
            channels=int(message["channels"]),
            codec=str(message["codec"]),
            start_seconds=float(message["start"]),
        )

    def _receive(self, *expected: str) -> dict[str, Any]:
        message = self._child.receive(self._deadline)
        if message.get("kind") == "error":
            error_class = _ERRORS.get(message["error"], VideoDecodeError)
            raise Refusal(error_class, str(message["message"]), fit=message["fit"] is True)
        if message.get("kind") not in expected:
            raise ValueError(f"{message.get('kind')!r} instead of {' or '.join(expected)}")
        return message

    def _receive_payload(self, message: dict[str, Any], array: npt.NDArray[Any]) -> None:
        if message["payload"] != array.nbytes:
            raise ValueError(f"{message['payload']} bytes instead of {array.nbytes}")
        if array.nbytes:
            self._child.receive_into(array.data.cast("B"), self._deadline)

    def _check_output(self, size: int) -> None:
        limit = self._limits.max_output_bytes
        if size > limit:
            raise Refusal(
                VideoTooLargeError,
                f"would give {size / 2**20:.0f} MiB at once, but the limit is {limit >> 20} MiB;"
                " ask for fewer frames or raise Limits.max_output_bytes",
                fit=False,  # it is still sending
            )


def _fit(height: int, width: int, max_side: int | None) -> tuple[int, int]:
    """Return the height and width scaled down to the longer side, if they are larger."""
    longer = max(height, width)
    if max_side is None or longer <= max_side:
        return height, width
    return max(1, round(height * max_side / longer)), max(1, round(width * max_side / longer))


def _shrink(picture: npt.NDArray[np.uint8], height: int, width: int) -> npt.NDArray[np.uint8]:
    import cv2

    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
