"""CADDM's settings: which backbone, and the face images that its weights were trained on."""

from __future__ import annotations

from typing import Any, Final

from detectors.base import DetectorConfig
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError

OFFICIAL_CLIP: Final = ClipSpec(
    clips=32,
    frames=1,
    sampling="uniform",
    crop="aligned",
    template="caddm",
    resample="opencv",
    margin=1.0,
    size=224,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    colour="BGR",
    value_range="byte",
    aggregation="mean_probability",
)
"""32 frames of the video, each aligned and scored alone; raw BGR bytes, without mean and std."""

VARIANTS: Final[dict[str, dict[str, Any]]] = {
    "resnet34": {"backbone": "resnet", "dropout": 0.0},
    "efficientnet-b3": {
        "backbone": "efficientnet",
        "width_coefficient": 1.2,
        "depth_coefficient": 1.4,
        "hidden_dim": 1536,
        "dropout": 0.3,
    },
    "efficientnet-b4": {
        "backbone": "efficientnet",
        "width_coefficient": 1.4,
        "depth_coefficient": 1.8,
        "hidden_dim": 1792,
        "dropout": 0.4,
    },
}
"""The three published networks."""


class CADDMConfig(DetectorConfig):
    """Settings of :class:`~detectors.caddm.modeling.CADDM`; the defaults are the ResNet-34.

    Attributes:
        backbone: ``resnet`` or ``efficientnet``.
        stem_width: Channels after the ResNet's first convolution.
        widths: Channels of the ResNet's four stages.
        depths: Layers of the ResNet's four stages.
        width_coefficient: Widening of the EfficientNet.
        depth_coefficient: Deepening of the EfficientNet.
        hidden_dim: Channels of the EfficientNet's last map.
        drop_connect: Rate at which the EfficientNet's last block drops its branch in training;
            earlier blocks less, in proportion.
        dropout: On the pooled vector, in training.
        detection_weight: Weight of the two anchor losses beside the cross-entropy.
    """

    model_type = "thb_caddm"
    default_clip = OFFICIAL_CLIP

    backbone: str = "resnet"
    stem_width: int = 64
    widths: tuple[int, ...] | list[int] = (64, 128, 256, 512)
    depths: tuple[int, ...] | list[int] = (3, 4, 6, 3)
    width_coefficient: float = 1.2
    depth_coefficient: float = 1.4
    hidden_dim: int = 1536
    drop_connect: float = 0.2
    dropout: float = 0.0
    detection_weight: float = 0.1

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Refuse a backbone that does not exist.

        Raises:
            DetectorError: With the names that do.
        """
        if self.backbone not in ("resnet", "efficientnet"):
            raise DetectorError(f"CADDM has no backbone {self.backbone!r}: resnet, efficientnet")
        super().__post_init__(**kwargs)


def make_config(variant: str, **overrides: Any) -> CADDMConfig:  # noqa: ANN401 — config fields
    """Return the settings of a published network.

    Args:
        variant: ``resnet34``, ``efficientnet-b3`` or ``efficientnet-b4``.
        **overrides: Fields that differ.

    Raises:
        DetectorError: No such variant.
    """
    if variant not in VARIANTS:
        raise DetectorError(f"CADDM has no variant {variant!r}: {', '.join(VARIANTS)}")
    return CADDMConfig(**{**VARIANTS[variant], **overrides})
