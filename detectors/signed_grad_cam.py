"""Grad-CAM before it is clipped and stretched, computed by pytorch-grad-cam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pytorch_grad_cam import GradCAM
from torch import Tensor, nn, ones_like

from detectors.base import Detector

Maps = npt.NDArray[np.float32]


class SignedGradCAM(GradCAM):  # type: ignore[misc] # the library has no types
    """Maps of the evidence for a class (above zero) and against it (below zero), clip by clip.

    The library keeps only values above zero and stretches each map to 0..1, twice. Frames of a
    video, and videos, could then not be compared; here the sums stay as they are. Thanks to input
    gradients the weights can be frozen, which saves a third of the time.

    Call :meth:`release` at the end: until then the hooks stay in the detector.

    Args:
        detector: The detector, in evaluation mode.
        pictures: The number of pictures in a clip.
    """

    def __init__(self, detector: Detector, pictures: int) -> None:
        self._cells = _Cells(detector, pictures)
        super().__init__(
            model=_Logits(detector),
            target_layers=[detector.get_submodule(detector.cam_layer)],
            reshape_transform=self._cells,
        )
        self.compute_input_gradient = True

    @property
    def logits(self) -> Tensor:
        """The logits of the latest batch, (N,)."""
        outputs: Tensor = self.outputs
        return outputs

    def release(self) -> None:
        """Remove the hooks and free the graph."""
        self.activations_and_grads.release()
        if hasattr(self, "outputs"):
            del self.outputs

    def get_cam_weights(
        self,
        input_tensor: Tensor,
        target_layer: nn.Module,
        target_category: Sequence[Callable[[Tensor], Tensor]],
        activations: Maps,
        grads: Maps,
    ) -> Maps:
        """Return each channel's mean gradient over the cells that it covers, (N, C).

        A channel of a part of the picture covers that part only. A mean over all cells would lower
        its weight by its size.
        """
        axes = tuple(range(2, grads.ndim))
        weights: Maps = grads.sum(axis=axes) / self._cells.coverage.sum(axis=axes)
        return weights

    def compute_cam_per_layer(
        self, input_tensor: Tensor, targets: list[Any], eigen_smooth: bool
    ) -> list[Maps]:
        """Return the maps of the one layer, (N, T, h, w), neither clipped nor stretched."""
        seen = self.activations_and_grads
        if not seen.gradients:
            return []
        activations, gradients = seen.activations[0].numpy(), seen.gradients[0].numpy()
        layer = self.target_layers[0]
        return [
            self.get_cam_image(input_tensor, layer, targets, activations, gradients, eigen_smooth)
        ]

    def aggregate_multi_layers(self, cam_per_target_layer: list[Maps]) -> Maps | None:
        """Return the maps of the one layer, or None if no gradient reached it."""
        return cam_per_target_layer[0] if cam_per_target_layer else None


class _Logits(nn.Module):
    """The detector as the model that the library expects, which returns one tensor."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, pixel_values: Tensor) -> Tensor:
        logits: Tensor = self.detector(pixel_values=pixel_values).logits
        return logits


class _Cells:
    """Arranges a layer's output as cells (N, C, T, h, w), as the detector declares."""

    def __init__(self, detector: Detector, pictures: int) -> None:
        self._detector, self._pictures = detector, pictures
        self.coverage: Maps = np.ones((1, 1), np.float32)

    def __call__(self, activations: Tensor) -> Tensor:
        self.coverage = self._lay_out(ones_like(activations)).cpu().numpy()
        return self._lay_out(activations)

    def _lay_out(self, activations: Tensor) -> Tensor:
        framed = self._detector.cam_reshape(activations.detach().float(), self._pictures)
        return framed.transpose(1, 2)
