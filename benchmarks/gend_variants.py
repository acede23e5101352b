"""The trainings of GenD that ``benchmarks.gend_on_sample`` compares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

FRAMES = 8
B16: Mapping[str, Any] = {
    "patch_size": 16,
    "hidden_size": 768,
    "layers": 12,
    "heads": 12,
    "intermediate_size": 3072,
}
"""The size of CLIP ViT-B/16; GenD's own default is L/14."""

PLAIN: Mapping[str, Any] = {
    "flip": False,
    "shift_pixels": 0,
    "brightness": 0.0,
    "contrast": 0.0,
    "channel_gain": 0.0,
    "augmentations": [],
    "mixed_precision": "bf16",
    "pairs": False,
    "keep": "last",
    "max_gradient_norm": None,
    "weight_decay": 0.0,
}
PROBE = {**PLAIN, "epochs": 40, "batch_size": 64, "draws_per_video": FRAMES, "learning_rate": 0.02}
TUNING = {**PLAIN, "epochs": 3, "batch_size": 32, "draws_per_video": 2, "learning_rate": 3e-4}
RETUNING = {**TUNING, "epochs": 4, "learning_rate": 1e-3}


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A training of GenD.

    Attributes:
        title: What it is called in the table.
        config: The settings of the detector.
        settings: The settings of the recipe.
        clip: The settings of its clips.
        first: The recipe by which the head alone is trained before; None begins with a random head.
        rendered: Whether the test videos are rendered alike, as by ``thb shortcuts --controlled``.
    """

    title: str
    settings: Mapping[str, Any]
    config: Mapping[str, Any] = field(default_factory=dict)
    clip: Mapping[str, Any] = field(default_factory=dict)
    first: Mapping[str, Any] | None = None
    rendered: bool = False


HEAD = {"tuned": "head", "uniformity_weight": 0.0, "alignment_weight": 0.0}
NORMS = {"tuned": "layer_norms"}
LATE = {**NORMS, "tuned_blocks": 4}
CUT = {"layers": B16["layers"] - 1}
LAST = {**NORMS, **CUT, "tuned_blocks": 2}
REENCODED = {"reencodings": 2}
WARPED = {**REENCODED, "pseudo_fakes": ["warp"]}
WIDE = {"margin": 1.6}
EDGES = {**WIDE, "template": "arcface", "resample": "fine"}
"""The template of GenD is ArcFace's; here the picture's edges are repeated where GenD has black."""

VARIANTS: Mapping[str, Variant] = {
    "probe": Variant(title="frozen probe", config=HEAD, settings=PROBE),
    "probe-probability": Variant(
        title="… mean of probabilities instead of logits",
        config=HEAD,
        settings=PROBE,
        clip={"aggregation": "mean_probability"},
    ),
    "probe-pairs": Variant(title="… pairs", config=HEAD, settings={**PROBE, "pairs": True}),
    "probe-1frame": Variant(
        title="… one frame instead of eight", config=HEAD, settings=PROBE, clip={"clips": 1}
    ),
    "probe-wide": Variant(
        title="… head and neck (1.6), black outside the frame",
        config=HEAD,
        settings=PROBE,
        clip=WIDE,
    ),
    "probe-edges": Variant(
        title="… head and neck (1.6), edges repeated", config=HEAD, settings=PROBE, clip=EDGES
    ),
    "probe-cut": Variant(
        title="… the same, without the encoder's last block",
        config={**HEAD, **CUT},
        settings=PROBE,
        clip=EDGES,
    ),
    "probe-cut-alike": Variant(
        title="… the same, tested on videos rendered alike",
        config={**HEAD, **CUT},
        settings=PROBE,
        clip=EDGES,
        rendered=True,
    ),
    "probe-reencoded": Variant(
        title="… 1.6, edges repeated, random re-encoding",
        config=HEAD,
        settings={**PROBE, **REENCODED},
        clip=EDGES,
    ),
    "probe-warped": Variant(
        title="… the same, warped pseudo-fakes too",
        config=HEAD,
        settings={**PROBE, **WARPED},
        clip=EDGES,
    ),
    "late": Variant(title="LayerNorms of the last four blocks", config=LATE, settings=TUNING),
    "after-probe": Variant(
        title="LayerNorms of the last two blocks, after the probe of 11 blocks",
        config=LAST,
        settings=RETUNING,
        clip=EDGES,
        first=PROBE,
    ),
    "after-pairs": Variant(
        title="… pairs",
        config=LAST,
        settings={**RETUNING, "pairs": True},
        clip=EDGES,
        first=PROBE,
    ),
    "after-ours": Variant(
        title="… pairs, random re-encoding, warped pseudo-fakes",
        config=LAST,
        settings={**RETUNING, "pairs": True, **WARPED},
        clip=EDGES,
        first={**PROBE, **WARPED},
    ),
    "after-lora": Variant(
        title="LoRA in the last two blocks, after the probe of 11 blocks",
        config={**LAST, "tuned": "lora"},
        settings=RETUNING,
        clip=EDGES,
        first=PROBE,
    ),
    "norms": Variant(title="all LayerNorms", config=NORMS, settings=TUNING),
    "norms-pairs": Variant(title="… pairs", config=NORMS, settings={**TUNING, "pairs": True}),
}

HALVED = ("probe-edges", "probe-cut")
"""The trainings that are also measured with one generator left out and half of the reals."""
