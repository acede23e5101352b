"""``thb convert``: what it writes, and what it refuses before it writes anything."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

import thb
from detectors.base import Detector
from detectors.conversion import Layout
from detectors.convert import REPORT_NAME, convert
from detectors.listing import CONVERTIBLE, DETECTORS
from detectors.registry import find_layout
from thb.cli import main
from thb_dataset.errors import DetectorError


def test_every_layout_is_that_of_its_detector() -> None:
    assert set(CONVERTIBLE) == set(DETECTORS) - {"baseline"}
    for name in CONVERTIBLE:
        layout = find_layout(name)
        assert isinstance(layout, Layout)
        assert layout.detector == name
        with pytest.raises(DetectorError, match="these are not"):
            layout.find_variant({"something.else": torch.zeros(1)}, "")


def test_refusals_come_before_anything_is_written(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"nothing of the kind")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").touch()
    with pytest.raises(DetectorError, match="no official checkpoints are known for 'talk'"):
        convert("talk", tmp_path / "weights.pth", tmp_path / "out")
    with pytest.raises(DetectorError, match="not an empty folder"):
        convert("caddm", tmp_path / "weights.pth", tmp_path / "taken")
    with pytest.raises(DetectorError, match="not read as weights only"):
        convert("caddm", tmp_path / "weights.pth", tmp_path / "out")
    torch.save({"network": {"something.else": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(DetectorError, match="these are not CADDM weights"):
        thb.convert("caddm", tmp_path / "other.pth", tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.pth", "taken", "weights.pth"]


def test_the_verb_ends_with_the_exit_code_of_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["convert", "lipfd", str(tmp_path / "none.pth"), "--out", str(tmp_path / "out")])
    assert ended.value.code == 4
    assert "none.pth: no such file" in capsys.readouterr().err


def test_folder_report_and_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from detectors.caddm import CADDM, CADDMConfig, conversion

    torch.manual_seed(0)
    config = CADDMConfig(widths=[2, 2, 4, 8], depths=[1, 1, 1, 1], stem_width=4)
    model = CADDM(config)
    keys = conversion.map_keys(config)
    state = write_official(model, keys.modules)
    torch.save({"network": state, "opt_state": {}, "epoch": 1}, tmp_path / "tiny.pkl")
    tiny = Layout(
        detector="caddm",
        state_names=("network",),
        find_variant=conversion.find_variant,
        make_config=lambda variant: config,
        make_model=CADDM,
        map_keys=conversion.map_keys,
    )
    monkeypatch.setattr(conversion, "LAYOUT", tiny)
    with pytest.raises(SystemExit) as ended:
        main(["convert", "caddm", str(tmp_path / "tiny.pkl"), "--out", str(tmp_path / "out")])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "caddm (resnet34)" in text
    record = json.loads((tmp_path / "out" / REPORT_NAME).read_text(encoding="utf-8"))
    assert record["used"] == record["keys"] == len(state)
    again = thb.detector(tmp_path / "out")
    pixel_values = torch.rand(2, 1, 3, 224, 224) * 255
    with torch.no_grad():
        wanted = model.eval()(pixel_values).logits
        torch.testing.assert_close(again(pixel_values).logits, wanted, rtol=1e-5, atol=1e-5)


def write_official(model: Detector, modules: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """Name the weights of a model as its official code would."""
    theirs = {ours: name for name, ours in modules.items()}
    state = {}
    for key, tensor in model.state_dict().items():
        module, _, leaf = key.rpartition(".")
        value = torch.cat([torch.zeros_like(tensor), tensor]) if module == "classifier" else tensor
        state[f"{theirs[module]}.{leaf}"] = value
    return state
