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


class Family(StrEnum):
    """The families of related generators, which the diagnostic protocol holds out together.

    Hallo, Hallo2 and AniPortrait in both modes decode their frames with one autoencoder,
    ``stabilityai/sd-vae-ft-mse``; LivePortrait and EMOPortraits warp a portrait instead.
    """

    HALLO = "hallo-family"
    ANIPORTRAIT = "aniportrait-family"
    SD_VAE = "sd-vae-family"
    WARPING = "warping-family"

    @property
    def slug(self) -> str:
        """The name in splits and file names: lower case, only ``[a-z0-9_]``."""
        return re.sub(r"\W", "_", self.value.removesuffix("-family"))

    @property
    def generators(self) -> tuple[Generator, ...]:
        """The members."""
        return _MEMBERS[self]

    @classmethod
    def parse(cls, name: str) -> Self:
        """Return the family of a name in any spelling, with or without the word "family".

        >>> Family.parse("Hallo-Family") is Family.parse("hallo") is Family.HALLO
        True

        Raises:
            ProtocolError: There is no such family; the message names the nearest one, or those
                that hold the generator of this name.
        """
        plain = re.sub(r"[^a-z0-9]", "", name.lower()).removesuffix("family")
        plain = _FAMILY_ALIASES.get(plain, plain)
        known = {re.sub(r"_", "", family.slug): family for family in cls}
        if plain in known:
            return known[plain]
        raise ProtocolError(_explain_no_family(name, plain))


_MEMBERS = {
    Family.HALLO: (Generator.HALLO, Generator.HALLO2),
    Family.ANIPORTRAIT: (Generator.ANIPORTRAIT_AUDIO, Generator.ANIPORTRAIT_VIDEO),
    Family.SD_VAE: (
        Generator.HALLO,
        Generator.HALLO2,
        Generator.ANIPORTRAIT_AUDIO,
        Generator.ANIPORTRAIT_VIDEO,
    ),
    Family.WARPING: (Generator.LIVEPORTRAIT, Generator.EMOPORTRAIT),
}
_FAMILY_ALIASES = {"sdvaeftmse": "sdvae", "allfour": "sdvae", "warp": "warping"}


def _explain_no_family(name: str, plain: str) -> str:
    """Return why a name is of no family, and which one was perhaps meant."""
    try:
        generator = Generator.parse(name)
    except ProtocolError:
        hint = suggest(plain, [own.slug for own in Family])
        known = "; ".join(f"{own.slug} ({', '.join(own.generators)})" for own in Family)
        return f"unknown family {name!r}; {f'{hint} ' if hint else ''}known: {known}"
    slugs = [family.slug for family in Family if generator in family.generators]
    if not slugs:
        return f"{generator} is never trained on, so no family holds it"
    return f"{generator} is one generator: name a family that holds it, {' or '.join(slugs)}"


HeldOut = Generator | Family
"""What a fold never trains on: one generator, or a family of them."""


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
