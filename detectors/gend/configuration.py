"""GenD's settings: which pretrained encoder, its size, and the crops that it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from detectors.tuning import TunedConfig
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError

Backbone = Literal["clip", "dinov3", "pe"]

CLIP_CLIP: Final = ClipSpec(
    clips=32,
    frames=1,
    sampling="spread",
    crop="aligned",
    template="gend",
    resample="pillow_cubic",
    margin=1.3,
    size=224,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
    aggregation="mean_logit",
)
"""Single aligned faces, cut at their own size and then resized as CLIP's own processor does.

The score of a video is the mean of the logits of its frames: probabilities near 1 are all alike,
and few false alarms depend on their order. The authors' own weights keep the mean of probabilities.
"""

CLIPS: Final[Mapping[str, ClipSpec]] = MappingProxyType(
    {
        "clip": CLIP_CLIP,
        "dinov3": replace(
            CLIP_CLIP, resample="pillow", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
        ),
        "pe": replace(CLIP_CLIP, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    }
)
"""The clips of each backbone, which differ in the filter, the mean and the deviation."""

PATCHES: Final[Mapping[str, int]] = MappingProxyType({"clip": 14, "dinov3": 16, "pe": 14})


class GenDConfig(TunedConfig):
    """The settings of :class:`~detectors.gend.modeling.GenD`.

    Attributes:
        backbone: The encoder: ``clip`` and ``dinov3`` are those of transformers, ``pe`` (Perception
            Encoder) that of timm. It decides the defaults of ``clip``, ``patch_size`` and ``grid``.
        image_size: The side of the picture in pixels.
        patch_size: The side of a patch in pixels; None for that of the published backbone.
        hidden_size: The channels of the encoder, and of the feature that is classified.
        layers: The number of its blocks. Of a pretrained encoder that has more, the first are
            taken.
        heads: The number of its attention heads.
        intermediate_size: The channels inside its MLPs.
        registers: The tokens without a place that ``dinov3`` has beside its class token.
        grid: The side, in patches, of the positions that ``pe`` has learned; they are resized to
            the picture. None for that of the published backbone.
        unit_length: Whether the feature is brought to unit length before the head.
        tuned: ``layer_norms`` is the published training: the layer normalisations and the head.
        uniformity_weight: The weight, in the loss, of how evenly the features are spread.
        alignment_weight: The weight of how close the features of one label are.
    """

    model_type = "thb_gend"
    default_clip = CLIP_CLIP

    backbone: str = "clip"
    image_size: int = 224
    patch_size: int | None = None
    hidden_size: int = 1024
    layers: int = 24
    heads: int = 16
    intermediate_size: int = 4096
    registers: int = 4
    grid: int | None = None
    unit_length: bool = True
    tuned: str = "layer_norms"
    uniformity_weight: float = 0.5
    alignment_weight: float = 0.1

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Fill in what the backbone decides, and refuse sizes that do not fit.

        Raises:
            DetectorError: A setting is impossible.
        """
        if self.backbone not in get_args(Backbone):
            raise DetectorError(
                f"GenD: backbone={self.backbone!r} is not one of {', '.join(get_args(Backbone))}"
            )
        if isinstance(self.clip, Mapping | None):
            self.clip = {**CLIPS[self.backbone].to_dict(), **(self.clip or {})}
        super().__post_init__(**kwargs)
        self.patch_size = self.patch_size or PATCHES[self.backbone]
        if self.backbone == "pe":
            self.grid = self.grid or 24
        if self.image_size % self.patch_size or self.hidden_size % self.heads:
            raise DetectorError(
                f"GenD: image_size={self.image_size} is not a multiple of"
                f" patch_size={self.patch_size}, or hidden_size={self.hidden_size} not of"
                f" heads={self.heads}"
            )
        if self.tuned_blocks is not None and self.tuned_blocks > self.layers:
            raise DetectorError(f"GenD: tuned_blocks={self.tuned_blocks} of {self.layers} blocks")
