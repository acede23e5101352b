"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from thb_dataset.files import digest_file, parse_json, write_json, write_whole


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "video.mp4"
    with write_whole(path) as draft:
        assert (draft.parent, draft.suffix) == (path.parent, ".mp4")
        draft.write_bytes(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole"
    assert list(path.parent.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_no_draft(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(b"old")

    def fail_half_way() -> None:
        with write_whole(path) as draft:
            draft.write_bytes(b"ha")
            raise RuntimeError("disk full")

    with pytest.raises(RuntimeError, match="disk full"):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "entry.npz"
    with write_whole(path) as first:
        first.write_bytes(b"first")
        with write_whole(path) as second:
            second.write_bytes(b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first"


def test_json_is_for_people_too(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    record = {"name": "Müller", "values": [1, 2.5, None]}
    write_json(path, record)
    text = path.read_text(encoding="utf-8")
    assert json.loads(text) == record
    assert text.startswith('{\n  "name": "Müller"')
    assert text.endswith("}\n")


def test_json_knows_no_infinity(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "record.json", {"value": float("inf")})
    assert not list(tmp_path.iterdir())


def test_the_hash_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)
    assert digest_file(path) == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
def test_numbers_that_json_does_not_know_are_refused(number: str) -> None:
    with pytest.raises(ValueError, match=f"it holds {number}"):
        parse_json(f'{{"a": [1.5, {number}]}}')
    assert parse_json('{"a": [1.5, 1e308]}') == {"a": [1.5, 1e308]}
