"""The settings of the baseline detector."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig

from detectors.backbones import split_checkpoint
from detectors.base import DetectorConfig
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError

SMALL_BACKBONE: dict[str, Any] = {
    "model_type": "resnet",
    "embedding_size": 16,
    "hidden_sizes": [16, 32, 64],
    "depths": [1, 1, 1],
    "layer_type": "basic",
}
"""A ResNet of 0.08 million weights. Of the small backbones that were tried from random weights on
the synthetic release, it learned the most in a few hundred steps; a ConvNeXt of the same size
learned next to nothing."""


class BaselineConfig(DetectorConfig):
    """The settings of :class:`~detectors.baseline.modeling.BaselineDetector`.

    Attributes:
        backbone: The config of a transformers image model, with ``model_type``, whose
            ``last_hidden_state`` is a map (N, C, h, w). None: the config of
            ``backbone_checkpoint``, or :data:`SMALL_BACKBONE`.
        dropout: The share of the pooled features that is dropped in training.
    """

    model_type = "thb_baseline"
    default_clip = ClipSpec(frames=4, size=80)

    backbone: dict[str, Any] | None = None
    dropout: float = 0.1

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Fill in a missing backbone: the checkpoint's, or the small one.

        Raises:
            DetectorError: The checkpoint's config cannot be read, or the clip settings are
                impossible.
        """
        if self.backbone is None and self.backbone_checkpoint is not None:
            self.backbone = _read_backbone_config(self.backbone_checkpoint)
        elif self.backbone is None:
            self.backbone = dict(SMALL_BACKBONE)
        super().__post_init__(**kwargs)


def _read_backbone_config(checkpoint: str) -> dict[str, Any]:
    try:
        source, revision = split_checkpoint(checkpoint)
        read = AutoConfig.from_pretrained(source, revision=revision)
        settings: dict[str, Any] = read.to_diff_dict()
    except (OSError, ValueError) as error:
        raise DetectorError(f"cannot read the backbone {checkpoint}: {error}") from error
    return settings
