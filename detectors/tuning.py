"""Detectors of which a part is trained: what is tuned, and what can be made of the rest once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

from torch import Tensor, nn

from detectors.base import Detector, DetectorConfig
from detectors.lora import add_lora, take_lora
from detectors.small_weights import Saved, is_at_commit, read_small
from thb_dataset.errors import DetectorError, SettingsError

_HUB_OPTIONS = ("revision", "token", "cache_dir", "local_files_only", "force_download", "subfolder")

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
        saved: Whether the saved weights are ``whole`` or ``small``: only those that are tuned. The
            others are then read from the backbone again.
        backbone_sha256: The digest of the backbone's weights that the training began with; None
            without one, or if the weights cannot be put together from it any more.
    """

    tuned: str = "all"
    tuned_blocks: int | None = None
    lora_rank: int = 8
    lora_alpha: int = 16
    lora_dropout: float = 0.0
    lora_targets: tuple[str, ...] | list[str] = ("q_proj", "v_proj")
    saved: str = "whole"
    backbone_sha256: str | None = None

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Refuse impossible settings.

        Raises:
            DetectorError: A setting is impossible.
        """
        super().__post_init__(**kwargs)
        if self.tuned not in get_args(Tuned):
            raise DetectorError(f"tuned={self.tuned!r} is not one of {', '.join(get_args(Tuned))}")
        if self.saved not in get_args(Saved):
            raise DetectorError(f"saved={self.saved!r} is not one of {', '.join(get_args(Saved))}")
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
        backbone_name: The name of the submodule that ``load_backbone`` fills; that method sets
            ``config.backbone_sha256``.
        lora_matrices: LoRA's matrices, by their names in the backbone, after they were merged.
    """

    config: Any  # a TunedConfig
    backbone_name: ClassVar[str] = ""
    lora_matrices: Mapping[str, Tensor] | None = None

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 — as transformers has it
        """Load weights as every detector does; small ones together with their backbone.

        Raises:
            DetectorError: The backbone cannot be had, or is another one than in the training.
        """
        source = args[0] if args else kwargs["pretrained_model_name_or_path"]
        hub = {name: kwargs[name] for name in _HUB_OPTIONS if kwargs.get(name) is not None}
        config = kwargs.get("config")
        if config is None:
            config = cls.config_class.from_pretrained(source, **hub)  # type: ignore[attr-defined] # the detector's
        if config.saved != "small":
            return super().from_pretrained(*args, **kwargs)  # type: ignore[misc] # the detector's
        model = read_small(cls, str(source), config, hub)
        model.config.name_or_path = str(source)
        kind = kwargs.get("dtype", kwargs.get("torch_dtype"))
        model = model if kind in (None, "auto") else model.to(kind)
        model.eval()
        return (model, {}) if kwargs.get("output_loading_info") else model

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 — as above
        """Save as every detector does; only the tuned weights if ``config.saved`` is small."""
        if self.config.saved == "small":
            kwargs = {"state_dict": self.collect_small(), **kwargs}
        elif self.lora_matrices is not None:
            self.config.backbone_sha256 = None
        super().save_pretrained(*args, **kwargs)  # type: ignore[misc] # the detector's

    def collect_small(self) -> dict[str, Tensor]:
        """Return the tuned weights by their names; of LoRA its matrices, as they were trained."""
        tuned = self.find_tuned()
        small = {name: weight for name, weight in self.state_dict().items() if name in tuned}
        matrices = self.lora_matrices or {}
        return small | {f"{self.backbone_name}.{name}": each for name, each in matrices.items()}

    def explain_whole(self) -> str | None:
        """Return why the weights of a training cannot be saved small; None if they can."""
        if self.config.tuned == "all" and self.config.tuned_blocks is None:
            return "tuned='all' leaves nothing of the backbone as it was"
        if self.config.backbone_sha256 is None:
            return "the weights did not begin with a pretrained backbone that is still in them"
        if self.lora_matrices is not None:
            return "what LoRA changed before is merged into the backbone"
        return None

    def load_backbone(self, checkpoint: str) -> None:
        """Put pretrained weights into the backbone; the detector says how."""
        super().load_backbone(checkpoint)  # type: ignore[misc] # the detector's

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

    def finish_training(self) -> None:
        """Make an ordinary network of it again: LoRA's matrices are merged into their layers."""
        if self.config.tuned == "lora":
            scale = self.config.lora_alpha / self.config.lora_rank
            self.lora_matrices = take_lora(self._get_backbone(), scale=scale)

    def _get_backbone(self) -> nn.Module:
        return self.get_submodule(self.backbone_name)


def choose_saved(detector: Detector, asked: Saved | None) -> Saved:
    """Return whether a training of a detector is to be saved small or whole.

    Args:
        detector: The detector that the training starts from.
        asked: What the user wants; None for small weights where everybody can fetch the backbone.

    Raises:
        SettingsError: Small weights are asked for, and cannot be had.
    """
    reason = f"{type(detector).__name__} is not tuned in part"
    if isinstance(detector, Tunable):
        reason = detector.explain_whole() or ""
    if asked == "small" and reason:
        raise SettingsError(f"--save small: {reason}, so leave it out")
    if asked is not None:
        return asked
    known = is_at_commit(detector.config.backbone_checkpoint)
    return "small" if known and not reason else "whole"
