"""The base of all detectors: a transformers model with one logit per clip, higher = fake.

Your own detector is one class::

    class MyDetector(Detector):
        model_type = "my_detector"
        default_clip = ClipSpec(frames=4, size=224)
        cam_layer = "features"

        def __init__(self, config):
            super().__init__(config)
            ...
            self.post_init()

        def forward(self, pixel_values, labels=None):
            ...
            return self.make_output(logits, labels)

        def cam_reshape(self, activations, frames):
            return activations.unflatten(0, (-1, frames))

When Python creates the class, it is checked and registered with ``AutoConfig`` and
``AutoModelForVideoClassification``. A detector with its own settings declares them in a subclass
of :class:`DetectorConfig` and names that subclass as ``config_class`` instead.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

import torch
import torch.nn.functional as F  # noqa: N812 — the name that everyone knows it by
from torch import Tensor

from detectors.loading_bars import without_loading_bars
from detectors.pretrained import PublishedBackbone
from detectors.torchvision_guard import make_torchvision_importable

make_torchvision_importable()  # before any model of transformers is imported

from transformers import (  # noqa: E402
    CONFIG_MAPPING,
    AutoConfig,
    AutoModelForVideoClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.utils.generic import ModelOutput  # noqa: E402

from detectors.recipes import Recipe  # noqa: E402
from thb_dataset.clip_spec import ClipSpec  # noqa: E402
from thb_dataset.errors import DetectorError  # noqa: E402

SYNTHETIC_RELEASE: Final = "the synthetic release"
"""How ``training_data`` names a release whose videos are drawn, like those of the mini release."""


@dataclass
class DetectorOutput(ModelOutput):
    """The output of a detector.

    Attributes:
        loss: The scalar training loss; None without labels.
        logits: float (N,), one per clip, higher = fake; the sigmoid is P(fake).

    Examples:
        >>> import torch
        >>> detectors.DetectorOutput(logits=torch.tensor([2.0])).logits.sigmoid()
        tensor([0.8808])
    """

    loss: Tensor | None = None
    logits: Tensor | None = None


class DetectorConfig(PreTrainedConfig):
    """The settings of a detector; preprocessing and licences travel with the weights.

    Attributes:
        clip: The fields of a :class:`~thb_dataset.clip_spec.ClipSpec`; missing ones take the value
            of ``default_clip``, and all of them are written to ``config.json``.
        backbone_checkpoint: The pretrained backbone of fresh weights: a Hub id, perhaps with
            ``@revision``, or a folder. It is not read when trained weights are loaded.
        from_scratch: Whether the training left out the pretrained backbone of the published one.
        pseudo_fakes: The kinds of pseudo-fakes that the weights were trained with.
        code_licence: The SPDX name of the code's licence.
        weights_licence: The SPDX name of the weights' licence; None for weights without a licence.
        training_data: The data that the weights were trained on, in words.
        untrained: Whether the weights are random; ``thb train`` clears it, your own training must.
        trained_on_synthetic: Whether the weights come from drawings and say nothing about people.
        source_checksum: The sha256 of the official checkpoint that the weights were converted from.
        detector_class: ``module:Class`` of a third-party detector, which its folder needs.

    Examples:
        >>> thb.detector("runs/baseline/p3-hallo").config.clip_spec.size
        48
    """

    default_clip = ClipSpec()

    clip: dict[str, Any] | None = None
    backbone_checkpoint: str | None = None
    from_scratch: bool = False
    pseudo_fakes: tuple[str, ...] | list[str] = ()
    code_licence: str | None = "Apache-2.0"
    weights_licence: str | None = None
    training_data: str | None = None
    untrained: bool = False
    trained_on_synthetic: bool = False
    source_checksum: str | None = None
    detector_class: str | None = None

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Fill in what is missing.

        Raises:
            DetectorError: The clip settings are impossible.
        """
        if not isinstance(self.clip, Mapping | None):
            raise DetectorError(f"clip settings: clip={self.clip!r} is not an object")
        self.clip = ClipSpec.from_dict(
            {**self.default_clip.to_dict(), **(self.clip or {})}
        ).to_dict()
        if SYNTHETIC_RELEASE in (self.training_data or ""):  # all that older versions wrote
            self.trained_on_synthetic = True
        if self.id2label is None:
            self.id2label = {0: "real", 1: "fake"}
            self.label2id = {"real": 0, "fake": 1}
        super().__post_init__(**kwargs)  # type: ignore[no-untyped-call] # transformers' own

    @property
    def clip_spec(self) -> ClipSpec:
        """The clips that the detector sees."""
        return ClipSpec.from_dict(self.clip or {})


