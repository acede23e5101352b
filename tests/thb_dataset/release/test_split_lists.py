"""Split lists: which clip is in which block, and which files are refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from thb_dataset.errors import ReleaseError
from thb_dataset.records import RealDataset, Split
from thb_dataset.release.split_lists import SplitList, read_split_list

FF, CELEB = RealDataset.FACEFORENSICS, RealDataset.CELEBV_HQ


def read(content: Any) -> dict[tuple[RealDataset, str], Split]:
    return dict(read_split_list(json.dumps(content), "list.json").split)


def test_a_whole_list_is_read() -> None:
    content = {
        "Train": {"FaceForensics++": ["001.mp4"], "CelebV-HQ": ["-a_b_0.mp4"]},
        "Val": {"FaceForensics++": ["002"], "CelebV-HQ": []},
        "Test": {"CelebV-HQ": ["c_1.mp4"]},
    }
    assert read(content) == {
        (FF, "001"): Split.TRAIN,
        (CELEB, "-a_b_0"): Split.TRAIN,
        (FF, "002"): Split.VALIDATION,
        (CELEB, "c_1"): Split.TEST,
    }


@pytest.mark.parametrize(
    "content",
    [
        {},
        None,
        {"Train": None, "Val": {}, "Test": []},
        {"Train": {"FaceForensics++": None, "CelebV-HQ": []}},
    ],
)
def test_blocks_may_be_absent_null_or_empty(content: Any) -> None:
    assert read(content) == {}


@pytest.mark.parametrize("order", [["Test", "Train", "Val"], ["Train", "Val", "Test"]])
def test_a_stem_in_two_blocks_takes_the_last_of_train_val_test(order: list[str]) -> None:
    names = {"Train": ["a", "b"], "Val": ["b.mp4", "c"], "Test": ["a.mp4"]}
    reals = read_split_list(
        json.dumps({block: {"CelebV-HQ": names[block]} for block in order}), "x"
    )
    assert reals.split == {
        (CELEB, "a"): Split.TEST,
        (CELEB, "b"): Split.VALIDATION,
        (CELEB, "c"): Split.VALIDATION,
    }
    assert reals.in_two_blocks == ((CELEB, "a"), (CELEB, "b"))


def test_one_name_in_two_datasets_is_two_videos() -> None:
    split = read({"Train": {"FaceForensics++": ["001"]}, "Test": {"CelebV-HQ": ["001"]}})
    assert split == {(FF, "001"): Split.TRAIN, (CELEB, "001"): Split.TEST}


def test_a_name_twice_in_a_block_is_noted() -> None:
    reals = read_split_list('{"Test": {"CelebV-HQ": ["a", "a.mp4"]}}', "x")
    assert reals.listed_twice == ((CELEB, "a"),)
    assert reals.in_two_blocks == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("\xff\xfe", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "the list is a list, not an object"),
        ("3", "the list is a number"),
        ('{"train": {}}', "has 'train'; known: Test, Train, Val"),
        ('{"Train": ["001.mp4"]}', "Train is a list, not an object"),
        ('{"Train": {"FF++": ["001.mp4"]}}', "Train has 'FF\\+\\+'"),
        ('{"Train": {"CelebV-HQ": "a.mp4"}}', "Train/CelebV-HQ is a string, not a list"),
        ('{"Train": {"CelebV-HQ": {"a": 1}}}', "Train/CelebV-HQ is an object, not a list"),
        ('{"Train": {"CelebV-HQ": [1]}}', r"Train/CelebV-HQ\[0\] is a number"),
        ('{"Train": {"CelebV-HQ": [null]}}', r"Train/CelebV-HQ\[0\] is null"),
        ('{"Train": {"CelebV-HQ": ["../a.mp4"]}}', r"\[0\] is '../a.mp4'"),
        ('{"Train": {"CelebV-HQ": ["b/a.mp4"]}}', "not the plain name"),
        ('{"Train": {"CelebV-HQ": [""]}}', "not the plain name"),
        ('{"Train": {"CelebV-HQ": [".mp4"]}}', "not the plain name"),
        ('{"Train": {}, "Train": {}}', "has 'Train' twice"),
    ],
)
def test_every_other_shape_is_named(text: str, says: str) -> None:
    with pytest.raises(ReleaseError, match=says):
        read_split_list(text, "real/list.json")


def test_every_offender_is_named() -> None:
    content = {"Train": {"CelebV-HQ": ["../a", "b", 7]}, "Dev": {}, "Test": {"FF": []}}
    with pytest.raises(ReleaseError) as caught:
        read(content)
    for place in ("Train/CelebV-HQ[0]", "Train/CelebV-HQ[2]", "'Dev'", "'FF'"):
        assert place in str(caught.value)


def test_the_two_lists_lie_where_the_release_has_them() -> None:
    assert SplitList.named("default").path == "real/real_dataset_split.json"
    assert SplitList.named("official_ff++").path == "real/real_dataset_split_official_ff++.json"
    with pytest.raises(ReleaseError, match="no split list 'other'; known: default, official"):
        SplitList.named("other")
