"""Grad-CAM on every detector, compared with sums by hand and with the library's own maps."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from detectors.base import Detector, DetectorOutput
from detectors.explain import explain_clips
from detectors.listing import DETECTORS
from detectors.registry import create_detector, find_detector_class
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError

pytest.importorskip("pytorch_grad_cam", reason="grad-cam is not installed")

Values = npt.NDArray[np.float32]


class CornerDetector(Detector):
    """Adds up the upper left quarter of the pictures, so that only this quarter is a reason."""

    model_type = "test_explain_corner"
    default_clip = ClipSpec(frames=2, size=16)
    cam_layer = "features"
    features: nn.Conv2d

    def __init__(self, config: object) -> None:
        super().__init__(config)  # type: ignore[arg-type] # made by the base
        self.features = nn.Conv2d(3, 3, 1, bias=False)
        self.post_init()
        nn.init.constant_(self.features.weight, 1.0)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        maps = self.features(pixel_values.flatten(0, 1)).unflatten(0, (-1, pixel_values.shape[1]))
        return self.make_output(maps[..., :8, :8].mean(dim=(1, 2, 3, 4)), labels)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        maps: Tensor = activations.unflatten(0, (-1, frames))
        return maps


def make_tiny(name: str) -> Detector:
    detector_class = find_detector_class(name)
    return create_detector(detector_class, seed=5, config=detector_class.tiny)


def make_pixels(detector: Detector, clips: int = 3) -> Values:
    spec = detector.config.clip_spec
    shape = (clips, spec.pictures, 3, spec.size, spec.size)
    scale = 60.0 if spec.value_range == "byte" else 1.0
    return np.random.default_rng(1).normal(scale=scale, size=shape).astype(np.float32)


def look_inside(detector: Detector, pixels: Values) -> tuple[Tensor, Tensor]:
    """Return the layer's output and the gradient of the logits there, by plain autograd."""
    seen: list[Tensor] = []
    layer = detector.get_submodule(detector.cam_layer)
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    logits = detector(pixel_values=torch.from_numpy(pixels).requires_grad_()).logits
    handle.remove()
    (gradient,) = torch.autograd.grad(logits.sum(), seen[0])
    return seen[0].detach(), gradient


def add_up(maps: Tensor, gradient: Tensor, cells: tuple[int, ...], channel: int) -> Tensor:
    return (gradient.mean(dim=cells, keepdim=True) * maps).sum(dim=channel)


def by_hand_baseline(detector: Detector, maps: Tensor, gradient: Tensor) -> Tensor:
    frames = detector.config.clip_spec.frames
    maps, gradient = (each.unflatten(0, (-1, frames)) for each in (maps, gradient))
    return add_up(maps, gradient, (1, 3, 4), 2)


def by_hand_caddm(detector: Detector, maps: Tensor, gradient: Tensor) -> Tensor:
    return add_up(maps, gradient, (2, 3), 1)[:, None]


def by_hand_df_adapter(detector: Detector, tokens: Tensor, gradient: Tensor) -> Tensor:
    cells = add_up(tokens[:, 1:], gradient[:, 1:], (1,), 2)
    side = round(cells.shape[1] ** 0.5)
    return cells.reshape(len(cells), 1, side, side)


def by_hand_tall(detector: Detector, tokens: Tensor, gradient: Tensor) -> Tensor:
    """Return the quarters of the thumbnail's map, one after the other."""
    cells = add_up(tokens, gradient, (1,), 2)
    side = round(cells.shape[1] ** 0.5)
    grid, half = cells.reshape(len(cells), side, side), side // 2
    quarters = [grid[:, r : r + half, c : c + half] for r in (0, half) for c in (0, half)]
    return torch.stack(quarters, dim=1)


def by_hand_lipfd(detector: Detector, maps: Tensor, gradient: Tensor) -> Tensor:
    """Return each crop's map, enlarged to its place in the frame; their mean is on frame one."""
    frames, size = detector.config.clip_spec.frames, detector.config.region_size
    scales = 1 + len(detector.config.region_crops)
    maps, gradient = (values.unflatten(0, (-1, scales, frames)) for values in (maps, gradient))
    own = add_up(maps, gradient, (2, 4, 5), 3)  # (N, scales, frames, h, w)
    side = 2 * maps.shape[-1]
    heat = torch.zeros(len(maps), 2 * frames, side, side)
    for scale, (low, high) in enumerate([(0, size), *detector.config.region_crops]):
        first, last = round(low * side / size), round(high * side / size)
        last = max(first + 1, last)
        put = nn.functional.interpolate(
            own[:, scale].mean(dim=1)[:, None], size=(last - first, last - first), mode="bilinear"
        )
        heat[:, frames, first:last, first:last] += put[:, 0]
    return heat


