"""Read frames and sound of a video file, decoded in a child process within limits.

A damaged or hostile file can crash a decoder, fill the memory or never end. A child process
therefore decodes it, under limits of the operating system. The parent only receives pictures, and
whatever happens to the child becomes a named error about one file.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from thb_dataset.errors import THBError, VideoDecodeError, VideoTimeoutError
from thb_dataset.video.answers import Conversation, Refusal
from thb_dataset.video.child import ChildDiedError, ChildTimeoutError, VideoChild
from thb_dataset.video.frame_policy import FramePolicy
from thb_dataset.video.values import Audio, Frames, Limits, Render, VideoInfo, VideoMetadata

__all__ = [
    "Audio",
    "FramePolicy",
    "Frames",
    "Limits",
    "Render",
    "VideoInfo",
    "VideoMetadata",
    "VideoReader",
]

Backend = Literal["pyav", "decord"]
_Result = TypeVar("_Result")
_log = logging.getLogger(__name__)

EXTRA_DECLARED = 1
"""Frames that an undamaged file may declare beyond those that decode, as some AVI files do."""

_OUTSIDE_SIGNALS = ("SIGKILL", "SIGTERM", "SIGHUP", "SIGINT")


class VideoReader:
    """Reads videos, one after the other, through one child process that it owns.

    The child is started by the first call, lives until ``close`` and is replaced if it dies. A
    reader is not thread-safe: use one per thread. After a fork, the new process gets a child of
    its own.

    Example:
        >>> with VideoReader() as reader:  # doctest: +SKIP
        ...     frames = reader.read_frames("clip.mp4", FramePolicy(frames=8))
        >>> frames.pixels.shape  # doctest: +SKIP
        (8, 512, 512, 3)
    """

    def __init__(self, limits: Limits | None = None, *, backend: Backend = "pyav") -> None:
        """Prepare a reader; no process is started yet.

        Args:
            limits: The cost that one video may cause.
            backend: The library that decodes: ``pyav`` or, if it is installed, ``decord``; see
                :mod:`thb_dataset.video.decord` for how they differ.

        Raises:
            THBError: The package of the backend is not installed.
        """
        if backend == "decord" and importlib.util.find_spec("decord") is None:
            raise THBError(
                "the backend decord is not installed: pip install 'talkingheadbench[decord]', or"
                " use the backend pyav"
            )
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
        """End the child process. The reader can still be used and then starts a new child."""
        if self._child is not None:
            self._child.close()
        self._child = None

    @property
    def child_pid(self) -> int | None:
        """The process number of the present child, for monitoring; None if there is no child."""
        return None if self._child is None else self._child.pid

    def probe(self, path: str | os.PathLike[str]) -> VideoInfo:
        """Return the facts about a video, after decoding its first frame.

        Args:
            path: The file; the path is never taken for a URL or a protocol.

        Raises:
            VideoDecodeError: The file is not a video, damaged, or of an unsupported kind.
            VideoTooLargeError: A limit refused the video before a frame was decoded.
            VideoTimeoutError: Reading took longer than allowed.
        """
        return self._ask({"verb": "probe"}, path, Conversation.receive_info)

    def read_metadata(self, path: str | os.PathLike[str]) -> VideoMetadata:
        """Return what the container tells of a video; no frame is decoded.

        Args:
            path: The file; the path is never taken for a URL or a protocol.

        Raises:
            VideoDecodeError: The file is not a video, or of an unsupported kind.
            VideoTooLargeError: A limit refused the video.
            VideoTimeoutError: Reading took longer than allowed.
        """
        return self._ask({"verb": "metadata"}, path, Conversation.receive_metadata)

    def render(self, path: str | os.PathLike[str], how: Render) -> bytes:
        """Return a video rendered anew, as the content of an MP4 file without sound and tags.

        Args:
            path: The file; the path is never taken for a URL or a protocol.
            how: The rate, size and quality of the new video.

        Raises:
            VideoDecodeError: The file is not a video, or so damaged that no frame decodes.
            VideoTooLargeError: A limit refused the video.
            VideoTimeoutError: Reading took longer than allowed.
        """
        return self._ask({"verb": "render", "how": asdict(how)}, path, Conversation.receive_render)

    def read_pictures(self, path: str | os.PathLike[str], how: Render) -> Frames:
        """Return the pictures of a video rendered anew, before they are encoded.

        Each picture is there once. ``Frames.index`` says with which frame of the new video it
        begins to be shown, and ``total_frames`` how many frames that has. Encoded by
        :func:`thb_dataset.video.encoding.encode_pictures`, they give what :meth:`render` gives.

        Args:
            path: The file; the path is never taken for a URL or a protocol.
            how: The rate and size of the new video.

        Raises:
            VideoDecodeError: The file is not a video, or so damaged that no frame decodes.
            VideoTooLargeError: A limit refused the video, or its pictures.
            VideoTimeoutError: Reading took longer than allowed.
        """
        request = {"verb": "pictures", "how": asdict(how)}
        return self._ask(request, path, lambda answers: answers.receive_frames())

    def read_frames(
        self, path: str | os.PathLike[str], policy: FramePolicy, *, max_side: int | None = None
    ) -> Frames:
        """Decode a video and return the frames that a policy chooses, in order, each of them once.

        The policy counts the frames that decode and not those that the file declares. If the file
        declares more, ``Frames.warnings`` says so, and the log.

        Args:
            path: The file; the path is never taken for a URL or a protocol.
            policy: The choice of frames; ``Frames.index`` tells which of them make its clips.
            max_side: Pictures whose longer side is longer than this are averaged down to it, for
                callers who only show them; ``Frames.info`` still gives the size of the video.

        Raises:
            VideoDecodeError: The file is not a video, unsupported, or so damaged that no frame
                decodes.
            VideoTooLargeError: A limit refused the video.
            VideoTimeoutError: Reading took longer than allowed.
            ClipTooShortError: The video has fewer frames than one clip of the policy needs.
        """
        request = {"verb": "frames", "policy": policy.to_dict(), "backend": self.backend}
        frames = self._ask(request, path, lambda answers: answers.receive_frames(max_side))
        declared = frames.info.declared_frames or 0
        if declared - frames.total_frames <= EXTRA_DECLARED:
            return frames
        warning = (
            f"only {frames.total_frames} of the {declared} declared frames decode; the rest is"
            " damaged, cut off or left out by the edit list"
        )
        _log.warning("%s: %s", _name(path), warning)
        return replace(frames, warnings=(*frames.warnings, warning))

    def read_audio(self, path: str | os.PathLike[str], rate_hz: int) -> Audio | None:
        """Decode the whole sound of a video, mono, starting at its first frame.

        Args:
            path: The file; the path is never taken for a URL or a protocol.
            rate_hz: The number of samples per second to return.

        Returns:
            The sound; None if the video has no sound.

        Raises:
            VideoDecodeError: The file is not a video, or so damaged that no frame decodes.
            VideoTooLargeError: A limit refused the video.
            VideoTimeoutError: Reading took longer than allowed.
        """
        request = {"verb": "audio", "rate_hz": rate_hz}
        return self._ask(request, path, lambda answers: answers.receive_audio(rate_hz))

    def read_wav(self, path: str | os.PathLike[str], rate_hz: int) -> Audio | None:
        """Read a WAV file of 16-bit samples, mono; see :func:`thb_dataset.video.audio.decode_wav`.

        Args:
            path: The file.
            rate_hz: The number of samples per second to return.

        Raises:
            NoAudioError: The file is not such a WAV file, is empty, or is longer than the limits
                allow.
            VideoTimeoutError: Reading took longer than allowed.
        """
        request = {"verb": "wav", "rate_hz": rate_hz}
        return self._ask(request, path, lambda answers: answers.receive_audio(rate_hz))

    def _ask(
        self,
        request: dict[str, Any],
        path: str | os.PathLike[str],
        receive: Callable[[Conversation], _Result],
    ) -> _Result:
        """Send a request, and send it once more if somebody else ended the child."""
        plain = os.fsdecode(path)
        # The child works in another folder, so the path must be absolute; it resolves links itself.
        absolute = os.path.abspath(plain)  # noqa: PTH100 — Path.resolve would follow links
        message = {**request, "path": absolute, "limits": asdict(self.limits)}
        name = _name(path)
        try:
            return self._converse(message, name, receive)
        except _EndedFromOutside:
            pass
        try:
            return self._converse(message, name, receive)
        except _EndedFromOutside as death:
            raise VideoDecodeError(
                f"{name}: the decoder was ended twice by {death}, perhaps because the machine ran"
                " out of memory; try again"
            ) from None

    def _converse(
        self, message: dict[str, Any], name: str, receive: Callable[[Conversation], _Result]
    ) -> _Result:
        """Have one request answered, and turn every failure into a named error."""
        child = self._living_child()
        deadline = time.monotonic() + self.limits.wall_seconds
        keep = False
        try:
            child.request(message)
            result = receive(Conversation(child, deadline, self.limits))
            keep = True
            return result
        except Refusal as refusal:
            keep = refusal.fit
            raise refusal.error_class(f"{name}: {refusal}") from None
        except BrokenPipeError:
            raise _EndedFromOutside("a closed pipe") from None
        except ChildTimeoutError:
            raise VideoTimeoutError(
                f"{name}: was not read within {self.limits.wall_seconds:g} s; it is damaged or"
                " very long: cut it or raise --max-seconds (in Python: Limits.wall_seconds)"
            ) from None
        except ChildDiedError as death:
            raise self._name_death(name, death.cause) from None
        except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
            raise VideoDecodeError(
                f"{name}: the decoder gave an invalid answer ({error}); the file may be hostile,"
                " leave it out"
            ) from error
        finally:
            # After any failure, an interrupt included, the pipe may hold parts of an answer.
            if not keep:
                self.close()

    def _living_child(self) -> VideoChild:
        if self._child is None or not self._child.is_alive():
            self.close()
            self._child = VideoChild(self.limits.address_space_bytes)
        return self._child

    def _name_death(self, name: str, cause: str) -> Exception:
        if cause in _OUTSIDE_SIGNALS:
            return _EndedFromOutside(cause)
        if cause == "SIGALRM":
            return VideoTimeoutError(
                f"{name}: was not opened within {self.limits.open_seconds:g} s; its index is"
                " damaged or hostile: leave it out, or write it anew (ffmpeg -c copy)"
            )
        if cause == "SIGXCPU":
            return VideoTimeoutError(
                f"{name}: took more than {self.limits.cpu_seconds} s of processor time; it is"
                " damaged or very long: cut it or raise --max-seconds (in Python:"
                " Limits.cpu_seconds)"
            )
        return VideoDecodeError(
            f"{name}: the decoder crashed ({cause}); the file is damaged or hostile: fetch it"
            " again or leave it out"
        )


def _name(path: str | os.PathLike[str]) -> str:
    """Return a path in a form that fits into one line of a message."""
    plain = os.fsdecode(path)
    return plain if plain.isprintable() else ascii(plain)


class _EndedFromOutside(Exception):  # noqa: N818 — it never leaves this module
    """Somebody else ended the child, so the file is not to blame."""
