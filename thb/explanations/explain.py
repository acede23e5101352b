"""Videos in, explanations out: where in each video the detector looked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from detectors.explain import Target, explain_clips, list_layers
from detectors.registry import load_detector
from thb.explanations.alarm import find_alarm, set_zero
from thb.explanations.blurring import blur_frames, put_frames
from thb.explanations.contact_sheet import COLUMNS, LayerRow, draw_layers
from thb.explanations.explanation import Explanation
from thb.explanations.heat import Floats
from thb.prediction.calls import Grounds
from thb.prediction.inference import aggregate
from thb.preprocessing.clips import ClipMaker, ThreadTools
from thb.preprocessing.settings import Preparation
from thb.runtime.progress import progress_bar
from thb_dataset.clips.following import follow_face
from thb_dataset.clips.video_clips import VideoClips, choose_policy, prepare_pixels
from thb_dataset.errors import DetectorError, NoFaceError, VideoDecodeError, VideoError
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    import torch

    from detectors.base import Detector
    from thb_dataset.clip_spec import ClipSpec


@dataclass(frozen=True, kw_only=True)
class ExplainSettings(Preparation):
    """How videos are explained.

    Attributes:
        target: The target class: heat above zero speaks for it.
        layer: The dotted name of the layer to read; None for the one that the detector declares.
        batch_size: Clips per batch; it does not change a map.
        device: The device to compute on; None for the detector's own.
    """

    target: Target = "fake"
    layer: str | None = None
    batch_size: int = 4
    device: str | torch.device | None = None


def explain(
    detector: Detector | str | Path,
    video: str | Path,
    *,
    settings: ExplainSettings | None = None,
    sound: Path | None = None,
    grounds: Grounds | None = None,
) -> Explanation:
    """Explain the score of one video file.

    Args:
        detector: A detector, or what ``thb.detector`` takes.
        video: The file.
        settings: How the video is explained.
        sound: A WAV file with the sound of the video, for a detector that listens.
        grounds: What decides on the verdict; None for the threshold that the detector comes with.

    Raises:
        VideoError: The video cannot be judged: it cannot be read, is too short, or has no face or
            no sound.
        DetectorError: The detector cannot be loaded or explained, or pytorch-grad-cam is not
            installed.

    Examples:
        >>> explanation = thb.explain("runs/baseline/p3-hallo", "clip.mp4")
        >>> explanation.save("cam.mp4")
        PosixPath('cam.mp4')
        >>> explanation.call.verdict  # it was trained on a few drawings
        'none'
    """
    name = str(video)
    sounds = {name: sound} if sound else None
    files = explain_files(
        detector, {name: Path(video)}, settings=settings, sounds=sounds, grounds=grounds
    )
    ((_, explained),) = list(files)
    if isinstance(explained, Explanation):
        return explained
    raise explained or VideoDecodeError(f"{name}: no such file")


def explain_files(
    detector: Detector | str | Path,
    paths: Mapping[str, Path | None],
    *,
    settings: ExplainSettings | None = None,
    sounds: Mapping[str, Path] | None = None,
    grounds: Grounds | None = None,
) -> Iterator[tuple[str, Explanation | VideoError | None]]:
    """Explain files one after the other, in the order given, and keep nothing of them.

    Args:
        detector: A detector, which is left as it was found, or what ``thb.detector`` takes.
        paths: The file of each name; None where it is not available.
        settings: How the videos are explained.
        sounds: WAV files with the sound of videos, by the names of the videos.
        grounds: What decides on verdicts; None for the threshold that the detector comes with.

    Yields:
        Each name with its explanation, with the error that prevented one, or with None where the
        file is missing.

    Raises:
        DetectorError: The detector cannot be loaded or explained, or pytorch-grad-cam is not
            installed.
    """
    settings = settings or ExplainSettings()
    model = load_detector(detector) if isinstance(detector, str | Path) else detector
    if settings.device is not None:
        model.to(settings.device)  # type: ignore[arg-type] # transformers wraps it untyped
    spec, grounds = model.config.clip_spec, grounds or Grounds.find(model)
    maker = ClipMaker(spec, settings, sounds=sounds)
    tools = ThreadTools(settings)
    bar = progress_bar(total=len(paths), description="explaining", shown=settings.progress)
    try:
        with bar, maker:
            for name, made in maker.make(paths.items()):
                path = paths[name]
                if isinstance(made, VideoClips) and path is not None:
                    face = _find_face(path, made, spec, tools)
                    yield (
                        name,
                        _make_explanation(model, name, path, made, face, settings, grounds),
                    )
                else:
                    yield name, made if isinstance(made, VideoError) else None
                bar.update()
    finally:
        tools.close()


def sweep_layers(
    model: Detector, found: Explanation, settings: ExplainSettings
) -> list[Explanation]:
    """Explain the clips of an explained video again with other layers of the same detector.

    Args:
        model: The detector that was explained.
        found: The explanation of the video.
        settings: How it was explained.

    Returns:
        One explanation for each layer that :func:`detectors.explain.list_layers` names.

    Raises:
        DetectorError: A layer cannot be explained.
    """
    face = None if found.boxes is None or found.points is None else (found.boxes, found.points)
    grounds = Grounds.find(model)
    names = list_layers(model, prepare_pixels(found.clips, found.spec))
    return [
        _make_explanation(
            model,
            found.video_id,
            found.path,
            found.clips,
            face,
            replace(settings, layer=name),
            grounds,
        )
        for name in names
    ]


def save_layers(explanations: Sequence[Explanation], path: str | Path) -> Path:
    """Write one sheet (PNG) of a video with a row of heat for each layer.

    Args:
        explanations: The explanations of the video, as :func:`sweep_layers` returns them.
        path: The file.

    Raises:
        OSError: The file cannot be written.
    """
    first = explanations[0]
    # What holds for the least of the layers holds for all.
    alarm = min((each.alarm for each in explanations), key=lambda alarm: alarm.is_zero)
    rows = [LayerRow(facts=each.shown, crops=each.paint_crops(COLUMNS)) for each in explanations]
    sheet = draw_layers(
        rows,
        title=f"{first.path.name}: one row for each layer",
        facts=(first.call.sentence,),
        colours=alarm.name_colours(first.target),
        zero=f"{alarm.explain_zero()} Each row has a scale of its own.",
    )
    with write_whole(Path(path)) as draft:
        sheet.save(draft, format="PNG")
    return Path(path)


def _make_explanation(
    model: Detector,
    name: str,
    path: Path,
    clips: VideoClips,
    face: tuple[Floats, Floats] | None,
    settings: ExplainSettings,
    grounds: Grounds,
) -> Explanation:
    """Return the explanation of one video from its clips.

    Raises:
        DetectorError: The detector cannot be explained, or gives numbers that are not finite.
    """
    spec = model.config.clip_spec
    blurred = put_frames(clips, blur_frames(clips.pixels[:, -spec.frames :]))
    maps = explain_clips(
        model,
        prepare_pixels(clips, spec),
        prepare_pixels(blurred, spec),
        target=settings.target,
        layer=settings.layer,
        batch_size=settings.batch_size,
    )
    if not (np.isfinite(maps.logits).all() and np.isfinite(maps.heat).all()):
        raise DetectorError(
            f"{name}: {type(model).__name__} gave numbers that are not finite: its weights are"
            " damaged or untrained"
        )
    calibration = grounds.calibration
    alarm = find_alarm(
        maps, spec.aggregation, None if calibration is None else calibration.threshold
    )
    score = aggregate(maps.logits.tolist(), spec.aggregation)
    margin = alarm.margin if alarm.is_zero else None
    if margin is not None and settings.target == "real":
        margin = -margin
    evidence, covered = maps.heat[:, -spec.frames :], maps.covered[-spec.frames :]
    boxes, points = face or (None, None)
    return Explanation(
        video_id=name,
        path=path,
        detector=name_detector(model),
        layer=settings.layer or model.cam_layer,
        alarm=alarm,
        call=grounds.call(score, path),
        target=settings.target,
        score=score,
        clip_logits=tuple(maps.logits.tolist()),
        heat=set_zero(evidence, covered, margin),
        evidence=evidence,
        clips=clips,
        spec=spec,
        boxes=boxes,
        points=points,
        limits=settings.limits,
    )


def _find_face(
    path: Path, clips: VideoClips, spec: ClipSpec, tools: ThreadTools
) -> tuple[Floats, Floats] | None:
    """Find the face in the frames of the clips.

    Clips of whole frames do not say where the face is. For them it is searched for again, in the
    way in which crops are made.

    Args:
        path: The video.
        clips: The clips that the detector saw.
        spec: How they were cut.
        tools: The reader and the face finder.

    Returns:
        Boxes (N, T, 4) and points (N, T, 5, 2) in pixels of the frame; None where the clips show
        whole frames and no face can be followed in them.

    Raises:
        VideoError: The video can no longer be read.
    """
    if spec.crop != "full":
        return clips.boxes[:, -spec.frames :], clips.points[:, -spec.frames :]
    reader, finder = tools.get()
    try:
        frames = reader.read_frames(path, choose_policy(spec))
        face = follow_face(frames, finder)
    except NoFaceError:
        return None
    place = np.searchsorted(frames.index, clips.frame_index[:, -spec.frames :])
    return face.boxes[place], face.points[place]


def name_detector(model: Detector) -> str:
    """Return the name of a detector: its Hub id, or the last two parts of its folder.

    Args:
        model: The detector.
    """
    given = str(model.config.name_or_path or type(model).__name__)
    path = Path(given)
    return "/".join(path.parts[-2:]) if path.is_absolute() or path.is_dir() else given
