"""Who is in a release's videos: the leak check, identity-disjoint splits, known people."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from thb.preprocessing.identities import EmbeddedVideos, IdentityMaker
from thb.preprocessing.settings import Preparation
from thb.releases.opening import DEFAULT_RELEASE, OpenRelease, open_release
from thb_dataset.errors import FacePackError, ReleaseError
from thb_dataset.files import write_whole

if TYPE_CHECKING:
    from thb_dataset.identity.known_people import PeopleCalibration
    from thb_dataset.identity.leakage import LeakReport
    from thb_dataset.identity.splits import SplitPlan
    from thb_dataset.records import Split, Video
    from thb_dataset.release.scan import Release

_log = logging.getLogger(__name__)

VIDEO_SUFFIXES: Final = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}
MISSING: Final = "its file is missing"
PICTURE_SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True, kw_only=True)
class LeakSettings(Preparation):
    """What is compared, and by what.

    Attributes:
        protocol: ``p1``, ``p2`` or ``p3``; None: the release's own blocks.
        fold: Held-out generator of p2 and p3; None: every fold.
        split_by: As ``build_folds`` takes it.
        measure: Means over five frames, or middle frames as the benchmark's authors did.
        threshold: Cosine from which a pair is one person; None: the pack's own.
    """

    protocol: str | None = None
    fold: str | None = None
    split_by: str = "release"
    measure: Literal["mean", "middle"] = "mean"
    threshold: float | None = None


def place_videos(
    release: Release, settings: LeakSettings
) -> dict[str, dict[str, tuple[Video, str]]]:
    """Say which videos are compared, and in which split each is.

    Returns:
        By the name of the fold (``release`` where the release's own blocks are compared) and the
        video's id: the video and its split.

    Raises:
        ProtocolError: The protocol cannot be built.
    """
    if settings.protocol is None:
        placed = {video.video_id: (video, video.release_split.value) for video in release.videos}
        return {"release": placed}
    from thb_dataset.protocols import build_folds
    from thb_dataset.records import Generator

    held_out = Generator.parse(settings.fold) if settings.fold is not None else None
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
        One report for each fold, by its name; see :func:`place_videos`.

    Raises:
        ReleaseError: The release cannot be read, or no video is available.
        ProtocolError: The protocol cannot be built.
    """
    from thb.releases.files import fetch_files
    from thb_dataset.identity.leak_sheet import write_leak_sheet

    settings = settings or LeakSettings()
    opened = open_release(release, real_root=real_root, progress=settings.progress)
    folds = place_videos(opened.release, settings)
    videos = {name: video for placed in folds.values() for name, (video, _) in placed.items()}
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
        made = maker.embed(files, progress=settings.progress)
        unread = {name: MISSING for name in videos if name not in files} | dict(made.unread)
        reports = {
            name: _check_fold(placed, made, unread, settings) for name, placed in folds.items()
        }
        if html is not None:
            page = write_leak_sheet(reports, lambda name: maker.picture_of(files[name]))
            with write_whole(html) as draft:
                draft.write_text(page, encoding="utf-8")
    return reports


def _check_fold(
    placed: Mapping[str, tuple[Video, str]],
    made: EmbeddedVideos,
    unread: Mapping[str, str],
    settings: LeakSettings,
) -> LeakReport:
    from thb_dataset.identity import leakage
    from thb_dataset.identity.relations import describe_subject

    rows = [row for row, name in enumerate(made.names) if name in placed]
    return leakage.check_leaks(
        [describe_subject(*placed[made.names[row]]) for row in rows],
        made.means[rows],
        made.middles[rows],
        pack=made.pack.to_dict(),
        threshold=made.pack.same_person if settings.threshold is None else settings.threshold,
        measure=settings.measure,
        unread={name: reason for name, reason in unread.items() if name in placed},
    )


def split_folder(
    folder: Path,
    *,
    ratios: Mapping[Split, float] | None = None,
    preparation: Preparation | None = None,
) -> SplitPlan:
    """Share the videos of a folder out into train, validation and test, no person in two.

    Args:
        folder: Searched with all folders below it.
        ratios: Share wanted in each split; None: 80, 10 and 10 percent.
        preparation: The face pack and where identities are kept; None for the defaults.

    Raises:
        ReleaseError: No such folder, or no video in it.
        ProtocolError: No video shows a face, or the ratios make no sense.
    """
    from thb_dataset.identity.splits import DEFAULT_RATIOS, split_videos

    if not folder.is_dir():
        raise ReleaseError(f"no folder {folder}")
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
    }
    if not files:
        raise ReleaseError(f"no video in {folder}: {', '.join(sorted(VIDEO_SUFFIXES))} are taken")
    preparation = preparation or Preparation()
    with IdentityMaker(preparation) as maker:
        made = maker.embed(files, progress=preparation.progress)
    return split_videos(
        made.names,
        made.means,
        same_person=made.pack.same_person,
        ratios=DEFAULT_RATIOS if ratios is None else ratios,
        unread=made.unread,
    )


def calibrate_people(
    folder: Path, *, face_pack: str = "embedded", threshold: float | None = None
) -> PeopleCalibration:
    """Hold a pack's threshold against pictures of known people.

    Args:
        folder: One folder a person, or files named ``<person>_<n>``; the largest face counts.
        face_pack: As ``load_face_finder`` takes it.
        threshold: Cosine to judge; None: the pack's own.

    Raises:
        FacePackError: There are not two pictures of one person and a second person.
    """
    from thb_dataset.faces.finder import load_face_finder
    from thb_dataset.identity.known_people import calibrate_threshold

    finder = load_face_finder(face_pack)
    people: list[str] = []
    pictures: list[str] = []
    vectors: list[npt.NDArray[np.float32]] = []
    for path in sorted(folder.rglob("*")):
        person = _name_person(path, folder)
        if person is None:
            continue
        picture = _read_picture(path)
        faces = [] if picture is None else finder.find(picture)
        if picture is not None and faces:
            people.append(person)
            pictures.append(path.relative_to(folder).as_posix())
            vectors.append(finder.embed(picture, faces[0]))
    if not people:
        raise FacePackError(f"calibration found no face in the pictures of {folder}")
    chosen = finder.pack.same_person if threshold is None else threshold
    return calibrate_threshold(np.stack(vectors), people, chosen, pictures=pictures)


def _name_person(path: Path, folder: Path) -> str | None:
    if path.suffix.lower() not in PICTURE_SUFFIXES or not path.is_file():
        return None
    if path.parent != folder:
        return path.parent.name
    match = re.fullmatch(r"(?P<person>.+)_\d+", path.stem)
    return match["person"] if match else None


def _read_picture(path: Path) -> npt.NDArray[np.uint8] | None:
    import cv2

    bgr = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_COLOR)
    return None if bgr is None else np.ascontiguousarray(bgr[..., ::-1]).astype(np.uint8)
