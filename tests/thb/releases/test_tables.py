"""``thb.load`` without a Hub: folders, the names of folds, and what is refused."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest

import thb
from thb_dataset.errors import ProtocolError, ReleaseError
from thb_dataset.mini.release import MiniRelease
from thb_dataset.protocols import build_folds
from thb_dataset.records import TRAINING_GENERATORS
from thb_dataset.release.scan import read_release


@pytest.mark.parametrize("by", ["release", "driver"])
def test_an_umbrella_holds_every_fold(tiny_release: MiniRelease, by: str) -> None:
    data = thb.load("p3", release=tiny_release.hub, real_root=tiny_release.real_root, split_by=by)
    assert len(data) == 19
    folds = build_folds(read_release(tiny_release.hub).videos, "p3", split_by=by)
    assert len(folds) == len(TRAINING_GENERATORS)
    for fold in folds:
        slug = fold.name.partition("-")[2]
        for split in ("train", "validation", "test"):
            rows = data[f"{split}.{slug}"]
            assert rows["video_id"] == [video.video_id for video in getattr(fold, split)]
            assert all(video["path"] for video in rows["video"])
            assert rows["label"] == [int(video.label) for video in getattr(fold, split)]


def test_the_families_are_splits_of_their_own_umbrella(tiny_release: MiniRelease) -> None:
    load = partial(
        thb.load, "p3-family", release=tiny_release.hub, real_root=tiny_release.real_root
    )
    data = load()
    assert [name for name in data if name.startswith("test.")] == [
        f"test.{slug}" for slug in ("hallo", "aniportrait", "sd_vae", "warping")
    ]
    alone = load(fold="sd-vae-family")
    assert list(alone) == ["train", "validation", "test", "extra"]
    assert alone["test"]["video_id"] == data["test.sd_vae"]["video_id"]
    assert set(alone["train"]["generator"]) == {"LivePortrait", "EmoPortrait", None}
    same = thb.load("p3-family-sd_vae", release=tiny_release.hub, real_root=tiny_release.real_root)
    assert same["train"]["video_id"] == alone["train"]["video_id"]


@pytest.mark.parametrize(
    ("protocol", "fold", "says"),
    [
        ("p3-family", "halo", "did you mean hallo"),
        ("p3-family", "Hallo2", "Hallo2 is one generator"),
        ("p3", "hallo-family", "choose the protocol p3-family"),
        ("p3-family-hallo", "warping", "p3-family-hallo is the fold of hallo-family"),
        ("p3-famly", None, "there are: p1, p2, p3, p3-family"),
    ],
)
def test_no_such_family_is_said(protocol: str, fold: str | None, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        thb.load(protocol, fold=fold, release="mini")


def test_rows_know_the_release_and_decode_nothing(tiny_release: MiniRelease) -> None:
    data = thb.load("p1", release=tiny_release.hub, real_root=tiny_release.real_root)
    row = next(row for row in data["train"] if row["generator"] == "Hallo")
    assert row["video"]["bytes"] is None
    assert row["audio"]["path"].endswith(".wav")
    assert row["release_split"] == "train"
    assert data["train"].features["label"].names == ["real", "fake"]


def test_the_official_list_brings_its_own_reals(tiny_release: MiniRelease) -> None:
    default = thb.load("p1", release=tiny_release.hub, real_root=tiny_release.real_root)
    official = thb.load(
        "p1",
        release=tiny_release.hub,
        real_root=tiny_release.real_root,
        split_list="official_ff++",
    )
    assert {name: len(rows) for name, rows in default.items()} != {
        name: len(rows) for name, rows in official.items()
    }


@pytest.mark.parametrize("fold", ["hallo", "Hallo", "HALLO", "p3-hallo"])
def test_a_fold_has_several_names(tiny_release: MiniRelease, fold: str) -> None:
    data = thb.load("p3", fold=fold, release=tiny_release.hub, real_root=tiny_release.real_root)
    assert list(data) == ["train", "validation", "test", "extra"]
    assert "Hallo" not in data["train"]["generator"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"protocol": "p9"}, "no config 'p9'; did you mean p\\d\\? there are: p1, p2, p3"),
        ({"protocol": "p1", "fold": "hallo"}, "p1 has no fold hallo"),
        ({"protocol": "p3", "fold": "magi_1"}, "p3 has no fold magi_1"),
        ({"protocol": "p3", "fold": "sora"}, "unknown generator 'sora'"),
        ({"protocol": "p3", "fold": "p2-hallo"}, "p2-hallo is no fold of p3"),
        ({"protocol": "p3-hallo", "fold": "hallo2"}, "is the fold of Hallo, not of Hallo2"),
        ({"release": "./nowhere"}, "there is no folder ./nowhere"),
        ({"real_root": "nowhere"}, "there is no folder nowhere for the real videos"),
        ({"real_root": {"celebv": "."}}, "names celebv; it may name FaceForensics"),
        ({"split_list": "mine"}, "no split list 'mine'"),
        ({"split_by": "moon"}, "split_by is 'moon'"),
        ({"release": "mini", "real_root": "."}, "has its own real videos"),
        ({"release": "no/where"}, "HF_HUB_OFFLINE is set and no/where"),
    ],
)
def test_what_cannot_be_loaded_says_why(
    tiny_release: MiniRelease, options: dict[str, Any], says: str
) -> None:
    chosen = {"release": tiny_release.hub, **options}
    with pytest.raises((ProtocolError, ReleaseError), match=says):
        thb.load(**chosen)
