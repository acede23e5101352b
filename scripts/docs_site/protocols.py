"""The picture of the protocols: which videos of a release each one uses for what.

It is made of ``thb_dataset.protocols`` whenever the site is built, with a release of one video in
each place, so that it cannot say anything else than the code does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from thb_dataset.protocols import Fold, Protocol, build_folds
from thb_dataset.records import (
    EXTRA_GENERATORS,
    TRAINING_GENERATORS,
    Generator,
    Label,
    RealDataset,
    Split,
    Video,
)

HELD_OUT: Final = Generator.HALLO
_BLOCKS: Final = {Split.TRAIN: "train", Split.VALIDATION: "val", Split.TEST: "test"}
_TITLES: Final = {
    Protocol.P1: "P1: new people",
    Protocol.P2: f"P2: a new generator, here {HELD_OUT}",
    Protocol.P3: f"P3: both new, here {HELD_OUT}",
}
_UNUSED: Final = "unused"


def draw_protocols() -> str:
    """Return a table in HTML for each protocol; a cell says what its videos are used for."""
    videos = list(_list_videos())
    parts = [
        _draw(build_folds(videos, protocol, held_out=_hold_out(protocol))[0], videos)
        for protocol in Protocol
    ]
    return '<div class="protocols">\n' + "\n".join(parts) + "\n</div>"


def _hold_out(protocol: Protocol) -> Generator | None:
    return HELD_OUT if protocol.is_folded else None


def _list_videos() -> Iterator[Video]:
    for block in Split:
        yield Video(
            video_id=f"{RealDataset.CELEBV_HQ}/{block}",
            label=Label.REAL,
            path=f"{RealDataset.CELEBV_HQ}/{block}.mp4",
            release_split=block,
            real_dataset=RealDataset.CELEBV_HQ,
        )
    for generator in (*TRAINING_GENERATORS, *EXTRA_GENERATORS):
        for block in Split if generator in TRAINING_GENERATORS else (Split.TEST,):
            yield Video(
                video_id=f"{generator}/{block}",
                label=Label.FAKE,
                path=f"fake/{generator}/{block}.mp4",
                release_split=block,
                generator=generator,
            )


def _draw(fold: Fold, videos: list[Video]) -> str:
    use = {video.video_id: name for name, part in fold.splits.items() for video in part}
    rows = []
    for row in (*TRAINING_GENERATORS, *EXTRA_GENERATORS, "real videos"):
        own = {video.release_split: video for video in videos if _row_of(video) == row}
        cells = "".join(
            _draw_cell(use.get(own[block].video_id, _UNUSED) if block in own else None)
            for block in _BLOCKS
        )
        held_out = ' class="held-out"' if row == fold.held_out else ""
        rows.append(f'<tr><th scope="row"{held_out}>{row}</th>{cells}</tr>')
    heads = "".join(f'<th scope="col">{name}</th>' for name in _BLOCKS.values())
    return (
        f"<table><caption>{_TITLES[fold.protocol]}</caption>"
        f'<thead><tr><th scope="col">in the release</th>{heads}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _row_of(video: Video) -> str:
    return "real videos" if video.generator is None else video.generator


def _draw_cell(use: str | None) -> str:
    if use is None:
        return "<td></td>"
    return f'<td class="{use}">{"–" if use == _UNUSED else use}</td>'
