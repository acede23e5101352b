"""Read one video file with PyAV, inside the child process: facts, frames and exact counts.

Only what a talking-head video can be is accepted: a regular file with a container and a codec of
the lists below. FFmpeg receives the file as an open file object, so its name is never taken for a
protocol. No demuxer that opens other files (playlists, scripts, image patterns) is allowed.
"""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from io import FileIO
from pathlib import Path
from typing import Any, Self

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard, Disposition
from av.video.stream import VideoStream

from thb_dataset.errors import VideoDecodeError, VideoTooLargeError
from thb_dataset.video.clock import is_longer
from thb_dataset.video.values import Limits

CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg"
VIDEO_DECODERS = (
    "h264,hevc,vvc,libdav1d,av1,vp8,vp9,libvpx,libvpx-vp9,mpeg4,mpeg2video,mpeg1video,mjpeg,"
    "msmpeg4,msmpeg4v2,wmv1,wmv2,wmv3,vc1,flv,h263,theora,prores,dnxhd,ffv1,rawvideo,png"
)
AUDIO_DECODERS = (
    "aac,mp3,mp3float,mp2,mp2float,ac3,eac3,opus,libopus,vorbis,flac,alac,amrnb,amrwb,wmav1,wmav2,"
    "pcm_u8,pcm_s16le,pcm_s16be,pcm_s24le,pcm_s24be,pcm_s32le,pcm_f32le,pcm_alaw,pcm_mulaw"
)
READ_BYTES = 1 << 18
MOST_SOUNDS = 500
"""The packets of sound in a second; the shortest packets of any codec last 2.5 ms."""


def open_regular_file(path: str) -> FileIO:
    """Open a regular file for reading; refuse a folder, a device, a pipe or a socket.

    A link is followed, since Hub caches consist of links, and judged by its target.

    Args:
        path: The file.

    Returns:
        The open file, without a name.

    Raises:
        VideoDecodeError: There is no such file, it cannot be read, or it is not a regular file.
    """
    try:
        _require_plain_file(Path(path).stat())
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoDecodeError(f"cannot be opened ({reason}); check the path") from error
    # The file object has no name, so FFmpeg judges it by its content alone.
    file = FileIO(descriptor, "rb")
    _require_plain_file(os.fstat(descriptor))
    return file


