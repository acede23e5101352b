"""Who is in a release's videos: the leak check, identity-disjoint splits, known people."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from thb.cache import clip_store_folder
from thb.clip_making import check_readable, default_workers
from thb.progress import progress_bar
from thb_dataset.errors import FacePackError, ProtocolError, ReleaseError, VideoError

if TYPE_CHECKING:
    from thb_dataset.face_packs import FacePack
    from thb_dataset.faces import FaceFinder
    from thb_dataset.identity_splits import SplitPlan
    from thb_dataset.known_people import Calibration
    from thb_dataset.leakage import LeakReport
    from thb_dataset.records import RealDataset, Split, Video
    from thb_dataset.release import Release
    from thb_dataset.video import VideoReader

VIDEO_SUFFIXES: Final = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}
MISSING: Final = "its file is missing"
PICTURE_SUFFIXES: Final = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}


@dataclass(frozen=True)
class EmbeddedVideos:
    """Identities of videos, side by side.

    Attributes:
        names: N names, in the order asked for.
        means: float32 (N, D), unit length.
        middles: float32 (N, D), unit length.
        unread: Why the others have none.
        pack: What embedded them.
    """

    names: tuple[str, ...]
    means: npt.NDArray[np.float32]
    middles: npt.NDArray[np.float32]
    unread: Mapping[str, str]
    pack: FacePack


class IdentityMaker:
    """Embeds videos in threads, each with a reader and a face finder of its own.

    Use it as a context manager: leaving it ends the readers' child processes.

    Args:
        store: Folder in which identities are kept.
        face_pack: As ``load_face_finder`` takes it.
        workers: Threads; None for one a core.
    """

    def __init__(self, *, store: Path, face_pack: str, workers: int | None = None) -> None:
        from thb_dataset.identity import IdentityStore

        self._store = IdentityStore(store)
        self._face_pack = face_pack
        self._workers = workers or default_workers()
        self._own = threading.local()
        self._lock = threading.Lock()
        self._readers = ExitStack()

    def __enter__(self) -> IdentityMaker:
        return self

    def __exit__(self, *_: object) -> None:
        self._readers.close()

    def embed(self, videos: Mapping[str, Path], *, progress: bool = True) -> EmbeddedVideos:
        """Embed videos; what cannot be read is named, not raised.

        Args:
            videos: File by name.
            progress: Show a bar.

        Raises:
            FacePackError: The pack cannot be loaded or holds no recogniser.
            OSError: The store cannot be written.
        """
        _, finder = self._tools()
        found: dict[str, tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]] = {}
        unread: dict[str, str] = {}
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="faces")
        try:
            with progress_bar(total=len(videos), description="faces", shown=progress) as bar:
                everything = pool.map(self._embed_one, videos.values())
                for name, made in zip(videos, everything, strict=True):
                    bar.update()
                    if isinstance(made, str):
                        unread[name] = made
                    else:
                        found[name] = made
        finally:  # on an error, do not go through the videos that wait
            pool.shutdown(wait=True, cancel_futures=True)
        width = finder.pack.embedding_dim
        means, middles = (
            np.array([pair[i] for pair in found.values()], np.float32).reshape(-1, width)
            for i in (0, 1)
        )
        return EmbeddedVideos(tuple(found), means, middles, unread, finder.pack)

    def picture_of(self, path: Path) -> npt.NDArray[np.uint8] | None:
        """Return the face of a video, to look at; None where it has none."""
        reader, finder = self._tools()
        try:
            return self._store.get(path, finder, reader).picture
        except VideoError:
            return None

    def _embed_one(
        self, path: Path
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | str:
        try:
            check_readable(path)
            reader, finder = self._tools()
            identity = self._store.get(path, finder, reader)
        except (VideoError, FileNotFoundError) as error:
            return f"{type(error).__name__}: {error}"
        return identity.mean, identity.middle

    def _tools(self) -> tuple[VideoReader, FaceFinder]:
        from thb_dataset.faces import load_face_finder
        from thb_dataset.video import VideoReader

        if not hasattr(self._own, "tools"):
            with self._lock:
                reader = self._readers.enter_context(VideoReader())
                self._own.tools = (reader, load_face_finder(self._face_pack))
        tools: tuple[VideoReader, FaceFinder] = self._own.tools
        return tools


@dataclass(frozen=True, kw_only=True)
class LeakSettings:
    """What is compared, and by what.

    Attributes:
        protocol: ``p1``, ``p2`` or ``p3``; None: the release's own blocks.
        fold: Held-out generator of p2 and p3.
        split_by: As ``build_folds`` takes it.
        face_pack: As ``load_face_finder`` takes it.
        measure: Means over five frames, or middle frames as the benchmark's authors did.
        threshold: Cosine from which a pair is one person; None: the pack's own.
        store: Folder in which identities are kept; None: the toolkit's.
    """

    protocol: str | None = None
    fold: str | None = None
    split_by: str = "release"
    face_pack: str = "embedded"
    measure: Literal["mean", "middle"] = "mean"
    threshold: float | None = None
    store: Path | None = None


def place_videos(release: Release, settings: LeakSettings) -> dict[str, tuple[Video, str]]:
    """Say which videos are compared, and in which split each is.

    Raises:
        ProtocolError: The protocol cannot be built, or its fold is not named.
    """
    if settings.protocol is None:
        return {video.video_id: (video, video.release_split.value) for video in release.videos}
    from thb_dataset.protocols import Protocol, build_folds
    from thb_dataset.records import Generator

    protocol = Protocol(settings.protocol)
    if protocol.is_folded and settings.fold is None:
        raise ProtocolError(f"{protocol} has a fold for each generator: name one with --fold")
    held_out = Generator.parse(settings.fold) if settings.fold is not None else None
    (fold,) = build_folds(release.videos, protocol, held_out=held_out, split_by=settings.split_by)
    return {
        video.video_id: (video, split) for split, videos in fold.splits.items() for video in videos
    }


def check_release(
    release: Release,
    settings: LeakSettings,
    *,
    real_root: Path | Mapping[RealDataset, Path] | None,
    html: Path | None = None,
    progress: bool = True,
) -> LeakReport:
    """Compare the faces of all videos at hand across the splits of a release or a protocol.

    Fakes of a Hub release that are not at hand are downloaded first.

    Args:
        release: The release.
        settings: What is compared, and by what.
        real_root: Where the real videos are.
        html: Write a page with the faces of every pair there as well.
        progress: Show bars.

    Raises:
        ReleaseError: No video is at hand.
    """
    from thb.fetch import fetch_videos
    from thb_dataset.leak_sheet import write_leak_sheet
    from thb_dataset.leakage import check_leaks
    from thb_dataset.real_videos import locate_videos
    from thb_dataset.relations import describe_subject

    placed = place_videos(release, settings)
    videos = [video for video, _ in placed.values()]
    fetch_videos(release, videos, progress=progress)
    files = locate_videos(release, real_root, videos)
    if not files:
        raise ReleaseError(f"no video of {release.name} is at hand, so there is nothing to compare")
    missing = {name: MISSING for name in placed if name not in files}
    store = settings.store or clip_store_folder()
    with IdentityMaker(store=store, face_pack=settings.face_pack) as maker:
        made = maker.embed(files, progress=progress)
        report = check_leaks(
            [describe_subject(*placed[name]) for name in made.names],
            made.means,
            made.middles,
            pack=made.pack.to_dict(),
            threshold=made.pack.same_person if settings.threshold is None else settings.threshold,
            measure=settings.measure,
            unread={**missing, **made.unread},
        )
        if html is not None:
            page = write_leak_sheet(report, lambda name: maker.picture_of(files[name]))
            html.write_text(page, encoding="utf-8")
    return report


def split_folder(
    folder: Path,
    *,
    ratios: Mapping[Split, float] | None = None,
    face_pack: str = "embedded",
    store: Path | None = None,
    progress: bool = True,
) -> SplitPlan:
    """Share the videos of a folder out into train, validation and test, no person in two.

    Args:
        folder: Searched with all folders below it.
        ratios: Share wanted in each split; None: 80, 10 and 10 percent.
        face_pack: As ``load_face_finder`` takes it.
        store: Folder in which identities are kept; None: the toolkit's.
        progress: Show a bar.

    Raises:
        ReleaseError: No such folder, or no video in it.
        ProtocolError: No video shows a face, or the ratios make no sense.
    """
    from thb_dataset.identity_splits import DEFAULT_RATIOS, split_videos

    if not folder.is_dir():
        raise ReleaseError(f"no folder {folder}")
    files = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in VIDEO_SUFFIXES and path.is_file()
    }
    if not files:
        raise ReleaseError(f"no video in {folder}: {', '.join(sorted(VIDEO_SUFFIXES))} are taken")
    with IdentityMaker(store=store or clip_store_folder(), face_pack=face_pack) as maker:
        made = maker.embed(files, progress=progress)
    return split_videos(
        made.names,
        made.means,
        same_person=made.pack.same_person,
        ratios=DEFAULT_RATIOS if ratios is None else ratios,
        unread=made.unread,
    )


def calibrate_people(
    folder: Path, *, face_pack: str = "embedded", threshold: float | None = None
) -> Calibration:
    """Hold a pack's threshold against pictures of known people.

    Args:
        folder: One folder a person, or files named ``<person>_<n>``; the largest face counts.
        face_pack: As ``load_face_finder`` takes it.
        threshold: Cosine to judge; None: the pack's own.

    Raises:
        FacePackError: There are not two pictures of one person and a second person.
    """
    from thb_dataset.faces import load_face_finder
    from thb_dataset.known_people import calibrate_threshold

    finder = load_face_finder(face_pack)
    people: list[str] = []
    vectors: list[npt.NDArray[np.float32]] = []
    for path in sorted(folder.rglob("*")):
        person = _name_person(path, folder)
        if person is None:
            continue
        picture = _read_picture(path)
        faces = [] if picture is None else finder.find(picture)
        if picture is not None and faces:
            people.append(person)
            vectors.append(finder.embed(picture, faces[0]))
    if not people:
        raise FacePackError(f"calibration found no face in the pictures of {folder}")
    chosen = finder.pack.same_person if threshold is None else threshold
    return calibrate_threshold(np.stack(vectors), people, chosen)


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
