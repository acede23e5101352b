"""GenD: one feature of a pretrained image encoder, and a linear head.

Written from Yermakov et al., "Deepfake Detection that Generalizes Across Benchmarks", WACV 2026
(arXiv:2508.06248), and from the measured layout of its published weights.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch.nn.functional as F  # noqa: N812 — the name that everyone knows it by
from torch import Tensor, nn
from transformers import CLIPVisionConfig, CLIPVisionModel, DINOv3ViTConfig, DINOv3ViTModel

from detectors.backbones import copy_weights, read_backbone, reset_weights, show_input
from detectors.base import Detector, DetectorOutput
from detectors.gend.configuration import PATCHES, GenDConfig
from detectors.pretrained import PublishedBackbone
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from timm.models.eva import Eva

NORM_EPSILON = 1e-5
POOLING_HEADS = 8
"""The attention heads with which Perception Encoder gathers its tokens, at every size."""

BACKBONES = (
    PublishedBackbone(
        weights="CLIP ViT-L/14, its image tower",
        settings=MappingProxyType(
            {
                "backbone": "clip",
                "image_size": 224,
                "patch_size": 14,
                "hidden_size": 1024,
                "intermediate_size": 4096,
                "layers": 24,
                "heads": 16,
            }
        ),
        repo="openai/clip-vit-large-patch14",
        revision="32bd64288804d66eefd0ccbe215aa642df71cc41",
        megabytes=1711,
        licence="not stated there; MIT for OpenAI's code",
    ),
)


class GenD(Detector):
    """One logit per aligned face."""

    config_class = GenDConfig
    cam_layer = "feature_map"
    backbones = BACKBONES
    tiny = MappingProxyType(
        {
            "clip": {"clips": 2, "size": 56},
            "image_size": 56,
            "hidden_size": 32,
            "layers": 2,
            "heads": 2,
            "intermediate_size": 64,
            "registers": 2,
        }
    )

    def __init__(self, config: GenDConfig) -> None:
        super().__init__(config)
        self.vision = MAKERS[config.backbone](config)
        # It sees the tokens that enter the first block. Later, the class token holds what the
        # patches have told it, and a map of patches would leave that out.
        self.feature_map = nn.Identity()
        first = f"{_BLOCKS[config.backbone]}.0"
        show_input(self.vision.get_submodule(first), self.feature_map)
        self.classifier = nn.Linear(config.hidden_size, 1)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        """Keep PyTorch's own initialisation outside transformers' models."""
        reset_weights(module)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        """Score clips of one frame.

        Args:
            pixel_values: (N, 1, 3, S, S), RGB, with the backbone's own mean and deviation.
            labels: (N,), 1 = fake; with labels, the loss is computed.

        Returns:
            Logits (N,), higher = fake.
        """
        return self.make_output(self.classifier(self.encode(pixel_values)), labels)

    def encode(self, pixel_values: Tensor) -> Tensor:
        """Return the feature (N, D) before the classifier.

        Raises:
            DetectorError: The clips have more than one frame or another size.
        """
        size = self.config.image_size
        if tuple(pixel_values.shape[1:]) != (1, 3, size, size):
            raise DetectorError(
                f"GenD takes clips of shape {(1, 3, size, size)},"
                f" not {tuple(pixel_values.shape[1:])}"
            )
        answer = self.vision(pixel_values.squeeze(1))
        # Both models of transformers pool the normalised class token; PE gathers all tokens.
        feature: Tensor = answer if isinstance(answer, Tensor) else answer.pooler_output
        return F.normalize(feature, dim=1) if self.config.unit_length else feature

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        """Return the tokens of patches, which come last, as maps (N, T, C, h, w)."""
        side = self.config.image_size // self.config.patch_size
        patches = activations[:, -side * side :]
        maps: Tensor = patches.transpose(1, 2).unflatten(2, (side, side))
        framed: Tensor = maps.unflatten(0, (-1, frames))
        return framed

    def load_backbone(self, checkpoint: str) -> None:
        """Put a pretrained encoder of the same kind and size into the backbone.

        Raises:
            DetectorError: It cannot be read, has another size, or is a Perception Encoder, which
                timm stores in a layout of its own.
        """
        kind = {"clip": CLIPVisionModel, "dinov3": DINOv3ViTModel}.get(self.config.backbone)
        if kind is None:
            raise DetectorError("GenD reads only backbones of transformers: choose clip or dinov3")
        copy_weights(read_backbone(checkpoint, kind), self.vision, checkpoint)


def make_clip(config: GenDConfig) -> CLIPVisionModel:
    """Make CLIP's image tower; its pooled output is the normalised class token."""
    return CLIPVisionModel(
        CLIPVisionConfig(
            image_size=config.image_size,
            patch_size=config.patch_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            layer_norm_eps=NORM_EPSILON,
            hidden_act="quick_gelu",
        )
    )


def make_dinov3(config: GenDConfig) -> DINOv3ViTModel:
    """Make DINOv3's ViT; its pooled output is the normalised class token."""
    return DINOv3ViTModel(
        DINOv3ViTConfig(
            image_size=config.image_size,
            patch_size=config.patch_size or PATCHES["dinov3"],
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_register_tokens=config.registers,
            layer_norm_eps=NORM_EPSILON,
        )
    )


def make_pe(config: GenDConfig) -> Eva:
    """Make Perception Encoder's image tower of timm without its last projection.

    Raises:
        DetectorError: timm is not installed.
    """
    try:
        from timm.layers.norm import LayerNorm
        from timm.models.eva import Eva
    except ModuleNotFoundError as error:
        raise DetectorError(
            "the backbone 'pe' is timm's: pip install 'talkingheadbench[timm]', or choose"
            " clip or dinov3"
        ) from error
    grid = config.grid or 1
    settings: dict[str, Any] = {
        "img_size": grid * (config.patch_size or 1),
        "patch_size": config.patch_size,
        "num_classes": 0,
        "global_pool": "map",
        "embed_dim": config.hidden_size,
        "depth": config.layers,
        "num_heads": config.heads,
        "mlp_ratio": config.intermediate_size / config.hidden_size,
        "attn_type": "rope",
        "use_pre_transformer_norm": True,
        "use_rot_pos_emb": True,
        "ref_feat_shape": (grid, grid),
        "rope_grid_offset": 1.0,
        "rope_grid_indexing": "xy",
        "attn_pool_num_heads": POOLING_HEADS,
        "attn_pool_mlp_ratio": config.intermediate_size / config.hidden_size,
        "norm_layer": lambda width, **more: LayerNorm(width, eps=NORM_EPSILON, **more),
        "dynamic_img_size": True,
    }
    return Eva(**settings)


MAKERS = MappingProxyType({"clip": make_clip, "dinov3": make_dinov3, "pe": make_pe})
"""Backbone -> the maker of its network, which no weights are downloaded for."""

_BLOCKS = MappingProxyType({"clip": "encoder.layers", "dinov3": "model.layer", "pe": "blocks"})
