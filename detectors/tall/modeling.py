"""TALL-Swin: four frames as one picture, so that an image transformer sees time.

Written from Xu et al., "TALL: Thumbnail Layout for Deepfake Video Detection", ICCV 2023
(arXiv:2307.07494), and from the measured layout of its weights.
"""

from __future__ import annotations

from types import MappingProxyType

import torch
from torch import Tensor, nn
from transformers import SwinConfig, SwinModel
from transformers.models.swin.modeling_swin import SwinLayer, SwinRelativePositionBias

from detectors.backbones import copy_weights, read_backbone, show_input
from detectors.base import Detector, DetectorOutput
from detectors.tall.configuration import TALLConfig
from detectors.tall.recipe import BACKBONES, PUBLISHED
from thb_dataset.errors import DetectorError


class TALL(Detector):
    """One logit per clip, whose frames are laid out as one thumbnail."""

    config_class = TALLConfig
    cam_layer = "feature_map"
    recipe = PUBLISHED.to_recipe()
    backbones = BACKBONES
    undecayed = ("frame_positions",)
    tiny = MappingProxyType(
        {
            "clip": {"clips": 2, "size": 64},
            "image_size": 64,
            "embed_dim": 16,
            "depths": (1, 1, 2),
            "num_heads": (1, 2, 4),
            "window": 4,
        }
    )

    def __init__(self, config: TALLConfig) -> None:
        super().__init__(config)
        self.swin = _make_swin(config)
        # It sees the output of the last stage but one, before it is merged: the last map whose
        # cells each lie within one frame, 7 x 7 per frame at full size.
        self.feature_map = nn.Identity()
        merging = self.swin.get_submodule(f"encoder.layers.{len(config.depths) - 2}.downsample")
        show_input(merging, self.feature_map)
        self.frame_positions = nn.Parameter(torch.empty(1, config.rows**2, config.embed_dim))
        self.classifier = nn.Linear(self.swin.num_features, 1)
        self.post_init()
        nn.init.trunc_normal_(self.frame_positions, std=0.02)
        nn.init.trunc_normal_(self.classifier.weight, std=0.02)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        """Score clips.

        Args:
            pixel_values: (N, T, 3, S, S), RGB, ImageNet mean and deviation; any S.
            labels: (N,), 1 = fake, or fewer as in ``make_output``; with labels, the loss is
                computed.

        Returns:
            Logits (N,), higher = fake; with labels the smoothed cross-entropy.
        """
        logits = self.classifier(self.encode(pixel_values)).squeeze(-1)
        if labels is not None:
            smooth = self.config.label_smoothing
            labels = labels.float() * (1 - smooth) + smooth / 2
        return self.make_output(logits, labels)

    def encode(self, pixel_values: Tensor) -> Tensor:
        """Return the vector (N, D) before the classifier."""
        tokens, grid = self.swin.embeddings(self.lay_out(pixel_values))
        rows, dim = self.config.rows, self.config.embed_dim
        cells = self.frame_positions.view(rows, rows, dim)
        side = grid[0] // rows
        position = cells.repeat_interleave(side, dim=0).repeat_interleave(side, dim=1)
        tokens = self.swin.encoder(tokens + position.reshape(1, -1, dim), grid).last_hidden_state
        pooled: Tensor = self.swin.layernorm(tokens).mean(dim=1)
        return pooled

    def lay_out(self, pixel_values: Tensor) -> Tensor:
        """Lay the frames of each clip out as one picture, row by row.

        Frames of another size are first resized to ``image_size`` and then shrunk, as the original
        does. From 112 pixels the result differs from that of laying them out directly.

        Args:
            pixel_values: (N, T, 3, S, S).

        Returns:
            (N, 3, image_size, image_size).

        Raises:
            DetectorError: The clips have another number of frames than those of the weights.
        """
        clips, frames = pixel_values.shape[:2]
        if frames != self.config.clip_spec.frames:
            raise DetectorError(
                f"TALL takes clips of {self.config.clip_spec.frames} frames, not {frames}"
            )
        size, rows = self.config.image_size, self.config.rows
        images = pixel_values.flatten(0, 1)
        for side in (size, size // rows):
            if images.shape[-1] != side:
                images = nn.functional.interpolate(images, size=(side, side), mode="bilinear")
        shown = images.unflatten(0, (clips, frames))
        full = nn.functional.pad(shown, (0, 0, 0, 0, 0, 0, 0, rows**2 - frames))
        grid: Tensor = full.unflatten(1, (rows, rows)).permute(0, 3, 1, 4, 2, 5)
        return grid.reshape(clips, 3, size, size)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        """Return the tokens (N, L, C) of the thumbnail as maps of its frames, (N, T, C, h, w)."""
        rows = self.config.rows
        side = round((activations.shape[1] // rows**2) ** 0.5)
        cells: Tensor = activations.unflatten(1, (rows, side, rows, side)).permute(0, 1, 3, 5, 2, 4)
        return cells.flatten(1, 2)[:, :frames]

    def load_backbone(self, checkpoint: str) -> None:
        """Put a pretrained Swin of the same widths into the backbone.

        Its windows may be smaller: the tables of relative positions (13 x 13 for a window of 7)
        are enlarged bilinearly, as the authors do.

        Raises:
            DetectorError: It cannot be read, or has another size.
        """
        pretrained = read_backbone(checkpoint, SwinModel)
        for ours, theirs in zip(_find_tables(self.swin), _find_tables(pretrained), strict=False):
            _resize_table(theirs, ours)
        copy_weights(pretrained, self.swin, checkpoint)


def _make_swin(config: TALLConfig) -> SwinModel:
    """Make a Swin whose last stages attend within windows of their own size."""
    swin = SwinModel(
        SwinConfig(
            image_size=config.image_size,
            patch_size=config.patch_size,
            embed_dim=config.embed_dim,
            depths=list(config.depths),
            num_heads=list(config.num_heads),
            window_size=config.window,
            drop_path_rate=config.drop_path,
        ),
        add_pooling_layer=False,
    )
    grid = config.image_size // config.patch_size
    for stage, layer in enumerate(swin.encoder.layers):
        side = grid // 2**stage
        for block in (module for module in layer.modules() if isinstance(module, SwinLayer)):
            if side < config.window:
                # transformers has one window for all stages; its tables are too large for this one.
                block.attention.relative_position_bias = SwinRelativePositionBias(
                    config.num_heads[stage], (side, side)
                )
                block.window_size, block.shift_size = side, 0
            nn.init.trunc_normal_(
                block.attention.relative_position_bias.relative_position_bias_table, std=0.02
            )
            # The original also drops the second branch, transformers only the first.
            block.mlp.register_forward_hook(_DropBranch(block.drop_path))
    return swin


class _DropBranch:
    """A hook that applies stochastic depth to the output of a module."""

    def __init__(self, drop_path: nn.Module) -> None:
        self.drop_path = drop_path

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        dropped: Tensor = self.drop_path(output)
        return dropped


def _find_tables(swin: SwinModel) -> list[SwinRelativePositionBias]:
    """Return the tables of relative positions in the order of the blocks."""
    return [table for table in swin.modules() if isinstance(table, SwinRelativePositionBias)]


def _resize_table(theirs: SwinRelativePositionBias, ours: SwinRelativePositionBias) -> None:
    """Resize a table (side ** 2, heads) to the size of ours, in place."""
    table = theirs.relative_position_bias_table.detach()
    tables = (table, ours.relative_position_bias_table)
    sides = [round(len(positions) ** 0.5) for positions in tables]
    if sides[0] != sides[1]:
        picture = table.T.reshape(1, -1, sides[0], sides[0])
        resized = nn.functional.interpolate(picture, size=(sides[1], sides[1]), mode="bilinear")
        table = resized.reshape(-1, sides[1] ** 2).T.contiguous()
    theirs.relative_position_bias_table = nn.Parameter(table)
