"""The download of a face pack is given up once it brings nothing more."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from thb_dataset.errors import FacePackError
from thb_dataset.faces.pack_download import LEAST_BYTES_A_SECOND, download_or_give_up

SECONDS = 0.1
ENOUGH = bytes(int(LEAST_BYTES_A_SECOND * SECONDS) * 10)


def test_one_that_ends_is_waited_for_and_its_error_is_raised(tmp_path: Path) -> None:
    def fail() -> None:
        raise ConnectionError("the server has gone")

    download_or_give_up(lambda: (tmp_path / "a").write_bytes(ENOUGH), tmp_path)
    assert (tmp_path / "a").read_bytes() == ENOUGH
    with pytest.raises(ConnectionError, match="the server has gone"):
        download_or_give_up(fail, tmp_path / "absent")


@pytest.mark.parametrize("start", [b"", bytes(10), ENOUGH])
def test_one_that_hangs_is_given_up(start: bytes, tmp_path: Path) -> None:
    never = threading.Event()

    def hang() -> None:
        (tmp_path / "part").write_bytes(start)
        never.wait(60)

    try:
        with pytest.raises(FacePackError, match=r"bytes in 0\.1 s: try again later"):
            download_or_give_up(hang, tmp_path, seconds=SECONDS)
    finally:
        never.set()
    assert (tmp_path / "part").read_bytes() == start
