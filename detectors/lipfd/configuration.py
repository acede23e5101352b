"""LipFD's settings: CLIP over frames and sound together, a ResNet over three crops per frame."""

from __future__ import annotations

from typing import Any, Final, Literal, get_args

from detectors.base import DetectorConfig
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError

Regions = Literal["official", "per_frame"]

OFFICIAL_CLIP: Final = ClipSpec(
    clips=10,
    frames=5,
    sampling="consecutive",
    spare_frames=1,
    start_wrap=256,
    crop="full",
    resample="opencv",
    size=500,
    sound="mel",
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
    colour="BGR",
    value_range="byte",
    aggregation="mean_probability",
)
"""Ten windows of five neighbouring whole frames below their part of the mel spectrogram, raw BGR
bytes. The authors store the starts of the windows in a byte. They do not say how windows become a
score; the mean of their probabilities is this benchmark's rule."""


class LipFDConfig(DetectorConfig):
    """The settings of :class:`~detectors.lipfd.modeling.LipFD`; the defaults: ViT-L/14, ResNet-50.

    Attributes:
        regions: ``official``: the region branch sees the first frame five times, moved by 0 to 4
            pixels, as in the code that made the published weights. ``per_frame``: it sees the five
            frames, as in the paper.
        image_size: The side of CLIP's input in pixels; the canvas is resized to five times that.
        patch_size: The side of CLIP's patches in pixels.
        hidden_size: CLIP's channels.
        intermediate_size: The channels inside CLIP's MLPs.
        layers: The number of CLIP's blocks.
        heads: The number of CLIP's attention heads.
        projection_size: The length of CLIP's vector.
        region_size: The side of the ResNet's input in pixels.
        region_crops: The first and last pixel of each middle part, within ``region_size``; the
            region branch sees these parts besides the whole frame.
        stem_width: The channels after the ResNet's first convolution.
        widths: The channels of the ResNet's four stages.
        depths: The layers of the ResNet's four stages.
        region_weight: The weight of the region-awareness loss; the cross-entropy has weight 1.
        freeze_encoder: Whether CLIP keeps its weights in training. None: only if they are
            pretrained (``backbone_checkpoint``) or converted (``source_checksum``).
    """

    model_type = "thb_lipfd"
    default_clip = OFFICIAL_CLIP

    regions: str = "official"
    image_size: int = 224
    patch_size: int = 14
    hidden_size: int = 1024
    intermediate_size: int = 4096
    layers: int = 24
    heads: int = 16
    projection_size: int = 768
    region_size: int = 224
    region_crops: tuple[tuple[int, int], ...] | list[list[int]] = ((28, 196), (61, 163))
    stem_width: int = 64
    widths: tuple[int, ...] | list[int] = (256, 512, 1024, 2048)
    depths: tuple[int, ...] | list[int] = (3, 4, 6, 3)
    region_weight: float = 1.0
    freeze_encoder: bool | None = None

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Refuse clips without sound, and unknown ways to look at regions.

        Raises:
            DetectorError: A setting is impossible.
        """
        super().__post_init__(**kwargs)
        if self.regions not in get_args(Regions):
            raise DetectorError(
                f"LipFD: regions={self.regions!r} is not one of {', '.join(get_args(Regions))}"
            )
        if self.clip_spec.sound != "mel":
            raise DetectorError("LipFD needs sound: set clip.sound to 'mel'")

    @property
    def encoder_is_frozen(self) -> bool:
        """Whether CLIP keeps its weights in training."""
        if self.freeze_encoder is None:
            return self.backbone_checkpoint is not None or self.source_checksum is not None
        return self.freeze_encoder
