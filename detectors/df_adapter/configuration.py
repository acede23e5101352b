"""DeepFake-Adapter's settings: a frozen ViT-B/16, and the adapters inside and around it."""

from __future__ import annotations

from typing import Any, Final

from detectors.base import DetectorConfig
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError

OFFICIAL_CLIP: Final = ClipSpec(
    clips=32,
    frames=1,
    sampling="uniform",
    crop="box",
    resample="pillow",
    margin=1.3,
    size=224,
    mean=(0.5, 0.5, 0.5),
    std=(0.5, 0.5, 0.5),
    aggregation="mean_probability",
)
"""Single frames at 224 pixels. The authors publish neither the margin around the face nor the
number of frames: 1.3 and 32 are this benchmark's choice."""


class DeepFakeAdapterConfig(DetectorConfig):
    """The settings of :class:`~detectors.df_adapter.modeling.DeepFakeAdapter`.

    Attributes:
        image_size: The side of the picture in pixels; a multiple of 32.
        patch_size: The side of a patch in pixels.
        hidden_size: The channels of the transformer.
        layers: The number of its blocks.
        heads: The number of its attention heads.
        intermediate_size: The channels inside its MLPs.
        bottleneck: The channels inside the adapters beside the MLPs.
        prior_width: The channels of the first convolutions over the picture.
        interactions: The number of exchanges between picture and transformer, at equal distances;
            it divides the number of blocks.
        interaction_heads: The number of attention heads of an exchange.
        freeze_backbone: Whether the transformer keeps its weights in training. None: only if they
            are pretrained (``backbone_checkpoint``) or converted (``source_checksum``).
    """

    model_type = "thb_df_adapter"
    default_clip = OFFICIAL_CLIP

    image_size: int = 224
    patch_size: int = 16
    hidden_size: int = 768
    layers: int = 12
    heads: int = 12
    intermediate_size: int = 3072
    bottleneck: int = 64
    prior_width: int = 64
    interactions: int = 3
    interaction_heads: int = 6
    freeze_backbone: bool | None = None

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Refuse numbers that do not divide each other.

        Raises:
            DetectorError: They do not, or the clip settings are impossible.
        """
        super().__post_init__(**kwargs)
        if self.layers % self.interactions:
            raise DetectorError(
                f"DeepFake-Adapter: layers={self.layers} is not a multiple of"
                f" interactions={self.interactions}"
            )
        if self.image_size % 32 or self.image_size % self.patch_size:
            raise DetectorError(
                f"DeepFake-Adapter: image_size={self.image_size} is not a multiple of 32 and"
                f" patch_size={self.patch_size}"
            )

    @property
    def backbone_is_frozen(self) -> bool:
        """Whether the transformer keeps its weights in training."""
        if self.freeze_backbone is None:
            return self.backbone_checkpoint is not None or self.source_checksum is not None
        return self.freeze_backbone
