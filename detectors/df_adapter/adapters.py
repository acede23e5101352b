"""The parts that DeepFake-Adapter adds to a ViT: bottlenecks, a convolutional view, exchanges."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

NORM_EPSILON = 1e-6


class BottleneckAdapter(nn.Module):
    """The globally aware adapter: a small MLP beside a block's own."""

    def __init__(self, width: int, bottleneck: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, bottleneck)
        self.up = nn.Linear(bottleneck, width)
        self.scale = nn.Parameter(torch.ones(1))

    def initialise(self) -> None:
        """Set weights with which it adds zero."""
        nn.init.kaiming_uniform_(self.down.weight, a=math.sqrt(5))
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return what is added to the tokens (N, L, C)."""
        added: Tensor = self.scale * self.up(self.down(tokens).relu())
        return added


class SpatialPrior(nn.Module):
    """Three convolutional maps of the picture, at 1/8, 1/16 and 1/32 of its side."""

    def __init__(self, width: int, channels: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            _make_step(3, width, stride=2),
            _make_step(width, width, stride=1),
            _make_step(width, width, stride=1),
            nn.MaxPool2d(3, stride=2, padding=1),
        )
        widths = (width, 2 * width, 4 * width, 4 * width)
        self.steps = nn.ModuleList([_make_step(*pair, stride=2) for pair in pairwise(widths)])
        self.projections = nn.ModuleList([nn.Conv2d(each, channels, 1) for each in widths[1:]])
        self.levels = nn.Parameter(torch.zeros(len(self.steps), channels))

    def initialise(self) -> None:
        """Draw kernels as the original does, and the levels from a standard normal."""
        nn.init.normal_(self.levels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, S, S) to the tokens of all maps, row by row, one map after the other."""
        features = self.stem(images)
        tokens: list[Tensor] = []
        for step, projection, level in zip(self.steps, self.projections, self.levels, strict=True):
            features = step(features)
            tokens.append(projection(features).flatten(2).transpose(1, 2) + level)
        return torch.cat(tokens, dim=1)


class CrossAttention(nn.Module):
    """Attention in which one side asks and the other answers; both are normalised first."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.query_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.answer_norm = nn.LayerNorm(width, eps=NORM_EPSILON)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)

    def initialise(self) -> None:
        """Draw the output projection as the original does, which is how PyTorch draws the input."""
        nn.init.xavier_uniform_(self.attention.out_proj.weight)
        nn.init.zeros_(self.attention.out_proj.bias)

    def forward(self, asking: Tensor, answering: Tensor) -> Tensor:
        """Return the answer (N, Q, C) of (N, L, C) to (N, Q, C), which is added to what asked."""
        source = self.answer_norm(answering)
        answer: Tensor = self.attention(
            self.query_norm(asking), source, source, need_weights=False
        )[0]
        return answer


class Interaction(nn.Module):
    """The locally aware adapter of one stage of the transformer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.injector = CrossAttention(width, heads)
        self.extractor = CrossAttention(width, heads)
        self.gamma = nn.Parameter(torch.zeros(width))

    def inject(self, tokens: Tensor, prior: Tensor) -> Tensor:
        """Return the transformer's tokens with what the picture's maps add to them."""
        answer: Tensor = self.injector(tokens, prior)
        return tokens + self.gamma * answer

    def extract(self, prior: Tensor, tokens: Tensor) -> Tensor:
        """Return the picture's maps with what the transformer's tokens add to them."""
        answer: Tensor = self.extractor(prior, tokens)
        return prior + answer


def _make_step(channels_in: int, channels_out: int, *, stride: int) -> nn.Sequential:
    """Make a 3 x 3 convolution with batch normalisation."""
    convolution = nn.Conv2d(channels_in, channels_out, 3, stride=stride, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels_out), nn.ReLU())
