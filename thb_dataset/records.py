"""What the benchmark is made of: videos, the generators that made them, and their labels."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Self

from thb_dataset.errors import ProtocolError


class Label(IntEnum):
    """1 is fake, everywhere: in files, in models and in scores."""

    REAL = 0
    FAKE = 1


class Split(StrEnum):
    """A block of the release. Its folders call the middle one ``val``."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class RealDataset(StrEnum):
    """Where the real videos come from."""

    FACEFORENSICS = "FaceForensics++"
    CELEBV_HQ = "CelebV-HQ"


class Generator(StrEnum):
    """The talking-head generators, spelled as the release's folders spell them."""

    HALLO = "Hallo"
    HALLO2 = "Hallo2"
    ANIPORTRAIT_AUDIO = "AniPortraitAudio"
    ANIPORTRAIT_VIDEO = "AniPortraitVideo"
    LIVEPORTRAIT = "LivePortrait"
    EMOPORTRAIT = "EmoPortrait"
    MAGI_1 = "MAGI-1"
    HALLO3 = "Hallo3"

    @property
    def slug(self) -> str:
        """The name in configs, splits and file names: lower case, ``[a-z0-9_]`` only."""
        return re.sub(r"\W", "_", self.value.lower())

    @classmethod
    def parse(cls, name: str) -> Self:
        """Accept any spelling seen in the release, the paper or its page.

        Raises:
            ProtocolError: No generator has this name; the message lists those that exist.
        """
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        plain = _ALIASES.get(plain, plain)
        for generator in cls:
            if re.sub(r"[^a-z0-9]", "", generator.value.lower()) == plain:
                return generator
        raise ProtocolError(f"unknown generator {name!r}; known: {', '.join(cls)}")


_ALIASES = {
    "emoportraits": "emoportrait",
    "aniaudio": "aniportraitaudio",
    "anivideo": "aniportraitvideo",
    "magi": "magi1",
}

TRAINING_GENERATORS = (
    Generator.HALLO,
    Generator.HALLO2,
    Generator.ANIPORTRAIT_AUDIO,
    Generator.ANIPORTRAIT_VIDEO,
    Generator.LIVEPORTRAIT,
    Generator.EMOPORTRAIT,
)
"""The six generators that have train, validation and test videos."""

EXTRA_GENERATORS = (Generator.MAGI_1, Generator.HALLO3)
"""The generators of ``fake/additional_dataset``: test only."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Video:
    """One video of the release, fake or real, whether its file is at hand or not.

    Attributes:
        video_id: Unique in a release: ``<Generator>/<stem>`` or ``<RealDataset>/<stem>``.
        label: Fake or real.
        path: Posix path in the release for a fake; ``<RealDataset>/<name>.mp4`` for a real
            video, whose file the user brings.
        release_split: The block that the release puts it in; TEST for the extra generators.
        generator: Which generator made it; None for a real video.
        portrait: FFHQ number of the face shown; None where the name does not tell.
        driver: CelebV-HQ clip that moves the face; None where the name does not tell.
        real_dataset: Where a real video comes from; None for a fake.
        audio: Posix path of the release's WAV for it, if there is one.
    """

    video_id: str
    label: Label
    path: str
    release_split: Split
    generator: Generator | None = None
    portrait: str | None = None
    driver: str | None = None
    real_dataset: RealDataset | None = None
    audio: str | None = None
