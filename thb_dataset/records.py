"""The records of the benchmark: videos, their labels, splits, generators and real datasets."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Self

from thb_dataset.errors import ProtocolError
from thb_dataset.wording import suggest


class Label(IntEnum):
    """The label of a video; 1 is fake everywhere: in files, in models and in scores."""

    REAL = 0
    FAKE = 1


class Split(StrEnum):
    """A split of a protocol or a block of the release, whose folders say ``val``."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class RealDataset(StrEnum):
    """The datasets from which the real videos come."""

    FACEFORENSICS = "FaceForensics++"
    CELEBV_HQ = "CelebV-HQ"


class Generator(StrEnum):
    """The talking-head generators, spelled like the folders of the release."""

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
        """The name in configs, splits and file names: lower case, only ``[a-z0-9_]``."""
        return re.sub(r"\W", "_", self.value.lower())

    @classmethod
    def parse(cls, name: str) -> Self:
        """Return the generator of a name in any spelling of the release, the paper or its page.

        Raises:
            ProtocolError: There is no such generator; the message lists those that exist.
        """
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        plain = _ALIASES.get(plain, plain)
        for generator in cls:
            if re.sub(r"[^a-z0-9]", "", generator.value.lower()) == plain:
                return generator
        hint = suggest(name, cls)
        known = f"known: {', '.join(cls)}"
        raise ProtocolError(f"unknown generator {name!r}; {f'{hint} ' if hint else ''}{known}")


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
"""The six generators with train, validation and test videos."""

EXTRA_GENERATORS = (Generator.MAGI_1, Generator.HALLO3)
"""The generators of ``fake/additional_dataset``, which have only test videos."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Video:
    """One video of the release, fake or real, whether or not its file is available.

    Attributes:
        video_id: Unique in a release: ``<Generator>/<stem>`` or ``<RealDataset>/<stem>``.
        label: Fake or real.
        path: The POSIX path of a fake in the release; ``<RealDataset>/<name>.mp4`` for a real
            video, whose file the user brings.
        release_split: The block of the release that holds it; TEST for the extra generators.
        generator: The generator that made it; None for a real video.
        portrait: The FFHQ number of the face shown; None if the name does not tell.
        driver: The CelebV-HQ clip that moves the face; None if the name does not tell.
        real_dataset: The dataset from which a real video comes; None for a fake.
        audio: The POSIX path of its WAV file in the release; None if there is none.
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
