"""Which real videos may stand beside a fake in a batch: the one that moves its face, or kin of it.

A fake that is always seen beside the real video that it was made from leaves nothing else to learn
than how it was made (Yermakov et al., WACV 2026). The release tells the driver of most fakes by
name, but few drivers are among the training reals. So the next of kin stands in: another clip cut
from the same source video, if there is one, and otherwise any real. Those are drawn evenly, so that
an epoch still shows every real video.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from thb_dataset.records import Label

_CLIP_NUMBER = re.compile(r"_\d+$")


class Named(Protocol):
    """What is asked of a video: its id, its label and the driver of a fake."""

    @property
    def video_id(self) -> str:
        """The id of the video in the release."""

    @property
    def label(self) -> Label:
        """Fake or real."""

    @property
    def driver(self) -> str | None:
        """The clip that moves the face; None if that is not known."""


def find_partners(videos: Sequence[Named]) -> list[tuple[int, ...]]:
    """Return, for each video, the places of the reals that are its nearest kin.

    Args:
        videos: The training videos of a fold.

    Returns:
        For a fake: the real that is its driver; without one, all reals of the driver's source
        video. Empty if there is none of them, and for a real.
    """
    by_name: dict[str, list[int]] = {}
    by_source: dict[str, list[int]] = {}
    for place, video in enumerate(videos):
        if video.label is Label.REAL:
            name = video.video_id.rpartition("/")[2]
            by_name.setdefault(name, []).append(place)
            by_source.setdefault(_find_source(name), []).append(place)
    partners: list[tuple[int, ...]] = []
    for video in videos:
        driver = None if video.label is Label.REAL else video.driver
        kin: Sequence[int] = ()
        if driver is not None:
            kin = by_name.get(driver, ()) or by_source.get(_find_source(driver), ())
        partners.append(tuple(kin))
    return partners


def _find_source(clip: str) -> str:
    """Return the source video of a CelebV-HQ clip, whose name ends with the number of the clip."""
    return _CLIP_NUMBER.sub("", clip)


def draw_partners(
    fakes: npt.NDArray[np.int64],
    partners: Sequence[Sequence[int]],
    reals: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """Return a real for each fake: of its partners the one that was drawn least often so far.

    Args:
        fakes: The places of the fakes, in the order in which they are drawn.
        partners: What :func:`find_partners` returned.
        reals: The places of reals in a random order, each of them at least once if they are not
            more than the fakes.

    Returns:
        The place of a real for each fake. Fakes without partners take the least drawn of all
        ``reals``, after the partners of all others were counted.
    """
    order = list(dict.fromkeys(reals.tolist()))
    drawn = dict.fromkeys((*order, *(real for kin in partners for real in kin)), 0)
    found = np.empty_like(fakes)
    alone = []
    for place, fake in enumerate(fakes):
        if partners[fake]:
            found[place] = min(partners[fake], key=drawn.__getitem__)
            drawn[int(found[place])] += 1
        else:
            alone.append(place)
    waiting = [(drawn[real], rank, real) for rank, real in enumerate(order)]
    heapq.heapify(waiting)
    for place in alone:
        times, rank, real = waiting[0]
        found[place] = real
        heapq.heapreplace(waiting, (times + 1, rank, real))
    return found
