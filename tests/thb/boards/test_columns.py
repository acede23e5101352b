"""Predictions read as columns say what the rows say, and a file that is no predictions is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.support.made_boards import by_strength, write_submission
from thb.boards.columns import IDENTITY, VideoMemory, read_columns
from thb.prediction.predictions import read_predictions
from thb_dataset.errors import ResultError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = write_submission(tmp_path, "acme/one", by_strength(1), folds=["p1"])
    return folder / "p1" / "predictions.parquet"


def test_columns_hold_what_the_rows_hold(file: Path) -> None:
    columns, rows = read_columns(file), read_predictions(file)
    assert columns.videos.to_pylist() == [
        {name: getattr(row, name) for name in IDENTITY} for row in rows
    ]
    np.testing.assert_array_equal(columns.scores, [row.score for row in rows])
    assert (columns.origin.protocol, columns.origin.fold) == ("p1", "p1")


def test_a_video_without_a_score_is_nan(tmp_path: Path) -> None:
    folder = write_submission(
        tmp_path, "acme/one", lambda video, rng: None if video.label else 0.25, folds=["p1"]
    )
    columns = read_columns(folder / "p1" / "predictions.parquet")
    fakes = columns.videos["label"].to_numpy() == 1
    assert np.isnan(columns.scores[fakes]).all()
    assert (columns.scores[~fakes] == 0.25).all()


def test_the_order_and_the_encoding_of_rows_do_not_matter(file: Path, tmp_path: Path) -> None:
    table = pq.ParquetFile(file).read()
    shuffled = table.take(np.random.default_rng(0).permutation(len(table)))
    other = tmp_path / "other.parquet"
    pq.write_table(shuffled, other, use_dictionary=False, compression="gzip", row_group_size=10)
    known = VideoMemory()
    first, second = read_columns(file, known), read_columns(other, known)
    assert first.digest == second.digest
    np.testing.assert_array_equal(first.scores, second.scores)


@pytest.mark.parametrize("column", IDENTITY)
def test_videos_that_were_read_before_are_told_from_others(
    file: Path, tmp_path: Path, column: str
) -> None:
    known = VideoMemory()
    first = read_columns(file, known)
    assert read_columns(file, known).videos is first.videos
    table = pq.ParquetFile(file).read()
    place = table.column_names.index(column)
    values = table[column].to_pylist()
    changed = 1 - values[-1] if column == "label" else f"{values[-1] or ''}-"
    altered = pa.array([*values[:-1], changed], table.schema.field(column).type)
    other = tmp_path / "other.parquet"
    pq.write_table(table.set_column(place, table.schema.field(column), altered), other)
    assert read_columns(other, known).digest != first.digest


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("score", [2.0], "not within"),
        ("score", [float("nan")], "not within"),
        ("status", ["no_face"], "contradict"),
        ("status", [None], "contradict"),
        ("label", [3], "labels other than"),
        ("label", [None], "without a video or a label"),
        ("video_id", [None], "without a video or a label"),
        ("generator", None, "other columns"),
    ],
)
def test_rows_that_make_no_sense_are_named(
    file: Path, column: str, values: list[object] | None, complaint: str
) -> None:
    table = pq.ParquetFile(file).read()
    place = table.column_names.index(column)
    if values is None:
        table = table.remove_column(place)
    else:
        kind = table.schema.field(column).type
        altered = pa.array([*values, *table[column].to_pylist()[len(values) :]], kind)
        table = table.set_column(place, table.schema.field(column), altered)
    pq.write_table(table, file)
    with pytest.raises(ResultError, match=complaint):
        read_columns(file)


def test_two_rows_for_one_video_are_named(file: Path) -> None:
    table = pq.ParquetFile(file).read()
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), file)
    with pytest.raises(ResultError, match="two rows for one video"):
        read_columns(file)


def test_a_fake_without_a_generator_is_named(file: Path) -> None:
    table = pq.ParquetFile(file).read()
    place = table.column_names.index("generator")
    nobody = pa.array([None] * len(table), pa.string())
    pq.write_table(table.set_column(place, "generator", nobody), file)
    with pytest.raises(ResultError, match="without a generator"):
        read_columns(file)


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"not a table", b"PAR1" + bytes(200) + b"PAR1", "folder", "nothing"]
)
def test_what_is_no_table_is_named(file: Path, content: bytes | str) -> None:
    file.unlink()
    if content == "folder":
        file.mkdir()
    elif isinstance(content, bytes):
        file.write_bytes(content)
    with pytest.raises(ResultError, match=r"predictions\.parquet"):
        read_columns(file)


def test_a_table_with_more_rows_than_any_release_is_not_decoded(file: Path) -> None:
    table = pq.ParquetFile(file).read()
    pq.write_table(pa.concat_tables([table] * 1000), file)
    with pytest.raises(ResultError, match="118,000 rows"):
        read_columns(file)
