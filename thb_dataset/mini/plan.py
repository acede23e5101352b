"""Plan the videos of the synthetic release: names, blocks, people and coding."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from thb_dataset.records import (
    EXTRA_GENERATORS,
    TRAINING_GENERATORS,
    Generator,
    RealDataset,
    Split,
)
from thb_dataset.release.names import EXTRA_FOLDER, name_fake_sound, name_real_sound

_ID_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_ID_BEGINNINGS = ("-syn", "syn_", "syn--", "_syn", "syn-", "syn")
_FFHQ_END = 70_000
_SPLIT_FOLDERS = {Split.TRAIN: "train", Split.VALIDATION: "val", Split.TEST: "test"}
_LIST_BLOCKS = {Split.TRAIN: "Train", Split.VALIDATION: "Val", Split.TEST: "Test"}


@dataclass(frozen=True, kw_only=True)
class MiniSize:
    """The number and length of the videos of the synthetic release.

    Attributes:
        train: Fakes of each of the six training generators in ``train``.
        validation: Fakes of each of them in ``val``.
        test: Fakes of each of them in ``test``.
        extra: Test fakes of each generator of ``additional_dataset``.
        real_train: Real videos in ``Train``, about half of them from each real dataset.
        real_validation: Real videos in ``Val``.
        real_test: Real videos in ``Test``.
        official_only: FaceForensics++ videos that only the ``official_ff++`` list names.
        frames: The mean number of frames of a video, at 25 frames per second.
        generators: The number of training generators.
    """

    train: int = 8
    validation: int = 2
    test: int = 5
    extra: int = 4
    real_train: int = 24
    real_validation: int = 8
    real_test: int = 16
    official_only: int = 2
    frames: int = 48
    generators: int = len(TRAINING_GENERATORS)

    @classmethod
    def tiny(cls) -> MiniSize:
        """Return the smallest complete release, for tests: about 30 short videos."""
        return cls(
            train=1,
            validation=1,
            test=1,
            extra=1,
            real_train=4,
            real_validation=2,
            real_test=4,
            official_only=1,
            frames=24,
        )

    @classmethod
    def pair(cls) -> MiniSize:
        """Return one fake and one real training video, to check that a detector trains."""
        none = dict.fromkeys(
            ("validation", "test", "extra", "real_validation", "real_test", "official_only"), 0
        )
        return cls(**none, train=1, real_train=1, generators=1)

    def fakes(self, split: Split) -> int:
        """Return the number of fakes per generator in a block."""
        sizes = {Split.TRAIN: self.train, Split.VALIDATION: self.validation, Split.TEST: self.test}
        return sizes[split]

    def reals(self, split: Split) -> int:
        """Return the number of real videos in a block."""
        sizes = (self.real_train, self.real_validation, self.real_test)
        return sizes[tuple(Split).index(split)]


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One video to make.

    Attributes:
        path: The POSIX path of the video, from the folder that holds ``hub`` and ``real_videos``.
        audio: The POSIX path of its WAV file, from the same folder.
        generator: The generator whose flaws it has; None for a real video.
        person: The name from which the face is drawn.
        driver: The name from which the movement and the voice are drawn.
        frames: The number of frames.
        bit_rate: The bit rate of the pictures, in bits per second.
        grain: The noise of the camera, in grey levels.
    """

    path: str
    audio: str
    generator: Generator | None
    person: str
    driver: str
    frames: int
    bit_rate: int
    grain: float


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The whole synthetic release before it is drawn.

    Attributes:
        clips: Every video, the fakes first.
        split_list: The content of ``real/real_dataset_split.json``.
        official_list: The content of ``real/real_dataset_split_official_ff++.json``.
    """

    clips: tuple[Clip, ...]
    split_list: Mapping[str, Mapping[str, list[str]]]
    official_list: Mapping[str, Mapping[str, list[str]]]


@dataclass(frozen=True, kw_only=True)
class _Cast:
    """The people of one block; no name is in two blocks.

    The i-th portrait shows the same face as the i-th real video, but not in the test block. With
    different faces in training, a detector could tell the few real faces from the few fake ones
    without looking for flaws. In the test block the same faces would spoil P2: its training knows
    the faces of the test fakes, and would hold the real videos of these faces to be fake as well.
    """

    split: Split
    portraits: Sequence[str]
    drivers: Sequence[str]
    numbers: Sequence[str]
    official_numbers: Sequence[str]

    def face_of_portrait(self, index: int) -> str:
        """Return the name from which the face of a portrait is drawn."""
        return f"{self.split}/portrait {index}" if self.split is Split.TEST else self.face(index)

    def face(self, index: int) -> str:
        """Return the name from which the face of a real video is drawn."""
        return f"{self.split}/{index}"


def chance(seed: int, *names: str) -> np.random.Generator:
    """Return the random generator of a seed and names, which is the same on every machine."""
    text = "/".join((str(seed), *names))
    return np.random.default_rng(list(hashlib.sha256(text.encode()).digest()))


def make_plan(seed: int, size: MiniSize) -> Plan:
    """Choose the names and blocks of a synthetic release.

    Blocks share no portraits and no drivers. A driver moves fakes of every generator and is itself
    a real CelebV-HQ video of the same block. The coding of all videos is drawn from one
    distribution, spread evenly over each group of real or fake videos, so that it says nothing
    about the label.

    Args:
        seed: The seed of all random numbers.
        size: The number and length of the videos.
    """
    casts = _cast(seed, size)
    clips: list[Clip] = []
    for split, cast in casts.items():
        for generator in TRAINING_GENERATORS[: size.generators]:
            names = list(_fake_names(generator, split, cast, size))
            clips += _coded(seed, size, generator, names)
    for generator in EXTRA_GENERATORS:
        clips += _coded(seed, size, generator, list(_extra_names(generator, casts, size)))
    for cast in casts.values():
        clips += _coded(seed, size, None, list(_real_names(cast)))
    return Plan(
        clips=tuple(clips),
        split_list=_split_list(casts, official=False),
        official_list=_split_list(casts, official=True),
    )


def _cast(seed: int, size: MiniSize) -> dict[Split, _Cast]:
    rng = chance(seed, "names")
    portraits = iter(rng.permutation(np.arange(_FFHQ_END, 100_000)).tolist())
    numbers = iter(rng.permutation(1000).tolist())
    casts = {}
    for split in Split:
        reals = size.reals(split)
        official = size.official_only if split is Split.TRAIN else size.official_only // 2
        casts[split] = _Cast(
            split=split,
            portraits=[f"{next(portraits):05d}" for _ in range(reals)],
            drivers=[_draw_driver(rng, index) for index in range((reals + 1) // 2)],
            numbers=[f"{next(numbers):03d}" for _ in range(reals // 2)],
            official_numbers=[f"{next(numbers):03d}" for _ in range(official)],
        )
    return casts


def _draw_driver(rng: np.random.Generator, index: int) -> str:
    """Make the name of a CelebV-HQ clip: an id of 11 characters, ``_`` and a number."""
    name = _ID_BEGINNINGS[min(index, len(_ID_BEGINNINGS) - 1)]
    name += "".join(rng.choice(list(_ID_LETTERS), 11 - len(name)))
    return f"{name}_{rng.integers(40)}"


def _fake_names(
    generator: Generator, split: Split, cast: _Cast, size: MiniSize
) -> Iterator[tuple[str, str, str, str]]:
    """Yield path, audio, person and driver of one generator's fakes in a block."""
    turn = TRAINING_GENERATORS.index(generator)
    for index in range(size.fakes(split)):
        person = (index + 3 * turn) % len(cast.portraits)
        driver = cast.drivers[(index + turn) % len(cast.drivers)]
        # The names of the benchmark have lost a driver's leading dash, so these lose it, too.
        stem = f"{cast.portraits[person]}--{driver.removeprefix('-')}--{generator}"
        path = f"hub/fake/{generator}/{_SPLIT_FOLDERS[split]}/{stem}.mp4"
        yield path, f"hub/{name_fake_sound(stem)}", cast.face_of_portrait(person), driver


