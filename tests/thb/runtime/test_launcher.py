"""What `torchrun` reports of a command that ended with another code than 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from thb.runtime.console import EXIT_DATA, run_command
from thb_dataset.errors import ReleaseError


def fail() -> None:
    raise ReleaseError("no release here: give a folder")


def end_with_finding() -> None:
    raise SystemExit(1)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [(fail, EXIT_DATA, "no release here: give a folder"), (end_with_finding, 1, "finding: the")],
)
def test_its_report_says_what_was_wrong(
    command: object, code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "error.json"
    monkeypatch.setenv("TORCHELASTIC_ERROR_FILE", str(file))
    with pytest.raises(SystemExit) as ended:
        run_command(command)  # type: ignore[arg-type]
    assert ended.value.code == code
    report = ProcessFailure(local_rank=0, pid=1, exitcode=code, error_file=str(file))
    message: Any = report.message  # torch calls it a str, and it is a dict as well
    assert message["message"].startswith(f"exit code {code}, ")
    assert said in message["message"]
    assert report.timestamp > 0


def test_without_a_launcher_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TORCHELASTIC_ERROR_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        run_command(fail)
    assert list(tmp_path.iterdir()) == []
