"""LipFD: does the picture fit the sound?

Written from Liu et al., "Lips Are Lying: Spotting the Temporal Inconsistency between Audio and
Visual in Lip-Syncing DeepFakes", NeurIPS 2024 (arXiv:2401.15668), and from the measured layout of
its published weights.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType

import torch
from torch import Tensor, nn
from transformers import (
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    ResNetConfig,
    ResNetModel,
)

from detectors.backbones import copy_weights, read_backbone, reset_weights
from detectors.base import Detector, DetectorOutput
from detectors.lipfd.configuration import LipFDConfig
from detectors.lipfd.recipe import BACKBONES, LEARNING_RATE, PUBLISHED
from thb_dataset.errors import DetectorError

SHRINKING = 5
"""Side and stride of the convolution that shrinks the canvas to CLIP's input."""

AWARENESS_SCALE = 10.0


class LipFD(Detector):
    """One logit per window of frames below its spectrogram."""

    config_class = LipFDConfig
    cam_layer = "feature_map"
    # The spectrogram is one of the pictures. It must not be mirrored, moved or tinted, and the
    # published training does none of that.
    recipe = replace(PUBLISHED.to_recipe(), learning_rate=LEARNING_RATE)
    backbones = BACKBONES
    tiny = MappingProxyType(
        {
            "clip": {"clips": 2, "size": 64},
            "image_size": 32,
            "patch_size": 8,
            "hidden_size": 32,
            "intermediate_size": 64,
            "layers": 2,
            "heads": 2,
            "projection_size": 16,
            "region_size": 32,
            "region_crops": ((4, 28), (9, 23)),
            "stem_width": 8,
            "widths": (16, 16, 32, 32),
            "depths": (1, 1, 1, 1),
        }
    )

    def __init__(self, config: LipFDConfig) -> None:
        super().__init__(config)
        self.shrink = nn.Conv2d(3, 3, SHRINKING, stride=SHRINKING)
        self.encoder = _make_encoder(config)
        self.regions = ResNetModel(
            ResNetConfig(
                embedding_size=config.stem_width,
                hidden_sizes=list(config.widths),
                depths=list(config.depths),
            )
        )
        # It sees the ResNet's last map of every crop, windows x scales x frames in number.
        self.feature_map = nn.Identity()
        width = config.widths[-1] + config.projection_size
        self.gate = nn.Linear(width, 1)
        self.classifier = nn.Linear(width, 1)
        self.post_init()
        self.encoder.requires_grad_(not config.encoder_is_frozen)

    def _init_weights(self, module: nn.Module) -> None:
        """Keep PyTorch's own initialisation, as the original does outside its ResNet."""
        reset_weights(module)

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        """Score windows.

        Args:
            pixel_values: (N, 2 T, 3, S, S), BGR, 0..255: the spectrogram in T squares, then the
                T frames.
            labels: (N,), 1 = fake; with labels, the loss is computed.

        Returns:
            Logits (N,), higher = fake; with labels cross-entropy + region awareness.
        """
        feature, shares = self.encode(pixel_values)
        output = self.make_output(self.classifier(feature), labels)
        if output.loss is not None:
            awareness = measure_unawareness(shares)
            output.loss = output.loss + self.config.region_weight * awareness
        return output

    def encode(self, pixel_values: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the vector before the classifier, and the share of each scale.

        Returns:
            The vector (N, D), and the shares (N, T, scales) of each frame's crops, which sum to 1.
        """
        canvas = self.lay_out(pixel_values)
        whole = self._look_at_all(canvas)
        crops = self.crop_regions(canvas)
        windows, scales, frames = crops.shape[:3]
        maps = self.feature_map(self._look_at_regions(crops.flatten(0, 2)))
        features = maps.mean(dim=(2, 3)).unflatten(0, (windows, scales, frames))
        beside = whole[:, None, None].expand(-1, scales, frames, -1)
        features = torch.cat([features, beside], dim=-1)
        shares = self.gate(features).sigmoid().softmax(dim=1)
        weighted: Tensor = (features * shares).sum(dim=1).mean(dim=1)
        return weighted, shares.squeeze(-1).transpose(1, 2)

    def lay_out(self, pixel_values: Tensor) -> Tensor:
        """Join the squares: the spectrogram above and the frames below, side by side.

        Args:
            pixel_values: (N, 2 T, 3, S, S).

        Returns:
            (N, 3, 2 S, T S).

        Raises:
            DetectorError: The squares have another number or size.
        """
        spec = self.config.clip_spec
        wanted = (spec.pictures, 3, spec.size, spec.size)
        if tuple(pixel_values.shape[1:]) != wanted:
            raise DetectorError(
                f"LipFD takes windows of shape {wanted}, the spectrogram's squares first,"
                f" not {tuple(pixel_values.shape[1:])}"
            )
        grid: Tensor = pixel_values.unflatten(1, (2, spec.frames)).permute(0, 3, 1, 4, 2, 5)
        return grid.flatten(4, 5).flatten(2, 3)

    def crop_regions(self, canvas: Tensor) -> Tensor:
        """Cut every frame at three scales.

        Args:
            canvas: (N, 3, 2 S, T S).

        Returns:
            (N, 3 scales, T, 3, R, R): the whole frame, then parts ever closer to its middle.
        """
        spec, side = self.config.clip_spec, self.config.region_size
        step = 1 if self.config.regions == "official" else spec.size
        lower = canvas[:, :, spec.size :]
        starts = [number * step for number in range(spec.frames)]
        frames = torch.stack([lower[..., x : x + spec.size] for x in starts], dim=1)
        whole = _resize(frames.flatten(0, 1), side)
        crops = [whole]
        for low, high in self.config.region_crops:
            crops.append(_resize(whole[..., low:high, low:high], side))
        return torch.stack([crop.unflatten(0, (-1, spec.frames)) for crop in crops], dim=1)

    def cam_reshape(self, activations: Tensor, frames: int) -> Tensor:
        """Place the map of each crop where the crop lies in its frame.

        The maps of the spectrogram's squares are zero, because the region branch does not see
        them. With ``official`` regions all five crops show the first frame, which gets their mean.

        Args:
            activations: (N x scales x T, C, h, w).
            frames: 2 T, the number of pictures in a window.

        Returns:
            (N, 2 T, scales x C, 2 h, 2 w).
        """
        length, crops = self.config.clip_spec.frames, self.config.region_crops
        maps = activations.unflatten(0, (-1, 1 + len(crops), length)).transpose(1, 2)
        side = 2 * maps.shape[-1]
        places = [(0, side)]
        for low, high in crops:
            first = round(low * side / self.config.region_size)
            places.append((first, max(first + 1, round(high * side / self.config.region_size))))
        framed: Tensor = maps.new_zeros(len(maps), frames, *maps.shape[2:4], side, side)
        for scale, (low, high) in enumerate(places):
            small = _resize(maps[:, :, scale].flatten(0, 1), high - low).unflatten(0, (-1, length))
            if self.config.regions == "official":
                framed[:, length, scale, :, low:high, low:high] = small.mean(dim=1)
            else:
                framed[:, length:, scale, :, low:high, low:high] = small
        return framed.flatten(2, 3)

    def load_backbone(self, checkpoint: str) -> None:
        """Put a pretrained CLIP image tower of the same size into the encoder.

        Raises:
            DetectorError: It cannot be read, or has another size.
        """
        pretrained = read_backbone(checkpoint, CLIPVisionModelWithProjection)
        copy_weights(pretrained, self.encoder, checkpoint)

    def _look_at_all(self, canvas: Tensor) -> Tensor:
        """Return CLIP's vector of the whole canvas, (N, P)."""
        image = self.shrink(_resize(canvas, SHRINKING * self.config.image_size))
        vector: Tensor = self.encoder(pixel_values=image).image_embeds
        return vector

    def _look_at_regions(self, images: Tensor) -> Tensor:
        """Return the ResNet's last maps, (M, C, h, w)."""
        maps: Tensor = self.regions.encoder(self.regions.embedder(images)).last_hidden_state
        return maps


def measure_unawareness(shares: Tensor) -> Tensor:
    """Return the region-awareness loss: large if the whole face counts as much as its closest part.

    Args:
        shares: (N, T, scales), the whole face first.

    Returns:
        A scalar: 10 exp(share of the whole - largest share), summed over frames, averaged over
        windows.
    """
    lead = shares.amax(dim=2) - shares[:, :, 0]
    return (AWARENESS_SCALE * torch.exp(-lead)).mean(dim=0).sum()


def _resize(images: Tensor, side: int) -> Tensor:
    """Resize pictures to a square, linearly between the nearest pixels, as the original does."""
    return nn.functional.interpolate(images, size=(side, side), mode="bilinear")


def _make_encoder(config: LipFDConfig) -> CLIPVisionModelWithProjection:
    """Make CLIP's image tower; the text tower is never used."""
    return CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            image_size=config.image_size,
            patch_size=config.patch_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            projection_dim=config.projection_size,
            hidden_act="quick_gelu",
        )
    )
