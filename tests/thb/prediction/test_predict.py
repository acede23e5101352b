"""Predictions of loose files: one row for every file, the same in every batch."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
import torch

from detectors.base import Detector, DetectorOutput
from detectors.registry import create_detector, load_detector
from tests.support.video_files import write_numbered
from thb.prediction.inference import PredictSettings, aggregate
from thb.prediction.predict import predict
from thb.prediction.predictions import Status
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

QUIET = PredictSettings(progress=False)


class MeanPixelDetector(Detector):
    """A detector whose logit is the mean of the clip, so that scores can be computed by hand."""

    model_type = "test_mean_pixel"
    default_clip = ClipSpec(clips=3, frames=2, size=16, aggregation="mean_logit")
    cam_layer = "scale"

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.scale = torch.nn.Linear(1, 1)
        self.post_init()  # type: ignore[no-untyped-call] # transformers' own

    def forward(
        self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None
    ) -> DetectorOutput:
        return self.make_output(pixel_values.mean(dim=(1, 2, 3, 4)), labels)

    def cam_reshape(self, activations: torch.Tensor, frames: int) -> torch.Tensor:
        return activations


class NotANumberDetector(MeanPixelDetector):
    model_type = "test_not_a_number"

    def forward(
        self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None
    ) -> DetectorOutput:
        return self.make_output(pixel_values.mean(dim=(1, 2, 3, 4)) * torch.nan, labels)


class OneLogitABatchDetector(MeanPixelDetector):
    model_type = "test_one_logit_a_batch"

    def forward(
        self, pixel_values: torch.Tensor, labels: torch.Tensor | None = None
    ) -> DetectorOutput:
        return self.make_output(pixel_values.mean().reshape(1), labels)


def some_videos(release: MiniRelease, count: int) -> list[Path]:
    return sorted(release.hub.glob("fake/*/*/*.mp4"))[:count]


def test_a_score_does_not_depend_on_the_batch(untrained: Path, tiny_release: MiniRelease) -> None:
    detector = load_detector(untrained)
    videos = some_videos(tiny_release, 7)
    alone, *others = [
        predict(detector, videos, settings=PredictSettings(batch_size=size, progress=False)).rows
        for size in (1, 3, 4, 16)
    ]
    assert [row.clips for row in alone] == [2] * 7
    assert len({row.score for row in alone}) == 7
    for rows in others:
        for row, other in zip(alone, rows, strict=True):
            assert row.video_id == other.video_id
            assert row.score == pytest.approx(other.score, abs=1e-6)
            assert row.clip_logits == pytest.approx(other.clip_logits, abs=1e-5)


def test_a_score_does_not_depend_on_order_or_company(
    untrained: Path, tiny_release: MiniRelease
) -> None:
    detector = load_detector(untrained)
    videos = some_videos(tiny_release, 4)
    together = predict(detector, videos, settings=QUIET)
    backwards = predict(detector, videos[::-1], settings=QUIET)
    single = predict(detector, videos[2], settings=QUIET)
    assert [row.video_id for row in backwards] == [str(video) for video in videos[::-1]]
    assert [row.score for row in together] == pytest.approx(
        [row.score for row in backwards[::-1]], abs=1e-6
    )
    assert single.rows[0].score == pytest.approx(together.rows[2].score, abs=1e-6)


def test_a_score_is_what_the_clips_say(tiny_release: MiniRelease) -> None:
    """Compute a score by hand, from the pixels that the store gives."""
    from thb.preprocessing.clips import ClipMaker
    from thb_dataset.clips.video_clips import VideoClips

    detector = create_detector(MeanPixelDetector)
    (video,) = some_videos(tiny_release, 1)
    (row,) = predict(detector, [video], settings=QUIET).rows
    with ClipMaker(detector.config.clip_spec, QUIET) as maker:
        ((_, clips),) = maker.make([("video", video)])
    assert isinstance(clips, VideoClips)
    spec = detector.config.clip_spec
    values = (clips.pixels / 255 - np.array(spec.mean)) / np.array(spec.std)
    logits = values.mean(axis=(1, 2, 3, 4))
    assert len(logits) == 3
    assert row.clip_logits == pytest.approx(logits, abs=1e-5)
    assert row.score == pytest.approx(1 / (1 + math.exp(-logits.mean())), abs=1e-6)


def test_aggregation() -> None:
    logits = [-1000.0, 0.5, 3.0]
    chances = [0.0, 1 / (1 + math.exp(-0.5)), 1 / (1 + math.exp(-3))]
    assert aggregate(logits, "mean_probability") == pytest.approx(sum(chances) / 3, abs=1e-12)
    assert aggregate(logits[1:], "mean_logit") == pytest.approx(
        1 / (1 + math.exp(-1.75)), abs=1e-12
    )
    assert aggregate([1e6], "mean_logit") == 1.0


def test_a_logit_that_is_no_number_is_an_error_of_its_video(tiny_release: MiniRelease) -> None:
    detector = create_detector(NotANumberDetector)
    rows = predict(detector, some_videos(tiny_release, 2), settings=QUIET).rows
    assert [row.status for row in rows] == [Status.ERROR] * 2
    assert rows[0].score is None
    assert "not a finite number" in str(rows[0].reason)


def test_a_detector_that_merges_clips_is_refused(tiny_release: MiniRelease) -> None:
    detector = create_detector(OneLogitABatchDetector)
    with pytest.raises(DetectorError, match="one logit per clip"):
        predict(detector, some_videos(tiny_release, 2), settings=QUIET)


def test_rows_can_be_zipped_with_the_files(untrained: Path, tiny_release: MiniRelease) -> None:
    first, second = some_videos(tiny_release, 2)
    found = predict(untrained, [second, first, str(second)], settings=QUIET)
    assert [row.video_id for row in found] == [str(second), str(first), str(second)]
    assert found[0] is found[2], "scored once"
    assert len(found) == 3
    assert repr(found).endswith("3 ok>")
    table = found.to_pandas()
    assert table["score"].tolist() == [row.score for row in found]
    assert "<table" in found._repr_html_()


OK, NO_FACE, ERROR = Status.OK, Status.NO_FACE, Status.ERROR
BAD = {
    "  leading spaces & quote's.mp4": {OK},
    "-leading-dash.mp4": {OK},
    "UPPERCASE.MP4": {OK},
    "audio_longer_than_video.mp4": {OK},
    "audio_only.mp4": {ERROR},
    "audio_shorter_than_video.mp4": {OK},
    "black.mp4": {NO_FACE},
    "codec_av1.mp4": {OK, ERROR},
    "codec_hevc.mp4": {OK, ERROR},
    "codec_mjpeg.mov": {OK},
    "codec_mpeg4_mp3.avi": {OK},
    "codec_vp9.webm": {OK, ERROR},
    "corrupt_middle.mp4": {OK, ERROR},
    "face_only_at_end.mp4": {NO_FACE},
    "folder.mp4": {ERROR},
    "frames_1.mp4": {ERROR},
    "frames_3.mp4": {ERROR},
    "frames_9.mp4": {OK},
    "grayscale.mp4": {OK},
    "jpeg_renamed.mp4": {ERROR},
    "late_start_time.mp4": {OK},
    "naïve façade – видео 视频 (1).mp4": {OK},
    "no_audio_track.mp4": {OK},
    "no_extension": {OK},
    "no_face_colour_bars.mp4": {NO_FACE},
    "non_square_pixels.mp4": {OK},
    "odd_size_333x217.mp4": {OK},
    "random_bytes.mp4": {ERROR},
    "rotated_display_matrix.mp4": {OK},
    "rotated_pixels_no_matrix.mp4": {OK, NO_FACE},
    "silent_audio.mp4": {OK},
    "ten_bit_h264.mp4": {OK},
    "text_file.mp4": {ERROR},
    "tiny_24x24.mp4": {NO_FACE},
    "truncated_moov_first.mp4": {OK, ERROR},
    "truncated_moov_last.mp4": {ERROR},
    "two_faces.mp4": {OK},
    "variable_frame_rate.mp4": {OK},
    "wide_small_face.mp4": {OK},
    "zero_bytes.mp4": {ERROR},
}


def test_every_bad_file_is_expected(test_data: Path) -> None:
    assert {path.name for path in (test_data / "bad").iterdir()} - {"README.md"} == set(BAD)


@pytest.fixture(scope="module")
def baseline() -> Detector:
    return load_detector("baseline", untrained=True)


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name: str, baseline: Detector, test_data: Path) -> None:
    """Score every file of DESIGN's table of bad input, with eight frames per clip."""
    (row,) = predict(baseline, test_data / "bad" / name, settings=QUIET).rows
    assert row.status in BAD[name], row
    if row.status is OK:
        assert row.clips == 1
        assert row.faces >= (2 if name == "two_faces.mp4" else 1)
        assert row.score is not None
    else:
        assert row.score is None
        assert row.reason
        assert "\n" not in row.reason
        assert str(test_data) not in row.reason


