"""The reasons of a detector's score: what each cell of a layer adds to its logit.

Grad-CAM (Selvaraju et al., ICCV 2017, arXiv:1610.02391) weighs the channels of a layer by the mean
gradient of the logit and adds them up. Its sum has no relation to the logit, so its zero means
nothing: where the logit does not change with the size of the activations, as behind a layer
normalisation, the products of gradients and activations even sum to zero whatever the logit is.

Here the gradients are integrated instead, on the straight way from the layer's output for blurred
clips to its output for the clips themselves (integrated gradients, Sundararajan et al., ICML 2017,
arXiv:1703.01365, at the layer that Grad-CAM reads). What the cells add sums to the change of the
logit on that way, and :attr:`ClipHeat.gaps` says how exactly it does.

The layer is ``cam_layer``, and ``cam_reshape`` tells which of its cells belong to which frame, so
no detector needs a special case.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from detectors.base import Detector
    from detectors.layer_path import LayerPath

Target = Literal["fake", "real"]
Pixels = npt.NDArray[np.float32]

STEPS: Final = 8
"""The points on the way at which the gradient is taken, those of Gauss and Legendre."""

SWEPT: Final = 8
"""The most layers that :func:`list_layers` names."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipHeat:
    """The reasons of a detector for the clips of one video.

    Attributes:
        heat: float32 (N, P, h, w), one map for each of the P pictures of a clip, in the cells of
            the detector's layer: what each cell adds to the logit (for ``real``: takes from it),
            compared with the blurred clip.
        covered: bool (P, h, w), the cells that the layer shows. All others have no heat.
        logits: float64 (N,), higher = fake.
        changes: float64 (N,), how far the logits lie above those with the layer's output for the
            blurred clips. Besides the heat they hold what the layer has outside the pictures, such
            as a class token.
        gaps: float64 (N,), the changes minus the sum of all that was found to make them up; zero
            for exact integrals.
    """

    heat: npt.NDArray[np.float32]
    covered: npt.NDArray[np.bool_]
    logits: npt.NDArray[np.float64]
    changes: npt.NDArray[np.float64]
    gaps: npt.NDArray[np.float64]


def explain_clips(
    detector: Detector,
    pixels: Pixels,
    blurred: Pixels,
    *,
    target: Target = "fake",
    layer: str | None = None,
    batch_size: int = 4,
) -> ClipHeat:
    """Compute the maps of clips and leave the detector as it was.

    Args:
        detector: The detector, on any device. No other thread may use it meanwhile.
        pixels: float32 (N, P, 3, S, S), as ``prepare_pixels`` returns them.
        blurred: float32 (N, P, 3, S, S), the same clips with nothing in their frames to judge.
        target: The class to explain. ``real`` flips every sign.
        layer: The dotted name of the layer to read; None for the detector's ``cam_layer``. Its
            output must have the axes of that of ``cam_layer``.
        batch_size: Clips per batch; it does not change a map.

    Raises:
        DetectorError: pytorch-grad-cam is not installed, the target is unknown, the detector has no
            such layer, its output cannot be laid out as maps, or no gradient reaches it.
    """
    if target not in ("fake", "real"):
        raise DetectorError(f"target {target!r} is neither 'fake' nor 'real'")
    layer = layer or detector.cam_layer
    parts = []
    with _undisturbed(detector), _hooked(detector, layer) as path:
        for start in range(0, len(pixels), batch_size):
            chosen = np.s_[start : start + batch_size]
            clips, plain = (
                torch.from_numpy(each[chosen]).to(detector.device) for each in (pixels, blurred)
            )
            parts.append(_explain_batch(detector, path, clips, plain, layer))
    heat, covered, logits, changes, gaps = zip(*parts, strict=True)
    sign = 1 if target == "fake" else -1
    return ClipHeat(
        heat=sign * np.concatenate(heat),
        covered=covered[0],
        logits=np.concatenate(logits),
        changes=np.concatenate(changes),
        gaps=np.concatenate(gaps),
    )


def _explain_batch(
    detector: Detector, path: LayerPath, clips: Tensor, blurred: Tensor, layer: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], *tuple[npt.NDArray[np.float64], ...]]:
    """Return heat, covered cells, logits, changes and gaps of a batch of clips."""
    logits, end = path.read(clips)
    _, start = path.read(blurred)
    # The layer alone is replaced, so a part of the detector that passes it by sees the clips.
    before, _ = path.differentiate(clips, start)
    places, weights = np.polynomial.legendre.leggauss(STEPS)
    gradient = torch.zeros_like(end, dtype=torch.float32)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        _, found = path.differentiate(clips, start + float(place) * (end - start))
        gradient += float(weight) * found
    added = (end - start).float() * gradient
    heat, covered = _lay_out(detector, added, clips.shape[1], layer)
    changes = (logits - before).double().cpu().numpy()
    gaps = changes - added.double().reshape(len(clips), -1).sum(dim=1).cpu().numpy()
    return heat, covered, logits.double().cpu().numpy(), changes, gaps


