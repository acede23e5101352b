"""Relate two videos by their names, without looking at their faces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from thb_dataset.records import RealDataset, Video

Indices = npt.NDArray[np.int64]

_CELEBV_CLIP: Final = re.compile(r"(?P<source>.+)_\d+")


class Relation(StrEnum):
    """The relation of two videos by their names."""

    NONE = "none"
    SAME_NAME = "same name"
    OWN_DRIVER = "own driver"
    SAME_DRIVER = "same driver"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """A video in a split, and the people in it by its name.

    Attributes:
        video_id: The unique id of the video.
        split: The split, such as ``train``.
        shows: The portrait of a fake, or the source of a real video; None if the name does not
            tell.
        driver: The source of the clip that moves a fake; None for a real video, or if the name
            does not tell.
    """

    video_id: str
    split: str
    shows: str | None
    driver: str | None


def describe_subject(video: Video, split: str) -> Subject:
    """Return whom a video shows and who moves it, by its name.

    Clips cut from one CelebV-HQ source share the id of the source, so they count as one person.

    Args:
        video: The video.
        split: Its split.
    """
    if video.real_dataset is None:
        shows = None if video.portrait is None else f"portrait {video.portrait}"
        driver = None if video.driver is None else _name_source(video.driver)
        return Subject(video_id=video.video_id, split=split, shows=shows, driver=driver)
    stem = video.video_id.rpartition("/")[2]
    if video.real_dataset is RealDataset.CELEBV_HQ:
        return Subject(video_id=video.video_id, split=split, shows=_name_source(stem), driver=None)
    shows = f"{video.real_dataset.value} {stem}"
    return Subject(video_id=video.video_id, split=split, shows=shows, driver=None)


def _name_source(clip: str) -> str:
    match = _CELEBV_CLIP.fullmatch(clip)
    # A fake's name may have lost the leading "-" of its driver, so it is left out here.
    return f"CelebV-HQ {(match['source'] if match else clip).lstrip('-')}"


@dataclass(frozen=True)
class NameCodes:
    """The names of N videos as numbers, by which blocks of pairs are related at once.

    Attributes:
        shows: int64 (N,), the person whom a video shows; -1 if its name does not tell.
        drivers: int64 (N,), its driver, numbered in the same way.
    """

    shows: npt.NDArray[np.int64]
    drivers: npt.NDArray[np.int64]

    @classmethod
    def of(cls, subjects: Sequence[Subject]) -> NameCodes:
        """Number the names of videos."""
        both = [*(s.shows for s in subjects), *(s.driver for s in subjects)]
        codes = number_values(both)
        codes[[name is None for name in both]] = -1
        return cls(shows=codes[: len(subjects)], drivers=codes[len(subjects) :])

    def relate(self, rows: slice | Indices, columns: slice | Indices) -> npt.NDArray[np.int8]:
        """Relate every video of some rows to every video of some columns.

        Returns:
            int8 (rows, columns), the index of each relation in ``Relation``.
        """
        return _relate(
            self.shows[rows][:, None],
            self.drivers[rows][:, None],
            self.shows[columns][None, :],
            self.drivers[columns][None, :],
        )

    def relate_pairs(self, a: Indices, b: Indices) -> npt.NDArray[np.int8]:
        """Relate each video of ``a`` to its counterpart in ``b``, as int8 (pairs,)."""
        return _relate(self.shows[a], self.drivers[a], self.shows[b], self.drivers[b])


def _relate(
    a_shows: Indices, a_driver: Indices, b_shows: Indices, b_driver: Indices
) -> npt.NDArray[np.int8]:
    order = list(Relation)
    relation = np.where(
        (a_driver == b_driver) & (a_driver >= 0), order.index(Relation.SAME_DRIVER), 0
    )
    own = ((a_driver == b_shows) & (a_driver >= 0)) | ((b_driver == a_shows) & (a_shows >= 0))
    relation[own] = order.index(Relation.OWN_DRIVER)
    relation[(a_shows == b_shows) & (a_shows >= 0)] = order.index(Relation.SAME_NAME)
    return relation.astype(np.int8)


def number_values(values: Sequence[str | None]) -> Indices:
    """Return equal numbers for equal values, from 0 in the order of their first appearance."""
    known: dict[str | None, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)
