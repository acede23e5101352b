"""The names of the release's files: portrait, driver and generator of a fake, and WAV files."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import PurePosixPath

from thb_dataset.errors import ProtocolError, ReleaseError
from thb_dataset.records import Generator, RealDataset

EXTRA_FOLDER = "additional_dataset"
"""Folder of ``fake/`` that holds the extra generators."""

_PAIRED = re.compile(r"(?P<portrait>\d{5})--(?P<driver>[\w-]*\w)--(?P<generator>[\w-]*\w)", re.A)
_HALLO3 = re.compile(r"(?P<number>\d+)-(?P<driver>[\w-]*\w)", re.A)
_MAGI_1 = re.compile(r"(?P<number>\d+)", re.A)
_FFHQ_NUMBER = re.compile(r"\d{5}", re.A)


@dataclass(frozen=True, kw_only=True, slots=True)
class FakeName:
    """The parts of a fake's stem.

    Attributes:
        portrait: The FFHQ number, five digits; None if the stem's number has another length.
        driver: The CelebV-HQ clip ``<youtube id>_<n>`` as it is written; None in MAGI-1's stems.
        generator: The generator; None in stems that do not tell it (Hallo3, MAGI-1).
    """

    portrait: str | None
    driver: str | None
    generator: Generator | None


def parse_fake_stem(stem: str, folder: Generator) -> FakeName:
    """Take a fake's stem apart: ``<portrait>--<driver>--<Generator>`` and its two exceptions.

    The portrait is the first five digits and the generator the last part after ``--``. The driver
    stands in between; it may begin with dashes and hold two of them in a row. Hallo3's stems are
    ``<n>-<driver>``, MAGI-1's ``<n>``.

    Args:
        stem: The stem of the file name.
        folder: The generator of the folder that holds the file.

    Raises:
        ReleaseError: The stem has another shape, or names another generator than its folder.
    """
    if folder is Generator.HALLO3:
        pattern, shape = _HALLO3, "<n>-<driver>"
    elif folder is Generator.MAGI_1:
        pattern, shape = _MAGI_1, "<n>"
    else:
        pattern, shape = _PAIRED, "<portrait, five digits>--<driver>--<generator>"
    # The pattern is greedy, so the last "--" of a paired stem is the one before the generator.
    match = pattern.fullmatch(stem)
    if match is None:
        raise ReleaseError(f"names of {folder} have the form {shape}.mp4")
    parts = match.groupdict()
    try:
        named = Generator.parse(parts["generator"]) if "generator" in parts else None
    except ProtocolError as error:
        raise ReleaseError(str(error)) from error
    if named not in (None, folder):
        raise ReleaseError(f"the name says {named}, but the folder {folder}")
    number = parts.get("portrait") or parts["number"]
    return FakeName(
        portrait=number if _FFHQ_NUMBER.fullmatch(number) else None,
        driver=parts.get("driver"),
        generator=named,
    )


def name_fake_sound(stem: str) -> str:
    """Return the path of a fake's WAV in the release.

    Args:
        stem: The stem of the video's file name.
    """
    return f"audio/fake/{stem}.wav"


def name_real_sound(dataset: RealDataset, stem: str) -> str:
    """Return the path of a real video's WAV in the release.

    Args:
        dataset: Where the video comes from.
        stem: The stem of the video's file name.
    """
    folder = "ff++" if dataset is RealDataset.FACEFORENSICS else "fake_celebvhq"
    return f"audio/{folder}/{stem}.wav"


def restore_driver(driver: str, real_clips: Collection[str]) -> str:
    """Restore the leading ``-`` of a driver if the release has lost it.

    Args:
        driver: The driver in the name of a fake.
        real_clips: The stems of the CelebV-HQ clips that the split lists name.

    Returns:
        The driver with a leading ``-`` if only that form is listed as real, else the driver.
    """
    dashed = f"-{driver}"
    return dashed if dashed in real_clips and driver not in real_clips else driver


def leaves_root(path: str) -> bool:
    """Say whether a POSIX path, joined to a folder, could name something outside of it."""
    parts = PurePosixPath(path).parts
    return (
        not parts
        or path.startswith(("/", "~"))
        or ".." in parts
        or "\\" in path
        or "\0" in path
        or re.match(r"[A-Za-z]:", path) is not None
    )
