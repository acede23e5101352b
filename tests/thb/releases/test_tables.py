"""``thb.load`` without a Hub: folders, the names of folds, and what is refused."""

from __future__ import annotations

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
        ({"protocol": "p9"}, "no config 'p9'; there are: p1, p2, p3"),
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
