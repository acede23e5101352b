"""The baseline: an image backbone over a few frames, pooled over time.

It follows no paper. It is small and honest: it trains on a CPU in seconds from random weights, or
from a pretrained backbone if one is available.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModel, PreTrainedConfig

from detectors.backbones import copy_weights, read_backbone
from detectors.base import Detector, DetectorOutput
from detectors.baseline.configuration import BaselineConfig
from detectors.recipes import Recipe
from thb_dataset.errors import DetectorError


class BaselineDetector(Detector):
    """One logit from the mean of a backbone's features over space and time, and of their change."""

    config_class = BaselineConfig
    cam_layer = "feature_map"
    recipe = Recipe(
        epochs=24,
        batch_size=16,
        learning_rate=3e-3,
        weight_decay=0.05,
        channel_gain=0.15,
        # The learning rate ends at zero, and small releases have too few validation videos to
        # choose an epoch.
        keep="last",
    )

    def __init__(self, config: BaselineConfig) -> None:
        super().__init__(config)
        backbone_config = _make_backbone_config(config)
        self.backbone = AutoModel.from_config(backbone_config)
        # It only gives Grad-CAM a name, whatever the backbone calls its own layers.
        self.feature_map = nn.Identity()
        width = _find_width(backbone_config)
        self.normalisation = nn.LayerNorm(2 * width)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(2 * width, 1)
        self.post_init()

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        """Score clips.

        Args:
            pixel_values: float (N, T, 3, S, S), prepared as ``config.clip_spec`` says.
            labels: (N,), 1 = fake; with labels, the loss is computed.
        """
        frames = pixel_values.shape[1]
        # With channels last, a training step on a CPU takes a third less time.
        images = pixel_values.flatten(0, 1).contiguous(memory_format=torch.channels_last)
        maps = self.feature_map(self.backbone(pixel_values=images).last_hidden_state)
        features = maps.mean(dim=(2, 3)).unflatten(0, (-1, frames))
        pooled = torch.cat([features.mean(dim=1), _mean_change(features)], dim=1)
        logits = self.classifier(self.dropout(self.normalisation(pooled)))
        return self.make_output(logits, labels)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        """Return the backbone's maps of N clips as (N, T, C, h, w)."""
        maps: Tensor = activations.unflatten(0, (-1, frames))
        return maps

    def load_backbone(self, checkpoint: str) -> None:
        """Put a checkpoint's weights into the backbone; its heads are ignored.

        Raises:
            DetectorError: It cannot be read, or lacks weights of the backbone.
        """
        pretrained = read_backbone(checkpoint, type(self.backbone))
        copy_weights(pretrained, self.backbone, checkpoint)


def _make_backbone_config(config: BaselineConfig) -> PreTrainedConfig:
    settings = dict(config.backbone or {})
    try:
        made = AutoConfig.for_model(settings.pop("model_type", ""), **settings)
    except ValueError as error:
        raise DetectorError(f"backbone: {error}") from error
    if getattr(made, "num_channels", None) != 3:
        raise DetectorError("backbone: num_channels must be 3, the colours of a frame")
    return made


def _find_width(backbone_config: PreTrainedConfig) -> int:
    """Return the number of channels of the backbone's last map."""
    with torch.device("meta"):
        probe = AutoModel.from_config(backbone_config)
        side = 96
        image = torch.zeros(1, backbone_config.num_channels, side, side)
        maps = probe(pixel_values=image).last_hidden_state
    if maps.ndim != 4:
        raise DetectorError(
            f"backbone {backbone_config.model_type} returns no map: choose one whose"
            " last_hidden_state is (N, C, h, w), such as convnext, resnet or mobilenet_v2"
        )
    return int(maps.shape[1])


def _mean_change(features: Tensor) -> Tensor:
    """Return the mean absolute change from frame to frame: (N, T, C) to (N, C)."""
    if features.shape[1] == 1:
        return torch.zeros_like(features[:, 0])
    return (features[:, 1:] - features[:, :-1]).abs().mean(dim=1)
