"""The counts of the release's videos that the paper gives.

Source: TalkingHeadBench (Xiong et al.), the table of generators with its train and test counts,
and the counts of real videos in the text. Hallo3 came after the first version, with test videos
only. The table has no validation videos: about 50 videos of each generator lie in ``val``, and the
table counts them as train or as test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from thb_dataset.records import Generator, RealDataset
from thb_dataset.release.split_lists import SplitList


@dataclass(frozen=True, slots=True)
class PublishedCount:
    """One row of the table of generators.

    Attributes:
        total: The number of videos.
        train: The number of train videos among them.
        test: The number of test videos among them.
        removed: The share of generated videos that curation removed; None if it is not given.
        artifacts: The faults of the removed videos.
    """

    total: int
    train: int
    test: int
    removed: float | None = None
    artifacts: tuple[str, ...] = ()

    def agrees(self, *, train: int, validation: int, test: int) -> bool:
        """Say whether counts equal these, with the validation videos counted on either side."""
        return train + validation + test == self.total and (
            (train, test + validation) == (self.train, self.test)
            or (train + validation, test) == (self.train, self.test)
        )


PUBLISHED_FAKES: Mapping[Generator, PublishedCount] = MappingProxyType(
    {
        Generator.HALLO: PublishedCount(
            420,
            303,
            117,
            0.42,
            (
                "lip sync error",
                "hair artifacts",
                "occlusion error",
                "background warping",
            ),
        ),
        Generator.HALLO2: PublishedCount(
            432,
            327,
            105,
            0.6,
            (
                "lip sync error",
                "hair artifacts",
                "occlusion error",
                "background warping",
            ),
        ),
        Generator.ANIPORTRAIT_AUDIO: PublishedCount(
            542,
            396,
            146,
            0.667,
            (
                "lip sync error",
                "inconsistent head movement",
                "teeth/pupil anomalies",
            ),
        ),
        Generator.ANIPORTRAIT_VIDEO: PublishedCount(
            422,
            314,
            108,
            0.8,
            (
                "extreme face/background warping",
                "occlusion errors",
                "hair artifacts",
            ),
        ),
        Generator.LIVEPORTRAIT: PublishedCount(
            529,
            352,
            177,
            0.6,
            (
                "face distortion",
                "inconsistent head movement",
                "occlusion error",
            ),
        ),
        Generator.EMOPORTRAIT: PublishedCount(
            573,
            381,
            192,
            0.5,
            (
                "floating head",
                "edge anomalies",
                "spatial inconsistencies",
            ),
        ),
        Generator.MAGI_1: PublishedCount(66, 0, 66, 0.18, ("face/background warping",)),
        Generator.HALLO3: PublishedCount(10, 0, 10),
    }
)

PUBLISHED_REALS: Mapping[SplitList, Mapping[RealDataset, int]] = MappingProxyType(
    {
        SplitList.DEFAULT: {RealDataset.FACEFORENSICS: 704, RealDataset.CELEBV_HQ: 1608},
        SplitList.OFFICIAL_FF: {RealDataset.FACEFORENSICS: 1000, RealDataset.CELEBV_HQ: 1608},
    }
)
