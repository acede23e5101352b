"""Settings shared by every step that reads videos."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from thb.runtime.cache import clip_store_folder


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How videos become clips; base of the settings of every step that reads videos.

    Attributes:
        face_pack: The face pack, as ``load_face_finder`` takes it.
        store: The folder in which face crops are kept.
        workers: Threads that decode videos and find faces; None for one per core.
        progress: Show progress bars on stderr.
    """

    face_pack: str = "embedded"
    store: Path = field(default_factory=clip_store_folder)
    workers: int | None = None
    progress: bool = True
