"""A detector is found by any of its names, and every failure is explained."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import detectors
from detectors.listing import DETECTORS
from detectors.registry import create_detector, find_detector_class, load_detector
from thb_dataset.errors import DetectorError, SettingsError

THIRD_PARTY = """
from torch import nn

from detectors import Detector
from thb_dataset.clip_spec import ClipSpec


class Mine(Detector):
    model_type = "third_party_mine"
    default_clip = ClipSpec(frames=2, size=8)
    cam_layer = "map"

    def __init__(self, config):
        super().__init__(config)
        self.map = nn.Conv2d(3, 1, 1)
        self.post_init()

    def forward(self, pixel_values, labels=None):
        maps = self.map(pixel_values.flatten(0, 1)).unflatten(0, (-1, pixel_values.shape[1]))
        return self.make_output(maps.mean(dim=(1, 2, 3, 4)), labels)

    def cam_reshape(self, activations, frames):
        return activations.unflatten(0, (-1, frames))


class NoDetector(nn.Module):
    pass
"""
SMALL = {"clip": {"frames": 2, "size": 32}}


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """Return a folder with trained weights."""
    folder = tmp_path / "saved"
    load_detector("baseline", seed=1, config=SMALL, untrained=True).save_pretrained(folder)
    return folder


@pytest.fixture
def third_party(tmp_path: Path) -> Path:
    """Return a folder with a module of a third party."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "third_party.py").write_text(THIRD_PARTY, encoding="utf-8")
    return folder


def run_python(
    code: str, *, folder: Path, also_from: Path | None = None, succeeds: bool = True
) -> str:
    """Run code in a new process that begins in a folder; return its output, or its complaint.

    Like a console script, the process does not look for modules in the folder; it does in
    ``also_from``.
    """
    paths = [Path(__file__).parents[2], *([also_from] if also_from else [])]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONSAFEPATH": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode == 0) is succeeds, done.stderr
    return done.stdout if succeeds else done.stderr


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_registered_name_is_a_detector(name: str) -> None:
    found = find_detector_class(name)
    assert f"{found.__module__}:{found.__qualname__}" == DETECTORS[name].detector


def test_names_are_known_without_torch(tmp_path: Path) -> None:
    printed = run_python(
        "import sys, detectors, detectors.listing, detectors.registry, detectors.convert\n"
        "heavy = {'torch', 'transformers', 'detectors.base', 'detectors.tall'}\n"
        "print(sorted(heavy & set(sys.modules)), *detectors.DETECTORS)",
        folder=tmp_path,
    )
    assert printed.split() == ["[]", *DETECTORS]


def test_every_name_of_the_package_is_there() -> None:
    for name in detectors.__all__:
        assert getattr(detectors, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'Detectr'"):
        detectors.Detectr  # noqa: B018 — the access itself is refused


def test_registering_makes_the_auto_classes_know_every_detector(tmp_path: Path) -> None:
    printed = run_python(
        "import detectors\n"
        "detectors.register_detectors()\n"
        "from transformers import AutoConfig, AutoModelForVideoClassification as Auto\n"
        "print(type(Auto.from_config(AutoConfig.for_model('thb_baseline'))).__name__)",
        folder=tmp_path,
    )
    assert printed.split() == ["BaselineDetector"]


def test_fresh_weights_depend_on_the_seed_alone() -> None:
    torch.manual_seed(5)
    first = load_detector("baseline", seed=1, config=SMALL, untrained=True).state_dict()
    state = torch.get_rng_state()
    again = load_detector("baseline", seed=1, config=SMALL, untrained=True).state_dict()
    other = load_detector("baseline", seed=2, config=SMALL, untrained=True).state_dict()
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(tensor, again[name]) for name, tensor in first.items())
    assert any(not torch.equal(tensor, other[name]) for name, tensor in first.items())


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("basline", "did you mean baseline"),
        ("qwertyuiop", "give a folder with trained weights"),
        ("runs/x/p3-hallo", "no detector 'runs/x/p3-hallo'"),
        ("no_such_module:Mine", "no module 'no_such_module'"),
        ("detectors.baseline.modeling:BaselineDetectr", "did you mean BaselineDetector"),
        ("pathlib:Path", "subclass detectors.base.Detector"),
    ],
)
def test_what_cannot_be_found_says_what_to_do(reference: str, message: str) -> None:
    with pytest.raises(DetectorError, match=message):
        load_detector(reference, untrained=True)


