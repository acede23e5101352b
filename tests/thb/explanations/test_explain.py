"""Explanations of videos: in every file the heat lies where the detector looked."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from IPython.core.formatters import DisplayFormatter
from PIL import Image
from torch import Tensor, nn

from detectors.base import Detector, DetectorOutput
from detectors.explain import ClipHeat
from detectors.listing import DETECTORS
from detectors.registry import create_detector, find_detector_class, load_detector
from tests.support.video_files import write_video
from thb.explanations.alarm import Alarm, find_alarm, find_logit
from thb.explanations.blurring import BLUR
from thb.explanations.explain import (
    ExplainSettings,
    explain,
    explain_files,
    save_layers,
    sweep_layers,
)
from thb.explanations.explanation import Explanation
from thb.explanations.heat import AGAINST, FOR, paint_heat
from thb.explanations.overlay import STRIP_HEIGHT
from thb.prediction.calibration import THRESHOLDS_FILE, Calibration
from thb.prediction.inference import PredictSettings
from thb.prediction.predict import predict
from thb.runs.provenance import hash_weights
from thb.runs.record import ReleaseRecord
from thb.runtime.records import write_text
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import (
    ClipTooShortError,
    NoAudioError,
    NoFaceError,
    THBError,
    VideoDecodeError,
)
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")

Picture = npt.NDArray[np.uint8]
SPOT = (70, 45)
"""The column and row of the white spot, in pixels of the frame."""


class BrightnessDetector(Detector):
    """Its logit is the mean brightness, so its heat is the picture itself."""

    model_type = "test_explain_brightness"
    default_clip = ClipSpec(
        frames=3, crop="full", resample="opencv", size=32, mean=(0, 0, 0), std=(1, 1, 1)
    )
    cam_layer = "features"

    def __init__(self, config: object) -> None:
        super().__init__(config)  # type: ignore[arg-type] # made by the base
        self.features = nn.Conv2d(3, 1, 1, bias=False)
        self.post_init()  # type: ignore[no-untyped-call] # transformers' own
        nn.init.constant_(self.features.weight, 1.0)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        maps = self.features(pixel_values.flatten(0, 1)).unflatten(0, (-1, pixel_values.shape[1]))
        return self.make_output(maps.mean(dim=(1, 2, 3, 4)), labels)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        maps: Tensor = activations.unflatten(0, (-1, frames))
        return maps


@pytest.fixture
def settings(tmp_path: Path) -> ExplainSettings:
    return ExplainSettings(store=tmp_path / "crops", progress=False, workers=1)


@pytest.fixture
def spot_video(tmp_path: Path) -> Path:
    """A video of a white spot on black, 121 x 91 pixels, 20 frames."""
    rows, columns = np.mgrid[:91, :121]
    spot = 255 * np.exp(-((columns - SPOT[0]) ** 2 + (rows - SPOT[1]) ** 2) / (2 * 6**2))
    picture = np.repeat(np.rint(spot).astype(np.uint8)[..., None], 3, axis=2)
    return write_video(tmp_path / "spot.mkv", [picture] * 20, codec="ffv1", pixel_format="bgr0")


@pytest.fixture
def clip(tiny_release: MiniRelease) -> Path:
    """A synthetic clip with a face and sound."""
    return sorted(tiny_release.hub.glob("fake/Hallo/*/*.mp4"))[0]


def decode(path: Path) -> list[Picture]:
    with av.open(str(path)) as file:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in file.decode(video=0)
        ]


def middle(weights: npt.NDArray[np.floating]) -> tuple[float, float]:
    """Return the centre of the weights above half of the greatest: column, row."""
    weights = np.where(weights > weights.max() / 2, weights, 0)
    rows, columns = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return (
        float((columns * weights).sum() / weights.sum()),
        float((rows * weights).sum() / weights.sum()),
    )


def test_heat_lies_on_the_spot_that_is_looked_at(
    spot_video: Path, settings: ExplainSettings
) -> None:
    found = explain(create_detector(BrightnessDetector), spot_video, settings=settings)
    assert found.heat.shape == (1, 3, 32, 32)
    assert found.boxes is None, "there is no face"
    for t in range(3):
        heat = found.heat_on_frame(0, t)
        assert heat.shape == (91, 121)
        np.testing.assert_allclose(middle(heat), SPOT, atol=0.6)
    against = explain(
        create_detector(BrightnessDetector), spot_video, settings=replace(settings, target="real")
    )
    assert np.array_equal(against.heat, -found.heat)
    assert against.score == found.score


def test_heat_on_a_face_finds_its_way_back_through_the_crop(
    tiny_release: MiniRelease, settings: ExplainSettings
) -> None:
    """The heat of brightness, put back, is what a blur takes from the frame under the crop."""
    # A real clip with a large face: smaller faces, and the grid that Hallo's flaws leave, hold
    # detail that is too fine for the crop.
    (clip,) = tiny_release.real_root.rglob("390.mp4")
    for crop in ({"crop": "box"}, {"crop": "aligned", "margin": 1.5}):
        config = {"clip": {"resample": "fine", "frames": 2, "size": 64, **crop}}
        detector = create_detector(BrightnessDetector, config=config)
        found = explain(detector, clip, settings=settings)
        frames = decode(clip)
        assert found.boxes is not None
        for t in range(2):
            heat = found.heat_on_frame(0, t)
            frame = frames[found.frame_index[0, t]].astype(float).sum(axis=2)
            grown = np.sqrt(np.linalg.det(found.placements[0, t][:, :2]))
            frame -= cv2.GaussianBlur(frame, (0, 0), 64 * BLUR / grown)
            box = found.boxes[0, t].round().astype(int)
            inside = np.s_[box[1] + 4 : box[3] - 4, box[0] + 4 : box[2] - 4]
            likeness = np.corrcoef(heat[inside].ravel(), frame[inside].ravel())[0, 1]
            shifted = np.roll(frame, (6, 6), axis=(0, 1))
            elsewhere = np.corrcoef(heat[inside].ravel(), shifted[inside].ravel())[0, 1]
            assert likeness > 0.9, crop
            assert likeness > elsewhere + 0.1, crop


def test_the_overlay_is_h264_as_long_as_the_video_and_hot_where_the_heat_is(
    spot_video: Path, settings: ExplainSettings, tmp_path: Path
) -> None:
    found = explain(create_detector(BrightnessDetector), spot_video, settings=settings)
    path = found.save(tmp_path / "deep" / "cam.mp4")
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.average_rate == Fraction(25)
    pictures = decode(path)
    assert len(pictures) == 20
    rows, columns, _ = pictures[0].shape
    assert columns == 121 + 1, "the sides are even"
    assert rows % 2 == 0
    assert rows > 91 + STRIP_HEIGHT + 50, "the legend stands below"
    for shade in (FOR, AGAINST):
        likeness = np.abs(pictures[0][91 + STRIP_HEIGHT :].astype(int) - shade).sum(axis=2)
        assert likeness.min() < 60, "the legend shows both colours"
    colour = pictures[10][:91, :121].astype(float)
    redness = np.maximum(colour[..., 0] - colour[..., 2], 0)
    np.testing.assert_allclose(middle(redness), SPOT, atol=1.5)
    first, last = (
        np.flatnonzero(pictures[at][91 + STRIP_HEIGHT // 2, :, 0] > 200) for at in (0, -1)
    )
    assert first.max() < 5, "the mark of the current frame starts on the left"
    assert last.min() > 110, "the mark of the current frame ends on the right"


def test_the_overlay_of_a_fast_video_is_as_long_as_the_video(
    settings: ExplainSettings, tmp_path: Path
) -> None:
    pictures = [np.full((64, 64, 3), place % 250, np.uint8) for place in range(240)]
    fast = write_video(tmp_path / "fast.mp4", pictures, fps=240)
    found = explain(create_detector(BrightnessDetector), fast, settings=settings)
    with av.open(str(found.save(tmp_path / "cam.mp4"))) as file:
        stream = file.streams.video[0]
        assert stream.average_rate == Fraction(120)
        assert stream.frames == 120
    with pytest.raises(THBError, match=r"does not end in \.mp4"):
        found.save(tmp_path / "cam.webm")


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of crops that the tests of this module share."""
    return tmp_path_factory.mktemp("crops")


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_the_heat_adds_up_to_the_distance_from_the_alarm_and_agrees_with_the_verdict(
    name: str, tiny_release: MiniRelease, crops: Path, tmp_path: Path
) -> None:
    """The threshold lies in the midst of the scores, so that some videos are called fake."""
    detector_class = find_detector_class(name)
    fresh = create_detector(detector_class, seed=2, config=detector_class.tiny)
    videos = sorted(tiny_release.hub.glob("fake/*/*/*.mp4"))[::3]
    paths: dict[str, Path | None] = {str(path): path for path in videos}
    settings = ExplainSettings(store=crops, progress=False, workers=1)
    scoring = PredictSettings(store=crops, progress=False)
    rows = predict(fresh, list(videos), settings=scoring).rows
    spread_out(fresh.get_submodule("classifier"), [row.clip_logits[0] for row in rows])
    fresh.save_pretrained(tmp_path)
    model = load_detector(tmp_path)
    rows = predict(model, list(videos), settings=scoring).rows
    scores = sorted(row.score for row in rows if row.score is not None)
    first: dict[str, Path | None] = {str(videos[0]): videos[0]}
    ((_, blind),) = explain_files(str(tmp_path), first, settings=settings)
    assert isinstance(blind, Explanation)
    assert not blind.alarm.is_zero
    assert abs(float(blind.heat.sum(dtype=np.float64))) < 1e-4 * np.abs(blind.heat).sum()
    write_threshold(tmp_path, sum(scores[2:4]) / 2, hash_weights(model))
    agreeing = []
    for found in dict(explain_files(model, paths, settings=settings)).values():
        assert isinstance(found, Explanation)
        assert found.alarm.complete
        margin, threshold = found.alarm.margin, found.alarm.threshold
        assert margin is not None
        assert threshold is not None
        total = float(found.heat.sum(dtype=np.float64)) / len(found.heat)
        assert total == pytest.approx(margin, rel=1e-3, abs=1e-4)
        agreeing.append((margin >= 0) == (found.score >= threshold) and total * margin >= 0)
        if found.video_id in first:
            assert np.array_equal(blind.evidence, found.evidence)
    assert np.mean(agreeing) >= 0.95
    ((_, opposite),) = explain_files(model, first, settings=replace(settings, target="real"))
    assert isinstance(opposite, Explanation)
    assert opposite.alarm.margin is not None
    total = float(opposite.heat.sum(dtype=np.float64)) / len(opposite.heat)
    assert total == pytest.approx(-opposite.alarm.margin, rel=1e-3, abs=1e-4)


