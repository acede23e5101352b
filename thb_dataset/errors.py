"""Every error that the toolkit raises on purpose, in one tree.

The tree lies in the lowest package, so that all packages above share it, and so that the code of
published detectors can raise its errors where only this module is beside it.

::

    THBError
    ├── ReleaseError               a release or another folder of videos is not as it should be
    │   └── HubUnreachableError    the Hub does not answer, or may not be asked
    ├── ProtocolError              a protocol cannot be built, or two of its splits overlap
    ├── VideoError                 one video cannot be used
    │   ├── VideoDecodeError       not a video, damaged, or an unsupported codec
    │   ├── VideoTooLargeError     refused by a limit before frames are decoded
    │   ├── VideoTimeoutError      reading took longer than allowed
    │   ├── NoFaceError            no face, or a face in too few frames
    │   ├── NoAudioError           no sound, and the detector needs it
    │   └── ClipTooShortError      fewer frames than one clip of the detector needs
    ├── FacePackError              a face pack is missing, altered, or its licence not accepted
    ├── DetectorError              a detector cannot be found, loaded or run, or its settings are
    │   │                          impossible
    │   └── SettingsError          a setting that the user gave is unknown or impossible
    ├── IncompletePredictionsError predictions do not cover their split exactly once
    └── ResultError                a result record is malformed

``MetricError`` in ``metrics/`` is a ``ValueError``, because that package stands alone.
"""


class THBError(Exception):
    """Root of the tree.

    Attributes:
        exit_code: The exit code of a command that ends with this error: 1 for a finding, 2 for
            usage, 3 for data, 4 for a model.
    """

    exit_code = 3


class ReleaseError(THBError):
    """A release, or another folder of videos or pictures, is missing, malformed or incomplete."""


class HubUnreachableError(ReleaseError):
    """The Hub does not answer, or may not be asked; the cache can still be used."""


class ProtocolError(THBError):
    """A protocol or a fold does not exist, cannot be built, or has splits that overlap."""


class VideoError(THBError):
    """One video cannot be used; the others can."""


class VideoDecodeError(VideoError):
    """The file is not a video, is damaged, or needs a decoder that is not available."""


class VideoTooLargeError(VideoError):
    """The file declares more pixels, frames or seconds than the limits allow."""


class VideoTimeoutError(VideoError):
    """Reading the file took longer than the limits allow."""


class NoFaceError(VideoError):
    """No face was found, or the face is in too few frames to be followed."""


class NoAudioError(VideoError):
    """The detector needs sound, but neither the video nor a file beside it has any."""


class ClipTooShortError(VideoError):
    """The video has fewer frames than one clip of the detector needs."""


class FacePackError(THBError):
    """A face pack is missing, fails its checksum, or its licence has not been accepted."""

    exit_code = 4


class DetectorError(THBError):
    """A detector cannot be found, loaded or run, or its settings are impossible."""

    exit_code = 4


class SettingsError(DetectorError):
    """A setting that the user gave is unknown, of another type, or impossible."""

    exit_code = 2


class IncompletePredictionsError(THBError):
    """The predictions do not hold every video of their split exactly once."""


class ResultError(THBError):
    """A result record is malformed or does not belong to the predictions beside it."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its class."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
