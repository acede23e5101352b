"""Detectors of which a part is trained: what is tuned, and what can be made of the rest once."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

from torch import Tensor, nn

from detectors.base import DetectorConfig
from detectors.lora import add_lora, take_lora
from thb_dataset.errors import DetectorError

Tuned = Literal["head", "layer_norms", "lora", "all"]


class TunedConfig(DetectorConfig):
    """The settings of a detector of which a part is trained.

    Attributes:
        tuned: What a training changes besides the head: nothing (``head``), the layer
            normalisations (``layer_norms``), small matrices beside linear layers (``lora``), or
            ``all``.
        tuned_blocks: Only the last so many blocks, and what follows them, are tuned; None for all.
        lora_rank: The rank of LoRA's matrices.
        lora_alpha: The factor of what they add, times the rank.
        lora_dropout: The share of its input that the addition does not see in training.
        lora_targets: The last part of the names of the layers beside which they stand.
    """

    tuned: str = "all"
    tuned_blocks: int | None = None
    lora_rank: int = 8
    lora_alpha: float = 16.0
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] | list[str] = ("q_proj", "v_proj")

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Refuse impossible settings.

        Raises:
            DetectorError: A setting is impossible.
        """
        super().__post_init__(**kwargs)
        if self.tuned not in get_args(Tuned):
            raise DetectorError(f"tuned={self.tuned!r} is not one of {', '.join(get_args(Tuned))}")
        if self.tuned_blocks is not None and self.tuned_blocks < 0:
            raise DetectorError(f"tuned_blocks={self.tuned_blocks} is below zero")
        if self.lora_rank < 1 or not 0 <= self.lora_dropout < 1:
            raise DetectorError(
                f"lora_rank={self.lora_rank} is below 1, or lora_dropout={self.lora_dropout} not"
                " in 0 to 1"
            )


class Tunable(nn.Module):
    """What a detector inherits besides :class:`~detectors.base.Detector` to be tuned in part.

    ``thb train`` calls :meth:`prepare_training` before a training and :meth:`finish_training`
    after it. Between them only what is tuned needs gradients.

    Attributes:
        backbone_name: The name of the submodule that ``load_backbone`` fills.
    """

    config: TunedConfig
    backbone_name: ClassVar[str] = ""

    def find_tuned(self) -> set[str]:
        """Return the names of the weights that the config's ``tuned`` trains.

        LoRA's own matrices are not among them.
        """
        raise TypeError(f"{type(self).__name__} does not define find_tuned")

    def find_lora_layers(self) -> list[str]:
        """Return the names, in the backbone, of the layers beside which LoRA's matrices stand."""
        raise TypeError(f"{type(self).__name__} does not define find_lora_layers")

    @property
    def has_frozen_front(self) -> bool:
        """Whether :meth:`encode_front` stays the same during a training."""
        return False

    def encode_front(self, pixel_values: Tensor) -> Tensor:
        """Return what the frozen part makes of clips: (N, …), which ``forward`` takes as features.

        A detector with a frozen front takes ``features=`` in ``forward`` in place of the pixels.
        """
        raise TypeError(f"{type(self).__name__} does not define encode_front")

    def prepare_training(self) -> None:
        """Let a training change what is tuned and nothing else.

        Raises:
            DetectorError: LoRA is asked for, and peft is not installed or no layer is named so.
        """
        tuned = self.find_tuned()
        for name, weight in self.named_parameters():
            weight.requires_grad_(name in tuned)
        if self.config.tuned == "lora":
            layers = self.find_lora_layers()
            if not layers:
                raise DetectorError(f"no layer is called {' or '.join(self.config.lora_targets)}")
            add_lora(
                self._get_backbone(),
                layers,
                rank=self.config.lora_rank,
                alpha=self.config.lora_alpha,
                dropout=self.config.lora_dropout,
            )

    def finish_training(self) -> dict[str, Tensor]:
        """Make an ordinary network of it again, and return the tuned weights by their names.

        LoRA's matrices are merged into their layers; they are returned as they were.
        """
        tuned = self.find_tuned()
        small = {name: weight for name, weight in self.state_dict().items() if name in tuned}
        if self.config.tuned == "lora":
            scale = self.config.lora_alpha / self.config.lora_rank
            matrices = take_lora(self._get_backbone(), scale=scale)
            small |= {f"{self.backbone_name}.{name}": value for name, value in matrices.items()}
        return {name: tensor.detach().clone() for name, tensor in small.items()}

    def _get_backbone(self) -> nn.Module:
        return self.get_submodule(self.backbone_name)