def spread_out(classifier: nn.Module, logits: list[float]) -> None:
    """Let fresh weights, which say nearly the same of every video, say different things."""
    assert isinstance(classifier, nn.Linear)
    scale = 2 / float(np.std(logits))
    classifier.weight.data *= scale
    classifier.bias.data = (classifier.bias.data - float(np.mean(logits))) * scale


def write_threshold(folder: Path, threshold: float, weights: str) -> None:
    calibration = Calibration(
        target_fpr=0.01,
        threshold=threshold,
        n_real=8,
        false_alarms=0,
        n_fake=8,
        true_positive_rate=0.5,
        excluded={},
        release=ReleaseRecord(name="toy"),
        fold="p1",
        split_by="release",
        weights_sha256=weights,
        face_pack="embedded",
        precision="float32",
        resolved=False,
    )
    (folder / THRESHOLDS_FILE).write_text(write_text(calibration), "utf-8")


def test_what_stands_on_the_pictures() -> None:
    near, far, none = (
        Alarm(threshold=0.5, margin=0.02),
        Alarm(threshold=0.882, margin=1.04),
        Alarm(),
    )
    assert near.strength < far.strength < Alarm(threshold=0.5, margin=-5).strength == 1
    assert far.name_colours("fake") == ("speaks for fake", "against fake")
    gap = Alarm(threshold=0.5, margin=1, complete=False)
    for relative in (none, gap, Alarm(threshold=1.5)):
        assert not relative.is_zero
        assert relative.name_colours("fake")[0] == "more for fake than the rest of this video"
        assert "none of them says fake" in relative.explain_zero()


