"""A pseudo-fake differs from its real by its alteration alone, and nothing stays behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.support.scripted_faces import Script
from tests.support.video_files import write_numbered
from thb.preprocessing.renditions import Encoding, PseudoFake
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.store import ClipStore
from thb_dataset.errors import ClipTooShortError
from thb_dataset.faces.finder import FaceFinder
from thb_dataset.video.reader import VideoReader
from thb_dataset.video.values import Frames, Render

HOW = Render(side=48, preset="ultrafast", crf=30)
WHOLE = ClipSpec(frames=4, size=32, crop="full", resample="opencv")


@dataclass(frozen=True)
class Brighter:
    """Adds a number of grey levels to every picture."""

    levels: int

    @property
    def identity(self) -> Mapping[str, Any]:
        return {"levels": self.levels}

    def alter(self, frames: Frames, finder: FaceFinder) -> Iterator[npt.NDArray[np.uint8]]:
        for picture in frames.pixels:
            yield np.clip(picture.astype(int) + self.levels, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def reader() -> Iterator[VideoReader]:
    with VideoReader() as reader:
        yield reader


@pytest.mark.parametrize(("fps", "count"), [(25, 8), (60, 30), (10, 5)])
def test_a_pseudo_fake_that_alters_nothing_has_the_bytes_of_its_real(
    fps: int, count: int, tmp_path: Path, reader: VideoReader
) -> None:
    path = write_numbered(tmp_path / "a.mp4", count, fps=fps, size=(96, 64))
    real = Encoding(how=HOW).make(path, Script({}), reader)
    assert PseudoFake(how=HOW, alteration=Brighter(0)).make(path, Script({}), reader) == real
    assert PseudoFake(how=HOW, alteration=Brighter(9)).make(path, Script({}), reader) != real


def test_clips_are_kept_by_what_was_done_and_the_new_video_is_removed(
    tmp_path: Path, reader: VideoReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    path = write_numbered(tmp_path / "a.mp4", 8, size=(64, 64))
    store = ClipStore(tmp_path / "store")
    ways = [
        None,
        Encoding(how=HOW),
        *(PseudoFake(how=HOW, alteration=Brighter(k)) for k in (0, 40)),
    ]
    made = [store.get(path, WHOLE, Script({}), reader, rendition=way).pixels for way in ways]
    assert store.info().entries == 4
    np.testing.assert_array_equal(made[1], made[2])
    assert (made[0] != made[1]).any()
    assert float(made[3].mean()) - float(made[1].mean()) > 20
    again = [store.get(path, WHOLE, Script({}), reader, rendition=way).pixels for way in ways]
    for first, second in zip(made, again, strict=True):
        np.testing.assert_array_equal(first, second)
    assert store.info().entries == 4
    assert list((tmp_path / "temporary").iterdir()) == []


def test_a_refusal_names_the_video_and_not_the_temporary_file(
    tmp_path: Path, reader: VideoReader
) -> None:
    path = write_numbered(tmp_path / "short.mp4", 3)
    with pytest.raises(ClipTooShortError) as raised:
        ClipStore(tmp_path / "store").get(
            path, WHOLE, Script({}), reader, rendition=Encoding(how=HOW)
        )
    assert "short.mp4" in str(raised.value)
    assert "thb-rendition" not in str(raised.value)
