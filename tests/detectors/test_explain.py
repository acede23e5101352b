"""Heat of every detector, compared with sums by hand and with the maps of pytorch-grad-cam."""

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
from detectors.explain import explain_clips, list_layers
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


@pytest.fixture
def fine_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take more points on the way: on noise, fresh weights bend more often than on pictures."""
    monkeypatch.setattr("detectors.explain.STEPS", 24)


def make_tiny(name: str) -> Detector:
    detector_class = find_detector_class(name)
    return create_detector(detector_class, seed=5, config=detector_class.tiny)


def make_pixels(detector: Detector, clips: int = 3) -> Values:
    spec = detector.config.clip_spec
    shape = (clips, spec.pictures, 3, spec.size, spec.size)
    scale = 60.0 if spec.value_range == "byte" else 1.0
    return np.random.default_rng(1).normal(scale=scale, size=shape).astype(np.float32)


def fade(pixels: Values) -> Values:
    """Return the reference of a map: the pictures with less in them."""
    return pixels * np.float32(0.25) + np.float32(0.1)


def add_up_by_hand(detector: Detector, pixels: Values, blurred: Values) -> tuple[Tensor, Tensor]:
    """Return what each value of the layer adds, by plain autograd at many points, and the change.

    The change is that of the logit on the way from the layer's output for the blurred clips.
    """
    layer = detector.get_submodule(detector.cam_layer)
    put: list[Tensor] = []
    seen: list[Tensor] = []

    def exchange(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        seen.append(output.detach())
        return put[-1].clone() if put else output

    handle = layer.register_forward_hook(exchange)
    clips = torch.from_numpy(pixels)
    logits = detector(pixel_values=clips).logits.detach()
    detector(pixel_values=torch.from_numpy(blurred))
    end, start = seen
    put.append(start)
    change = logits - detector(pixel_values=clips).logits.detach()
    points, total = 64, torch.zeros_like(end)
    for number in range(points):
        put.append((start + (number + 0.5) / points * (end - start)).requires_grad_())
        (gradient,) = torch.autograd.grad(detector(pixel_values=clips).logits.sum(), put[-1])
        total += gradient / points
    handle.remove()
    return total * (end - start), change


def lay_out_baseline(detector: Detector, added: Tensor) -> Tensor:
    maps: Tensor = added.unflatten(0, (-1, detector.config.clip_spec.frames))
    return maps.sum(dim=2)


def lay_out_caddm(detector: Detector, added: Tensor) -> Tensor:
    return added.sum(dim=1)[:, None]


def lay_out_df_adapter(detector: Detector, added: Tensor) -> Tensor:
    """Return the cells without the class token, which lies nowhere in the picture."""
    cells = added[:, 1:].sum(dim=2)
    side = round(cells.shape[1] ** 0.5)
    return cells.reshape(len(cells), 1, side, side)


def lay_out_tall(detector: Detector, added: Tensor) -> Tensor:
    """Return the quarters of the thumbnail's map, one after the other."""
    cells = added.sum(dim=2)
    side = round(cells.shape[1] ** 0.5)
    grid, half = cells.reshape(len(cells), side, side), side // 2
    quarters = [grid[:, r : r + half, c : c + half] for r in (0, half) for c in (0, half)]
    return torch.stack(quarters, dim=1)


LAY_OUT: dict[str, Callable[[Detector, Tensor], Tensor]] = {
    "baseline": lay_out_baseline,
    "caddm": lay_out_caddm,
    "df_adapter": lay_out_df_adapter,
    "tall": lay_out_tall,
}


