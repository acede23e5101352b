"""The reasons of a detector's score: Grad-CAM on the layer that the detector declares.

Grad-CAM (Selvaraju et al., ICCV 2017, arXiv:1610.02391) weighs the channels of a layer by the mean
gradient of the logit and adds them up. The layer is ``cam_layer``, and ``cam_reshape`` tells which
of its cells belong to which frame, so no detector needs a special case.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
import torch

from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from detectors.base import Detector
    from detectors.signed_grad_cam import SignedGradCAM

Target = Literal["fake", "real"]


@dataclass(frozen=True, kw_only=True, eq=False)
class ClipHeat:
    """The reasons of a detector for the clips of one video.

    Attributes:
        heat: float32 (N, P, h, w), one map for each of the P pictures of a clip, in the cells of
            the detector's layer. Values above zero speak for the chosen class, values below zero
            against it. All clips of a detector share one scale, in units of its logit per cell and
            channel weight.
        logits: float64 (N,), higher = fake.
    """

    heat: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float64]


def explain_clips(
    detector: Detector,
    pixels: npt.NDArray[np.float32],
    *,
    target: Target = "fake",
    batch_size: int = 4,
) -> ClipHeat:
    """Compute the maps of clips and leave the detector as it was.

    Args:
        detector: The detector, on any device. No other thread may use it meanwhile.
        pixels: float32 (N, P, 3, S, S), as ``prepare_pixels`` returns them.
        target: The class to explain. ``real`` flips every sign.
        batch_size: Clips per batch; it does not change a map.

    Raises:
        DetectorError: pytorch-grad-cam is not installed, the target is unknown, or no gradient
            reaches the layer that the detector declares.
    """
    if target not in ("fake", "real"):
        raise DetectorError(f"target {target!r} is neither 'fake' nor 'real'")
    sign = 1.0 if target == "fake" else -1.0
    heat, logits = [], []
    with _undisturbed(detector), _hooked(detector, pixels.shape[1]) as cam:
        for start in range(0, len(pixels), batch_size):
            batch = torch.from_numpy(pixels[start : start + batch_size])
            maps = cam(batch, [lambda logit: sign * logit] * len(batch))
            if maps is None:
                raise DetectorError(
                    f"no gradient of the logit reaches {type(detector).__name__}.cam_layer"
                    f" {detector.cam_layer!r}: name a layer that the logit is computed from"
                )
            heat.append(np.asarray(maps, np.float32))
            logits.append(cam.logits.detach().double().cpu().numpy())
    return ClipHeat(heat=np.concatenate(heat), logits=np.concatenate(logits))


@contextmanager
def _hooked(detector: Detector, pictures: int) -> Iterator[SignedGradCAM]:
    """Hook the detector's layer, and remove the hooks whatever happens.

    The library's own context manager would print an ``IndexError`` and go on.
    """
    try:
        from detectors.signed_grad_cam import SignedGradCAM
    except ModuleNotFoundError as error:
        raise DetectorError(
            f"Grad-CAM needs {error.name}: pip install 'talkingheadbench[explain]'"
        ) from error
    cam = SignedGradCAM(detector, pictures)
    try:
        yield cam
    finally:
        cam.release()


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
