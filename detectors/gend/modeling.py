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

from detectors.backbones import copy_weights, hash_tensors, read_backbone, reset_weights, show_input
from detectors.base import Detector, DetectorOutput
from detectors.gend.configuration import PATCHES, GenDConfig
from detectors.gend.losses import measure_pairs
from detectors.gend.recipe import BACKBONES, PUBLISHED
from detectors.tuning import Tunable
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from timm.models.eva import Eva

NORM_EPSILON = 1e-5
POOLING_HEADS = 8
"""The attention heads with which Perception Encoder gathers its tokens, at every size."""


class GenD(Tunable, Detector):
    """One logit per aligned face."""

    config_class = GenDConfig
    cam_layer = "feature_map"
    recipe = PUBLISHED.to_recipe()
    backbone_name = "vision"
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

    def forward(
        self,
        pixel_values: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        features: Tensor | None = None,
    ) -> DetectorOutput:
        """Score clips of one frame.

        Args:
            pixel_values: (N, 1, 3, S, S), RGB, with the backbone's own mean and deviation.
            labels: (N,), 1 = fake; with labels, the loss is computed. (N / K,) if every K
                neighbouring clips belong to one video.
            features: What :meth:`encode_front` has made of the clips, in place of the pixels.

        Returns:
            Logits (N,), higher = fake; with labels cross-entropy + uniformity + alignment, the
            latter two over all pairs of these N clips.

        Raises:
            DetectorError: There are neither pixels nor features.
        """
        if features is None:
            if pixel_values is None:
                raise DetectorError("GenD scores pixel_values or features, and got neither")
            feature = self.encode(pixel_values)
        else:
            feature = self._finish(features)
        output = self.make_output(self.classifier(feature), labels)
        weights = (self.config.uniformity_weight, self.config.alignment_weight)
        if output.loss is not None and labels is not None and any(weights):
            each = labels.repeat_interleave(len(feature) // len(labels))
            terms = measure_pairs(F.normalize(feature.float(), dim=1), each)
            for weight, term in zip(weights, terms, strict=True):
                output.loss = output.loss + weight * term
        return output

    def encode(self, pixel_values: Tensor) -> Tensor:
        """Return the feature (N, D) before the classifier.

        Raises:
            DetectorError: The clips have more than one frame or another size.
        """
        self._check_shape(pixel_values)
        return self._adjust(self._pool(pixel_values))

    def _pool(self, pixel_values: Tensor) -> Tensor:
        answer = self.vision(pixel_values.squeeze(1))
        # Both models of transformers pool the normalised class token; PE gathers all tokens.
        feature: Tensor = answer if isinstance(answer, Tensor) else answer.pooler_output
        return feature

    def _check_shape(self, pixel_values: Tensor) -> None:
        size = self.config.image_size
        if tuple(pixel_values.shape[1:]) != (1, 3, size, size):
            raise DetectorError(
                f"GenD takes clips of shape {(1, 3, size, size)},"
                f" not {tuple(pixel_values.shape[1:])}"
            )

    def _adjust(self, feature: Tensor) -> Tensor:
        return F.normalize(feature, dim=1) if self.config.unit_length else feature

    @property
    def has_frozen_front(self) -> bool:
        """Whether the encoder, or its first blocks, are left as they are by a training."""
        return self.config.tuned == "head" or self._find_first_block() > 0

    def encode_front(self, pixel_values: Tensor) -> Tensor:
        """Return the pooled feature (N, D), or the tokens (N, L, D) that the tuned blocks see.

        Raises:
            DetectorError: The clips have more than one frame or another size.
        """
        self._check_shape(pixel_values)
        if self.config.tuned == "head":
            return self._pool(pixel_values)
        vision: Any = self.vision
        tokens: Tensor = vision.pre_layrnorm(vision.embeddings(pixel_values.squeeze(1)))
        for block in vision.encoder.layers[: self._find_first_block()]:
            tokens = block(tokens, attention_mask=None)
        return tokens

    def _finish(self, features: Tensor) -> Tensor:
        """Return the feature (N, D) for what :meth:`encode_front` has made."""
        if self.config.tuned != "head":
            vision: Any = self.vision
            for block in vision.encoder.layers[self._find_first_block() :]:
                features = block(features, attention_mask=None)
            features = vision.post_layernorm(features[:, 0])
        return self._adjust(features)

    def _find_first_block(self) -> int:
        """Return the number of CLIP's first block that is tuned; 0 for other encoders."""
        blocks = self.config.tuned_blocks
        return (
            0 if blocks is None or self.config.backbone != "clip" else self.config.layers - blocks
        )

    def find_tuned(self) -> set[str]:
        """Return the names of the weights that a training changes, LoRA's own left out."""
        kind, names = self.config.tuned, [name for name, _ in self.named_parameters()]
        tuned = {name for name in names if name.startswith("classifier.")}
        if kind in ("head", "lora"):
            return tuned
        norms = {name for name, each in self.named_modules() if isinstance(each, nn.LayerNorm)}
        return tuned | {
            name
            for name in names
            if self._is_late(name) and (kind == "all" or name.rpartition(".")[0] in norms)
        }

    def find_lora_layers(self) -> list[str]:
        """Return the linear layers of the tuned blocks that ``lora_targets`` names."""
        targets = tuple(f".{target}" for target in self.config.lora_targets)
        return [
            name
            for name, each in self.vision.named_modules()
            if isinstance(each, nn.Linear)
            and name.endswith(targets)
            and self._is_late(f"vision.{name}")
        ]

    def _is_late(self, name: str) -> bool:
        """Return whether a weight of the encoder lies where ``tuned_blocks`` allows tuning."""
        # DINOv3's mask token is for its pretraining, which hides patches.
        if not name.startswith("vision.") or name.endswith("mask_token"):
            return False
        if self.config.tuned_blocks is None:
            return True
        prefix = f"vision.{_BLOCKS[self.config.backbone]}."
        if name.startswith(prefix):
            number = int(name.removeprefix(prefix).partition(".")[0])
            first: int = self.config.layers - self.config.tuned_blocks
            return number >= first
        return name.startswith(_AFTER_BLOCKS)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        """Return the tokens of patches, which come last, as maps (N, T, C, h, w)."""
        side = self.config.image_size // self.config.patch_size
        patches = activations[:, -side * side :]
        maps: Tensor = patches.transpose(1, 2).unflatten(2, (side, side))
        framed: Tensor = maps.unflatten(0, (-1, frames))
        return framed

    def load_backbone(self, checkpoint: str) -> None:
        """Put a pretrained encoder of the same kind and size, or its first blocks, into ours.

        Raises:
            DetectorError: It cannot be read, has another size, or is a Perception Encoder, which
                timm stores in a layout of its own.
        """
        kind = {"clip": CLIPVisionModel, "dinov3": DINOv3ViTModel}.get(self.config.backbone)
        if kind is None:
            raise DetectorError("GenD reads only backbones of transformers: choose clip or dinov3")
        pretrained: nn.Module = read_backbone(checkpoint, kind, layers=self.config.layers)
        copy_weights(pretrained, self.vision, checkpoint)
        self.config.backbone_sha256 = hash_tensors(self.vision.state_dict())


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

_AFTER_BLOCKS = ("vision.post_layernorm.", "vision.norm.", "vision.attn_pool.", "vision.fc_norm.")
"""The beginnings of the names of what follows the blocks, in CLIP, DINOv3 and PE."""

_BLOCKS = MappingProxyType({"clip": "encoder.layers", "dinov3": "model.layer", "pe": "blocks"})
