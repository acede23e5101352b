"""The leak check: the faces of a release's videos, compared across its splits."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from thb.preprocessing.identities import EmbeddedVideos, IdentityMaker
from thb.preprocessing.settings import Preparation
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb_dataset.errors import ReleaseError
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    from thb_dataset.identity.leakage import LeakReport
    from thb_dataset.records import Video
    from thb_dataset.release.scan import Release

_log = logging.getLogger(__name__)

MISSING: Final = "its file is missing"


@dataclass(frozen=True, kw_only=True)
class LeakSettings(Preparation):
    """What is compared, and how.

    Attributes:
        protocol: The protocol whose splits are compared: ``p1``, ``p2``, ``p3`` or
            ``p3-family``; None for the release's own splits.
        fold: The generator, or the family, that a fold holds out; None for every fold.
        split_by: The reading of the release's splits, ``release`` or ``driver``.
        measure: What represents a video: ``mean`` for the mean over five frames, ``middle`` for
            the middle frame, as in the benchmark's own curation.
        threshold: The lowest cosine similarity of a pair that counts as one person; None for the
            pack's own.
    """

    protocol: str | None = None
    fold: str | None = None
    split_by: str = "release"
    measure: Literal["mean", "middle"] = "mean"
    threshold: float | None = None


def check_leaks(
    release: str | Path | OpenRelease = DEFAULT_RELEASE,
    *,
    real_root: str | Path | None = None,
    settings: LeakSettings | None = None,
    html: Path | None = None,
) -> dict[str, LeakReport]:
    """Compare the faces of all available videos across the splits of a release or a protocol.

    Fakes of a Hub release are downloaded first if they are not on this disk.

    Args:
        release: A folder, a Hub id, ``"mini"``, or a release that is open already.
        real_root: Folder of the real videos.
        settings: What is compared, and how.
        html: Also write a page with the faces of every pair there.

    Returns:
        One report for each fold, by its name; see :func:`assign_splits`.

    Raises:
        ReleaseError: The release cannot be read, or no video is available.
        ProtocolError: The protocol cannot be built.

    Examples:
        >>> reports = thb.check_leaks("release")
        >>> {name: report.compared > 0 for name, report in reports.items()}
        {'release': True}
    """
    from thb.releases.files import fetch_files
    from thb_dataset.identity.leak_sheet import write_leak_sheet

    settings = settings or LeakSettings()
    opened = open_release(release, real_root=real_root, progress=settings.progress)
    folds = assign_splits(opened.release, settings)
    videos = {name: video for assigned in folds.values() for name, (video, _) in assigned.items()}
    files = fetch_files(opened, tuple(videos.values()), progress=settings.progress).videos
    if not files:
        raise ReleaseError(
            f"no video of {opened.release.name} is available, so there is nothing to compare"
        )
    if opened.release.synthetic:
        _log.warning(
            "the faces of %s are drawn, and face recognition takes most of them for one person; "
            "what is found here means nothing",
            opened.release.name,
        )
    if html is not None:  # before the work, not after it
        html.parent.mkdir(parents=True, exist_ok=True)
    with IdentityMaker(settings) as maker:
        embedded = maker.embed(files, progress=settings.progress)
        unread = {name: MISSING for name in videos if name not in files} | dict(embedded.unread)
        reports = {
            name: _check_fold(assigned, embedded, unread, settings)
            for name, assigned in folds.items()
        }
        if html is not None:
            page = write_leak_sheet(reports, lambda name: maker.picture_of(files[name]))
            with write_whole(html) as draft:
                draft.write_text(page, encoding="utf-8")
    return reports


def assign_splits(
    release: Release, settings: LeakSettings
) -> dict[str, dict[str, tuple[Video, str]]]:
    """Return the videos to compare, with the split of each.

    Args:
        release: The release.
        settings: What is compared.

    Returns:
        The video and its split, by the name of the fold and the id of the video. The release's own
        splits are one fold named ``release``.

    Raises:
        ProtocolError: The protocol cannot be built.
    """
    if settings.protocol is None:
        own = {video.video_id: (video, video.release_split.value) for video in release.videos}
        return {"release": own}
    from thb_dataset.protocols import build_folds, parse_held_out

    named = settings.fold
    held_out = None if named is None else parse_held_out(named, settings.protocol)
    folds = build_folds(
        release.videos, settings.protocol, held_out=held_out, split_by=settings.split_by
    )
    return {
        fold.name: {
            video.video_id: (video, split)
            for split, videos in fold.splits.items()
            for video in videos
        }
        for fold in folds
    }


def _check_fold(
    assigned: Mapping[str, tuple[Video, str]],
    embedded: EmbeddedVideos,
    unread: Mapping[str, str],
    settings: LeakSettings,
) -> LeakReport:
    from thb_dataset.identity import leakage
    from thb_dataset.identity.relations import describe_subject

    rows = [row for row, name in enumerate(embedded.names) if name in assigned]
    return leakage.check_leaks(
        [describe_subject(*assigned[embedded.names[row]]) for row in rows],
        embedded.means[rows],
        embedded.middles[rows],
        pack=embedded.pack.to_dict(),
        threshold=embedded.pack.same_person if settings.threshold is None else settings.threshold,
        others=embedded.others,
        measure=settings.measure,
        unread={name: reason for name, reason in unread.items() if name in assigned},
    )
