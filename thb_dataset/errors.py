"""Every error the toolkit raises on purpose, in one tree.

::

    THBError
    ├── ReleaseError               the release (folder or Hub repo) is not what it should be
    │   └── HubUnreachableError    the Hub does not answer, or may not be asked
    ├── ProtocolError              a protocol cannot be built, or two of its splits overlap
    ├── VideoError                 one video cannot be used
    │   ├── VideoDecodeError       not a video, damaged, or an unsupported codec
    │   ├── VideoTooLargeError     refused by a limit before frames are decoded
    │   ├── VideoTimeoutError      reading took longer than allowed
    │   ├── NoFaceError            no face, or a face in too few frames
    │   ├── NoAudioError           no sound, and the detector needs it
    │   └── ClipTooShortError      fewer frames than one clip of the detector needs
    ├── FacePackError              a face pack is missing, altered or unlicensed for use
    ├── DetectorError              a detector cannot be found, loaded or run
    ├── IncompletePredictionsError predictions do not cover their split exactly once
    └── ResultError                a result record is malformed

``MetricError`` is a ``ValueError`` of its own in ``metrics/`` because that package stands alone.
"""


class THBError(Exception):
    """Root of the tree.

    Attributes:
        exit_code: What a command that ends with this error returns to the shell:
            1 finding, 2 usage, 3 data, 4 model.
    """

    exit_code = 3


class ReleaseError(THBError):
    """The release is missing, malformed, or holds names nobody can parse."""


class HubUnreachableError(ReleaseError):
    """The Hub does not answer, or may not be asked; what is in the cache can still be used."""


class ProtocolError(THBError):
    """A protocol cannot be built from this release, or its splits share what they must not."""


class VideoError(THBError):
    """One video cannot be used; the others can."""


class VideoDecodeError(VideoError):
    """The file is not a video, is damaged, or needs a decoder that is not there."""


class VideoTooLargeError(VideoError):
    """The file declares more pixels, frames or seconds than the limits allow."""


class VideoTimeoutError(VideoError):
    """Reading the file took longer than the limits allow."""


class NoFaceError(VideoError):
    """No face was found, or one in too few frames to follow."""


class NoAudioError(VideoError):
    """There is no sound, neither in the video nor beside it, and the detector needs it."""


class ClipTooShortError(VideoError):
    """The video has fewer frames than one clip of the detector needs."""


class FacePackError(THBError):
    """A face pack is missing, fails its checksum, or has a licence nobody has accepted."""

    exit_code = 4


class DetectorError(THBError):
    """A detector cannot be found, loaded or run."""

    exit_code = 4


class IncompletePredictionsError(THBError):
    """The predictions do not hold every video of their split exactly once."""


class ResultError(THBError):
    """A result record is malformed or does not belong to the predictions beside it."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its class."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
