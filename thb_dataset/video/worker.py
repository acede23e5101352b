"""The child process that decodes: ``python -m thb_dataset.video.worker ADDRESS_SPACE_BYTES``.

It reads requests (see :mod:`thb_dataset.video.messages`) from standard input and answers them on
standard output, one after the other, within limits of the operating system. It ends when its
parent ends.
"""

from __future__ import annotations

import contextlib
import os
import queue
import resource
import select
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Protocol

import av
import numpy as np
import numpy.typing as npt

from thb_dataset.errors import ClipTooShortError, VideoDecodeError, VideoError, VideoTooLargeError
from thb_dataset.video.audio import decode_audio, decode_wav
from thb_dataset.video.clock import tell_seconds
from thb_dataset.video.decoded import Decoded, send_begin
from thb_dataset.video.decoder import VideoFile, tell_time
from thb_dataset.video.deinterlace import deinterlace
from thb_dataset.video.frame_policy import WHOLE_VIDEO, FramePolicy
from thb_dataset.video.messages import HEAD, Answers, unpack_length, unpack_message
from thb_dataset.video.metadata import read_metadata
from thb_dataset.video.painter import Painter
from thb_dataset.video.rendering import describe_pictures, paint_pictures, plan_frames, render
from thb_dataset.video.values import Limits, Render

PARENT_CHECK_MILLISECONDS = 2000
MAX_OPEN_FILES = 64
MAX_PASSES = 3


class DecodePass(Protocol):
    """The interface of a backend: one pass through a video."""

    def __call__(
        self,
        path: str,
        limits: Limits,
        wanted: npt.NDArray[np.int64],
        to_end: bool,
        answers: Answers,
    ) -> Decoded:
        """Send ``begin`` and the wanted frames; return the facts about all frames."""
        ...


def probe(request: dict[str, Any], limits: Limits, answers: Answers) -> None:
    """Open a video, decode its first frame and send the facts.

    Raises:
        VideoError: The video cannot be read.
    """
    with VideoFile(request["path"], limits) as video:
        for frame in video.frames():
            answers.send("info", info=asdict(Painter(video, frame).describe()))
            return
    raise VideoDecodeError(_NO_FRAME)


def send_metadata(request: dict[str, Any], limits: Limits, answers: Answers) -> None:
    """Send what the container tells of a video, without decoding a frame.

    Raises:
        VideoError: The video cannot be read.
    """
    answers.send("metadata", metadata=asdict(read_metadata(request["path"], limits)))


def send_render(request: dict[str, Any], limits: Limits, answers: Answers) -> None:
    """Render a video anew and send the file.

    Raises:
        VideoError: The video cannot be read.
    """
    answers.send("rendered", render(request["path"], Render(**request["how"]), limits))


def send_pictures(request: dict[str, Any], limits: Limits, answers: Answers) -> None:
    """Send the pictures of a new video, as a render would encode them.

    Raises:
        VideoError: The video cannot be read.
    """
    path, how = request["path"], Render(**request["how"])
    repeats = plan_frames(path, how, limits)
    shown = np.array([times for times in repeats if times], np.int64)
    starts = np.cumsum(shown) - shown
    info = asdict(describe_pictures(how, int(shown.sum())))
    answers.send("begin", info=info, count=len(shown), height=how.side, width=how.side)
    for place, pixels in enumerate(paint_pictures(path, how, limits, repeats)):
        answers.send("frame", pixels.data, place=place, index=int(starts[place]))
    facts = {"total_frames": int(shown.sum()), "read_to_end": True, "warnings": []}
    answers.send("end", np.ascontiguousarray(starts / how.fps).data, **facts)


def send_frames(request: dict[str, Any], limits: Limits, answers: Answers) -> None:
    """Count the frames without decoding, choose, and decode; if fewer decode, choose again.

    Raises:
        VideoError: The video cannot be read, or is shorter than one clip.
    """
    path, policy = request["path"], FramePolicy(**request["policy"])
    decode_pass = _load_backend(request["backend"])
    with VideoFile(path, limits) as video:
        total = video.count_packets()
    for _ in range(MAX_PASSES):
        try:
            wanted = np.unique(policy.choose(total))
        except ClipTooShortError:
            wanted = np.empty(0, dtype=np.int64)
        # Reading stops before the end only if no later frame can change the choice.
        to_end = not len(wanted) or policy.clips > 1 or policy.sampling in WHOLE_VIDEO
        result = decode_pass(path, limits, wanted, to_end, answers)
        decoded = len(result.stamps)
        if not to_end and decoded > wanted[-1]:
            decoded = total
        if decoded == total:
            policy.choose(total)
            _send_end(result, wanted, answers, total_frames=total, read_to_end=to_end)
            return
        if decoded == 0:
            raise VideoDecodeError(_NO_FRAME)
        total = decoded
    raise VideoDecodeError(
        "gives another number of frames each time it is decoded; it is damaged, fetch it again"
    )


def _send_end(
    result: Decoded, wanted: npt.NDArray[np.int64], answers: Answers, **facts: object
) -> None:
    seconds, warning = tell_seconds(result.stamps, result.period)
    warnings = [warning, *result.warnings] if warning else result.warnings
    answers.send("end", np.ascontiguousarray(seconds[wanted]).data, warnings=warnings, **facts)


_NO_FRAME = "has no frame that decodes; the file is damaged, fetch it again"