def _lay_out(
    detector: Detector, added: Tensor, pictures: int, layer: str
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """Place what the values of a layer add on the pictures, so that its sum stays the same.

    ``cam_reshape`` may enlarge maps, or put several of them in one place. The gradient of its sum
    says how often each value is counted, and each is divided by that.
    """
    try:
        with torch.enable_grad():
            values = torch.ones_like(added, requires_grad=True)
            maps = detector.cam_reshape(values, pictures)
            if maps.ndim != 5 or maps.shape[1] != pictures:
                raise RuntimeError(f"maps of shape {tuple(maps.shape)}")
            counts = torch.ones_like(values)
            if maps.requires_grad:
                (counts,) = torch.autograd.grad(maps.sum(), values)
    except (RuntimeError, IndexError, ValueError) as error:
        raise DetectorError(
            f"{type(detector).__name__}.cam_reshape cannot lay out the layer {layer!r}, whose"
            f" output is {tuple(added.shape)}: {error}"
        ) from error
    shown = torch.where(counts > 0, added / counts.clamp_min(1e-12), torch.zeros_like(added))
    heat = detector.cam_reshape(shown, pictures).sum(dim=2).cpu().numpy().astype(np.float32)
    covered = (maps.detach() != 0).any(dim=2)[0].cpu().numpy()
    return heat, covered


def list_layers(detector: Detector, pixels: Pixels) -> tuple[str, ...]:
    """Return layers whose maps are worth comparing: the detector's own, and those before it.

    They are the last normalisations that ``cam_reshape`` can lay out and the logit is computed
    from, in the order in which they run, and at the end ``cam_layer``. Two neighbours can differ
    much: on Swin the first normalisation of a block shows the background, the second the object.

    Args:
        detector: The detector, on any device.
        pixels: float32 (N, P, 3, S, S), one clip or more; only the first is used.
    """
    ran: list[tuple[str, Tensor]] = []
    clip = torch.from_numpy(pixels[:1]).to(detector.device).requires_grad_()

    def note(name: str, output: object) -> None:
        if isinstance(output, Tensor) and _can_be_laid_out(detector, output, pixels.shape[1]):
            ran.append((name, output))

    with _undisturbed(detector):
        handles = [
            module.register_forward_hook(lambda _m, _i, output, name=name: note(name, output))
            for name, module in detector.named_modules()
            if isinstance(module, _NORMALISATIONS) or name == detector.cam_layer
        ]
        try:
            logits = detector(pixel_values=clip).logits
        finally:
            for handle in handles:
                handle.remove()
        outputs = [output for _, output in ran]
        gradients = torch.autograd.grad(logits.sum(), outputs, allow_unused=True) if ran else ()
    used = [
        name
        for (name, _), found in zip(ran, gradients, strict=True)
        if found is not None and _lay_out(detector, found.float(), pixels.shape[1], name)[0].any()
    ]
    if detector.cam_layer in used:
        used = used[: used.index(detector.cam_layer)]
    once = [name for name in dict.fromkeys(used) if used.count(name) == 1]
    return (*once[1 - SWEPT :], detector.cam_layer)


def _can_be_laid_out(detector: Detector, output: Tensor, pictures: int) -> bool:
    """Return whether the output of a layer for one clip is a map of each picture."""
    try:
        heat, _ = _lay_out(detector, output.detach().float(), pictures, "")
    except DetectorError:
        return False
    return len(heat) == 1 and min(heat.shape[2:]) > 1


_NORMALISATIONS: Final = (nn.LayerNorm, nn.BatchNorm2d, nn.GroupNorm)


@contextmanager
def _hooked(detector: Detector, layer: str) -> Iterator[LayerPath]:
    """Hook a layer, and remove the hooks whatever happens."""
    try:
        from detectors.layer_path import LayerPath
    except ModuleNotFoundError as error:
        raise DetectorError(
            f"explanations need {error.name}: pip install 'talkingheadbench[explain]'"
        ) from error
    path = LayerPath(detector, layer)
    try:
        yield path
    finally:
        path.release()


@contextmanager
def _undisturbed(detector: Detector) -> Iterator[None]:
    """Freeze the weights and switch to evaluation; restore all of it afterwards, gradients too."""
    modes = {module: module.training for module in detector.modules()}
    weights = [(weight, weight.requires_grad, weight.grad) for weight in detector.parameters()]
    try:
        detector.eval()
        for weight, _, _ in weights:
            weight.requires_grad_(False)
            weight.grad = None
        with torch.inference_mode(False), torch.enable_grad():
            yield
    finally:
        for weight, trained, gradient in weights:
            weight.requires_grad_(trained)
            weight.grad = gradient
        for module, training in modes.items():
            module.training = training
