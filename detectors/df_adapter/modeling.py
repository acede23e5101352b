"""DeepFake-Adapter: a frozen pretrained ViT, and small networks that turn it into a detector.

Written from Shao et al., "DeepFake-Adapter: Dual-Level Adapter for DeepFake Detection", IJCV 2025
(arXiv:2306.00863), and from the measured layout of its code.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import cast

from torch import Tensor, nn
from transformers import ViTConfig, ViTModel
from transformers.models.vit.modeling_vit import ViTLayer

from detectors.backbones import copy_weights, read_backbone, reset_weights
from detectors.base import Detector, DetectorOutput
from detectors.df_adapter.adapters import (
    NORM_EPSILON,
    BottleneckAdapter,
    CrossAttention,
    Interaction,
    SpatialPrior,
)
from detectors.df_adapter.configuration import DeepFakeAdapterConfig
from detectors.df_adapter.recipe import BACKBONES, PUBLISHED
from thb_dataset.errors import DetectorError


class DeepFakeAdapter(Detector):
    """One logit per face image."""

    config_class = DeepFakeAdapterConfig
    cam_layer = "feature_map"
    recipe = PUBLISHED.to_recipe()
    backbones = BACKBONES
    tiny = MappingProxyType(
        {
            "clip": {"clips": 2, "size": 64},
            "image_size": 64,
            "hidden_size": 32,
            "layers": 4,
            "heads": 2,
            "intermediate_size": 64,
            "bottleneck": 8,
            "prior_width": 8,
            "interactions": 2,
            "interaction_heads": 2,
        }
    )

    def __init__(self, config: DeepFakeAdapterConfig) -> None:
        super().__init__(config)
        width = config.hidden_size
        self.vit = _make_vit(config)
        self.adapters = nn.ModuleList(
            [BottleneckAdapter(width, config.bottleneck) for _ in range(config.layers)]
        )
        self.prior = SpatialPrior(config.prior_width, width)
        self.interactions = nn.ModuleList(
            [Interaction(width, config.interaction_heads) for _ in range(config.interactions)]
        )
        # It sees the transformer's last tokens, before the last exchange.
        self.feature_map = nn.Identity()
        self.head_norm = nn.BatchNorm1d(width, affine=False, eps=NORM_EPSILON)
        self.classifier = nn.Linear(width, 1)
        self.post_init()
        for module in self.modules():
            if isinstance(module, BottleneckAdapter | SpatialPrior | CrossAttention):
                module.initialise()
        nn.init.trunc_normal_(self.classifier.weight, std=0.01)
        self.vit.requires_grad_(not config.backbone_is_frozen)

    def _init_weights(self, module: nn.Module) -> None:
        """Keep PyTorch's own initialisation, which the original builds on."""
        reset_weights(module)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        """Score clips of one frame.

        Args:
            pixel_values: (N, 1, 3, S, S), RGB, mean and deviation 0.5.
            labels: (N,), 1 = fake; with labels, the loss is computed.

        Returns:
            Logits (N,), higher = fake.
        """
        return self.make_output(self.classifier(self.encode(pixel_values)), labels)

    def encode(self, pixel_values: Tensor) -> Tensor:
        """Return the vector (N, C) before the classifier.

        Like the original, it reads the first token of the finest map of the picture (the top left
        cell), and not the transformer's class token.

        Raises:
            DetectorError: The clips have more than one frame or another size.
        """
        size = self.config.image_size
        if tuple(pixel_values.shape[1:]) != (1, 3, size, size):
            raise DetectorError(
                f"DeepFake-Adapter takes clips of shape {(1, 3, size, size)},"
                f" not {tuple(pixel_values.shape[1:])}"
            )
        images = pixel_values.squeeze(1)
        prior, tokens = self.prior(images), self.vit.embeddings(images)
        blocks = list(zip(self.vit.layers, self.adapters, strict=True))
        length = len(blocks) // len(self.interactions)
        for number, exchange in enumerate(cast("list[Interaction]", list(self.interactions)), 1):
            tokens = exchange.inject(tokens, prior)
            for layer, adapter in blocks[(number - 1) * length : number * length]:
                tokens = _run_block(layer, adapter, tokens)
            if number == len(self.interactions):
                # Only the first token of the last exchange is read.
                tokens, prior = self.feature_map(tokens), prior[:, :1]
            prior = exchange.extract(prior, tokens)
        feature: Tensor = self.head_norm(self.vit.layernorm(prior[:, 0]))
        return feature

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        """Return the tokens (N, 1 + L, C) without the class token as maps (N, 1, C, h, w)."""
        side = self.config.image_size // self.config.patch_size
        maps: Tensor = activations[:, 1:].transpose(1, 2).unflatten(2, (side, side))
        framed: Tensor = maps.unflatten(0, (-1, frames))
        return framed

    def load_backbone(self, checkpoint: str) -> None:
        """Put a pretrained ViT of the same size into the backbone, without its pooler.

        Raises:
            DetectorError: It cannot be read, or has another size.
        """
        pretrained = read_backbone(checkpoint, ViTModel)
        pretrained.pooler = None
        copy_weights(pretrained, self.vit, checkpoint)


def _run_block(layer: nn.Module, adapter: nn.Module, tokens: Tensor) -> Tensor:
    """Run one block of the transformer with the adapter beside its MLP."""
    if not isinstance(layer, ViTLayer):
        raise DetectorError(f"{type(layer).__name__} is not a ViT block")
    tokens = tokens + layer.attention(layer.layernorm_before(tokens))[0]
    added: Tensor = layer.mlp(layer.layernorm_after(tokens)) + adapter(tokens)
    return tokens + added


def _make_vit(config: DeepFakeAdapterConfig) -> ViTModel:
    """Make the ViT without a pooler, which nothing would read; the head reads its final norm."""
    settings = ViTConfig(
        image_size=config.image_size,
        patch_size=config.patch_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        intermediate_size=config.intermediate_size,
        layer_norm_eps=NORM_EPSILON,
        hidden_act="gelu",
    )
    return ViTModel(settings, add_pooling_layer=False)
