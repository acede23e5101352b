"""One layer of a detector: its output read and replaced, with pytorch-grad-cam's hooks."""

from __future__ import annotations

from pytorch_grad_cam.activations_and_gradients import ActivationsAndGradients
from torch import Tensor, enable_grad, nn, no_grad

from detectors.base import Detector
from thb_dataset.errors import DetectorError


class LayerPath:
    """A layer whose output can be read, and replaced to ask for the gradient of the logit there.

    Call :meth:`release` at the end: until then the hooks stay in the detector.

    Args:
        detector: The detector, in evaluation mode, with frozen weights.
        layer: The dotted name of the layer.

    Raises:
        DetectorError: The detector has no such layer.
    """

    def __init__(self, detector: Detector, layer: str) -> None:
        try:
            module = detector.get_submodule(layer)
        except AttributeError:
            raise DetectorError(
                f"{type(detector).__name__} has no layer {layer!r}: choose one of the names that"
                " detector.named_modules() lists"
            ) from None
        self._name = f"{type(detector).__name__}'s layer {layer!r}"
        self._replacement: Tensor | None = None
        # It comes before the library's hooks, so that they see what it puts in place.
        self._handle = module.register_forward_hook(self._replace)
        self._seen = ActivationsAndGradients(_Logits(detector), [module], None)

    def read(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logits (N,) and the layer's output for a batch of clips.

        Raises:
            DetectorError: The layer does not run once, or its output is no tensor.
        """
        try:
            with no_grad():
                logits: Tensor = self._seen(pixels)
        except AttributeError as error:
            raise DetectorError(f"{self._name} gives no single tensor: {error}") from error
        if len(self._seen.activations) > 1:
            raise DetectorError(
                f"{self._name} runs {len(self._seen.activations)} times for each batch, so it has"
                " no map of its own: name a layer that runs once"
            )
        if not self._seen.activations:
            raise self._unreached()
        return logits.detach(), self._seen.activations[0].to(pixels.device)

    def differentiate(self, pixels: Tensor, output: Tensor) -> tuple[Tensor, Tensor]:
        """Put an output in the layer's place, and return logits (N,) and their gradient there.

        Raises:
            DetectorError: No gradient of the logit reaches the layer.
        """
        # The clone may be changed in place by what follows; a leaf may not.
        self._replacement = output.detach().requires_grad_()
        try:
            with enable_grad():
                logits: Tensor = self._seen(pixels)
                if logits.requires_grad:
                    logits.sum().backward()
        finally:
            self._replacement = None
        if not self._seen.gradients:
            raise self._unreached()
        return logits.detach(), self._seen.gradients[0].to(pixels.device)

    def release(self) -> None:
        """Remove the hooks."""
        self._handle.remove()
        self._seen.release()

    def _unreached(self) -> DetectorError:
        return DetectorError(
            f"no gradient of the logit reaches {self._name}: name a layer that the logit is"
            " computed from"
        )

    def _replace(self, _module: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        return output if self._replacement is None else self._replacement.clone()


class _Logits(nn.Module):
    """The detector as the model that the library expects, which returns one tensor."""

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        self.detector = detector

    def forward(self, pixel_values: Tensor) -> Tensor:
        logits: Tensor = self.detector(pixel_values=pixel_values).logits
        return logits