def test_a_map_with_a_gap_is_not_complete() -> None:
    shape = (2, 1, 2, 2)
    maps = ClipHeat(
        heat=np.ones(shape, np.float32),
        covered=np.ones(shape[1:], bool),
        logits=np.array([3.0, 50.0]),
        changes=np.array([4.0, 4.0]),
        gaps=np.array([0.0, 0.1]),
    )
    alarm = find_alarm(maps, "mean_logit", 0.5)
    assert alarm.is_zero
    assert alarm.margin == pytest.approx(26.5)
    assert not find_alarm(replace(maps, gaps=np.array([0.0, 0.3])), "mean_logit", 0.5).is_zero
    assert find_alarm(maps, "mean_logit", 1.5).margin is None, "no score reaches it"
    mean = (1 / (1 + np.exp(-3.0)) + 1) / 2
    wanted = np.log(mean / (1 - mean))
    assert find_logit([3.0, 50.0], "mean_probability") == pytest.approx(wanted)
    assert find_logit([900.0], "mean_probability") == pytest.approx(900.0)


def test_layers_are_compared_on_one_sheet(
    clip: Path, settings: ExplainSettings, tmp_path: Path
) -> None:
    detector_class = find_detector_class("tall")
    detector = create_detector(detector_class, seed=2, config=detector_class.tiny)
    found = explain(detector, clip, settings=settings)
    assert found.layer == "feature_map"
    swept = sweep_layers(detector, found, settings)
    assert swept[-1].layer == "feature_map"
    assert np.array_equal(swept[-1].evidence, found.evidence)
    names = [each.layer for each in swept]
    first, second = (
        next(n for n, name in enumerate(names) if name.endswith(f"layernorm_{which}"))
        for which in ("before", "after")
    )
    assert not np.array_equal(swept[first].evidence, swept[second].evidence)
    with Image.open(save_layers(swept, tmp_path / "layers.png")) as sheet:
        assert sheet.height > len(swept) * 176
    chosen = explain(detector, clip, settings=replace(settings, layer=names[first]))
    assert chosen.layer == names[first]
    assert names[first] in chosen.shown


