"""CADDM: a classifier and an artifact detector that share one backbone.

Written from Dong et al., "Implicit Identity Leakage: The Stumbling Block to Improving Deepfake
Detection Generalization", CVPR 2023 (arXiv:2210.14457), and from the measured layout of its
published weights.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

import torch
from torch import Tensor, nn
from transformers import EfficientNetConfig, EfficientNetModel, ResNetConfig, ResNetModel

from detectors.backbones import copy_weights, read_backbone, reset_weights
from detectors.base import Detector, DetectorOutput
from detectors.caddm.anchors import CANVAS, SHAPES, compute_detection_loss
from detectors.caddm.configuration import CADDMConfig
from detectors.caddm.recipe import BACKBONES, FRAMES_KEPT, PUBLISHED
from thb_dataset.errors import DetectorError

_WHOLE_IMAGE = (0.0, 0.0, 1.0, 1.0)


class StochasticDepth(nn.Module):
    """Drops the whole residual branch of random samples in training, and rescales the others."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        """Return (N, …), with some samples set to zero in training."""
        if not self.training or self.probability == 0:
            return branch
        keep = 1 - self.probability
        mask = torch.rand(len(branch), *[1] * (branch.ndim - 1), device=branch.device) < keep
        return branch * mask / keep


class ArtifactBlock(nn.Module):
    """A residual block whose kernel size is chosen per block, without padding."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)
        self.skip_conv = nn.Conv2d(channels, channels, kernel, bias=False)
        self.skip_norm = nn.BatchNorm2d(channels)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, D, S, S) to (N, D, S - kernel + 1, …)."""
        main = self.norm2(self.conv2(self.norm1(self.conv1(features)).relu()))
        both: Tensor = main + self.skip_norm(self.skip_conv(features))
        return both.relu()


class ArtifactEnd(nn.Module):
    """The last block: it turns 3 x 3 cells into one, without batch normalisation."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3)
        self.conv2 = nn.Conv2d(channels, channels, 1)
        self.skip = nn.Conv2d(channels, channels, 3)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, D, 3, 3) to (N, D, 1, 1)."""
        both: Tensor = self.conv2(self.conv1(features).relu()) + self.skip(features)
        return both.relu()


class ArtifactModule(nn.Module):
    """The artifact detection module: maps of 7, 5, 3 and 1 cells per side, with anchors on each."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        kernels = (1, 3, 3)
        self.blocks = nn.ModuleList([ArtifactBlock(channels, kernel) for kernel in kernels])
        self.end = ArtifactEnd(channels)
        widths = (3, 3, 3, 1)
        self.offsets = nn.ModuleList([_make_head(channels, 4, width) for width in widths])
        self.confidences = nn.ModuleList([_make_head(channels, 2, width) for width in widths])

    def forward(self, features: Tensor) -> list[Tensor]:
        """Map (N, D, 7, 7) to the four maps, of which the last is (N, D, 1, 1)."""
        maps: list[Tensor] = []
        for block in (*self.blocks, self.end):
            features = block(features)
            maps.append(features)
        return maps

    def detect(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Compute the answers of the anchors on every map.

        Returns:
            Offsets (N, 168, 4) and confidences (N, 168, 2): logits of background and swapped.
        """
        answers = [
            [
                head(level).permute(0, 2, 3, 1).flatten(1)
                for head, level in zip(heads, maps, strict=True)
            ]
            for heads in (self.offsets, self.confidences)
        ]
        offsets, confidences = (torch.cat(answer, dim=1) for answer in answers)
        return offsets.unflatten(1, (-1, 4)), confidences.unflatten(1, (-1, 2))


class CADDM(Detector):
    """One logit per face image; the loss of the artifact detector is added in training.

    The official network answers real and fake; :mod:`detectors.caddm.conversion` keeps their
    difference, which gives the same probability.
    """

    config_class = CADDMConfig
    cam_layer = "feature_map"
    recipe = replace(PUBLISHED.to_recipe(), clips_cut=FRAMES_KEPT)
    backbones = BACKBONES
    tiny = MappingProxyType(
        {"clip": {"clips": 2}, "stem_width": 8, "widths": (8, 8, 16, 32), "depths": (1, 1, 1, 1)}
    )

    def __init__(self, config: CADDMConfig) -> None:
        super().__init__(config)
        self.backbone, channels = _make_backbone(config)
        # Both backbones end here, so Grad-CAM needs one name only; the map feeds both branches.
        self.feature_map = nn.Identity()
        self.dropout = nn.Dropout(config.dropout)
        self.artifacts = ArtifactModule(channels)
        self.classifier = nn.Linear(channels, 1)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep PyTorch's own initialisation, as the original does."""
        reset_weights(module)

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        boxes: list[Tensor] | None = None,
    ) -> DetectorOutput:
        """Score clips of one frame.

        Args:
            pixel_values: (N, 1, 3, 224, 224), BGR, 0..255.
            labels: (N,), 1 = fake; with labels, the loss is computed.
            boxes: The swapped regions of each image, (B, 4) corners as shares of the image. None:
                the whole image of a fake, no region of a real one.

        Returns:
            Logits (N,), higher = fake; with labels the loss CE + 0.1 (location + confidence).

        Raises:
            DetectorError: The clips have another number of frames or another size.
        """
        features, maps = self.encode(pixel_values)
        logits = self.classifier(features).squeeze(-1)
        if labels is None:
            return DetectorOutput(loss=None, logits=logits)
        if boxes is None:
            whole = logits.new_tensor([_WHOLE_IMAGE])
            boxes = [whole if label > 0 else whole[:0] for label in labels.tolist()]
        loss = nn.functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))
        for term in compute_detection_loss(*self.artifacts.detect(maps), boxes):
            loss = loss + self.config.detection_weight * term
        return DetectorOutput(loss=loss, logits=logits)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        """Return the maps (N, D, 7, 7) as (N, 1, D, 7, 7)."""
        maps: Tensor = activations.unflatten(0, (-1, frames))
        return maps

    def load_backbone(self, checkpoint: str) -> None:
        """Put ImageNet weights of a ResNet-34 or EfficientNet of the same size into the backbone.

        Raises:
            DetectorError: They cannot be read, or belong to another backbone.
        """
        copy_weights(read_backbone(checkpoint, type(self.backbone)), self.backbone, checkpoint)

    def encode(self, pixel_values: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the vector (N, D) before the classifier, and the artifact module's four maps."""
        wanted = (1, 3, CANVAS, CANVAS)
        if tuple(pixel_values.shape[1:]) != wanted:
            raise DetectorError(
                f"CADDM takes clips of shape {wanted}, not {tuple(pixel_values.shape[1:])}:"
                " one frame, at the only size for which its anchors and paddings are right"
            )
        images = pixel_values.squeeze(1)
        if isinstance(self.backbone, ResNetModel):
            stem = self.backbone.embedder(images)
        else:
            stem = self.backbone.embeddings(images)
        features = self.feature_map(self.backbone.encoder(stem).last_hidden_state)
        maps = self.artifacts(features)
        pooled = self.dropout(features.mean(dim=(2, 3)))
        return pooled + maps[-1].flatten(1), maps


def _make_head(channels: int, answers: int, width: int) -> nn.Conv2d:
    """Make the convolution that computes the answers of every anchor of a cell."""
    return nn.Conv2d(channels, SHAPES * answers, width, padding=width // 2)


def _make_backbone(config: CADDMConfig) -> tuple[ResNetModel | EfficientNetModel, int]:
    """Return the backbone and the number of channels of its last map."""
    if config.backbone == "resnet":
        resnet = ResNetConfig(
            layer_type="basic",
            embedding_size=config.stem_width,
            hidden_sizes=list(config.widths),
            depths=list(config.depths),
        )
        return ResNetModel(resnet), config.widths[-1]
    efficient = EfficientNetConfig(
        image_size=CANVAS,
        width_coefficient=config.width_coefficient,
        depth_coefficient=config.depth_coefficient,
        hidden_dim=config.hidden_dim,
        # At 224 pixels every map that is halved has an even side, and then TensorFlow pads on the
        # right and below.
        depthwise_padding=[],
        batch_norm_eps=1e-3,
        # transformers passes TensorFlow's momentum to PyTorch, where it means the opposite.
        batch_norm_momentum=0.01,
        drop_connect_rate=config.drop_connect,
    )
    model = EfficientNetModel(efficient)
    for module in model.modules():
        # transformers draws even the scales of batch normalisation around zero.
        reset_weights(module)
    for name, module in list(model.encoder.named_modules()):
        if name.endswith("expand_bn"):
            module.momentum = 0.01
        # The original drops whole branches, transformers single values.
        if isinstance(module, nn.Dropout):
            parent = model.encoder.get_submodule(name.rpartition(".")[0])
            parent.dropout = StochasticDepth(module.p)
    return model, config.hidden_dim
