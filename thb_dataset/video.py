"""A video file becomes frames and sound: decoded in a child process, within limits.

A damaged or hostile file can crash a decoder, fill the memory or never end. So decoding is done
by a child process with limits of the operating system; the parent only receives pictures, and
whatever happens to the child ends as a named error about one file.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import numpy as np
import numpy.typing as npt

from thb_dataset import errors
from thb_dataset.errors import VideoDecodeError, VideoError, VideoTimeoutError, VideoTooLargeError
from thb_dataset.frame_policy import FramePolicy
from thb_dataset.video_child import ChildDiedError, ChildTimeoutError, VideoChild
from thb_dataset.video_values import Audio, Frames, Limits, VideoInfo

__all__ = ["Audio", "FramePolicy", "Frames", "Limits", "VideoInfo", "VideoReader"]

Backend = Literal["pyav", "decord"]
_Result = TypeVar("_Result")
_OUTSIDE_SIGNALS = (-9, -15)


class VideoReader:
    """Reads videos, one after the other, through one child process that it owns.

    The child is started at the first call, lives until ``close`` and is replaced when it dies.
    Not thread-safe: one reader per thread. After a fork, the new process gets a child of its own.

    Example:
        >>> with VideoReader() as reader:  # doctest: +SKIP
        ...     frames = reader.read_frames("clip.mp4", FramePolicy(frames=8))
        >>> frames.pixels.shape  # doctest: +SKIP
        (8, 512, 512, 3)
    """

    def __init__(self, limits: Limits | None = None, *, backend: Backend = "pyav") -> None:
        """Prepare a reader; no process is started yet.

        Args:
            limits: What one video may cost.
            backend: ``pyav``, or ``decord`` where that package is installed.
        """
        self.limits = limits or Limits()
        self.backend = backend
        self._child: VideoChild | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the child process. The reader can still be used; it then starts another."""
        if self._child is not None and self._child.owner == os.getpid():
            self._child.close()
        self._child = None

    def probe(self, path: str | os.PathLike[str]) -> VideoInfo:
        """Say what a video is, after decoding its first frame.

        Args:
            path: A file; never taken for a URL or a protocol.

        Raises:
            VideoDecodeError: Not a video, damaged, or of an unsupported kind.
            VideoTooLargeError: Refused by a limit before a frame was decoded.
            VideoTimeoutError: It took longer than allowed.
        """
        return self._ask({"verb": "probe"}, path, _receive_info)

    def read_frames(self, path: str | os.PathLike[str], policy: FramePolicy) -> Frames:
        """Decode a video and hand out the frames that a policy chooses, each once, in order.

        The choice is by the number of frames that decode, not by what the file declares.

        Args:
            path: A file; never taken for a URL or a protocol.
            policy: Which frames; its clips are cut from the answer by ``Frames.index``.

        Raises:
            VideoDecodeError: Not a video, damaged so that no frame decodes, or unsupported.
            VideoTooLargeError: Refused by a limit.
            VideoTimeoutError: It took longer than allowed.
            ClipTooShortError: Fewer frames than one clip of the policy needs.
        """
        request = {"verb": "frames", "policy": policy.to_dict(), "backend": self.backend}
        return self._ask(request, path, self._receive_frames)

    def read_audio(self, path: str | os.PathLike[str], rate_hz: int) -> Audio | None:
        """Decode the whole sound of a video, mono, starting at its first frame.

        Args:
            path: A file; never taken for a URL or a protocol.
            rate_hz: Samples a second wanted.

        Returns:
            The sound; None where the video has none.

        Raises:
            VideoDecodeError: Not a video, or damaged so that no frame decodes.
            VideoTooLargeError: Refused by a limit.
            VideoTimeoutError: It took longer than allowed.
        """

        def receive(child: VideoChild, deadline: float) -> Audio | None:
            return self._receive_audio(child, deadline, rate_hz)

        return self._ask({"verb": "audio", "rate_hz": rate_hz}, path, receive)

    def _ask(
        self,
        request: dict[str, Any],
        path: str | os.PathLike[str],
        receive: Callable[[VideoChild, float], _Result],
    ) -> _Result:
        """Send a request and turn whatever comes back, or does not, into a value or an error."""
        name = os.fspath(path)
        message = {**request, "path": os.path.abspath(name), "limits": asdict(self.limits)}  # noqa: PTH100 - lexical: no link is resolved here
        for last_attempt in (False, True):
            child = self._living_child()
            try:
                child.request(message)
                return receive(child, time.monotonic() + self.limits.wall_seconds)
            except _AnsweredError as answered:
                if not answered.fit:
                    self.close()
                raise answered.error_class(f"{name}: {answered}") from None
            except BrokenPipeError as error:
                self.close()
                if last_attempt:
                    raise VideoDecodeError(f"{name}: the decoder keeps ending") from error
            except ChildTimeoutError:
                self.close()
                raise VideoTimeoutError(
                    f"{name}: not read within {self.limits.wall_seconds:g} s; the file is damaged"
                    " or very long, cut it or raise Limits.wall_seconds"
                ) from None
            except ChildDiedError as death:
                self.close()
                # Killed from outside is not the file's fault: once more, with a new child.
                if last_attempt or death.returncode not in _OUTSIDE_SIGNALS:
                    raise self._name_death(name, death) from None
            except BaseException:
                # Interrupted in mid-answer: what is still in the pipe belongs to nobody.
                self.close()
                raise
        raise AssertionError("unreachable")

    def _living_child(self) -> VideoChild:
        if self._child is None or not self._child.is_alive():
            self.close()
            self._child = VideoChild(self.limits.address_space_bytes)
        return self._child

    def _name_death(self, name: str, death: ChildDiedError) -> VideoError:
        if death.cause == "SIGXCPU":
            return VideoTimeoutError(
                f"{name}: took more than {self.limits.cpu_seconds} s of processor time; the file"
                " is damaged or very long, cut it or raise Limits.cpu_seconds"
            )
        return VideoDecodeError(
            f"{name}: the decoder died of it ({death.cause}); the file is damaged or hostile,"
            " fetch it again or leave it out"
        )

    def _receive_frames(self, child: VideoChild, deadline: float) -> Frames:
        while True:
            message = _receive(child, deadline)
            if message["kind"] == "begin":
                info, count = VideoInfo(**message["info"]), int(message["count"])
                self._check_output(count * info.height * info.width * 3)
                pixels = np.empty((count, info.height, info.width, 3), dtype=np.uint8)
                index = np.zeros(count, dtype=np.int64)
                seconds = np.zeros(count, dtype=np.float64)
            elif message["kind"] == "frame":
                place = int(message["place"])
                _receive_payload(child, message, pixels[place], deadline)
                index[place], seconds[place] = message["index"], message["seconds"]
            else:
                break
        return Frames(
            pixels=pixels,
            index=index,
            seconds=seconds,
            total_frames=int(message["total_frames"]),
            read_to_end=bool(message["read_to_end"]),
            info=info,
        )

    def _receive_audio(self, child: VideoChild, deadline: float, rate_hz: int) -> Audio | None:
        message = _receive(child, deadline)
        if message["kind"] != "audio":
            return None
        self._check_output(message["payload"])
        samples = np.empty(message["payload"] // 4, dtype=np.float32)
        _receive_payload(child, message, samples, deadline)
        return Audio(
            samples=samples,
            rate_hz=rate_hz,
            channels=int(message["channels"]),
            codec=str(message["codec"]),
            start_seconds=float(message["start"]),
        )

    def _check_output(self, size: int) -> None:
        if size > self.limits.max_output_bytes:
            self.close()
            raise _AnsweredError(
                VideoTooLargeError,
                f"would give {size >> 20} MiB at once, the limit is"
                f" {self.limits.max_output_bytes >> 20} MiB; ask for fewer frames or raise"
                " Limits.max_output_bytes",
            )


class _AnsweredError(Exception):
    """The child is well and says that the request cannot be met.

    Attributes:
        error_class: What to raise.
        fit: Whether the child can take another request.
    """

    def __init__(self, error_class: type[VideoError], message: str, *, fit: bool = True) -> None:
        super().__init__(message)
        self.error_class = error_class
        self.fit = fit


def _receive(child: VideoChild, deadline: float) -> dict[str, Any]:
    message = child.receive(deadline)
    if message["kind"] == "error":
        named = getattr(errors, str(message["error"]), None)
        if not (isinstance(named, type) and issubclass(named, VideoError)):
            named = VideoDecodeError
        raise _AnsweredError(named, message["message"], fit=bool(message["fit"]))
    return message


def _receive_info(child: VideoChild, deadline: float) -> VideoInfo:
    return VideoInfo(**_receive(child, deadline)["info"])


def _receive_payload(
    child: VideoChild, message: dict[str, Any], array: npt.NDArray[Any], deadline: float
) -> None:
    if message["payload"] != array.nbytes:
        raise ChildDiedError(1)
    child.receive_into(array.data.cast("B"), deadline)