def test_heat_between_two_frames_is_interpolated(
    spot_video: Path, settings: ExplainSettings
) -> None:
    found = explain(create_detector(BrightnessDetector), spot_video, settings=settings)
    heat = np.stack([np.full((2, 2), value, np.float32) for value in (1, 3, 5)])[None]
    clips = replace(
        found.clips,
        frame_index=np.array([[4, 8, 4]]),
        seconds=np.array([[0.4, 0.8, 0.4]]),
    )
    track = replace(found, heat=heat, clips=clips).follow_heat()
    assert track.seconds.tolist() == [0.4, 0.8]
    assert track.heat[:, 0, 0].tolist() == [3.0, 3.0], "a frame seen twice has the mean"
    track = replace(track, heat=np.stack([np.full((2, 2), v, np.float32) for v in (5, 3)]))
    for at, wanted in ((0.0, 5.0), (0.4, 5.0), (0.6, 4.0), (0.7, 3.5), (9.0, 3.0)):
        assert track.read(at)[0][0, 0] == pytest.approx(wanted, abs=1e-5)


def test_the_sheet_and_the_map_hold_the_explanation(
    clip: Path, settings: ExplainSettings, tmp_path: Path
) -> None:
    detector_class = find_detector_class("baseline")
    detector = create_detector(detector_class, seed=2, config=detector_class.tiny)
    found = explain(detector, clip, settings=settings)
    shown, _ = DisplayFormatter().format(found)
    assert shown["image/png"] == found.save_sheet(tmp_path / "sheet.png").read_bytes()
    assert shown["text/plain"].startswith(f"<explanation of {clip.name}: score 0.")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.format == "PNG"
        assert sheet.width < 1300
    with np.load(found.save_map(tmp_path / "map.npz"), allow_pickle=False) as arrays:
        assert np.array_equal(arrays["heat"], found.heat)
        assert np.array_equal(arrays["placements"], found.placements)
        assert np.array_equal(arrays["boxes"], found.boxes)  # type: ignore[arg-type] # there is one
        assert arrays["frame_size"].tolist() == list(found.clips.frame_size)
        assert str(arrays["target"]) == "fake"
    assert not list(tmp_path.glob(".*")), "a draft is left"


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_is_explained_and_scores_as_it_predicts(
    name: str, clip: Path, settings: ExplainSettings, tmp_path: Path
) -> None:
    detector_class = find_detector_class(name)
    detector = create_detector(detector_class, seed=2, config=detector_class.tiny)
    found = explain(detector, clip, settings=settings)
    spec = detector.config.clip_spec
    assert found.heat.shape[1] == spec.frames
    assert found.frames.shape == (len(found.heat), spec.frames, spec.size, spec.size, 3)
    assert found.frame_index.shape == found.heat.shape[:2]
    assert np.abs(found.heat).max() > 0
    assert found.boxes is not None
    assert found.boxes.shape == (*found.heat.shape[:2], 4)
    (row,) = predict(
        detector, clip, settings=PredictSettings(store=settings.store, progress=False)
    ).rows
    assert found.score == pytest.approx(row.score, abs=1e-6)
    assert decode(found.save(tmp_path / "cam.mp4"))