def test_all_bad_files_at_once_leave_the_good_ones_alone(
    baseline: Detector, test_data: Path
) -> None:
    videos = [test_data / "bad" / name for name in BAD]
    rows = predict(baseline, videos, settings=QUIET).rows
    assert len(rows) == len(BAD)
    for row in rows:
        assert row.status in BAD[Path(row.video_id).name]


def test_odd_paths(untrained: Path, tmp_path: Path) -> None:
    fifo, link = tmp_path / "fifo.mp4", tmp_path / "link.mp4"
    os.mkfifo(fifo)
    link.symlink_to(tmp_path / "nowhere.mp4")
    rows = predict(untrained, [fifo, link], settings=QUIET).rows
    assert [row.status for row in rows] == [Status.ERROR, Status.MISSING]
    assert "regular file" in str(rows[0].reason)


def test_lines_for_people(run_thb: Run, untrained: Path, tiny_release: MiniRelease) -> None:
    first, second = some_videos(tiny_release, 2)
    ended = run_thb("predict", untrained, second, first)
    assert ended.code == 0
    heading, *lines = ended.out.splitlines()
    assert heading.split() == ["score", "verdict", "status", "clips", "faces", "video"]
    assert [line.split()[5] for line in lines] == [str(second), str(first)]
    score, verdict, status, clips, faces, _, remark = lines[0].split(maxsplit=6)
    assert 0 <= float(score) <= 1
    assert (verdict, status, clips, faces) == ("none", "ok", "2", "1")
    assert remark == "(random weights)"
    assert "Traceback" not in ended.err
    assert "2 rows: 2 no verdict" in ended.err


