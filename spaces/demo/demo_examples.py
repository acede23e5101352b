"""Example videos: those that the publisher laid beside the app, else drawings made here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from thb.runtime.cache import cache_folder
from thb_dataset.mini.release import MiniSize, write_mini_release

BROUGHT: Final = "examples"
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
        label: What the visitor reads.
        path: The file.
    """

    label: str
    path: Path


def find_examples(app: Path) -> tuple[Example, ...]:
    """Return the publisher's examples; where there are none, synthetic ones, written once.

    Args:
        app: The Space's folder.

    Raises:
        OSError: The cache cannot be written.
    """
    brought = sorted((app / BROUGHT).glob("*.mp4"))
    if brought:
        return tuple(
            Example(label=path.stem.replace("-", " ").replace("_", " ").capitalize(), path=path)
            for path in brought
        )
    folder = cache_folder() / "demo-examples"
    write_mini_release(folder, size=_SIZE, progress=False)
    return tuple(
        Example(label=label, path=sorted(folder.glob(pattern))[0]) for pattern, label in _DRAWN
    )
