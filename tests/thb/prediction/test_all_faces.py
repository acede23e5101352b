"""``--all-faces``: a row for each person in a video, beside each other or one after the other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
import pytest

import thb
from tests.support.video_files import write_video
from thb.prediction.face_rows import FacePrediction
from thb.prediction.inference import PredictSettings
from thb_dataset.video.reader import FramePolicy, VideoReader

if TYPE_CHECKING:
    from tests.support.command_line import Run


PEOPLE = ("904.mp4", "940.mp4")


@pytest.fixture(scope="module")
def two_people(test_data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two people side by side, and one after the other, at ten frames a second."""
    folder = tmp_path_factory.mktemp("two")
    reals = test_data / "thb-sample" / "real_videos" / "FaceForensics++"
    with VideoReader() as reader:
        one, two = (
            np.stack([cv2.resize(picture, (320, 320)) for picture in frames.pixels])
            for frames in (reader.read_frames(reals / n, FramePolicy(frames=12)) for n in PEOPLE)
        )
    beside = write_video(folder / "beside.mp4", np.concatenate([one, two], axis=2), fps=10)
    after = write_video(folder / "after.mp4", [*one[[0] * 24], *two[[0] * 20]], fps=10)
    return [beside, after]


def test_each_face_has_a_row(untrained: Path, two_people: list[Path]) -> None:
    settings = PredictSettings(progress=False, workers=1)
    both = thb.predict(untrained, two_people, all_faces=True, settings=settings)
    rows = [row for row in both.rows if isinstance(row, FacePrediction) and row.place]
    rows.sort(key=lambda row: row.key)
    assert [(Path(row.video_id).name, row.face) for row in rows] == [
        ("after.mp4", 1), ("after.mp4", 2), ("beside.mp4", 1), ("beside.mp4", 2),
    ]  # fmt: skip
    assert [row.faces for row in rows] == [2] * 4
    first, second, left, right = (row.place for row in rows if row.place)
    assert first.end_seconds < 2.4 <= second.start_seconds
    assert (left.start_seconds, right.start_seconds) == (0, 0)
    assert abs(left.box[0] - right.box[0]) > 100
    main = thb.predict(untrained, two_people, settings=settings)
    assert [row.score for row in main.rows] == [rows[2].score, rows[0].score], "in their order"
    with pytest.raises(thb.ResultError, match="rows of single faces"):
        thb.write_predictions(two_people[0].with_suffix(".parquet"), both)


def test_the_command_tells_when_and_where(
    run_thb: Run, untrained: Path, two_people: list[Path], tmp_path: Path
) -> None:
    missing = tmp_path / "none.mp4"
    text = run_thb("predict", untrained, two_people[0], "--all-faces", "--quiet")
    assert "(face 1, 0.00 to 1.10 s, first at " in text.out
    assert "(face 2, 0.00 to 1.10 s, first at " in text.out
    data = run_thb(
        "predict", untrained, two_people[1], missing, "--all-faces", "--quiet", "--format", "json"
    )
    first, second, none = json.loads(data.out)["videos"]
    assert (first["face"], second["face"], second["end_seconds"]) == (1, 2, 4.3)
    assert len(second["box"]) == 4
    assert (none["status"], none["face"], none["box"]) == ("missing", 1, None)
