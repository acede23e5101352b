"""``thb convert``: what it writes, and what it refuses before it writes anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import thb
from detectors.base import Detector
from detectors.conversion import Layout
from detectors.convert import REPORT_NAME, convert, find_layout
from detectors.listing import CONVERTIBLE, DETECTORS
from thb.cli import main
from thb_dataset.errors import DetectorError, SettingsError

if TYPE_CHECKING:
    from tests.support.command_line import Run


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
    with pytest.raises(DetectorError, match=r"weights\.pth: a text file, not a checkpoint"):
        convert("caddm", tmp_path / "weights.pth", tmp_path / "out")
    with pytest.raises(SettingsError, match="caddm tell its variant: leave out --variant"):
        convert("caddm", tmp_path / "weights.pth", tmp_path / "out", variant="official")
    with pytest.raises(SettingsError, match="no variant 'x': choose official, deepfakebench"):
        convert("tall", tmp_path / "weights.pth", tmp_path / "out", variant="x")
    torch.save({"network": {"net.something.else": torch.zeros(1)}}, tmp_path / "other.pth")
    with pytest.raises(DetectorError, match=r"not CADDM weights.*'net\.something\.', which began"):
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


@pytest.mark.parametrize(
    ("prefix", "said", "variant"),
    [
        ("", None, "official"),
        ("model.", None, "deepfakebench"),
        ("backbone.", None, "official"),
        ("", "deepfakebench", "deepfakebench"),
        ("module.model.", "official", "official"),
    ],
)
def test_who_trained_tall_is_said_or_assumed_aloud(
    prefix: str,
    said: str | None,
    variant: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    run_thb: Run,
    read_golden: Callable[[str], Any],
) -> None:
    from detectors.tall import conversion
    from detectors.tall.configuration import CLIPS, TALLConfig

    golden = read_golden("tall-official")
    clips = {
        name: replace(clip, size=32, cut_size=clip.cut_size and 32) for name, clip in CLIPS.items()
    }
    tiny = replace(
        conversion.LAYOUT,
        make_config=lambda name: TALLConfig(**golden.config, clip=clips[name].to_dict()),
    )
    monkeypatch.setattr(conversion, "LAYOUT", tiny)
    state = {prefix + key: value for key, value in golden.state.items()}
    torch.save({"state_dict": state}, tmp_path / "tall.pth")
    words = [] if said is None else ["--variant", said]
    out = tmp_path / "out"
    ended = run_thb("convert", "tall", tmp_path / "tall.pth", "--out", out, *words)
    assert ended.code == 0, ended.err
    assert f"tall ({variant})" in ended.out
    assert (f"{prefix} removed" in ended.out) is bool(prefix)
    record = json.loads((out / REPORT_NAME).read_text(encoding="utf-8"))
    others = [] if said else [name for name in CLIPS if name != variant]
    assert (record["alternatives"], record["prefix"]) == (others, prefix)
    assert ("convert again with --variant" in caplog.text) is (said is None)
    assert thb.detector(out).config.clip_spec == clips[variant]


def write_official(model: Detector, modules: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """Name the weights of a model as its official code would."""
    theirs = {ours: name for name, ours in modules.items()}
    state = {}
    for key, tensor in model.state_dict().items():
        module, _, leaf = key.rpartition(".")
        value = torch.cat([torch.zeros_like(tensor), tensor]) if module == "classifier" else tensor
        state[f"{theirs[module]}.{leaf}"] = value
    return state