@pytest.mark.parametrize("name", sorted(LAY_OUT))
@pytest.mark.usefixtures("fine_way")
def test_maps_are_those_summed_by_hand(name: str) -> None:
    detector = make_tiny(name)
    pixels = make_pixels(detector)
    blurred = fade(pixels)
    found = explain_clips(detector, pixels, blurred, batch_size=2)
    added, change = add_up_by_hand(detector, pixels, blurred)
    wanted = LAY_OUT[name](detector, added).numpy()
    assert np.abs(wanted).max() > 0, "a map of nothing proves nothing"
    np.testing.assert_allclose(found.heat, wanted, atol=0.02 * np.abs(wanted).max())
    np.testing.assert_allclose(found.changes, change.double().numpy(), rtol=1e-4, atol=1e-5)
    with torch.inference_mode():
        logits = detector(pixel_values=torch.from_numpy(pixels)).logits
    # Batches of another size round float32 differently, in the last digits of whatever size.
    np.testing.assert_allclose(found.logits, logits.double().numpy(), rtol=1e-6, atol=1e-6)


@pytest.mark.usefixtures("fine_way")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_what_the_cells_add_makes_up_the_change_of_the_logit(name: str, seed: int) -> None:
    """Maps may be enlarged, or several of them put in one place (LipFD): the sum stays."""
    detector_class = find_detector_class(name)
    detector = create_detector(detector_class, seed=seed, config=detector_class.tiny)
    pixels = make_pixels(detector)
    found = explain_clips(detector, pixels, fade(pixels))
    assert np.abs(found.changes).max() > 0
    np.testing.assert_allclose(found.gaps, 0, atol=0.02 * np.abs(found.changes).max())
    shown = found.heat.sum(axis=(1, 2, 3), dtype=np.float64)
    if name == "df_adapter":  # its class token lies nowhere in the picture
        added, _ = add_up_by_hand(detector, pixels, fade(pixels))
        shown = shown + added[:, 0].sum(dim=1).double().numpy()
    np.testing.assert_allclose(shown, found.changes, atol=0.02 * np.abs(found.changes).max())
    assert (found.heat[:, ~found.covered] == 0).all()


