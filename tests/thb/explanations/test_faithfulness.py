"""Deletion and insertion curves of detectors for which it is known where they look."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from torch import Tensor, nn

from detectors.base import Detector, DetectorOutput
from detectors.listing import DETECTORS
from detectors.registry import create_detector, find_detector_class
from thb.explanations.alarm import Alarm
from thb.explanations.explain import ExplainSettings, explain
from thb.explanations.explanation import Explanation
from thb.explanations.faithfulness import Faithfulness, measure_faithfulness
from thb.prediction.calls import Call
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

SIZE, CELLS = 64, 8


class CornerDetector(Detector):
    """Its logit is the contrast in the upper left sixteenth of the crop: two by two cells."""

    model_type = "test_faithfulness_corner"
    default_clip = ClipSpec(
        frames=2, crop="full", resample="opencv", size=SIZE, mean=(0, 0, 0), std=(1, 1, 1)
    )
    cam_layer = "features"

    def __init__(self, config: object) -> None:
        super().__init__(config)  # type: ignore[arg-type] # made by the base
        self.features = nn.Conv2d(3, 1, 1)
        self.post_init()  # type: ignore[no-untyped-call] # transformers' own

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        corner = pixel_values[..., : SIZE // 4, : SIZE // 4]
        return self.make_output(20 * corner.std(dim=(2, 3, 4)).mean(dim=1) - 4, labels)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        maps: Tensor = activations.unflatten(0, (-1, frames))
        return maps


def make_explanation(
    heat: npt.NDArray[np.float32], *, target: str = "fake", clips: int = 2
) -> Explanation:
    rng = np.random.default_rng(0)
    shape = (clips, 2)
    return Explanation(
        video_id="v",
        path=Path("v.mp4"),
        detector="d",
        layer="features",
        alarm=Alarm(),
        call=Call(verdict="none", score=0.5, caveat="c"),
        target=target,  # type: ignore[arg-type] # one of the two
        score=0.8,
        clip_logits=(0.0,) * clips,
        heat=np.broadcast_to(heat, (*shape, *heat.shape)).copy(),
        evidence=np.broadcast_to(heat, (*shape, *heat.shape)).copy(),
        clips=VideoClips(
            pixels=rng.integers(0, 256, (*shape, SIZE, SIZE, 3), dtype=np.uint8),
            frame_index=np.arange(2 * clips).reshape(shape),
            seconds=np.arange(2 * clips).reshape(shape) / 25,
            boxes=np.zeros((*shape, 4), np.float32),
            points=np.zeros((*shape, 5, 2), np.float32),
            frame_size=(SIZE, SIZE),
            faces=0,
            frames_with_face=0,
            frames_searched=0,
            frames_read=2,
        ),
        spec=CornerDetector.default_clip,
        boxes=None,
        points=None,
    )


def corner_heat(value: float = 1.0) -> npt.NDArray[np.float32]:
    heat = np.zeros((CELLS, CELLS), np.float32)
    heat[:2, :2] = value
    return heat


def measure(explanation: Explanation, **settings: int) -> Faithfulness:
    return measure_faithfulness(create_detector(CornerDetector), explanation, **settings)


def test_faithful_heat_falls_and_rises_at_once() -> None:
    """The corner has 4 of 64 cells, so that with 16 steps it goes, and comes back, in the first."""
    found = measure(make_explanation(corner_heat()), steps=16)
    assert found.target == "fake"
    assert found.heat.shares == pytest.approx(np.linspace(0, 1, 17))
    whole, nothing = found.heat.deletion[0], found.heat.deletion[-1]
    assert whole > 0.7
    assert nothing < 0.1
    assert found.heat.deletion[1:] == pytest.approx([nothing] * 16)
    assert found.heat.insertion[1:] == pytest.approx([whole] * 16)
    assert found.heat.insertion[0] == pytest.approx(nothing)
    assert found.heat.deletion_auc == pytest.approx(nothing + (whole - nothing) / 32)
    assert found.heat.insertion_auc == pytest.approx(whole - (whole - nothing) / 32)
    assert found.deletion_gain > 0.1
    assert found.insertion_gain > 0.1
    ends = (found.control.deletion[0], found.control.deletion[-1])
    assert ends == pytest.approx((whole, nothing)), "both orders begin and end with the same score"


def test_heat_that_is_wrong_is_worse_than_chance() -> None:
    found = measure(make_explanation(corner_heat(-1.0)), steps=8)
    assert found.deletion_gain < -0.1
    assert found.insertion_gain < -0.1


def test_heat_for_real_is_measured_by_the_probability_of_real() -> None:
    """Only the corner speaks for fake, and P(real) is what P(fake) leaves of 1."""
    fake = measure(make_explanation(corner_heat()), steps=4)
    real = measure(make_explanation(corner_heat(), target="real"), steps=4)
    assert real.heat.deletion == pytest.approx([1 - value for value in fake.heat.deletion])


def test_only_the_seed_changes_the_curves_and_only_the_control() -> None:
    explanation = make_explanation(corner_heat(), clips=5)
    single, batched = (measure(explanation, steps=5, batch_size=size) for size in (1, 5))
    for name in ("deletion", "insertion"):
        assert getattr(single.heat, name) == pytest.approx(getattr(batched.heat, name), abs=1e-6)
        assert getattr(single.control, name) == pytest.approx(
            getattr(batched.control, name), abs=1e-6
        )
    again, other = measure(explanation, steps=5), measure(explanation, steps=5, seed=1)
    assert again.control == measure(explanation, steps=5).control
    assert again.control != other.control
    assert again.heat == other.heat


def test_the_detector_is_left_as_it_was() -> None:
    detector = create_detector(CornerDetector)
    detector.train()
    measure_faithfulness(detector, make_explanation(corner_heat()), steps=1)
    assert all(module.training for module in detector.modules())


def test_no_steps_are_refused() -> None:
    with pytest.raises(DetectorError, match="one step"):
        measure(make_explanation(corner_heat()), steps=0)


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_is_measured(name: str, tiny_release: MiniRelease, tmp_path: Path) -> None:
    """The curves begin at the score of the video, and a spectrogram stays as it is."""
    pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")
    clip = sorted(tiny_release.hub.glob("fake/Hallo/*/*.mp4"))[0]
    detector_class = find_detector_class(name)
    detector = create_detector(detector_class, seed=2, config=detector_class.tiny)
    settings = ExplainSettings(store=tmp_path / "crops", progress=False, workers=1)
    found = explain(detector, clip, settings=settings)
    before = found.clips.pixels.copy()
    curves = measure_faithfulness(detector, found, steps=2)
    assert curves.heat.deletion[0] == pytest.approx(found.score, abs=1e-6)
    assert curves.heat.insertion[-1] == pytest.approx(found.score, abs=1e-6)
    assert np.isfinite([*curves.heat.deletion, *curves.control.insertion]).all()
    assert np.array_equal(before, found.clips.pixels)


def test_only_frames_are_blurred_and_the_sound_stays() -> None:
    """A detector that reads only the spectrogram, which lies before the frames, is unmoved."""

    class Listener(CornerDetector):
        model_type = "test_faithfulness_listener"

        def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
            return super().forward(pixel_values[:, :2], labels)

    explanation = make_explanation(corner_heat())
    sound = np.random.default_rng(1).integers(0, 256, (2, 2, SIZE, SIZE, 3), dtype=np.uint8)
    pixels = np.concatenate([sound, explanation.clips.pixels], axis=1)
    heard = replace(explanation, clips=replace(explanation.clips, pixels=pixels))
    found = measure_faithfulness(create_detector(Listener), heard, steps=3)
    assert found.heat.deletion == pytest.approx([found.heat.deletion[0]] * 4)
    assert found.heat.deletion[0] > 0.7
