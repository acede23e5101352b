"""Training on new videos: both classes alike, reals paired, validation untouched, all recorded."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from accelerate import Accelerator

from detectors.recipes import Recipe
from detectors.registry import load_detector
from tests.support.command_line import Run
from thb.preprocessing.renditions import Encoding, PseudoFake
from thb.publishing.card_renditions import describe_renditions
from thb.releases.opening import open_release
from thb.runs.provenance import describe_scoring
from thb.runs.record import read_record
from thb.runtime.records import write_text
from thb.training.checkpoint import CheckpointFolder
from thb.training.data import choose_clips
from thb.training.renditions import (
    draw_encoding,
    gather_renditions,
    name_rendition,
    plan_renditions,
    require_no_sound,
    tell_source,
)
from thb.training.settings import TrainOptions, TrainSettings, choose_settings
from thb.training.train import TrainedFold, train
from thb.training.videos import make_fold_clips
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import DetectorError, NoFaceError, SettingsError
from thb_dataset.protocols import build_folds
from thb_dataset.records import Generator, Label
from thb_dataset.release.scan import read_release

if TYPE_CHECKING:
    from thb_dataset.mini.release import MiniRelease

SMALL = {"clip": {"frames": 2, "size": 32}, "dropout": 0.2}
NEW: dict[str, Any] = {"reencodings": 1, "reencoding_side": 128}
WARP: dict[str, Any] = {**NEW, "pseudo_fakes": ["warp"]}


def train_small(release: MiniRelease, out: Path, **settings: Any) -> TrainedFold:
    (trained,) = train(
        "baseline",
        protocol="p3",
        fold="hallo",
        release=release.hub,
        real_root=release.real_root,
        out=out,
        settings={"epochs": 2, "batch_size": 4, **settings},
        options=TrainOptions(config=SMALL, progress=False),
    )
    return trained


def test_both_classes_are_encoded_alike() -> None:
    settings = TrainSettings(reencodings=2)
    ids = [f"{folder}/{k}" for folder in ("real/CelebV-HQ", "fake/Hallo") for k in range(2000)]
    quality = np.array([draw_encoding(video_id, 0, settings).crf for video_id in ids])
    reals, fakes = (np.bincount(part, minlength=36)[18:] for part in np.split(quality, 2))
    expected = 2000 / 18
    for counts in (reals, fakes):
        assert counts.sum() == 2000, "nothing outside 18 to 35"
        # The 99.9 % quantile of chi squared with 17 degrees of freedom.
        assert ((counts - expected) ** 2 / expected).sum() < 40.8
    other = np.array([draw_encoding(video_id, 1, settings).crf for video_id in ids])
    assert abs(np.corrcoef(quality, other)[0, 1]) < 0.06
    seeds = [draw_encoding(ids[0], 0, replace(settings, reencoding_seed=k)).crf for k in range(9)]
    assert len(set(seeds)) > 2
    assert draw_encoding(ids[0], 0, settings) == draw_encoding(ids[0], 0, settings)


def test_only_reals_have_pseudo_fakes_each_encoded_as_its_real(tiny_release: MiniRelease) -> None:
    videos = read_release(tiny_release.hub).videos
    settings = TrainSettings(reencodings=2, pseudo_fakes=("warp",))
    plan = plan_renditions(videos, settings)
    reals = [video for video in videos if video.label is Label.REAL]
    assert len(plan) == 2 * len(videos) + 2 * len(reals)
    for video in videos:
        for number in range(2):
            encoding = plan[name_rendition(video.video_id, number)]
            assert isinstance(encoding, Encoding)
            fake = plan.get(name_rendition(video.video_id, number, "warp"))
            assert (fake is None) == (video.label is Label.FAKE)
            if isinstance(fake, PseudoFake):
                assert fake.how == encoding.how
    draws = [way.identity["alteration"]["draw"] for way in plan.values() if type(way) is PseudoFake]
    assert len(set(draws)) == len(draws), "each warp is another"
    assert {tell_source(name) for name in plan} == {video.video_id for video in videos}


def test_what_fails_is_left_out_and_counted() -> None:
    settings = TrainSettings(reencodings=2, pseudo_fakes=("warp",))
    good: Any = object.__new__(_clips_class())
    gone = NoFaceError("v: no face\nat all")
    made = {
        **{name_rendition("a", k, kind): good for k in range(2) for kind in ("", "warp")},
        name_rendition("b", 0): gone,
        name_rendition("b", 1): good,
        name_rendition("b", 0, "warp"): gone,
        name_rendition("b", 1, "warp"): good,
        **{name_rendition("c", k): good for k in range(2)},
        name_rendition("c", 0, "warp"): good,
        name_rendition("c", 1, "warp"): gone,
        **{name_rendition("d", k, kind): gone for k in range(2) for kind in ("", "warp")},
        **{name_rendition("fake", k): good for k in range(2)},
    }
    new = gather_renditions(["a", "b", "c", "d", "fake"], made, settings)
    assert {name: len(one.encodings) for name, one in new.renditions.items()} == {
        "a": 2, "b": 1, "c": 2, "fake": 2,
    }  # fmt: skip
    with_fakes = {name for name, one in new.renditions.items() if one.pseudo_fakes}
    assert with_fakes == {"a", "b"}
    assert [len(new.renditions[name].pseudo_fakes["warp"]) for name in "ab"] == [2, 1]
    assert new.clips["d"] is gone
    assert new.refused == {"warp": {"c": "v: no face at all"}}


def _clips_class() -> type:
    from thb_dataset.clips.video_clips import VideoClips

    return VideoClips


def test_validation_is_as_released_and_has_no_pseudo_fake(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    opened = open_release(tiny_release.hub, real_root=tiny_release.real_root, progress=False)
    (fold,) = build_folds(opened.release.videos, "p3", held_out=Generator.HALLO)
    options = TrainOptions(progress=False, store=tmp_path / "store")
    spec, accelerator = ClipSpec(frames=2, size=32), Accelerator(cpu=True)

    def make(**settings: Any) -> Any:
        chosen = choose_settings(Recipe(), settings)
        return make_fold_clips([fold], spec, opened, chosen, options, accelerator)

    plain, new = make(), make(**WARP)
    for video in fold.validation:
        np.testing.assert_array_equal(
            plain.validation[video.video_id].pixels, new.validation[video.video_id].pixels
        )
    validation, counts = choose_clips(fold.validation, new.validation)
    assert not any(clips.encodings or clips.pseudo_fakes for clips in validation)
    assert counts.pseudo_fakes == {}
    used, counts = choose_clips(fold.train, new.train, new.new)
    reals = [clips for clips in used if clips.label is Label.REAL]
    assert counts.pseudo_fakes == {"warp": len(reals)}
    assert all(len(clips.pseudo_fakes) == 1 for clips in reals)
    assert not any(clips.pseudo_fakes for clips in used if clips.label is Label.FAKE)
    for clips in used:
        before = plain.train[clips.video_id].pixels
        assert (clips.encodings[0].pixels != before).any(), "re-encoded, whatever its class"
    again = make(**WARP)
    for name, one in new.new.renditions.items():
        for kind, fakes in one.pseudo_fakes.items():
            same = again.new.renditions[name].pseudo_fakes[kind]
            np.testing.assert_array_equal(fakes[0].pixels, same[0].pixels)


def test_a_run_records_what_was_on_and_its_card_says_it(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    trained = train_small(tiny_release, tmp_path / "run", **WARP)
    record = read_record(trained.folder)
    assert record == trained.record
    assert record is not None
    assert record.settings.pseudo_fakes == ("warp",)
    assert record.videos.train.pseudo_fakes == {"warp": record.videos.train.used.real}
    assert record.videos.validation.pseudo_fakes == {}
    config = json.loads((trained.folder / "config.json").read_text("utf-8"))
    assert "with pseudo-fakes (warp) of its reals" in config["training_data"]
    assert config["pseudo_fakes"] == ["warp"]
    scored = describe_scoring(load_detector(trained.folder), face_pack="embedded")
    assert [mark.symbol for mark in scored.marks] == ["◇"]
    again = json.loads(write_text(scored))["detector"]["pseudo_fakes"]
    assert again == ["warp"], "it goes with every row of predictions"
    (on,) = train(
        trained.folder,
        protocol="p3",
        fold="hallo",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        out=tmp_path / "on",
        settings={"epochs": 1, "batch_size": 4},
        options=TrainOptions(progress=False),
    )
    assert json.loads((on.folder / "config.json").read_text("utf-8"))["pseudo_fakes"] == ["warp"], (
        "weights that have seen them keep the mark"
    )
    encoded, pseudo = describe_renditions(record)
    assert "encoded again once (x264, CRF 18 to 35 at random, 25 fps, 128 pixels)" in encoded
    assert "**Pseudo-fakes: warp.** In 50% of the places" in pseudo
    assert "must stand beside that of a training without them" in pseudo
    assert train_small(tiny_release, trained.folder, **WARP).reused
    with pytest.raises(DetectorError, match=r"settings\.pseudo_fakes \['warp'\], not \[\]"):
        train_small(tiny_release, trained.folder, **NEW)
    other = train_small(tiny_release, tmp_path / "other", **NEW)
    assert other.record.weights_sha256 != record.weights_sha256
    assert len(describe_renditions(other.record)) == 1
    plain = replace(other.record, settings=replace(other.record.settings, reencodings=0))
    assert describe_renditions(plain) == []


def test_broken_off_it_comes_to_the_same_weights(
    tiny_release: MiniRelease, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = CheckpointFolder.write

    def write_and_end(self: CheckpointFolder, *rest: Any) -> None:
        write(self, *rest)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(CheckpointFolder, "write", write_and_end)
        with pytest.raises(KeyboardInterrupt):
            train_small(tiny_release, tmp_path / "broken", **WARP)
    resumed = train_small(tiny_release, tmp_path / "broken", **WARP)
    whole = train_small(tiny_release, tmp_path / "whole", **WARP)
    assert resumed.record.machine.resumed_after == 1
    assert resumed.record.weights_sha256 == whole.record.weights_sha256


def test_an_autoencoder_is_recorded_by_its_content(
    tiny_release: MiniRelease, tmp_path: Path
) -> None:
    diffusers = pytest.importorskip("diffusers")
    made = diffusers.AutoencoderKL(
        block_out_channels=(8,),
        down_block_types=("DownEncoderBlock2D",),
        up_block_types=("UpDecoderBlock2D",),
        layers_per_block=1,
        norm_num_groups=4,
    )
    made.save_pretrained(tmp_path / "tiny_vae")
    settings = {
        **{**NEW, "reencoding_side": 64},
        "pseudo_fakes": ["autoencoder"],
        "autoencoder": str(tmp_path / "tiny_vae"),
        "epochs": 1,
    }
    trained = train_small(tiny_release, tmp_path / "run", **settings)
    assert trained.record.settings.autoencoder == "tiny_vae", "not this machine's place of it"
    assert len(trained.record.autoencoder_sha256 or "") == 64
    # Random weights may leave a picture in which no face is found; both are counted.
    train_counts = trained.record.videos.train
    missing = train_counts.no_pseudo_fake.get("autoencoder", {})
    found = train_counts.pseudo_fakes.get("autoencoder", 0)
    assert found + len(missing) == train_counts.used.real
    assert "the image autoencoder tiny_vae (sha256" in describe_renditions(trained.record)[1]
    assert train_small(tiny_release, tmp_path / "run", **settings).reused
    made.decoder.conv_out.bias.data += 0.1
    made.save_pretrained(tmp_path / "tiny_vae")
    with pytest.raises(DetectorError, match="autoencoder"):
        train_small(tiny_release, tmp_path / "run", **settings)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"pseudo_fakes": ["warp"]}, "pseudo_fakes need reencodings of 1 or more"),
        ({"reencodings": 1, "pseudo_fakes": ["blur"]}, "'blur' is not one of warp, autoencoder"),
        ({"reencodings": 1, "pseudo_fakes": ["warp", "warp"]}, "names a kind twice"),
        ({"reencodings": 1, "pseudo_fakes": ["autoencoder"]}, "need the setting autoencoder"),
        ({"autoencoder": "folder"}, "pseudo_fakes does not hold 'autoencoder'"),
        ({"reencodings": -1}, "reencodings=-1 is not a whole number of 0 or more"),
        ({"reencodings": 1, "reencoding_side": 101}, "reencoding_side=101 is odd"),
        ({"reencoding_crf": [35, 18]}, "the lower one first"),
        ({"reencoding_crf": [18, 60]}, "two whole numbers in 0 to 51"),
        ({"pseudo_fake_share": 0.0}, "pseudo_fake_share=0.0 is not a number above 0"),
    ],
)
def test_settings_that_contradict_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError) as raised:
        choose_settings(Recipe(), given)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_detector_that_listens_gets_no_silent_videos(run_thb: Run, tmp_path: Path) -> None:
    listening = ClipSpec(crop="full", resample="opencv", sound="mel", sampling="consecutive")
    with pytest.raises(SettingsError, match="have no sound, which this detector"):
        require_no_sound(listening, TrainSettings(reencodings=1))
    require_no_sound(listening, TrainSettings())


def test_the_command_takes_the_settings_and_refuses_contradictions(
    run_thb: Run, tmp_path: Path
) -> None:
    ended = run_thb(
        *("train", "baseline", "--protocol", "p3", "--release", "mini"),
        *("--out", tmp_path / "run", "--set", 'pseudo_fakes=["warp"]'),
    )
    assert ended.code == 2
    assert "need reencodings" in ended.err
    assert not (tmp_path / "run").exists()