def test_behind_a_linear_layer_they_are_the_librarys() -> None:
    """HiResCAM multiplies gradients and activations cell by cell, clips below zero, stretches."""
    from pytorch_grad_cam import HiResCAM

    class Logits(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.detector = detector

        def forward(self, pictures: Tensor) -> Tensor:
            logits: Tensor = self.detector(pixel_values=pictures[:, None]).logits
            return logits

    class OneFrame(CornerDetector):
        model_type = "test_explain_one_frame"
        default_clip = ClipSpec(frames=1, size=16)

    detector = create_detector(OneFrame)
    pixels = make_pixels(detector)
    layer = detector.get_submodule("features")
    plain = HiResCAM(Logits(), [layer])
    for target, sign in (("fake", 1.0), ("real", -1.0)):
        library = plain(torch.from_numpy(pixels[:, 0]), [lambda out, s=sign: s * out] * 3)
        heat = explain_clips(detector, pixels, 0 * pixels, target=target).heat[:, 0]  # type: ignore[arg-type]
        for own, theirs in zip(heat, library, strict=True):
            clipped = np.maximum(own, 0)
            np.testing.assert_allclose(clipped / clipped.max(), theirs, atol=1e-5)


def test_gradients_times_activations_have_no_zero_behind_a_layer_normalisation() -> None:
    """The cause of maps that spoke against the verdict: their sum is zero whatever the logit is."""
    detector = make_tiny("baseline")
    detector.get_submodule("normalisation").eps = 0.0  # type: ignore[assignment] # it is a number
    pixels = make_pixels(detector)
    layer = detector.get_submodule(detector.cam_layer)
    seen: list[Tensor] = []
    handle = layer.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    logits = detector(pixel_values=torch.from_numpy(pixels).requires_grad_()).logits
    handle.remove()
    (gradient,) = torch.autograd.grad(logits.sum(), seen[0])
    products = (gradient * seen[0]).detach().reshape(len(pixels), -1)
    assert logits.abs().min() > 0
    assert (products.sum(dim=1).abs() < 1e-4 * products.abs().sum(dim=1)).all()


def test_the_part_that_is_read_is_the_part_that_is_hot() -> None:
    detector = create_detector(CornerDetector)
    pixels = np.abs(make_pixels(detector, 1))
    pixels[..., :8, :8] += 5
    black = np.zeros_like(pixels)
    fake, real = (
        explain_clips(detector, pixels, black, target=each).heat for each in ("fake", "real")
    )
    assert np.array_equal(fake, -real)
    flat = explain_clips(detector, pixels, black).heat[0]
    assert flat[:, :8, :8].mean() > 2 * flat[:, 8:, 8:].mean()


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_company_in_a_batch_changes_nothing(name: str) -> None:
    detector = make_tiny(name)
    pixels = make_pixels(detector)
    blurred = fade(pixels)
    together = explain_clips(detector, pixels, blurred, batch_size=3).heat
    alone = np.concatenate(
        [explain_clips(detector, pixels[[i]], blurred[[i]]).heat for i in range(3)]
    )
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
        explain_clips(detector, pixels.numpy(), 0 * pixels.numpy())
    assert detector.training
    assert detector.features.training
    assert weight.requires_grad
    assert weight.grad is gradient
    assert not detector.features._forward_hooks

    def fail(*_: object) -> None:
        raise IndexError("in the middle of it")

    handle = detector.features.register_forward_hook(fail)
    with pytest.raises(IndexError, match="in the middle"):
        explain_clips(detector, pixels.numpy(), 0 * pixels.numpy())
    handle.remove()
    assert not detector.features._forward_hooks
    assert weight.requires_grad
    assert weight.grad is gradient


def test_what_cannot_be_explained_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    detector = create_detector(CornerDetector)
    pixels = np.ones((1, 2, 3, 16, 16), np.float32)
    with pytest.raises(DetectorError, match="neither 'fake' nor 'real'"):
        explain_clips(detector, pixels, pixels, target="both")  # type: ignore[arg-type]
    detector.unused = nn.Identity()
    monkeypatch.setattr(CornerDetector, "cam_layer", "unused")
    with pytest.raises(DetectorError, match=r"no gradient of the logit reaches .*'unused'"):
        explain_clips(detector, pixels, pixels)
    with pytest.raises(DetectorError, match="has no layer 'absent'"):
        explain_clips(detector, pixels, pixels, layer="absent")
    with pytest.raises(DetectorError, match="cannot lay out the layer 'classifier'"):
        explain_clips(make_tiny("tall"), *[make_pixels(make_tiny("tall"))] * 2, layer="classifier")
    monkeypatch.delitem(sys.modules, "detectors.layer_path")
    monkeypatch.delitem(sys.modules, "pytorch_grad_cam.activations_and_gradients")
    monkeypatch.setitem(sys.modules, "pytorch_grad_cam", None)
    with pytest.raises(DetectorError, match=r"pip install 'talkingheadbench\[explain\]'"):
        explain_clips(detector, pixels, pixels)


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
        explain_clips(detector, pixels, fade(pixels), batch_size=8)
    before = resident()
    for _ in range(50):
        explain_clips(detector, pixels, fade(pixels), batch_size=8)
    grown = (resident() - before) / 2**20
    assert grown < 12, f"50 videos took {grown:.0f} MiB"


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_layers_to_compare_end_with_the_detectors_own_and_all_can_be_explained(name: str) -> None:
    detector = make_tiny(name)
    pixels = make_pixels(detector, 1)
    layers = list_layers(detector, pixels)
    assert layers[-1] == detector.cam_layer
    assert 2 <= len(layers) <= 8
    assert len(set(layers)) == len(layers)
    for layer in layers:
        heat = explain_clips(detector, pixels, fade(pixels), layer=layer).heat
        assert np.isfinite(heat).all()
        assert np.abs(heat).max() > 0
    if name == "tall":
        assert any(layer.endswith("layernorm_before") for layer in layers)
        assert any(layer.endswith("layernorm_after") for layer in layers)