def test_data_for_machines(run_thb: Run, untrained: Path, tiny_release: MiniRelease) -> None:
    (video,) = some_videos(tiny_release, 1)
    ended = run_thb("predict", untrained, video, "nowhere.mp4", "--format", "json", "--quiet")
    assert ended.code == 3
    record = json.loads(ended.out)
    good, absent = record["videos"]
    assert good["video_id"] == str(video)
    assert good["status"] == "ok"
    assert len(good["clip_logits"]) == good["clips"] == 2
    assert (absent["status"], absent["score"]) == ("missing", None)
    assert len(record["run"]["detector"]["weights_sha256"]) == 64
    assert record["run"]["clip_spec"]["frames"] == 4


def test_a_table_for_spreadsheets(
    run_thb: Run,
    untrained: Path,
    tiny_release: MiniRelease,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (video,) = some_videos(tiny_release, 1)
    (tmp_path / "=1+1.mp4").write_bytes(video.read_bytes())
    monkeypatch.chdir(tmp_path)
    told = run_thb("predict", untrained, "=1+1.mp4", video, "no.mp4", "--format", "csv", "-q")
    assert told.code == 3
    first, second, absent = csv.DictReader(told.out.splitlines())
    assert first["video_id"] == "'=1+1.mp4"
    assert first["score"] == second["score"]
    assert 0 <= float(first["score"]) <= 1
    assert (first["verdict"], first["status"], first["clips"]) == ("none", "ok", "2")
    assert (absent["score"], absent["status"]) == ("", "missing")
    told = run_thb("predict", untrained, video, "--all-faces", "--format", "csv", "-q")
    (line,) = csv.DictReader(told.out.splitlines())
    assert line["face"] == "1"
    assert len(line["box"].split("; ")) == 4


def test_what_is_unusual_about_a_video_is_said_in_its_row(
    run_thb: Run, untrained: Path, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    (video,) = some_videos(tiny_release, 1)
    joined = tmp_path / "joined.ts"
    with av.open(str(video)) as source, av.open(str(tmp_path / "part.ts"), "w") as part:
        stream = part.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                part.mux(packet)
    joined.write_bytes((tmp_path / "part.ts").read_bytes() * 2)
    for _ in range(2):  # read, then from the store
        record = json.loads(run_thb("predict", untrained, joined, "--format", "json", "-q").out)
        (warning,) = record["videos"][0]["warnings"]
        assert warning.startswith("time stamps stand still, go back or leap at 1 of")
    assert "time stamps" in run_thb("predict", untrained, joined, "-q").out.splitlines()[1]


def test_the_limits_of_a_video_are_options(run_thb: Run, untrained: Path, tmp_path: Path) -> None:
    video = write_numbered(tmp_path / "clip.mp4", 60)
    for option, value in (("--max-pixels", "100"), ("--max-seconds", "2")):
        ended = run_thb("predict", untrained, video, "-q", option, value)
        assert ended.code == 3
        assert f"raise {option}" in ended.out


def test_an_unreadable_video_is_a_line_a_hint_and_exit_code_3(
    run_thb: Run, untrained: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty.mp4").touch()
    ended = run_thb("predict", untrained, tmp_path / "empty.mp4", "-q")
    assert ended.code == 3
    _, error, hint = ended.err.splitlines()
    assert error == f"error: {tmp_path}/empty.mp4 could not be read: an empty file"
    assert hint.startswith("hint: ")
    (tmp_path / "notes.txt").write_text("no video", encoding="utf-8")
    ended = run_thb("predict", untrained, tmp_path / "notes.txt", "-q")
    _, error, _ = ended.err.splitlines()
    assert error.startswith(f"error: {tmp_path}/notes.txt is not a video that can be read: ")


def test_a_name_cannot_command_the_terminal(run_thb: Run, untrained: Path, tmp_path: Path) -> None:
    (tmp_path / "a\x1b[2Jb\nc.mp4").touch()
    ended = run_thb("predict", untrained, tmp_path / "a\x1b[2Jb\nc.mp4", "-q")
    assert "\x1b" not in ended.out + ended.err
    assert "a\\x1b[2Jb\\nc.mp4" in ended.out
    assert len(ended.out.splitlines()) == 2


def test_the_real_command_on_names_that_look_like_options(test_data: Path) -> None:
    command = [sys.executable, "-m", "thb", "predict", "baseline", "--untrained"]
    command += ["--format", "json", "--"]
    names = ["-leading-dash.mp4", "folder.mp4", "zero_bytes.mp4", "no_extension"]
    ended = subprocess.run(
        command + names, cwd=test_data / "bad", capture_output=True, text=True, check=False
    )
    assert ended.returncode == 3, ended.stderr
    statuses = [video["status"] for video in json.loads(ended.stdout)["videos"]]
    assert statuses == ["ok", "error", "error", "ok"]
    assert "Traceback" not in ended.stderr
    assert "Warning" not in ended.stderr