def test_each_reason_why_a_video_cannot_be_judged_has_its_error(
    spot_video: Path, settings: ExplainSettings, tmp_path: Path
) -> None:
    baseline, lipfd = (
        create_detector(find_detector_class(name), config=find_detector_class(name).tiny)
        for name in ("baseline", "lipfd")
    )
    (tmp_path / "text.mp4").write_text("no video")
    short = write_video(tmp_path / "short.mp4", [np.zeros((64, 64, 3), np.uint8)] * 2)
    for detector, path, error in (
        (baseline, spot_video, NoFaceError),
        (baseline, tmp_path / "text.mp4", VideoDecodeError),
        (baseline, tmp_path / "absent.mp4", VideoDecodeError),
        (baseline, short, ClipTooShortError),
        (lipfd, spot_video, NoAudioError),
    ):
        with pytest.raises(error):
            explain(detector, path, settings=settings)
    given = {"a": spot_video, "b": None, "c": tmp_path / "absent.mp4"}
    results = dict(explain_files(baseline, given, settings=settings))
    assert list(results) == ["a", "b", "c"]
    assert isinstance(results["a"], NoFaceError)
    assert results["b"] is None
    assert results["c"] is None


def test_memory_stays_flat_over_fifty_videos(clip: Path, settings: ExplainSettings) -> None:
    if not Path("/proc/self/statm").exists():
        pytest.skip("this system has no /proc to read the memory of a process from")
    detector_class = find_detector_class("tall")
    detector = create_detector(detector_class, config=detector_class.tiny)

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

    seen = []
    names: dict[str, Path | None] = {f"video {number}": clip for number in range(60)}
    for number, (_, found) in enumerate(explain_files(detector, names, settings=settings)):
        assert isinstance(found, Explanation)
        if number in (9, 59):
            seen.append(resident())
    assert seen[1] - seen[0] < 12, f"50 videos took {seen[1] - seen[0]:.0f} MiB"


def test_heat_has_two_colours_and_no_heat_is_grey() -> None:
    grey = np.full((1, 4, 3), 100, np.uint8)
    heat = np.array([[0.0, 9.0, -9.0, 0.5]], np.float32)
    none, most, least, half = paint_heat(grey, heat, 1.0)[0].astype(float)
    assert none.tolist() == [100, 100, 100]
    np.testing.assert_allclose(most, 100 + 0.7 * (np.array(FOR) - 100), atol=1)
    np.testing.assert_allclose(least, 100 + 0.7 * (np.array(AGAINST) - 100), atol=1)
    np.testing.assert_allclose(half, 100 + 0.35 * (np.array(FOR) - 100), atol=1.5)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "file.txt"

    def fail() -> None:
        with write_whole(path) as draft:
            draft.write_text("half")
            raise RuntimeError("in the middle of it")

    with pytest.raises(RuntimeError, match="in the middle"):
        fail()
    assert list(path.parent.iterdir()) == []
    with write_whole(path) as draft:
        draft.write_text("whole")
        assert draft.suffix == ".txt"
        assert not path.exists()
    assert path.read_text() == "whole"