def _extra_names(
    generator: Generator, casts: Mapping[Split, _Cast], size: MiniSize
) -> Iterator[tuple[str, str, str, str]]:
    cast = casts[Split.TEST]
    for index in range(size.extra):
        person = index % len(cast.portraits)
        portrait = cast.portraits[person]
        driver = cast.drivers[(index + 1) % len(cast.drivers)]
        stem = f"{portrait}-{driver}" if generator is Generator.HALLO3 else portrait
        path = f"hub/fake/{EXTRA_FOLDER}/{generator}/{stem}.mp4"
        yield path, f"hub/{name_fake_sound(stem)}", cast.face_of_portrait(person), driver


def _real_names(cast: _Cast) -> Iterator[tuple[str, str, str, str]]:
    for person, driver in enumerate(cast.drivers):
        path = f"real_videos/{RealDataset.CELEBV_HQ}/{driver}.mp4"
        audio = f"hub/{name_real_sound(RealDataset.CELEBV_HQ, driver)}"
        yield path, audio, cast.face(person), driver
    folder = f"real_videos/{RealDataset.FACEFORENSICS}/original_sequences/youtube/c23/videos"
    numbers = (*cast.numbers, *cast.official_numbers)
    for person, number in enumerate(numbers, start=len(cast.drivers)):
        path = f"{folder}/{number}.mp4"
        audio = f"hub/{name_real_sound(RealDataset.FACEFORENSICS, number)}"
        yield path, audio, cast.face(person), f"youtube/{number}"


def _coded(
    seed: int,
    size: MiniSize,
    generator: Generator | None,
    names: Sequence[tuple[str, str, str, str]],
) -> list[Clip]:
    """Give each video of a group its length, bit rate and grain, spread evenly over the group."""
    if not names:
        return []
    rng = chance(seed, "coding", names[0][0])
    ranks = np.stack([rng.permutation(len(names)) for _ in range(3)], axis=1)
    spread = (ranks + rng.random(ranks.shape)) / len(names)
    return [
        Clip(
            path=path,
            audio=audio,
            generator=generator,
            person=person,
            driver=driver,
            frames=round(size.frames * (0.88 + 0.24 * length)),
            bit_rate=round(450_000 * 1.8**rate),
            grain=1 + grain,
        )
        for (path, audio, person, driver), (length, rate, grain) in zip(names, spread, strict=True)
    ]


def _split_list(casts: Mapping[Split, _Cast], *, official: bool) -> dict[str, dict[str, list[str]]]:
    blocks = {}
    for split, cast in casts.items():
        numbers = [*cast.numbers, *(cast.official_numbers if official else ())]
        blocks[_LIST_BLOCKS[split]] = {
            RealDataset.FACEFORENSICS.value: [f"{number}.mp4" for number in sorted(numbers)],
            RealDataset.CELEBV_HQ.value: [f"{driver}.mp4" for driver in sorted(cast.drivers)],
        }
    return blocks
