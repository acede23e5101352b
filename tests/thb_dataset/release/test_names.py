"""File names of the release: what they tell, and which are refused."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thb_dataset.errors import ReleaseError
from thb_dataset.records import TRAINING_GENERATORS, Generator
from thb_dataset.release.names import leaves_root, parse_fake_stem, restore_driver

ALPHABET = string.ascii_letters + string.digits + "_-"
youtube_ids = st.text(ALPHABET, min_size=10, max_size=11)
clips = st.builds(lambda name, number: f"{name}_{number}", youtube_ids, st.integers(0, 99))
portraits = st.integers(0, 99_999).map(lambda number: f"{number:05d}")


@pytest.mark.parametrize(
    ("stem", "folder", "portrait", "driver"),
    [
        ("01896--7g1ti_tjuvQ_1--Hallo", Generator.HALLO, "01896", "7g1ti_tjuvQ_1"),
        ("00198---5be_UPkLRw_4--LivePortrait", Generator.LIVEPORTRAIT, "00198", "-5be_UPkLRw_4"),
        ("69374--_W4Em_fHubY_23--EmoPortrait", Generator.EMOPORTRAIT, "69374", "_W4Em_fHubY_23"),
        ("02183--u0mh-e5qfFw_9--Hallo", Generator.HALLO, "02183", "u0mh-e5qfFw_9"),
        ("02183--u0--e5qfFw1_9--Hallo", Generator.HALLO, "02183", "u0--e5qfFw1_9"),
        ("02183--abc_9--EMOPortraits", Generator.EMOPORTRAIT, "02183", "abc_9"),
        ("02183--abc_9--AniAudio", Generator.ANIPORTRAIT_AUDIO, "02183", "abc_9"),
        ("09592-HraqSpgcdgM_3", Generator.HALLO3, "09592", "HraqSpgcdgM_3"),
        ("7--HraqSpgcdg_3", Generator.HALLO3, None, "-HraqSpgcdg_3"),
        ("91168", Generator.MAGI_1, "91168", None),
        ("12", Generator.MAGI_1, None, None),
    ],
)
def test_stems_of_the_release_are_taken_apart(
    stem: str, folder: Generator, portrait: str | None, driver: str | None
) -> None:
    name = parse_fake_stem(stem, folder)
    assert (name.portrait, name.driver) == (portrait, driver)


@given(portrait=portraits, driver=clips, generator=st.sampled_from(TRAINING_GENERATORS))
def test_any_driver_comes_back_whole(portrait: str, driver: str, generator: Generator) -> None:
    name = parse_fake_stem(f"{portrait}--{driver}--{generator}", generator)
    assert (name.portrait, name.driver, name.generator) == (portrait, driver, generator)


@given(number=st.integers(0, 10**6), driver=clips)
def test_hallo3_stems_come_back_whole(number: int, driver: str) -> None:
    name = parse_fake_stem(f"{number}-{driver}", Generator.HALLO3)
    assert name.driver == driver


@pytest.mark.parametrize(
    ("stem", "folder", "says"),
    [
        ("01896--7g1ti_tjuvQ_1", Generator.HALLO, "names of Hallo have the form <portrait"),
        ("1896--7g1ti_tjuvQ_1--Hallo", Generator.HALLO, "five digits"),
        ("०१२३४--abc_1--Hallo", Generator.HALLO, "five digits"),
        ("01896--abc_1--Hallo2", Generator.HALLO, "the name says Hallo2, but the folder Hallo"),
        ("01896--abc_1--Sora", Generator.HALLO, "unknown generator 'Sora'"),
        ("91168-abc_1", Generator.MAGI_1, "names of MAGI-1 have the form <n>"),
        ("abc_1", Generator.HALLO3, "names of Hallo3 have the form <n>-<driver>"),
    ],
)
def test_other_stems_are_named(stem: str, folder: Generator, says: str) -> None:
    with pytest.raises(ReleaseError, match=says):
        parse_fake_stem(stem, folder)


def test_a_leading_dash_returns_only_where_the_dashed_form_alone_is_real() -> None:
    assert restore_driver("5be_4", {"-5be_4"}) == "-5be_4"
    assert restore_driver("5be_4", {"-5be_4", "5be_4"}) == "5be_4"
    assert restore_driver("5be_4", set()) == "5be_4"
    assert restore_driver("-5be_4", {"-5be_4"}) == "-5be_4"


@pytest.mark.parametrize(
    "path",
    ["../a", "a/../../b", "/etc/passwd", "C:/x", "~/x", "a\\..\\b", "..", "a/..", "", "a\0b"],
)
def test_paths_that_leave_the_root_are_seen(path: str) -> None:
    assert leaves_root(path)


@pytest.mark.parametrize("path", ["fake/Hallo/train/a.mp4", "a..b/c", "ff++/...mp4"])
def test_other_paths_are_not(path: str) -> None:
    assert not leaves_root(path)
