"""The index of a release: every config equals its protocol, and no row is stored twice."""

from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.full_size import full_size_text
from thb_dataset.errors import ProtocolError, ReleaseError
from thb_dataset.hub.index import (
    HubIndex,
    VideoStore,
    build_index,
    config_names,
    config_splits,
    decode_index,
    encode_index,
    parse_config,
)
from thb_dataset.hub.packaged_index import find_packaged_release
from thb_dataset.protocols import Protocol
from thb_dataset.records import TRAINING_GENERATORS, Generator, Label, RealDataset, Split, Video
from thb_dataset.release.scan import make_release

STORE = VideoStore(repo="org/name", revision="0" * 40)


@pytest.fixture(scope="module")
def videos() -> tuple[Video, ...]:
    paths, text = full_size_text()
    return make_release(root=Path(), name="x", revision=None, paths=paths, split_text=text).videos


@pytest.fixture(scope="module")
def index(videos: tuple[Video, ...]) -> HubIndex:
    return build_index(videos)


def test_there_are_fifteen_configs() -> None:
    assert len(config_names()) == len(set(config_names())) == 15
    assert config_names()[:3] == ("p1", "p2", "p3")
    assert parse_config("p3-aniportraitvideo") == (Protocol.P3, Generator.ANIPORTRAIT_VIDEO)
    assert parse_config("p2") == (Protocol.P2, None)
    for name in ("p1-hallo", "p3-magi_1", "p3-", "P3", ""):
        with pytest.raises(ProtocolError, match="no config"):
            parse_config(name)


def test_every_split_is_a_list_of_whole_files(videos: tuple[Video, ...], index: HubIndex) -> None:
    for config in config_names():
        splits = config_splits(videos, config)
        assert list(index.configs[config]) == list(splits)
        for split, rows in splits.items():
            listed = [video for path in index.configs[config][split] for video in index.files[path]]
            assert sorted(listed, key=lambda v: v.video_id) == rows, f"{config}/{split}"


def test_no_row_is_stored_twice_and_none_is_left_out(
    videos: tuple[Video, ...], index: HubIndex
) -> None:
    stored = Counter(video.video_id for rows in index.files.values() for video in rows)
    assert stored == Counter(video.video_id for video in videos)


def test_a_table_that_no_protocol_cuts_is_one_file() -> None:
    """With as many fakes as reals and few val videos, there are only the 23 tables."""
    release: list[Video] = []
    for split in Split:
        for generator in TRAINING_GENERATORS:
            release += [make_fake(generator, split, number) for number in range(3)]
        release += [make_real(split, number) for number in range(9)]
    release += [make_fake(generator, Split.TEST, 1) for generator in list(Generator)[-2:]]
    assert len(build_index(release).files) == 23


def make_fake(generator: Generator, split: Split, number: int) -> Video:
    return Video(
        video_id=f"{generator}/{split}{number}",
        label=Label.FAKE,
        path=f"fake/{generator}/{split}/{number}.mp4",
        release_split=split,
        generator=generator,
    )


def make_real(split: Split, number: int) -> Video:
    return Video(
        video_id=f"CelebV-HQ/{split}{number}",
        label=Label.REAL,
        path=f"CelebV-HQ/{split}{number}.mp4",
        release_split=split,
        real_dataset=RealDataset.CELEBV_HQ,
    )


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_release_can_be_laid_out(data: st.DataObject) -> None:
    sizes = st.integers(1, 70)
    release: list[Video] = []
    for generator in TRAINING_GENERATORS:
        for block in Split:
            release += [make_fake(generator, block, n) for n in range(data.draw(sizes))]
    for block in Split:
        release += [make_real(block, n) for n in range(data.draw(st.integers(0, 400)))]
    made = build_index(release)
    for config in ("p1", "p2", "p3", "p3-hallo"):
        for split, rows in config_splits(release, config).items():
            listed = {v.video_id for p in made.configs[config][split] for v in made.files[p]}
            assert listed == {video.video_id for video in rows}


def test_an_index_is_read_back_and_is_the_same_bytes_again(
    videos: tuple[Video, ...], index: HubIndex
) -> None:
    files = encode_index(index, STORE)
    assert decode_index(files.values()) == (videos, STORE)
    assert encode_index(index, STORE) == files
    assert sum(map(len, files.values())) < 1 << 20


@pytest.mark.parametrize("data", [b"", b"PAR1 and no more", b"\0" * 100])
def test_a_damaged_index_is_named(data: bytes) -> None:
    with pytest.raises(ReleaseError, match="not an index of a release"):
        decode_index([data])


def test_rows_twice_or_from_two_places_are_refused(index: HubIndex) -> None:
    one = HubIndex(files=dict(list(index.files.items())[:1]), configs={})
    (data,) = encode_index(one, STORE).values()
    with pytest.raises(ReleaseError, match="has rows twice"):
        decode_index([data, data])
    (other,) = encode_index(one, VideoStore(repo="org/other", revision="main")).values()
    with pytest.raises(ReleaseError, match="one place of the videos, but it names: org/name@0"):
        decode_index([data, other])


def test_a_packaged_index_is_the_release(
    videos: tuple[Video, ...], index: HubIndex, tmp_path: Path
) -> None:
    for path, data in encode_index(index, STORE).items():
        target = tmp_path / "org--name" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
    release = find_packaged_release("org/name", packaged=tmp_path)
    assert release is not None
    assert release.videos == videos
    assert (release.hub_repo, release.revision) == ("org/name", STORE.revision)
    assert release.root.parts[-3:] == ("datasets--org--name", "snapshots", STORE.revision)
    assert find_packaged_release("org/name", STORE.revision, packaged=tmp_path) == release
    assert find_packaged_release("org/name", "refs/pr/1", packaged=tmp_path) is None
    assert find_packaged_release("org/name", split_list="official_ff++", packaged=tmp_path) is None
    assert find_packaged_release("org/other", packaged=tmp_path) is None
    (tmp_path / "org--name").rename(tmp_path / "a--b")
    with pytest.raises(ReleaseError, match="is of org/name, not of a/b"):
        find_packaged_release("a/b", packaged=tmp_path)


def test_what_a_wheel_must_hold_is_named_in_its_settings() -> None:
    """Building a wheel needs a network; comparing the settings with the files does not."""
    root = Path(__file__).resolve().parents[3]
    settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["thb_dataset"]
    package = root / "thb_dataset"
    named = {path for pattern in patterns for path in package.glob(pattern)}
    shipped = {path for path in package.rglob("*") if path.is_file()}
    assert named == {path for path in shipped if path.suffix not in (".py", ".pyc")}
    index = PurePosixPath("hub/packaged_index/org--name/index/test/Hallo.parquet")
    assert any(index.match(pattern.replace("**", "*/*/*")) for pattern in patterns)
