"""What the paper says the release holds.

Source: TalkingHeadBench (Xiong et al.), the table of generators with its train and test counts,
and the text's counts of real videos. Hallo3 came after the first version, with test videos only.
The table knows no validation videos: about 50 of each generator's lie in ``val`` and are
counted there under train or under test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from thb_dataset.records import Generator, RealDataset
from thb_dataset.split_list import SplitList


@dataclass(frozen=True, slots=True)
class PublishedCount:
    """Videos of one generator, and how the table divides them."""

    total: int
    train: int
    test: int

    def agrees(self, *, train: int, validation: int, test: int) -> bool:
        """Say whether counts are these, the validation videos being on either side."""
        return train + validation + test == self.total and (
            (train, test + validation) == (self.train, self.test)
            or (train + validation, test) == (self.train, self.test)
        )


PUBLISHED_FAKES: Mapping[Generator, PublishedCount] = MappingProxyType(
    {
        Generator.HALLO: PublishedCount(420, 303, 117),
        Generator.HALLO2: PublishedCount(432, 327, 105),
        Generator.ANIPORTRAIT_AUDIO: PublishedCount(542, 396, 146),
        Generator.ANIPORTRAIT_VIDEO: PublishedCount(422, 314, 108),
        Generator.LIVEPORTRAIT: PublishedCount(529, 352, 177),
        Generator.EMOPORTRAIT: PublishedCount(573, 381, 192),
        Generator.MAGI_1: PublishedCount(66, 0, 66),
        Generator.HALLO3: PublishedCount(10, 0, 10),
    }
)

PUBLISHED_REALS: Mapping[SplitList, Mapping[RealDataset, int]] = MappingProxyType(
    {
        SplitList.DEFAULT: {RealDataset.FACEFORENSICS: 704, RealDataset.CELEBV_HQ: 1608},
        SplitList.OFFICIAL_FF: {RealDataset.FACEFORENSICS: 1000, RealDataset.CELEBV_HQ: 1608},
    }
)