class Detector(PreTrainedModel):
    """Base of all detectors.

    Attributes:
        model_type: The unique name in ``config.json``; only if ``config_class`` is not given.
        default_clip: The clip settings; only if ``config_class`` is not given.
        cam_layer: The dotted name of the submodule whose output explanations read.
        recipe: The training that suits this detector.
        undecayed: Names of weights, besides biases and scales, that weight decay leaves alone.
        tiny: The settings of a small network of the same class, for tests.
        backbones: The pretrained weights of the published training, for each published size.

    Examples:
        >>> thb.detector("runs/baseline/p3-hallo").cam_layer
        'feature_map'
    """

    config_class = DetectorConfig
    main_input_name = "pixel_values"
    input_modalities = "video"

    model_type: ClassVar[str] = ""
    default_clip: ClassVar[ClipSpec] = ClipSpec()
    cam_layer: ClassVar[str] = ""
    recipe: ClassVar[Recipe] = Recipe()
    undecayed: ClassVar[tuple[str, ...]] = ()
    tiny: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    backbones: ClassVar[tuple[PublishedBackbone, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Check the class and register it.

        Raises:
            DetectorError: Something is missing or wrong; one message names all of it.
        """
        names_config = "config_class" in vars(cls)  # asked first: transformers then sets it anyway
        super().__init_subclass__(**kwargs)  # type: ignore[no-untyped-call] # transformers' own
        if "model_type" in vars(cls) and not names_config:
            cls.config_class = _make_config_class(cls)
        faults = _find_faults(cls)
        if faults:
            raise DetectorError(
                f"{cls.__module__}.{cls.__qualname__} is not a detector: {'; '.join(faults)}"
            )
        _register(cls)

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 — as transformers has it
        """Load weights as :meth:`transformers.PreTrainedModel.from_pretrained` does.

        The weights are copied out of the mapped file, where they begin at odd addresses. For
        those, the CPU's kernels round in another order, and a score would differ in its last bit
        from that of the same weights before they were saved.
        """
        with without_loading_bars():
            loaded = super().from_pretrained(*args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        for tensor in (*model.parameters(), *model.buffers()):
            tensor.data = tensor.data.clone()
        return loaded

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 — as above
        """Save as :meth:`transformers.PreTrainedModel.save_pretrained` does, and name the class."""
        if not type(self).__module__.startswith(f"{__package__}."):
            self.config.detector_class = f"{type(self).__module__}:{type(self).__qualname__}"
        with without_loading_bars():
            super().save_pretrained(*args, **kwargs)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        """Score clips. Every detector overrides this; it may take more inputs between the two.

        Args:
            pixel_values: float (N, T, 3, S, S), prepared as ``config.clip_spec`` says.
            labels: (N,), 1 = fake; with labels, the loss is computed.
        """
        raise TypeError(f"{type(self).__name__} does not define forward")

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        """Turn the output of ``cam_layer`` into one map per frame and channel.

        Args:
            activations: The layer's output for N clips.
            frames: T, the number of frames in a clip.

        Returns:
            (N, T, C, h, w).
        """
        raise TypeError(f"{type(self).__name__} does not define cam_reshape")

    def load_backbone(self, checkpoint: str) -> None:
        """Put pretrained weights into the backbone of a fresh detector.

        Args:
            checkpoint: A Hub id or a folder, with safetensors.

        Raises:
            DetectorError: The detector has no such backbone, or the weights do not fit.
        """
        raise DetectorError(
            f"{type(self).__name__} reads no pretrained backbone: leave out"
            f" backbone_checkpoint={checkpoint!r}"
        )

    def make_output(self, logits: Tensor, labels: Tensor | None) -> DetectorOutput:
        """Return the logits and, with labels, their binary cross-entropy.

        Args:
            logits: (N,) or (N, 1), higher = fake.
            labels: (N,), 1 = fake, or None. (N / K,) if every K neighbouring clips belong to one
                video: their logits are averaged before the loss.

        Raises:
            DetectorError: A clip has several logits, or their number is no multiple of the labels'.
        """
        if logits.ndim == 2 and logits.shape[1] == 1:
            logits = logits[:, 0]
        if logits.ndim != 1:
            raise DetectorError(
                f"{type(self).__name__} returns logits of shape {tuple(logits.shape)}; one per clip"
                " is needed, higher = fake (for two classes: logit_fake - logit_real)"
            )
        loss = None
        if labels is not None:
            if len(logits) % len(labels):
                raise DetectorError(f"{len(labels)} labels cannot be shared by {len(logits)} clips")
            judged = logits.float().unflatten(0, (len(labels), -1)).mean(dim=1)
            loss = F.binary_cross_entropy_with_logits(judged, labels.float())
        return DetectorOutput(loss=loss, logits=logits)


def _make_config_class(cls: type[Detector]) -> type[DetectorConfig]:
    """Create the config class of a detector without its own settings."""
    namespace: dict[str, Any] = {
        "__module__": cls.__module__,
        "__doc__": f"Settings of {cls.__name__}.",
        "model_type": cls.model_type,
    }
    if "default_clip" in vars(cls):
        namespace["default_clip"] = cls.default_clip
    made = type(f"{cls.__name__}Config", (cls.config_class,), namespace)
    # In the module it is found by name, as if it were written there: transformers asks the code of
    # a Hub repo for it.
    vars(sys.modules[cls.__module__]).setdefault(made.__name__, made)
    return made


def _find_faults(cls: type[Detector]) -> list[str]:
    """List the reasons why a class is not a detector."""
    faults = []
    config_class = cls.config_class
    if not (isinstance(config_class, type) and issubclass(config_class, DetectorConfig)):
        faults.append(f"config_class is {config_class!r}, not a subclass of DetectorConfig")
    elif config_class is DetectorConfig:
        faults.append("give it config_class, a subclass of DetectorConfig, or model_type")
    else:
        faults += _find_name_faults(cls, config_class.model_type)
    if cls.forward is Detector.forward:
        faults.append("give it forward(pixel_values, labels=None)")
    else:
        names = list(inspect.signature(cls.forward).parameters)[1:]
        if names[:1] != ["pixel_values"] or "labels" not in names:
            faults.append(f"forward takes ({', '.join(names)}), not (pixel_values, …, labels=None)")
    if not (isinstance(cls.cam_layer, str) and cls.cam_layer):
        faults.append("give it cam_layer, the dotted name of the layer that Grad-CAM reads")
    if cls.cam_reshape is Detector.cam_reshape:
        faults.append("give it cam_reshape(activations, frames) -> (N, T, C, h, w)")
    if not isinstance(cls.recipe, Recipe):
        faults.append(f"recipe is a {type(cls.recipe).__name__}, not a detectors.recipes.Recipe")
    return faults


def _find_name_faults(cls: type[Detector], model_type: str) -> list[str]:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_.-]*", model_type):
        return [f"model_type {model_type!r} is not lower-case letters, digits, '_', '-' or '.'"]
    owner = _OWNERS.get(model_type)
    if owner is None and model_type in CONFIG_MAPPING:
        return [f"model_type {model_type!r} is one of transformers' own: choose another"]
    if owner not in (None, _full_name(cls)) and not _is_remote(cls):
        return [f"model_type {model_type!r} belongs to {owner}: choose another"]
    return []


def _register(cls: type[Detector]) -> None:
    # Code that transformers fetched from a Hub repo is found through the repo's auto_map, and must
    # not replace an installed class of the same name.
    if _is_remote(cls):
        return
    model_type = cls.config_class.model_type
    _OWNERS[model_type] = _full_name(cls)
    AutoConfig.register(model_type, cls.config_class, exist_ok=True)
    AutoModelForVideoClassification.register(cls.config_class, cls, exist_ok=True)


def _is_remote(cls: type[Detector]) -> bool:
    return cls.__module__.startswith("transformers_modules")


def _full_name(cls: type[Detector]) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


_OWNERS: dict[str, str] = {}
"""model_type → full name of its class, so that a reloaded module keeps its own."""


def count_parameters(model: torch.nn.Module) -> int:
    """Return the number of weights, trained or not; buffers do not count."""
    return sum(parameter.numel() for parameter in model.parameters())
