"""Example videos: those that the publisher put beside the app, or else drawings made here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from thb.runtime.cache import cache_folder
from thb_dataset.mini.release import MiniSize, write_mini_release

EXAMPLES_FOLDER: Final = "examples"
_SIZE: Final = replace(MiniSize.tiny(), frames=75)
_DRAWN: Final = (
    ("real_videos/CelebV-HQ/*.mp4", "Drawing, unaltered"),
    ("hub/fake/LivePortrait/test/*.mp4", "Drawing with the flaws of LivePortrait"),
    ("hub/fake/Hallo/test/*.mp4", "Drawing with the flaws of Hallo"),
)


@dataclass(frozen=True, kw_only=True)
class Example:
    """A video to try the page with.

    Attributes:
        label: The text that the visitor reads.
        path: The video file.
    """

    label: str
    path: Path


def find_examples(app: Path) -> tuple[Example, ...]:
    """Return the publisher's examples, or else synthetic ones, which are written once.

    Args:
        app: The Space's folder.

    Raises:
        OSError: The cache cannot be written.
    """
    own = sorted((app / EXAMPLES_FOLDER).glob("*.mp4"))
    if own:
        return tuple(
            Example(label=path.stem.replace("-", " ").replace("_", " ").capitalize(), path=path)
            for path in own
        )
    folder = cache_folder() / "demo-examples"
    write_mini_release(folder, size=_SIZE, progress=False)
    return tuple(
        Example(label=label, path=sorted(folder.glob(pattern))[0]) for pattern, label in _DRAWN
    )
