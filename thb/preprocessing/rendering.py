"""Many videos rendered alike, in threads, and kept by their content and the way of rendering."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from thb.preprocessing.settings import Preparation
from thb.preprocessing.sharing import read_each
from thb.runtime.cache import render_folder
from thb_dataset.clips.disk_store import DiskStore
from thb_dataset.files import write_whole
from thb_dataset.video.reader import VideoReader
from thb_dataset.video.values import Render

RECIPE: Final = 1
"""The version of our code that renders; another one renders every video again."""


def render_all(
    videos: Mapping[str, Path], how: Render, preparation: Preparation
) -> dict[str, Path | str]:
    """Render videos alike into the cache; one that is there is not rendered again.

    Args:
        videos: The video files, by name.
        how: The rate, size and quality.
        preparation: The limits of a video, the number of threads, and whether a bar is shown.

    Returns:
        The rendered file of each video, or the reason why it has none, sorted by name.

    Raises:
        OSError: The cache cannot be written.
    """
    store = DiskStore(preparation.store)

    def render(reader: VideoReader, path: Path) -> Path:
        file = _name_render(store.digest(path), how)
        if not file.is_file():
            content = reader.render(path, how)
            with write_whole(file) as draft:
                draft.write_bytes(content)
        return file

    return read_each(videos, render, preparation, description="rendering")


def _name_render(digest: str, how: Render) -> Path:
    """Return where the render of a video lies, by the digest of the video."""
    text = json.dumps({"recipe": RECIPE, "video": digest, **asdict(how)}, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()
    return render_folder() / key[:2] / f"{key}.mp4"
