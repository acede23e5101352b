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

    Examples:
        >>> try:
        ...     thb.load("p3-sora", release="release")
        ... except thb.THBError as error:
        ...     print(type(error).__name__, error.exit_code)
        ProtocolError 3
    """

    exit_code = 3


class ReleaseError(THBError):
    """A release, or another folder of videos or pictures, is missing, malformed or incomplete.

    Examples:
        >>> thb.load("p1", release="nowhere")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.ReleaseError: there is no folder nowhere: ...
    """


class HubUnreachableError(ReleaseError):
    """The Hub does not answer, or may not be asked; the cache can still be used.

    Examples:
        >>> thb.load("p1", release="somebody/videos")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.HubUnreachableError: ... somebody/videos ...
    """


class ProtocolError(THBError):
    """A protocol or a fold does not exist, cannot be built, or has splits that overlap.

    Examples:
        >>> thb.load("p3-sora", release="release")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.ProtocolError: no config 'p3-sora'; ...
    """


class VideoError(THBError):
    """One video cannot be used; the others can.

    Examples:
        >>> for video in ["clip.mp4", "broken.mp4", "landscape.mp4"]:
        ...     try:
        ...         thb.explain("runs/baseline/p3-hallo", video).save(f"cam-{video}")
        ...     except thb.VideoError as error:
        ...         print(type(error).__name__)
        PosixPath('cam-clip.mp4')
        VideoDecodeError
        NoFaceError
    """


class VideoDecodeError(VideoError):
    """The file is not a video, is damaged, or needs a decoder that is not available.

    Examples:
        >>> thb.explain("runs/baseline/p3-hallo", "broken.mp4")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.VideoDecodeError: broken.mp4: is not a video that can be read: ...
    """


class VideoTooLargeError(VideoError):
    """The file declares more pixels, frames or seconds than the limits allow.

    Examples:
        >>> from thb_dataset.video.reader import Limits, VideoReader
        >>> VideoReader(Limits(max_seconds=0.5)).probe("clip.mp4")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.VideoTooLargeError: clip.mp4: ...
    """


class VideoTimeoutError(VideoError):
    """Reading the file took longer than the limits allow.

    Examples:
        >>> from thb_dataset.video.reader import Limits, VideoReader
        >>> VideoReader(Limits(wall_seconds=1e-6)).probe("clip.mp4")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.VideoTimeoutError: clip.mp4: ...
    """


class NoFaceError(VideoError):
    """No face was found, or the face is in too few frames to be followed.

    Examples:
        >>> thb.explain("runs/baseline/p3-hallo", "landscape.mp4")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.NoFaceError: landscape.mp4: no face in any of 2 frames
    """


class NoAudioError(VideoError):
    """The detector needs sound, but neither the video nor a file beside it has any.

    Examples:
        >>> from detectors.lipfd import LipFD
        >>> listener = thb.detector("lipfd", untrained=True, config=LipFD.tiny)
        >>> thb.explain(listener, "landscape.mp4")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.NoAudioError: landscape.mp4: has no sound, but the detector needs it
    """


class ClipTooShortError(VideoError):
    """The video has fewer frames than one clip of the detector needs.

    Examples:
        >>> thb.explain("runs/baseline/p3-hallo", "short.mp4")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.ClipTooShortError: short.mp4: 1 frames, but one clip needs 2; ...
    """


class FacePackError(THBError):
    """A face pack is missing, fails its checksum, or its licence has not been accepted.

    Examples:
        >>> from thb.prediction.inference import PredictSettings
        >>> settings = PredictSettings(face_pack="somewhere")
        >>> thb.calibrate("runs/baseline/p3-hallo", reals="reals", scoring=settings)
        Traceback (most recent call last):
            ...
        thb_dataset.errors.FacePackError: face pack: 'somewhere' is neither ...
    """

    exit_code = 4


class DetectorError(THBError):
    """A detector cannot be found, loaded or run, or its settings are impossible.

    Examples:
        >>> thb.detector("tall")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.DetectorError: tall has no trained weights, ...
    """

    exit_code = 4


class SettingsError(DetectorError):
    """A setting that the user gave is unknown, of another type, or impossible.

    Examples:
        >>> thb.train("baseline", protocol="p1", out="runs/new", settings={"epoch": 3})
        Traceback (most recent call last):
            ...
        thb_dataset.errors.SettingsError: ... (did you mean epochs?); ...
    """

    exit_code = 2


class IncompletePredictionsError(THBError):
    """The predictions do not hold every video of their split exactly once.

    Examples:
        >>> rows = thb.read_predictions("runs/tall/p1/predictions.parquet")
        >>> rows.check([row.video_id for row in rows] + ["one/more"])
        Traceback (most recent call last):
            ...
        thb_dataset.errors.IncompletePredictionsError: predictions: ...
    """


class ResultError(THBError):
    """A result record is malformed or does not belong to the predictions beside it.

    Examples:
        >>> thb.read_predictions("clip.mp4")
        Traceback (most recent call last):
            ...
        thb_dataset.errors.ResultError: clip.mp4 holds no predictions: ...
    """


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, or the name of its class."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