BY_HAND: dict[str, Callable[[Detector, Tensor, Tensor], Tensor]] = {
    "baseline": by_hand_baseline,
    "caddm": by_hand_caddm,
    "df_adapter": by_hand_df_adapter,
    "lipfd": by_hand_lipfd,
    "tall": by_hand_tall,
}


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_maps_are_those_summed_by_hand(name: str) -> None:
    detector = make_tiny(name)
    pixels = make_pixels(detector)
    found = explain_clips(detector, pixels, batch_size=2)
    wanted = BY_HAND[name](detector, *look_inside(detector, pixels)).numpy()
    assert np.abs(wanted).max() > 0, "a map of nothing proves nothing"
    np.testing.assert_allclose(found.heat, wanted, atol=2e-5 * np.abs(wanted).max())
    with torch.inference_mode():
        logits = detector(pixel_values=torch.from_numpy(pixels)).logits
    # Batches of another size round float32 differently, in the last digits of whatever size.
    np.testing.assert_allclose(found.logits, logits.double().numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["caddm", "df_adapter"])
def test_above_zero_and_stretched_they_are_the_librarys(name: str) -> None:
    from pytorch_grad_cam import GradCAM

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.detector = detector

        def forward(self, pictures: Tensor) -> Tensor:
            logits: Tensor = self.detector(pixel_values=pictures[:, None]).logits
            return logits

    detector = make_tiny(name)
    pixels = make_pixels(detector)
    layer = detector.get_submodule(detector.cam_layer)
    plain = GradCAM(
        Logits(), [layer], reshape_transform=lambda each: detector.cam_reshape(each, 1)[:, 0]
    )
    for target, sign in (("fake", 1.0), ("real", -1.0)):
        library = plain(torch.from_numpy(pixels[:, 0]), [lambda out, s=sign: s * out] * 3)
        heat = explain_clips(detector, pixels, target=target).heat[:, 0]  # type: ignore[arg-type]
        for own, theirs in zip(heat, library, strict=True):
            clipped = np.maximum(own, 0)
            if clipped.max() <= 1e-6 * np.abs(own).max():
                continue
            size = theirs.shape[::-1]
            large = torch.from_numpy((clipped - clipped.min()) / (clipped.max() - clipped.min()))
            resized = nn.functional.interpolate(large[None, None], size=size, mode="bilinear")[0, 0]
            stretched = (resized - resized.min()) / (resized.max() - resized.min())
            np.testing.assert_allclose(stretched.numpy(), theirs, atol=2e-5)


def test_the_part_that_is_read_is_the_part_that_is_hot() -> None:
    detector = create_detector(CornerDetector)
    pixels = np.abs(make_pixels(detector, 1))
    pixels[..., :8, :8] += 5
    fake, real = (explain_clips(detector, pixels, target=each).heat for each in ("fake", "real"))
    assert np.array_equal(fake, -real)
    flat = explain_clips(detector, pixels).heat[0]
    assert flat[:, :8, :8].mean() > 2 * flat[:, 8:, 8:].mean()


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_company_in_a_batch_changes_nothing(name: str) -> None:
    detector = make_tiny(name)
    pixels = make_pixels(detector)
    together = explain_clips(detector, pixels, batch_size=3).heat
    alone = np.concatenate([explain_clips(detector, pixels[i : i + 1]).heat for i in range(3)])
    np.testing.assert_allclose(together, alone, atol=1e-5 * np.abs(together).max())


def test_the_detector_is_left_as_it_was() -> None:
    detector = create_detector(CornerDetector)
    assert isinstance(detector, CornerDetector)
    detector.train()
    weight = detector.features.weight
    gradient = torch.full_like(weight, 3.0)
    weight.grad = gradient
    pixels = torch.ones(1, 2, 3, 16, 16)
    with torch.inference_mode():
        explain_clips(detector, pixels.numpy())
    assert detector.training
    assert detector.features.training
    assert weight.requires_grad
    assert weight.grad is gradient
    assert not detector.features._forward_hooks

    def fail(*_: object) -> None:
        raise IndexError("in the middle of it")

    handle = detector.features.register_forward_hook(fail)
    with pytest.raises(IndexError, match="in the middle"):
        explain_clips(detector, pixels.numpy())
    handle.remove()
    assert not detector.features._forward_hooks
    assert weight.requires_grad
    assert weight.grad is gradient


def test_what_cannot_be_explained_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = create_detector(CornerDetector)
    pixels = np.ones((1, 2, 3, 16, 16), np.float32)
    with pytest.raises(DetectorError, match="neither 'fake' nor 'real'"):
        explain_clips(detector, pixels, target="both")  # type: ignore[arg-type]
    detector.unused = nn.Identity()
    monkeypatch.setattr(CornerDetector, "cam_layer", "unused")
    with pytest.raises(DetectorError, match=r"no gradient of the logit reaches .*'unused'"):
        explain_clips(detector, pixels)
    monkeypatch.delitem(sys.modules, "detectors.signed_grad_cam")
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(DetectorError, match=r"pip install 'talkingheadbench\[explain\]'"):
        explain_clips(detector, pixels)


def test_memory_stays_flat_over_fifty_videos() -> None:
    detector = make_tiny("df_adapter")
    detector.train()  # its weights ask for gradients
    pixels = make_pixels(detector, 8)

    def resident() -> int:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * 4096

    if not Path("/proc/self/statm").exists():
        pytest.skip("the memory of a process is read from /proc")
    for _ in range(10):
        explain_clips(detector, pixels, batch_size=8)
    before = resident()
    for _ in range(50):
        explain_clips(detector, pixels, batch_size=8)
    grown = (resident() - before) / 2**20
    assert grown < 12, f"50 videos took {grown:.0f} MiB"
