"""LipFD's settings: CLIP over frames and sound at once, a ResNet over three crops of each frame."""

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
bytes. The authors keep the windows' starts in a byte. They do not say how windows make a score;
the mean of their probabilities is this benchmark's rule."""


class LipFDConfig(DetectorConfig):
    """Settings of :class:`~detectors.lipfd.modeling.LipFD`: by default ViT-L/14 and ResNet-50.

    Attributes:
        regions: ``official``: the five frames of the region branch are the first frame, moved by
            0 to 4 pixels, as the code does that made the published weights. ``per_frame``: they
            are the five frames, as the paper describes.
        image_size: Side of CLIP's input in pixels; the canvas is brought to five times that.
        patch_size: Side of CLIP's patches.
        hidden_size: CLIP's channels.
        intermediate_size: Channels within its MLPs.
        layers: Its blocks.
        heads: Its attention heads.
        projection_size: Length of its vector.
        region_size: Side of the ResNet's input in pixels.
        region_crops: First and last pixel of the middle parts, within ``region_size``, that are
            looked at beside the whole.
        stem_width: Channels after the ResNet's first convolution.
        widths: Channels of its four stages.
        depths: Layers of its four stages.
        region_weight: Weight of the region-awareness loss beside the cross-entropy.
        freeze_encoder: Leave CLIP as it is in training. None: if it holds pretrained weights
            (``backbone_checkpoint``) or converted ones (``source_checksum``).
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
        """Refuse clips without sound, and ways to look at regions that do not exist.

        Raises:
            DetectorError: What is wrong.
        """
        super().__post_init__(**kwargs)
        if self.regions not in get_args(Regions):
            raise DetectorError(
                f"LipFD: regions={self.regions!r} is none of {', '.join(get_args(Regions))}"
            )
        if self.clip_spec.sound != "mel":
            raise DetectorError("LipFD needs sound: clip.sound must be 'mel'")

    @property
    def encoder_is_frozen(self) -> bool:
        """Whether CLIP keeps its weights in training."""
        if self.freeze_encoder is None:
            return self.backbone_checkpoint is not None or self.source_checksum is not None
        return self.freeze_encoder
