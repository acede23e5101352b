"""DeepFake-Adapter's settings: a frozen ViT-B/16, and the adapters beside and around it."""

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
"""Single frames at 224 pixels. Neither the margin around the face nor the number of frames is
published: 1.3 and 32 are this benchmark's choice."""


class DeepFakeAdapterConfig(DetectorConfig):
    """Settings of :class:`~detectors.df_adapter.modeling.DeepFakeAdapter`.

    Attributes:
        image_size: Side of the picture in pixels; a multiple of 32.
        patch_size: Side of a patch.
        hidden_size: Channels of the transformer.
        layers: Its blocks.
        heads: Its attention heads.
        intermediate_size: Channels within its MLPs.
        bottleneck: Channels within the adapters beside the MLPs.
        prior_width: Channels of the first convolutions over the picture.
        interactions: How often picture and transformer exchange; they divide the blocks evenly.
        interaction_heads: Attention heads of an exchange.
        freeze_backbone: Leave the transformer as it is in training. None: if it holds pretrained
            weights (``backbone_checkpoint``) or converted ones (``source_checksum``).
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
        """Refuse numbers that do not divide.

        Raises:
            DetectorError: Which.
        """
        super().__post_init__(**kwargs)
        if self.layers % self.interactions:
            raise DetectorError(
                f"DeepFake-Adapter: {self.layers} layers are not divided by"
                f" {self.interactions} interactions"
            )
        if self.image_size % 32 or self.image_size % self.patch_size:
            raise DetectorError(
                f"DeepFake-Adapter: image_size={self.image_size} is no multiple of 32 and"
                f" {self.patch_size}"
            )

    @property
    def backbone_is_frozen(self) -> bool:
        """Whether the transformer keeps its weights in training."""
        if self.freeze_backbone is None:
            return self.backbone_checkpoint is not None or self.source_checksum is not None
        return self.freeze_backbone
