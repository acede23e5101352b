"""Identities of many videos: threads decode and embed them, as clips are made."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from thb.preprocessing.clips import ThreadTools, check_readable, default_workers
from thb.preprocessing.settings import Preparation
from thb.runtime.progress import progress_bar
from thb_dataset.errors import VideoError

if TYPE_CHECKING:
    from thb_dataset.faces.packs import FacePack


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
        preparation: The face pack, where identities are kept, and the number of threads.
    """

    def __init__(self, preparation: Preparation) -> None:
        from thb_dataset.identity.embedding import IdentityStore

        self._store = IdentityStore(preparation.store)
        self._workers = preparation.workers or default_workers()
        self._tools = ThreadTools(preparation.face_pack)

    def __enter__(self) -> IdentityMaker:
        return self

    def __exit__(self, *_: object) -> None:
        self._tools.close()

    def embed(self, videos: Mapping[str, Path], *, progress: bool = True) -> EmbeddedVideos:
        """Embed videos; what cannot be read is named, not raised.

        Args:
            videos: File by name.
            progress: Show a bar.

        Raises:
            FacePackError: The pack cannot be loaded or holds no recogniser.
            OSError: The store cannot be written.
        """
        _, finder = self._tools.get()
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
        reader, finder = self._tools.get()
        try:
            return self._store.get(path, finder, reader).picture
        except VideoError:
            return None

    def _embed_one(
        self, path: Path
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | str:
        try:
            check_readable(path)
            reader, finder = self._tools.get()
            identity = self._store.get(path, finder, reader)
        except (VideoError, FileNotFoundError) as error:
            return f"{type(error).__name__}: {error}"
        return identity.mean, identity.middle
