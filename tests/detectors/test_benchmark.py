"""The benchmark of the networks runs on the small networks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from benchmarks.detectors_gpu import HEADS, main


def test_smoke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "table.md"
    words = ["benchmarks.detectors_gpu", "--smoke", "--only", "tall", "caddm", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", words)
    assert main() == 0
    capsys.readouterr()
    lines = [line for line in out.read_text("utf-8").splitlines() if line.startswith("| ")]
    assert len(lines) == 1 + 2 * 2 * 2  # heads; two networks, precisions and kinds of work
    assert all(line.count("|") == len(HEADS) + 1 for line in lines)
    exact = next(line for line in lines if "inference | fp32" in line)
    assert "0.0e+00" in exact


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_full_size_wants_a_gpu(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks.detectors_gpu"])
    assert main() == 2
    assert "--smoke" in capsys.readouterr().err
