"""TALL's settings: the Swin-B of the paper, and the clips of its two published trainings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from detectors.base import DetectorConfig
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError

OFFICIAL_CLIP: Final = ClipSpec(
    clips=8,
    frames=4,
    sampling="consecutive",
    crop="box",
    resample="pillow",
    # Their square is 1.3 times dlib's box, whose place on the face is another one than that of our
    # finder's box. Measured on 88 frames of 12 real clips, leaving one clip out each time, this
    # square overlaps theirs by 0.80 (intersection over union), and 1.3 times our box by 0.66.
    margin=1.05,
    shift=(-0.024, 0.042),
    size=112,
    aggregation="mean_logit",
)
"""The authors' clips: 8 of 4 neighbouring frames, 112 pixels, and of the face about the square that
they cut; the logits of the clips are averaged."""

BENCH_CLIP: Final = replace(
    OFFICIAL_CLIP,
    sampling="uniform",
    crop="aligned",
    resample="opencv",
    margin=1.3,
    shift=(0.0, 0.0),
    cut_size=256,
    size=224,
    aggregation="mean_probability",
)
"""DeepfakeBench's clips: 32 frames spread over the video, cut into 8 clips of 4, aligned faces of
256 pixels resized to 224. It scores clips alone; the mean of their probabilities is this
benchmark's rule."""

CLIPS: Final = {"official": OFFICIAL_CLIP, "deepfakebench": BENCH_CLIP}


class TALLConfig(DetectorConfig):
    """The settings of :class:`~detectors.tall.modeling.TALL`; the defaults are TALL-Swin.

    Attributes:
        image_size: The side in pixels of the thumbnail, and of the frames before they are shrunk.
        rows: The number of rows and of columns of the thumbnail, which holds ``rows ** 2`` frames.
            Shorter clips are filled up with empty frames, by less than one row.
        patch_size: The side of a patch in pixels.
        embed_dim: The channels of the first stage; each stage doubles them.
        depths: The number of blocks of each stage.
        num_heads: The number of attention heads of each stage.
        window: The side of the attention windows in tokens; a stage with fewer tokens per side
            attends to all of them.
        drop_path: The stochastic depth of the last block in training; it is lower for earlier
            blocks.
        label_smoothing: The share of a label that goes to both classes evenly in the loss.
    """

    model_type = "thb_tall"
    default_clip = OFFICIAL_CLIP

    image_size: int = 224
    rows: int = 2
    patch_size: int = 4
    embed_dim: int = 128
    depths: tuple[int, ...] | list[int] = (2, 2, 18, 2)
    num_heads: tuple[int, ...] | list[int] = (4, 8, 16, 32)
    window: int = 14
    drop_path: float = 0.1
    label_smoothing: float = 0.1

    def __post_init__(self, **kwargs: Any) -> None:  # noqa: ANN401 — transformers passes the rest on
        """Refuse a thumbnail that cannot be laid out.

        Raises:
            DetectorError: Frames, rows or sizes do not fit together.
        """
        super().__post_init__(**kwargs)
        frames, most = self.clip_spec.frames, self.rows**2
        if not most - self.rows < frames <= most:
            raise DetectorError(
                f"TALL: {frames} frames do not fill {self.rows} x {self.rows} places"
            )
        whole = self.patch_size * 2 ** (len(self.depths) - 1)
        if self.image_size % whole or self.image_size % self.rows:
            raise DetectorError(
                f"TALL: image_size={self.image_size} is not a multiple of {whole} and {self.rows}"
            )
