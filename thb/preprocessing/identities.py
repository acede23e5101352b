"""Identities of many videos: threads decode the videos and embed the faces in them."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from thb.preprocessing.clips import ThreadTools, check_readable
from thb.preprocessing.settings import Preparation
from thb.runtime.processes import default_workers
from thb.runtime.progress import progress_bar
from thb_dataset.errors import VideoError

if TYPE_CHECKING:
    from thb_dataset.faces.packs import FacePack
    from thb_dataset.identity.embedding import VideoIdentity


@dataclass(frozen=True)
class EmbeddedVideos:
    """The identities of videos, one row for each video.

    Attributes:
        names: The names of the N videos that have an identity, in the given order.
        means: The mean embedding of each video, float32 (N, D), unit length.
        middles: The embedding of each video's middle frame, float32 (N, D), unit length.
        others: The mean embeddings of the other people in each video, float32 (K, D), by name.
        unread: The reason why each of the other videos has no identity, by name.
        pack: The face pack that embedded them.
    """

    names: tuple[str, ...]
    means: npt.NDArray[np.float32]
    middles: npt.NDArray[np.float32]
    others: Mapping[str, npt.NDArray[np.float32]]
    unread: Mapping[str, str]
    pack: FacePack


class IdentityMaker:
    """Embeds videos in threads, each with its own reader and face finder.

    Use it as a context manager: leaving it ends the readers' child processes.

    Args:
        preparation: The face pack, the folder in which identities are kept, and the number of
            threads.
    """

    def __init__(self, preparation: Preparation) -> None:
        from thb_dataset.identity.embedding import IdentityStore

        self._store = IdentityStore(preparation.store)
        self._workers = preparation.workers or default_workers()
        self._tools = ThreadTools(preparation)

    def __enter__(self) -> IdentityMaker:
        return self

    def __exit__(self, *_: object) -> None:
        self._tools.close()

    def embed(self, videos: Mapping[str, Path], *, progress: bool = True) -> EmbeddedVideos:
        """Embed videos; one that cannot be read is listed with the reason and raises nothing.

        Args:
            videos: The video files, by name.
            progress: Show a progress bar.

        Raises:
            FacePackError: The pack cannot be loaded, or it holds no face recogniser.
            OSError: The store cannot be written.
        """
        _, finder = self._tools.get()
        found: dict[str, VideoIdentity] = {}
        unread: dict[str, str] = {}
        pool = ThreadPoolExecutor(self._workers, thread_name_prefix="faces")
        try:
            with progress_bar(total=len(videos), description="faces", shown=progress) as bar:
                results = pool.map(self._embed_video, videos.values())
                for name, result in zip(videos, results, strict=True):
                    bar.update()
                    if isinstance(result, str):
                        unread[name] = result
                    else:
                        found[name] = result
        finally:  # after an error, drop the videos that still wait
            pool.shutdown(wait=True, cancel_futures=True)
        width = finder.pack.embedding_dim
        means, middles = (
            np.array(vectors, np.float32).reshape(-1, width)
            for vectors in (
                [identity.mean for identity in found.values()],
                [identity.middle for identity in found.values()],
            )
        )
        return EmbeddedVideos(
            names=tuple(found),
            means=means,
            middles=middles,
            others={name: identity.others for name, identity in found.items()},
            unread=unread,
            pack=finder.pack,
        )

    def picture_of(self, path: Path) -> npt.NDArray[np.uint8] | None:
        """Return a picture of the face in a video; None if it has none."""
        reader, finder = self._tools.get()
        try:
            return self._store.get(path, finder, reader).picture
        except VideoError:
            return None

    def _embed_video(self, path: Path) -> VideoIdentity | str:
        try:
            check_readable(path)
            reader, finder = self._tools.get()
            return self._store.get(path, finder, reader)
        except (VideoError, FileNotFoundError) as error:
            return f"{type(error).__name__}: {error}"