def decode_with_pyav(
    path: str, limits: Limits, wanted: npt.NDArray[np.int64], to_end: bool, answers: Answers
) -> Decoded:
    """Decode in order from the first frame, without seeking, and send the wanted frames.

    Args:
        path: The file.
        limits: The cost that the video may cause.
        wanted: int64 (n,), the indices of the frames to send, ascending.
        to_end: Whether to decode the frames after the last wanted one too.
        answers: The pipe to the parent.

    Returns:
        The stamps of all frames decoded, and what is unusual about them.

    Raises:
        VideoError: The video cannot be read.
    """
    places = {int(index): place for place, index in enumerate(wanted)}
    last = int(wanted[-1]) if len(wanted) else -1
    with VideoFile(path, limits) as video:
        painter, result = None, Decoded(video.declared_period)
        for index, frame in enumerate(deinterlace(video.frames(), result.warnings)):
            result.stamps.append(tell_time(frame))
            if painter is None:
                painter = Painter(video, frame, len(places))
                result.warnings.extend(painter.warnings)
                send_begin(painter, len(places), answers)
            if index in places:
                pixels = painter.paint(frame).data
                answers.send("frame", pixels, place=places[index], index=index)
            if index == last and not to_end:
                break
    return result


def _load_backend(name: str) -> DecodePass:
    if name == "pyav":
        return decode_with_pyav
    from thb_dataset.video.decord import decode_with_decord

    return decode_with_decord


def send_audio(request: dict[str, Any], limits: Limits, answers: Answers) -> None:
    """Decode the sound and send its samples, or send that there is no sound.

    Raises:
        VideoError: The video cannot be read.
    """
    audio = decode_audio(request["path"], request["rate_hz"], limits)
    if audio is None:
        answers.send("silence")
        return
    facts = {"channels": audio.channels, "codec": audio.codec, "start": audio.start_seconds}
    answers.send("audio", audio.samples.data, **facts)


def send_wav(request: dict[str, Any], limits: Limits, answers: Answers) -> None:
    """Read a WAV file and send its samples.

    Raises:
        NoAudioError: The file cannot be used.
    """
    audio = decode_wav(request["path"], request["rate_hz"], limits)
    facts = {"channels": audio.channels, "codec": audio.codec, "start": audio.start_seconds}
    answers.send("audio", audio.samples.data, **facts)


_VERBS = {
    "probe": probe,
    "metadata": send_metadata,
    "render": send_render,
    "pictures": send_pictures,
    "frames": send_frames,
    "audio": send_audio,
    "wav": send_wav,
}


def answer(request: dict[str, Any], answers: Answers) -> bool:
    """Do what a request asks; every failure becomes an ``error`` message.

    Args:
        request: The verb, the path, the limits and what the verb needs.
        answers: The pipe to the parent.

    Returns:
        Whether this process can take another request; after running out of memory it cannot.
    """
    limits, fit = Limits(**request["limits"]), True
    try:
        _VERBS[request["verb"]](request, limits, answers)
        return True
    except BrokenPipeError:
        raise
    except (MemoryError, av.error.MemoryError):
        fit = False
        megabytes = limits.address_space_bytes >> 20
        error: VideoError = VideoTooLargeError(
            f"needs more than {megabytes} MiB of memory to decode; it may be damaged, otherwise"
            " scale it down or raise --max-pixels (in Python: Limits.address_space_bytes)"
        )
    except VideoError as caught:
        error = caught
    except Exception as caught:
        # A decoder can fail in any way, and one video must not end the run.
        error = VideoDecodeError(f"cannot be decoded ({type(caught).__name__}: {caught})")
    answers.send("error", error=type(error).__name__, message=str(error), fit=fit)
    return fit


def main() -> None:
    """Answer requests until the parent closes the pipe or dies."""
    answers = Answers(os.dup(1))
    # What a library prints must not mix with the answers.
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 1)
    os.dup2(null, 2)
    _limit_process(int(sys.argv[1]))
    requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(requests, os.getppid()), daemon=True).start()
    with contextlib.suppress(BrokenPipeError):
        answers.send("ready")
        while True:
            request = requests.get()
            _renew_cpu_limit(request["limits"]["cpu_seconds"])
            if not answer(request, answers):
                break
    os._exit(0)


def _listen(requests: queue.SimpleQueue[dict[str, Any]], parent: int) -> None:
    """Queue requests, and end the process at once, even while it decodes, if the parent is gone.

    The pipe then closes, but not if a forked sibling still holds its other end. Therefore the
    number of the parent process is watched too.
    """
    poll = select.poll()
    poll.register(0, select.POLLIN)
    while os.getppid() == parent:
        if not poll.poll(PARENT_CHECK_MILLISECONDS):
            continue
        head = b"".join(_read(HEAD.size))
        if len(head) < HEAD.size:
            break
        requests.put(unpack_message(b"".join(_read(unpack_length(head)))))
    os._exit(0)


def _read(size: int) -> Iterator[bytes]:
    while size and (part := os.read(0, size)):
        size -= len(part)
        yield part


def _limit_process(address_space_bytes: int) -> None:
    """Limit memory, open files and written files for good, and forbid core dumps with faces."""
    for kind, limit in (
        (resource.RLIMIT_AS, address_space_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
    ):
        # Some systems refuse one of these limits; the parent's clock holds in any case.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))


def _renew_cpu_limit(seconds: int) -> None:
    """Allow one more request its processor time, beyond the time used so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = int(usage.ru_utime + usage.ru_stime) + 1 + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


if __name__ == "__main__":
    main()
