"""CADDM's settings: the backbone, and the face images that its weights were trained on."""

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
"""32 frames of the video, each aligned and scored alone; raw BGR bytes without mean and std."""

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
    """The settings of :class:`~detectors.caddm.modeling.CADDM`; the defaults are the ResNet-34.

    Attributes:
        backbone: ``resnet`` or ``efficientnet``.
        stem_width: The channels after the ResNet's first convolution.
        widths: The channels of the ResNet's four stages.
        depths: The layers of the ResNet's four stages.
        width_coefficient: The factor of the EfficientNet's widths.
        depth_coefficient: The factor of the EfficientNet's depths.
        hidden_dim: The channels of the EfficientNet's last map.
        drop_connect: The rate at which the EfficientNet's last block drops its branch in training;
            it falls in proportion for earlier blocks.
        dropout: The dropout of the pooled vector in training.
        detection_weight: The weight of the two anchor losses; the cross-entropy has weight 1.
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
        """Refuse an unknown backbone.

        Raises:
            DetectorError: The backbone is unknown, or the clip settings are impossible.
        """
        if self.backbone not in ("resnet", "efficientnet"):
            raise DetectorError(
                f"CADDM has no backbone {self.backbone!r}: choose resnet or efficientnet"
            )
        super().__post_init__(**kwargs)


def make_config(variant: str, **overrides: Any) -> CADDMConfig:  # noqa: ANN401 — config fields
    """Return the settings of a published network.

    Args:
        variant: ``resnet34``, ``efficientnet-b3`` or ``efficientnet-b4``.
        **overrides: Fields that differ.

    Raises:
        DetectorError: The variant does not exist.
    """
    if variant not in VARIANTS:
        raise DetectorError(f"CADDM has no variant {variant!r}: choose {', '.join(VARIANTS)}")
    return CADDMConfig(**{**VARIANTS[variant], **overrides})