def _require_plain_file(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise VideoDecodeError("is a folder, not a video file")
    if not stat.S_ISREG(status.st_mode):
        raise VideoDecodeError("is not a regular file; devices and pipes are not read")
    if status.st_size == 0:
        raise VideoDecodeError("is empty (0 bytes); fetch it again")


class VideoFile:
    """One open video. Sizes and lengths are checked on opening, before a frame is decoded.

    Attributes:
        container: The open file in PyAV.
        stream: Its video stream.

    Args:
        path: The file.
        limits: The cost that the video may cause.

    Raises:
        VideoDecodeError: The file is not a video, or is of an unsupported kind.
        VideoTooLargeError: The video is larger or longer than the limits.
    """

    def __init__(self, path: str, limits: Limits) -> None:
        self._limits = limits
        self._file = open_regular_file(path)
        try:
            self._open_and_choose()
            self._check_size()
            if self._is_declared_too_long():
                self._refuse_if_long()
            self._prepare_decoder()
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.container.close()
        self._file.close()

    def _open_and_choose(self) -> None:
        self._file.seek(0)
        with _alarm(self._limits.open_seconds):
            self.container = self._open()
        self.stream = self._choose_stream()

    def _open(self) -> InputContainer:
        options = {
            # FFmpeg needs no protocol to read a file object, so all of them are closed.
            "protocol_whitelist": "none",
            "format_whitelist": CONTAINERS,
            "codec_whitelist": f"{VIDEO_DECODERS},{AUDIO_DECODERS}",
            "enable_drefs": "0",
            "max_pixels": str(self._limits.max_pixels),
            "max_streams": "32",
            "threads": "1",
        }
        try:
            return av.open(
                self._file,
                "r",
                options=options,
                metadata_errors="replace",  # a tag that is no UTF-8 is no reason to refuse a video
                buffer_size=READ_BYTES,
            )
        except av.error.MemoryError:
            raise
        except (av.FFmpegError, OSError, ValueError) as error:
            raise VideoDecodeError(
                "is not a video that can be read: it is not an MP4, MOV, MKV, WebM, AVI, MPEG,"
                f" FLV, ASF or Ogg file, or its index is missing or damaged ({_reason(error)})"
            ) from error

    def _choose_stream(self) -> VideoStream:
        streams = self._list_streams()
        if not streams:
            raise VideoDecodeError("has no video stream, only sound or other data")
        best = self.container.streams.best("video")
        stream = best if best in streams else streams[0]
        context = stream.codec_context
        if context is None or context.name not in VIDEO_DECODERS.split(","):
            name = "unknown" if context is None else context.name
            raise VideoDecodeError(
                f"has video of the codec {name}, which is not supported; convert it to H.264"
            )
        return stream

    def _list_streams(self) -> list[VideoStream]:
        pictures = Disposition.attached_pic | Disposition.timed_thumbnails
        return [s for s in self.container.streams.video if not s.disposition & pictures]

    def _check_size(self) -> None:
        limits, stream = self._limits, self.stream
        self.check_size(stream.width, stream.height)
        if stream.width < 1 or stream.height < 1:
            # With some codecs, FFmpeg drops a size beyond max_pixels.
            raise VideoDecodeError(
                f"declares no size of its pictures, or more than {limits.max_pixels} pixels; it is"
                " damaged or too large"
            )
        self._check_count(stream.frames)

    def _is_declared_too_long(self) -> bool:
        seconds = self.declared_seconds
        return seconds is not None and seconds > self._limits.max_seconds

    def _refuse_if_long(self) -> None:
        """Refuse a video that is as long as it declares, and not one with a broken time stamp."""
        longest, declared = self._limits.max_seconds, self.declared_seconds
        if is_longer(self._tell_packet_times(), longest):
            raise VideoTooLargeError(
                f"declares a length of {declared:.1f} s, but the limit is {longest:g} s; cut it or"
                " raise --max-seconds (in Python: Limits.max_seconds)"
            )
        self.container.close()
        self._open_and_choose()

    def _tell_packet_times(self) -> Iterator[Fraction]:
        for packet in self.packets(self.stream):
            place = None if packet is None else packet.pts if packet.dts is None else packet.dts
            if place is not None:
                yield place * Fraction(self.stream.time_base or 1)

    def check_size(self, width: int, height: int) -> None:
        """Refuse pictures larger than the limit.

        Raises:
            VideoTooLargeError: The pictures are larger; the message gives the size and the limit.
        """
        if width * height > self._limits.max_pixels:
            raise VideoTooLargeError(
                f"has pictures of {width} x {height}, but the limit is {self._limits.max_pixels}"
                " pixels; scale it down or raise --max-pixels (in Python: Limits.max_pixels)"
            )

    def _check_count(self, frames: int) -> None:
        if frames > self._limits.max_frames:
            raise VideoTooLargeError(
                f"has {frames} frames or more, but the limit is {self._limits.max_frames};"
                " cut it or raise --max-seconds (in Python: Limits.max_frames)"
            )

    def _prepare_decoder(self) -> None:
        context = self.stream.codec_context
        # One thread gives the same frames on every machine and takes the least memory. For speed,
        # run several readers.
        context.thread_count = 1
        context.options = {"max_pixels": str(self._limits.max_pixels)}

    @property
    def declared_seconds(self) -> float | None:
        """The longer of the lengths that stream and container declare; None if neither does."""
        stream, found = self.stream, []
        if stream.duration is not None and stream.time_base is not None:
            found.append(float(stream.duration * stream.time_base))
        if self.container.duration is not None:
            found.append(self.container.duration / av.time_base)
        return max(found, default=None)

    @property
    def declared_period(self) -> Fraction:
        """The seconds from one frame to the next at the mean rate; 0 if none is declared."""
        rate = self.stream.average_rate or self.stream.guessed_rate
        return 1 / Fraction(rate) if rate else Fraction(0)

    def describe_tracks(self) -> tuple[str, ...]:
        """Return a warning if there are other video tracks beside the one that is read."""
        count = len(self._list_streams())
        if count < 2:
            return ()
        size = f"{self.stream.width} x {self.stream.height}"
        return (f"holds {count} video tracks; only the one of {size} is read",)

    def count_packets(self) -> int:
        """Count the frames in the file without decoding them, up to where the file breaks off.

        Raises:
            VideoTooLargeError: There are more frames than the limit allows.
        """
        count = 0
        for packet in self.packets(self.stream):
            if packet is not None and packet.size and not packet.is_discard:
                count += 1
                self._check_count(count)
        return count

    def packets(self, stream: VideoStream | AudioStream) -> Iterator[Packet[Any] | None]:
        """Yield the packets of one stream; the last item tells a decoder to finish.

        Raises:
            VideoTooLargeError: There are more packets than a video within the limits has. A hostile
                edit list repeats them without end, and hides them from the counting of frames.
        """
        limits = self._limits
        most = limits.max_frames if stream == self.stream else limits.max_seconds * MOST_SOUNDS
        for other in self.container.streams:
            keep = other.index == stream.index
            other.discard = Discard.default if keep else Discard.all
        try:
            for count, packet in enumerate(self.container.demux(stream)):
                if count > most:
                    raise VideoTooLargeError(
                        f"has {count} packets or more in one track, but the limit is {most:g}; its"
                        " index is damaged or hostile, or it is very long: cut it or raise"
                        " --max-seconds (in Python: Limits.max_frames)"
                    )
                yield packet
        except av.error.MemoryError:
            raise
        except av.FFmpegError:
            # The file breaks off here, and the decoder gives what it still holds.
            yield None

    def frames(self) -> Iterator[av.VideoFrame]:
        """Decode from the first frame on and yield the frames in the order shown.

        After damage the decoder predicts frames from wrong neighbours. Therefore no frame is given
        from an error or a corrupt frame on until the next key frame.

        Raises:
            VideoTooLargeError: More frames decode than the limit allows.
        """
        clean, count = True, 0
        for packet in self.packets(self.stream):
            try:
                decoded = self.stream.codec_context.decode(packet)
            except av.error.MemoryError:
                raise
            except av.FFmpegError:
                clean = False
                continue
            for frame in decoded:
                clean = (clean or frame.key_frame) and not frame.is_corrupt
                if clean:
                    count += 1
                    self._check_count(count)
                    yield frame


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    """End this process, which is the child, if something takes longer than this.

    FFmpeg reads an index in loops of its own, which nothing else interrupts.
    """
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def tell_time(frame: av.VideoFrame | av.AudioFrame) -> Fraction | None:
    """Return a frame's time stamp in seconds, exact; None if it has none."""
    if frame.pts is None or not frame.time_base:
        return None
    return frame.pts * Fraction(frame.time_base)


def find_audio_stream(container: InputContainer) -> AudioStream | None:
    """Return the first sound stream that can be decoded; None if there is none."""
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and context.name in AUDIO_DECODERS.split(","):
            return stream
    return None
