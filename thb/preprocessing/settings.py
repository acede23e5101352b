"""Settings shared by every step that reads videos."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from thb.runtime.cache import clip_store_folder

if TYPE_CHECKING:
    from thb_dataset.video.values import Limits


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How videos become clips; base of the settings of every step that reads videos.

    Attributes:
        face_pack: The face pack, as ``load_face_finder`` takes it.
        store: The folder in which face crops are kept.
        workers: Threads that decode videos and find faces; None for one per core.
        progress: Show progress bars on stderr.
        max_pixels: The most pixels of a frame that are decoded.
        max_seconds: The longest video that is read.
    """

    face_pack: str = "embedded"
    store: Path = field(default_factory=clip_store_folder)
    workers: int | None = None
    progress: bool = True
    max_pixels: int = 8192 * 4320
    max_seconds: float = 1800.0

    @property
    def limits(self) -> Limits:
        """The cost that one video may cause."""
        from thb_dataset.video.values import Limits

        return Limits.raised(max_pixels=self.max_pixels, max_seconds=self.max_seconds)