def test_a_hub_id_out_of_reach_says_so() -> None:
    with pytest.raises(DetectorError, match="no such folder here, and as a Hub id: "):
        load_detector("org/no-such-detector")


def test_a_folder_named_like_a_detector_is_reached_by_its_path(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved.parent)
    saved.rename("baseline")
    ours, theirs = (
        load_detector("baseline", config=SMALL, untrained=True),
        load_detector("./baseline"),
    )
    name = "classifier.weight"
    assert not torch.equal(ours.state_dict()[name], theirs.state_dict()[name])


def test_a_run_of_several_folds_asks_for_one_of_them(saved: Path) -> None:
    with pytest.raises(DetectorError, match=r"several detectors, one per fold.*saved"):
        load_detector(saved.parent)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match=r"holds no config\.json"):
        load_detector(tmp_path)


def test_settings_of_trained_weights_cannot_be_changed(saved: Path) -> None:
    with pytest.raises(DetectorError, match="settings cannot be changed"):
        load_detector(saved, config={"dropout": 0.5})


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(DetectorError, match=r"no setting dropuot \(did you mean dropout\?\)"):
        load_detector("baseline", config={"dropuot": 0.5}, untrained=True)


@pytest.mark.parametrize("name", ["epochs", "epoch"])
def test_a_setting_of_the_training_is_sent_there(name: str) -> None:
    with pytest.raises(DetectorError, match=r"one of the training .* with --set$"):
        load_detector("baseline", config={name: 3}, untrained=True)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"dropout": 2}, "dropout probability has to be between 0 and 1"),
        ({"dropout": "x"}, "dropout='x' is not a number"),
        ({"id2label": 3}, "cannot be made with"),
    ],
)
def test_a_setting_that_no_network_can_have_is_refused(
    config: dict[str, object], said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        load_detector("baseline", config=config, untrained=True)


def test_missing_weights_are_refused_and_not_drawn_again(saved: Path) -> None:
    weights = load_file(saved / "model.safetensors")
    del weights["classifier.bias"]
    save_file(weights, saved / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DetectorError, match=r"do not fit.*missing.*classifier\.bias"):
        load_detector(saved)


def test_weights_of_another_shape_are_refused(saved: Path) -> None:
    weights = load_file(saved / "model.safetensors")
    weights["classifier.weight"] = torch.zeros(1, 3)
    save_file(weights, saved / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DetectorError, match=str(saved)):
        load_detector(saved)


def test_surplus_weights_are_refused(saved: Path) -> None:
    weights = load_file(saved / "model.safetensors") | {"stowaway": torch.zeros(1)}
    save_file(weights, saved / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(DetectorError, match=r"unexpected.*stowaway"):
        load_detector(saved)


def test_pickled_weights_are_never_read(saved: Path) -> None:
    torch.save(load_file(saved / "model.safetensors"), saved / "pytorch_model.bin")
    (saved / "model.safetensors").unlink()
    with pytest.raises(DetectorError, match=r"needs config\.json and model\.safetensors"):
        load_detector(saved)


@pytest.mark.parametrize("content", [b"", b"\x08" + bytes(7) + b"not json", b"PK\x03\x04 a zip"])
def test_damaged_weights_are_a_line_and_not_a_crash(saved: Path, content: bytes) -> None:
    (saved / "model.safetensors").write_bytes(content)
    with pytest.raises(DetectorError, match="cannot load"):
        load_detector(saved)


@pytest.mark.parametrize("content", ["{", "[]", '{"model_type": "no_such_type"}', "{}"])
def test_a_damaged_config_is_a_line_and_not_a_crash(saved: Path, content: str) -> None:
    (saved / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(DetectorError, match=str(saved)):
        load_detector(saved)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    from transformers import VideoMAEConfig, VideoMAEForVideoClassification

    config = VideoMAEConfig(
        image_size=16, num_frames=2, hidden_size=8, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=8,
    )  # fmt: skip
    VideoMAEForVideoClassification(config).save_pretrained(tmp_path)
    with pytest.raises(DetectorError, match="is a VideoMAEForVideoClassification, not a detector"):
        load_detector(tmp_path)


def test_a_third_partys_class_needs_no_registration(third_party: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    printed = run_python(
        "from detectors.registry import load_detector\n"
        "mine = load_detector('third_party:Mine', seed=2, untrained=True)\n"
        f"mine.save_pretrained({str(out)!r})\n"
        f"again = load_detector({str(out)!r})\n"
        "print(type(again).__name__, bool((mine.map.weight == again.map.weight).all()))",
        folder=tmp_path,
        also_from=third_party,
    )
    assert printed.split()[-2:] == ["Mine", "True"]
    assert json.loads((out / "config.json").read_text("utf-8"))["detector_class"] == (
        "third_party:Mine"
    )


def test_code_that_a_folder_names_runs_only_where_that_is_allowed(
    third_party: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    load = "from detectors.registry import load_detector\n"
    run_python(
        f"{load}load_detector('third_party:Mine', untrained=True).save_pretrained({str(out)!r})",
        folder=tmp_path,
        also_from=third_party,
    )
    refused = run_python(
        f"{load}load_detector({str(out)!r})",
        folder=tmp_path,
        also_from=third_party,
        succeeds=False,
    )
    assert "DetectorError" in refused
    assert "--trust-remote-code" in refused
    allowed = run_python(
        f"{load}print(type(load_detector({str(out)!r}, trust_remote_code=True)).__name__)",
        folder=tmp_path,
        also_from=third_party,
    )
    assert allowed.split()[-1] == "Mine"
    named = run_python(
        f"{load}print(type(load_detector({f'third_party:Mine@{out}'!r})).__name__)",
        folder=tmp_path,
        also_from=third_party,
    )
    assert named.split()[-1] == "Mine", "who names the class trusts it"


def test_a_class_that_is_not_a_detector_is_refused(third_party: Path, tmp_path: Path) -> None:
    printed = run_python(
        "from detectors.registry import load_detector\n"
        "load_detector('third_party:NoDetector', untrained=True)",
        folder=tmp_path,
        also_from=third_party,
        succeeds=False,
    )
    assert "third_party:NoDetector is not a detector" in printed


def test_only_the_command_line_searches_the_working_folder(third_party: Path) -> None:
    printed = run_python(
        "import sys\n"
        "from detectors.registry import find_detector_class\n"
        "from thb_dataset.errors import DetectorError\n"
        "before = list(sys.path)\n"
        "try:\n"
        "    find_detector_class('third_party:Mine')\n"
        "except DetectorError as error:\n"
        "    print('refused:', error)\n"
        "assert sys.path == before\n"
        "from thb.cli import main\n"
        "try:\n"
        "    main(['env'])\n"
        "except SystemExit:\n"
        "    print(find_detector_class('third_party:Mine').__name__)",
        folder=third_party,
    )
    lines = printed.splitlines()
    assert lines[0].startswith("refused: no module 'third_party'")
    assert "PYTHONPATH" in lines[0]
    assert lines[-1] == "Mine"


def test_our_own_classes_are_not_named_in_their_config(saved: Path) -> None:
    assert json.loads((saved / "config.json").read_text("utf-8"))["detector_class"] is None


def test_the_device_is_chosen(saved: Path) -> None:
    assert load_detector(saved, device="cpu").device == torch.device("cpu")
    assert create_detector(find_detector_class("baseline"), config=SMALL).device.type == "cpu"


def test_reading_and_writing_weights_shows_no_bars_but_those_of_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from transformers.utils import logging

    shown = logging.is_progress_bar_enabled()  # a command that ran before may have silenced them
    logging.enable_progress_bar()
    try:
        kind = find_detector_class("baseline")
        create_detector(kind, config=kind.tiny).save_pretrained(tmp_path / "run")
        load_detector(tmp_path / "run")
        assert capsys.readouterr().err == ""
        for _ in logging.tqdm([1], desc="a bar of somebody else"):
            pass
        assert "a bar of somebody else" in capsys.readouterr().err
    finally:
        if not shown:
            logging.disable_progress_bar()


def test_a_file_in_the_place_of_a_detector_is_told_from_a_wrong_name(tmp_path: Path) -> None:
    kind = find_detector_class("baseline")
    create_detector(kind, config=kind.tiny).save_pretrained(tmp_path / "run")
    (tmp_path / "clip.mp4").touch()
    with pytest.raises(DetectorError, match=f"give its folder, {tmp_path / 'run'}$"):
        load_detector(tmp_path / "run" / "model.safetensors")
    with pytest.raises(DetectorError, match="named first, and then the videos"):
        load_detector(tmp_path / "clip.mp4")
