"""The weights that others have published, where they lie and by which licence; imports no torch.

Those in repos of the Hub, as safetensors, are read by name: they are downloaded, compared with what
is known of them, and converted. All others must be fetched by hand and converted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, kw_only=True)
class PublishedWeights:
    """Weights that the authors of a detector, or others, have published.

    Attributes:
        detector: The registered name, whose converter reads them.
        weights: What they are, in words.
        source: Where they lie, for people: an address, or in words that they lie nowhere.
        licence: The licence of the weights, or what is known of it.
        trained_on: The data that they were trained on.
        megabytes: The size of the download; None where it is not known.
        repo: The repo of the Hub that is read by name; None for weights to be fetched by hand.
        commit: The commit of the repo; None until it is known. Then that of the first download is
            recorded, and later downloads must be of it.
        sha256: The sha256 of each file of the repo that is read; empty until it is known, as above.
        file: The name of the file for ``thb convert``; None if there is nothing to convert.
    """

    detector: str
    weights: str
    source: str
    licence: str
    trained_on: str
    megabytes: int | None = None
    repo: str | None = None
    commit: str | None = None
    sha256: Mapping[str, str] = field(default_factory=dict)
    file: str | None = None

    @property
    def command(self) -> str | None:
        """The line that makes the weights usable after they were fetched by hand, if any does."""
        if self.file is None:
            return None
        return f"thb convert {self.detector} {self.file} --out {self.detector}-official"

    @property
    def size(self) -> str:
        """The size in words."""
        return "size not known" if self.megabytes is None else f"{self.megabytes:,} MB"


def _gend(repo: str, weights: str, licence: str, megabytes: int) -> PublishedWeights:
    return PublishedWeights(
        detector="gend",
        weights=weights,
        source=f"https://huggingface.co/{repo}",
        licence=licence,
        trained_on="FaceForensics++ (layer normalisations and head tuned)",
        megabytes=megabytes,
        repo=repo,
        file="FOLDER",
    )


PUBLISHED: Final[tuple[PublishedWeights, ...]] = (
    _gend("yermandy/GenD_CLIP_L_14", "GenD on CLIP ViT-L/14", "MIT", 1216),
    _gend(
        "yermandy/GenD_DINOv3_L",
        "GenD on DINOv3 ViT-L/16",
        "MIT; the backbone under Meta's DINOv3 License",
        1213,
    ),
    _gend(
        "yermandy/GenD_PE_L",
        "GenD on Perception Encoder L/14",
        "MIT; the backbone under Apache-2.0",
        1264,
    ),
    PublishedWeights(
        detector="caddm",
        weights="CADDM on ResNet-34, EfficientNet-B3 and -B4",
        source="https://drive.google.com/drive/folders/1JNMI4RGssgCOl9t05jkUa6imnw5XR5id",
        licence="not stated for the weights; Apache-2.0 for the code",
        trained_on="FaceForensics++",
        file="efficientnet-b4.pkl",
    ),
    PublishedWeights(
        detector="df_adapter",
        weights="none have been published",
        source="nowhere: train it",
        licence="none stated for the code",
        trained_on="FaceForensics++ in the paper",
        file=None,
    ),
    PublishedWeights(
        detector="lipfd",
        weights="LipFD on CLIP ViT-L/14",
        source="https://drive.google.com/file/d/1NPAcx0QS8N9v_9qUr-51jBaL9kGDT-cp",
        licence="none stated",
        trained_on="AVLips",
        file="ckpt.pth",
    ),
    PublishedWeights(
        detector="tall",
        weights="TALL-Swin of DeepfakeBench; the authors published none",
        source="https://drive.google.com/file/d/1BStEqTzHSszSwDOxAjia_jvc-0O_fHy9",
        licence="CC-BY-NC-4.0",
        trained_on="FaceForensics++ c23; its best checkpoint was chosen on a test set",
        file="tall.pth",
    ),
)
"""What is known of published weights. Of each detector, the first is what its name means."""

FOREIGN_TYPES: Final = MappingProxyType({"GenD": "gend"})
"""The ``model_type`` in the settings of others' repos and folders -> whose converter reads them."""


def find_by_name(name: str) -> PublishedWeights | None:
    """Return the weights on the Hub that a detector's name means; None if it has none there."""
    return next((one for one in PUBLISHED if one.detector == name and one.repo), None)


def find_by_repo(repo: str) -> PublishedWeights | None:
    """Return the weights in a repo of others whose layout is known; None for any other repo."""
    return next((one for one in PUBLISHED if one.repo == repo), None)
