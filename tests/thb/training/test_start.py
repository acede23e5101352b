"""What a training begins with: a pretrained backbone, or random weights that were asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from accelerate import Accelerator

from detectors.caddm.configuration import make_config
from detectors.listing import DETECTORS
from detectors.registry import find_detector_class, load_detector
from detectors.tall import TALL
from thb.publishing.detector_card import write_card
from thb.training.settings import TrainOptions
from thb.training.start import load_start
from thb.training.train import train
from thb_dataset.errors import DetectorError, ReleaseError, SettingsError

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

PUBLISHED = sorted(set(DETECTORS) - {"baseline"})


def start(name: str, **options: Any) -> Any:
    return load_start(name, None, TrainOptions(progress=False, **options), Accelerator(cpu=True))[0]


def make_swin(folder: Path) -> Any:
    """Write a Swin of the size of the tiny TALL."""
    from transformers import SwinConfig, SwinModel

    size: dict[str, Any] = {
        "image_size": 64,
        "embed_dim": 16,
        "depths": [1, 1, 2],
        "num_heads": [1, 2, 4],
    }
    swin = SwinModel(SwinConfig(**size))
    swin.save_pretrained(folder)
    return swin


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_published_size_has_its_backbone(name: str) -> None:
    """A changed default would otherwise begin with random weights in silence."""
    detector = find_detector_class(name)
    (fitting,) = [one for one in detector.backbones if one.fits(detector.config_class())]
    assert fitting.repo
    assert len(fitting.revision) == 40
    assert fitting.megabytes > 50
    assert fitting.licence
    tiny = detector.config_class(**detector.tiny)
    assert not any(one.fits(tiny) for one in detector.backbones)


def test_the_baseline_has_no_published_backbone_and_the_other_networks_of_caddm_do() -> None:
    assert not find_detector_class("baseline").backbones
    for variant in ("efficientnet-b3", "efficientnet-b4"):
        config = make_config(variant)
        (fitting,) = [one for one in find_detector_class("caddm").backbones if one.fits(config)]
        assert fitting.repo is None


def test_the_first_blocks_of_the_published_encoder_are_its_own() -> None:
    gend = find_detector_class("gend")
    (published,) = gend.backbones
    configs = [gend.config_class.from_dict({"layers": layers}) for layers in (23, 24, 25)]
    fitting = {config.layers: published.fits(config) for config in configs}
    assert fitting == {23: True, 24: True, 25: False}


@pytest.mark.parametrize("name", PUBLISHED)
def test_without_the_hub_it_stops_before_a_face_is_searched(
    name: str, run_thb: Run, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    """HF_HUB_OFFLINE is set for all tests, and the cache is empty."""
    where = ["--release", tiny_release.hub, "--real-root", tiny_release.real_root]
    out = tmp_path / "run"
    done = run_thb("train", name, "--protocol", "p1", *where, "--out", out)
    (fitting,) = find_detector_class(name).backbones[:1]
    assert done.code == 4, done.err
    assert f"{fitting.repo} at {fitting.revision[:12]}, {fitting.megabytes} MB" in done.err
    assert fitting.licence in done.err
    wanted = f"hf download {fitting.repo} config.json model.safetensors --revision"
    assert wanted in done.err
    assert "--from-scratch" in done.err
    assert "finding faces" not in done.err
    assert not (out / "p1").exists()


def test_a_network_without_a_known_repo_asks_for_a_folder() -> None:
    with pytest.raises(DetectorError, match=r"EfficientNet-B4.*--backbone DIR"):
        start("caddm", config={"backbone": "efficientnet", "width_coefficient": 1.4})


def test_a_folder_is_read_and_named_without_its_place(tmp_path: Path) -> None:
    swin = make_swin(tmp_path / "swin")
    detector = start("tall", tiny=True, backbone=tmp_path / "swin")
    assert torch.equal(
        detector.swin.embeddings.patch_embeddings.projection.weight,
        swin.embeddings.patch_embeddings.projection.weight,
    )
    assert (detector.config.backbone_checkpoint, detector.config.from_scratch) == ("swin", False)
    with pytest.raises(DetectorError, match="cannot read the backbone"):
        start("tall", tiny=True, backbone=tmp_path / "absent")


def test_what_it_began_with_stands_in_the_record(tiny_release: MiniRelease, tmp_path: Path) -> None:
    make_swin(tmp_path / "swin")
    for backbone, wanted in ((tmp_path / "swin", ("swin", False)), (None, (None, True))):
        (run,) = train(
            "tall",
            protocol="p3",
            fold="hallo",
            release=tiny_release.hub,
            real_root=tiny_release.real_root,
            out=tmp_path / str(wanted[1]),
            settings={"epochs": 1, "batch_size": 4, "clips_per_sample": 1, "clips_cut": 2},
            options=TrainOptions(tiny=True, backbone=backbone, progress=False),
        )
        record = run.record.detector
        assert (record.backbone, record.from_scratch) == wanted
        config = json.loads((run.folder / "config.json").read_text("utf-8"))
        assert (config["backbone_checkpoint"], config["from_scratch"]) == wanted
        card = write_card(load_detector(run.folder), "org/tall", record=run.record, results=())
        assert ("began with the pretrained backbone swin" in card) == (backbone is not None)
        assert ("began with random weights" in card) == (backbone is None)


def test_options_that_contradict_are_refused(tiny_release: MiniRelease, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"protocol": "p1", "release": tiny_release.hub, "out": tmp_path}
    both = TrainOptions(backbone=tmp_path, from_scratch=True)
    with pytest.raises(SettingsError, match="leave out one of the two"):
        train("tall", **asked, options=both)
    twice = TrainOptions(backbone=tmp_path, config={"backbone_checkpoint": "org/name"})
    with pytest.raises(SettingsError, match="backbone_checkpoint already"):
        train("tall", **asked, options=twice)
    trained = TALL(TALL.config_class(**TALL.tiny))
    with pytest.raises(SettingsError, match="TALL has weights already"):
        train(trained, **asked, options=TrainOptions(from_scratch=True))


def test_from_scratch_is_the_explicit_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sizes of the tiny network stand for the published ones, which take a minute."""
    tiny = {**TALL.tiny}
    published = TALL.backbones[0]
    monkeypatch.setattr(
        TALL,
        "backbones",
        (type(published)(**{**vars(published), "settings": {"embed_dim": 16}}),),
    )
    with pytest.raises(DetectorError, match="--from-scratch"):
        start("tall", config=tiny)
    assert start("tall", config=tiny, from_scratch=True).config.from_scratch
    assert start("tall", config={**tiny, "from_scratch": True}).config.from_scratch


@pytest.mark.parametrize("name", ["baseline", "tall"])
def test_without_real_videos_nothing_is_searched_or_downloaded(
    name: str, run_thb: Run, tiny_release: MiniRelease, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = run_thb("train", name, "--protocol", "p1", "--release", tiny_release.hub, "--out", out)
    assert done.code == 3, done.err
    assert "p1 has no real video to train on" in done.err
    assert "--real-root" in done.err
    assert "finding faces" not in done.err
    assert "from the Hub" not in done.err
    with pytest.raises(ReleaseError, match="no real video"):
        train(name, protocol="p1", release=tiny_release.hub, real_root=tmp_path, out=out)
