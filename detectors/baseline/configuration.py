"""Settings of the baseline detector."""

from __future__ import annotations

from typing import Any

from detectors.base import DetectorConfig
from thb_dataset.clip_spec import ClipSpec

SMALL_BACKBONE: dict[str, Any] = {
    "model_type": "convnext",
    "num_channels": 6,
    "hidden_sizes": [24, 48, 96],
    "depths": [1, 2, 1],
    "num_stages": 3,
    "patch_size": 4,
    "layer_scale_init_value": 0.0,
}
"""A ConvNeXt of 0.15 million weights. It normalises by layer, so that a batch of a few
correlated frames trains it well, which batch normalisation does not allow; layer scale is made
for deep networks and would keep this one from learning in a few hundred steps."""


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
    default_clip = ClipSpec(frames=8, size=80)

    backbone: dict[str, Any] | None = None
    dropout: float = 0.1

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Fill in the small backbone where none is given."""
        if self.backbone is None:
            self.backbone = dict(SMALL_BACKBONE)
        super().__post_init__(**kwargs)
