"""Settings of the baseline detector."""

from __future__ import annotations

from typing import Any

from detectors.base import DetectorConfig
from thb_dataset.clip_spec import ClipSpec

SMALL_BACKBONE: dict[str, Any] = {
    "model_type": "resnet",
    "num_channels": 3,
    "embedding_size": 16,
    "hidden_sizes": [16, 32, 64],
    "depths": [1, 1, 1],
    "layer_type": "basic",
}
"""A ResNet of 0.08 million weights. Of the small backbones that were tried from random weights on
the synthetic release it learned most in a few hundred steps, and more from colour alone than with
residuals beside it; a ConvNeXt of its size learned next to nothing."""


class BaselineConfig(DetectorConfig):
    """Settings of :class:`~detectors.baseline.modeling.BaselineDetector`.

    Attributes:
        backbone: Config of a transformers image model with ``model_type``, whose
            ``last_hidden_state`` is a map (N, C, h, w). Its ``num_channels`` is 6 for colour and
            residuals, or 3 for colour alone. With ``backbone_checkpoint`` that checkpoint's
            config is taken instead.
        dropout: Share of the pooled features dropped while training.
    """

    model_type = "thb_baseline"
    default_clip = ClipSpec(frames=4, size=80)

    backbone: dict[str, Any] | None = None
    dropout: float = 0.1

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Fill in the small backbone where none is given."""
        if self.backbone is None:
            self.backbone = dict(SMALL_BACKBONE)
        super().__post_init__(**kwargs)
