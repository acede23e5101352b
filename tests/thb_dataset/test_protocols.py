"""P1, P2, P3 and p3-family, against a second, brute-force reading of the table of protocols."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.full_size import N_FAKES, N_REALS, full_size_text
from thb_dataset.errors import ProtocolError
from thb_dataset.protocols import (
    PAPER_PROTOCOLS,
    Fold,
    Protocol,
    build_folds,
    parse_held_out,
    split_fold_name,
)
from thb_dataset.records import (
    EXTRA_GENERATORS,
    TRAINING_GENERATORS,
    Family,
    Generator,
    HeldOut,
    Label,
    RealDataset,
    Split,
    Video,
)
from thb_dataset.release.scan import make_release, read_release

SIX = [generator.value for generator in TRAINING_GENERATORS]
FAMILIES = {
    "hallo-family": ["Hallo", "Hallo2"],
    "aniportrait-family": ["AniPortraitAudio", "AniPortraitVideo"],
    "sd-vae-family": ["Hallo", "Hallo2", "AniPortraitAudio", "AniPortraitVideo"],
    "warping-family": ["LivePortrait", "EmoPortrait"],
}


def fake(generator: Generator, number: int, split: Split) -> Video:
    """Return a fake whose portrait and driver are in its split only."""
    return Video(
        video_id=f"{generator}/{number}",
        label=Label.FAKE,
        path=f"fake/{generator}/{number}.mp4",
        release_split=Split.TEST if generator in EXTRA_GENERATORS else split,
        generator=generator,
        portrait=f"{split}-{number % 7}",
        driver=f"{split}-{number % 5}",
    )


def real(dataset: RealDataset, name: str, split: Split) -> Video:
    return Video(
        video_id=f"{dataset}/{name}",
        label=Label.REAL,
        path=f"{dataset}/{name}.mp4",
        release_split=split,
        real_dataset=dataset,
    )


splits = st.sampled_from(list(Split))
fakes = st.builds(fake, st.sampled_from(list(Generator)), st.integers(0, 10**6), splits)
reals = st.builds(
    real,
    st.sampled_from(list(RealDataset)),
    st.one_of(st.integers(0, 10**6).map(str), st.builds("{}-{}".format, splits, st.integers(0, 4))),
    splits,
)
listings = st.tuples(
    st.lists(fakes, max_size=120, unique_by=lambda video: video.video_id),
    st.lists(reals, max_size=60, unique_by=lambda video: video.video_id),
).map(lambda both: [*both[0], *both[1]])


def sha(video: Video) -> str:
    return hashlib.sha256(video.video_id.encode()).hexdigest()


def oracle(
    videos: list[Video], protocol: str, held_out: str | None, by: str
) -> dict[str, set[str]]:
    """Read the table of protocols again, video by video, in the simplest way."""
    where = place(videos, by)
    unseen = FAMILIES.get(held_out, [held_out]) if held_out else []
    others = [g for g in SIX if g not in unseen]
    tested = SIX if protocol == "p1" else unseen
    out: dict[str, set[str]] = {"train": set(), "test": set(), "extra": set()}
    for v in videos:
        split = where[v.video_id]
        if v.label == 0 and split == "test":
            out["test"].add(v.video_id)
        if v.generator in ("MAGI-1", "Hallo3") and protocol != "p2":
            out["extra"].add(v.video_id)
        if v.generator in others and (split == "train" or (protocol == "p2" and split == "test")):
            out["train"].add(v.video_id)
        if v.generator in tested and (split == "test" or protocol == "p2"):
            out["test"].add(v.video_id)
    reals = [v for v in videos if v.label == 0 and where[v.video_id] == "train"]
    out["train"] |= {v.video_id for v in sorted(reals, key=sha)[: len(out["train"])]}
    out["validation"] = oracle_validation(videos, protocol, others, where)
    return out


def place(videos: list[Video], by: str) -> dict[str, str]:
    listed = {
        v.video_id.split("/", 1)[1]: v.release_split.value
        for v in videos
        if v.real_dataset == "CelebV-HQ"
    }
    where = {v.video_id: v.release_split.value for v in videos}
    if by == "driver":
        for v in videos:
            if v.generator in SIX and v.driver in listed:
                where[v.video_id] = listed[v.driver]
    return where


def oracle_validation(
    videos: list[Video], protocol: str, others: list[str], where: dict[str, str]
) -> set[str]:
    held = [v for v in sorted(videos, key=sha) if where[v.video_id] == "validation"]
    queues = {g: [v.video_id for v in held if v.generator == g] for g in others}
    reals = [v.video_id for v in held if v.label == 0]
    if protocol != "p1":
        fakes = [fake for g in others for fake in queues[g][:50]]
        return set(fakes) | set(reals[: 50 * len(others)])
    picked: list[str] = []
    while len(picked) < 50 and any(queues.values()):
        for g in others:
            if queues[g] and len(picked) < 50:
                picked.append(queues[g].pop(0))
    return set(picked) | set(reals[:50])


def ids(fold: Fold) -> dict[str, set[str]]:
    found = {}
    for name in ("train", "validation", "test", "extra"):
        videos = getattr(fold, name)
        found[name] = {video.video_id for video in videos}
        assert [v.video_id for v in videos] == sorted(found[name]), "sorted, and nothing twice"
    return found


def folds_or_errors(videos: list[Video], by: str) -> list[tuple[str, HeldOut | None, Fold | str]]:
    built: list[tuple[str, HeldOut | None, Fold | str]] = []
    for protocol in Protocol:
        for held_out in protocol.held_out:
            try:
                (fold,) = build_folds(videos, protocol, held_out=held_out, split_by=by)
                built.append((protocol.value, held_out, fold))
            except ProtocolError as error:
                built.append((protocol.value, held_out, str(error)))
    return built


@settings(max_examples=150, deadline=None)
@given(videos=listings, by=st.sampled_from(["release", "driver"]), seed=st.integers(0, 9))
def test_random_listings_agree_with_the_oracle(videos: list[Video], by: str, seed: int) -> None:
    shuffled = videos[:]
    random.Random(seed).shuffle(shuffled)
    for protocol, held_out, fold in folds_or_errors(shuffled, by):
        expected = oracle(videos, protocol, held_out, by)
        if isinstance(fold, Fold):
            assert ids(fold) == expected
            continue
        is_fake = {v.video_id for v in videos if v.label == 1}
        empty = not expected["train"] & is_fake or not expected["test"] & is_fake
        assert empty or overlap(videos, expected), fold


def overlap(videos: list[Video], split_ids: dict[str, set[str]]) -> bool:
    places: dict[tuple[str, str | None], set[str]] = {}
    for video in videos:
        for split in ("train", "validation", "test"):
            if video.video_id in split_ids[split]:
                places.setdefault(("portrait", video.portrait), set()).add(split)
                places.setdefault(("driver", video.driver), set()).add(split)
    return any(len(where) > 1 for (_, who), where in places.items() if who is not None)


@settings(max_examples=100, deadline=None)
@given(videos=listings, by=st.sampled_from(["release", "driver"]))
def test_what_the_protocols_promise_holds(videos: list[Video], by: str) -> None:
    for protocol, held_out, fold in folds_or_errors(videos, by):
        if not isinstance(fold, Fold):
            continue
        parts = (fold.train, fold.validation, fold.test)
        for i, one in enumerate(parts):
            for other in parts[i + 1 :]:
                assert not {v.video_id for v in one} & {v.video_id for v in other}
                if protocol != "p2":
                    assert not ({v.portrait for v in one} & {v.portrait for v in other}) - {None}
                    assert not ({v.driver for v in one} & {v.driver for v in other}) - {None}
        if held_out is not None:
            unseen = set(FAMILIES.get(held_out, [held_out]))
            assert not unseen & {v.generator for v in (*fold.train, *fold.validation)}
            tested = {v.generator for v in fold.test if v.label is Label.FAKE}
            assert tested
            assert tested <= unseen
        count = Counter(v.label for v in fold.train)
        assert count[Label.REAL] <= count[Label.FAKE]
        assert not {v.generator for v in fold.train} & set(EXTRA_GENERATORS)


def test_every_generator_faces_the_same_test_reals() -> None:
    release = full_size()
    faced = {
        frozenset(v.video_id for v in fold.test if v.label is Label.REAL)
        for protocol in Protocol
        for fold in build_folds(release, protocol)
    }
    assert len(faced) == 1
    assert len(next(iter(faced))) == 400


def full_size() -> tuple[Video, ...]:
    paths, text = full_size_text()
    return make_release(root=Path(), name="x", revision=None, paths=paths, split_text=text).videos


def test_the_true_counts_of_the_release() -> None:
    videos = full_size()
    assert Counter(video.label for video in videos) == {Label.FAKE: N_FAKES, Label.REAL: N_REALS}
    (p1,) = build_folds(videos, "p1")
    count = Counter(v.generator for v in p1.validation)
    assert [count[generator] for generator in TRAINING_GENERATORS] == [9, 9, 8, 8, 8, 8]
    assert (count[None], len(p1.extra)) == (50, 76)
    # P1 has 1,773 train fakes and 1,650 Train reals, so none of them is left out
    assert Counter(v.label for v in p1.train) == {Label.FAKE: 1773, Label.REAL: 1650}
    (p3,) = build_folds(videos, "p3", held_out=Generator.HALLO)
    assert Counter(v.label for v in p3.train) == {Label.FAKE: 1520, Label.REAL: 1520}
    assert Counter(v.label for v in p3.validation) == {Label.FAKE: 250, Label.REAL: 250}
    assert Counter(v.label for v in p3.test) == {Label.FAKE: 117, Label.REAL: 400}
    (p2,) = build_folds(videos, "p2", held_out=Generator.HALLO)
    assert Counter(v.label for v in p2.train) == {Label.FAKE: 1520 + 728, Label.REAL: 1650}
    assert Counter(v.label for v in p2.test) == {Label.FAKE: 420, Label.REAL: 400}
    assert p2.extra == ()
    for by in ("release", "driver"):
        for protocol, held_out, fold in folds_or_errors(list(videos), by):
            assert isinstance(fold, Fold), fold
            assert ids(fold) == oracle(list(videos), protocol, held_out, by)


def test_the_real_sample_is_clean(test_data: Path) -> None:
    release = read_release(test_data / "thb-sample" / "hub")
    for protocol, held_out, fold in folds_or_errors(list(release.videos), "release"):
        assert isinstance(fold, Fold), fold
        assert ids(fold) == oracle(list(release.videos), protocol, held_out, "release")


def six(split: Split) -> list[Video]:
    return [fake(generator, 1, split) for generator in TRAINING_GENERATORS]


def test_a_shared_portrait_is_refused_with_its_videos_named() -> None:
    train, test = six(Split.TRAIN), six(Split.TEST)
    test = [replace(v, video_id=f"{v.video_id}t", portrait="train-1") for v in test]
    with pytest.raises(ProtocolError) as caught:
        build_folds([*train, *test], "p1")
    message = str(caught.value)
    assert "portrait train-1 is in train (" in message
    assert all(f"{generator}/1" in message and f"{generator}/1t" in message for generator in SIX)
    assert len(build_folds([*train, *test], "p2")) == 6, "P2 promises generators only"


def test_a_driver_shared_only_with_the_held_out_generator_is_no_breach() -> None:
    videos = [
        replace(fake(Generator.HALLO, 1, Split.TRAIN), driver="only-hallo"),
        fake(Generator.HALLO2, 1, Split.TRAIN),
        replace(fake(Generator.HALLO, 2, Split.TEST), driver="only-hallo"),
    ]
    assert build_folds(videos, "p3", held_out=Generator.HALLO)[0].name == "p3-hallo"
    with pytest.raises(ProtocolError, match="driver only-hallo is in train"):
        build_folds(videos, "p1")


def test_the_driver_reading_follows_the_split_list() -> None:
    videos = [
        *six(Split.TRAIN),
        *(fake(generator, 2, Split.TEST) for generator in TRAINING_GENERATORS),
    ]
    videos.append(real(RealDataset.CELEBV_HQ, "train-1", Split.VALIDATION))
    (by_folder,) = build_folds(videos, "p1")
    assert len([v for v in by_folder.train if v.label is Label.FAKE]) == 6
    videos += [fake(Generator.HALLO, 4, Split.TRAIN)]
    (by_driver,) = build_folds(videos, "p1", split_by="driver")
    assert [v.video_id for v in by_driver.train] == ["Hallo/4"]
    moved = [v for v in by_driver.validation if v.label is Label.FAKE]
    assert len(moved) == 6
    assert {v.release_split for v in moved} == {Split.TRAIN}, "the record keeps the release's word"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"protocol": "p4"}, "no protocol 'p4'; there are: p1, p2, p3, p3-family"),
        ({"protocol": "p1", "held_out": Generator.HALLO}, "no fold hallo"),
        ({"protocol": "p3", "held_out": Generator.MAGI_1}, "MAGI-1 is never trained on"),
        ({"protocol": "p3", "split_by": "moon"}, "split_by is 'moon'; known: release, driver"),
    ],
)
def test_what_cannot_be_built_says_why(arguments: dict[str, str], says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        build_folds([], **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "name", ["hallo", "Hallo", "p3-hallo", "P3-Hallo", "p3-HALLO", Generator.HALLO]
)
def test_a_fold_is_named_by_itself_or_by_its_generator(name: str) -> None:
    assert parse_held_out(name, "p3") is Generator.HALLO


def test_every_fold_is_found_by_its_name() -> None:
    for protocol in ("p2", "p3"):
        for generator in TRAINING_GENERATORS:
            assert parse_held_out(f"{protocol}-{generator.slug}", protocol) is generator


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("p2-hallo", "p2-hallo is no fold of p3: choose the protocol p2, or name the generator"),
        ("p1-hallo", "p1-hallo is no fold of p3"),
        ("p3-sora", "unknown generator 'sora'"),
        ("p3-", "unknown generator 'p3-'"),
        ("p3", "unknown generator 'p3'"),
    ],
)
def test_the_name_of_no_fold_is_refused(name: str, says: str) -> None:
    with pytest.raises(ProtocolError, match=says):
        parse_held_out(name, "p3")


def test_nothing_to_train_or_test_on_is_an_error() -> None:
    with pytest.raises(ProtocolError, match="p1: the release has no fakes to train on"):
        build_folds(six(Split.TEST), "p1")
    with pytest.raises(ProtocolError, match="p3-hallo2: the release has no fakes of Hallo2"):
        build_folds([*six(Split.TRAIN)], "p3", held_out=Generator.HALLO2)


def test_two_videos_of_one_id_are_refused() -> None:
    videos = six(Split.TRAIN)
    with pytest.raises(ProtocolError, match="two videos have one id: Hallo/1"):
        build_folds([*videos, videos[0]], "p1")


def test_json_safe_names() -> None:
    folds = build_folds(full_size(), Protocol.P3)
    assert json.dumps([fold.name for fold in folds]) == json.dumps(
        [
            "p3-hallo",
            "p3-hallo2",
            "p3-aniportraitaudio",
            "p3-aniportraitvideo",
            "p3-liveportrait",
            "p3-emoportrait",
        ]
    )


GOLDEN = {
    ("sample", "release"): "0b2b894d80957f83e0108167c5ded6e09c77a9d3fe4493cf0f12d74bcac783bb",
    ("sample", "driver"): "7a0c455d8e2b846baf16e37559815192f92e3c7e84ab2ccf0f6571a9d15383b7",
    ("full size", "release"): "193a98eced9284cff7256f02bd73632a57a5dd36af007ed039ff275f3f887e9e",
    ("full size", "driver"): "022c0b586888e15111e11ff655b7bd8c0a84ba8c14a6123440cbdd155f4acc17",
}
"""Digests of every fold of P1, P2 and P3, taken before there was another protocol."""


def digest_paper_folds(videos: tuple[Video, ...], by: str) -> str:
    lines = [
        f"{fold.protocol} {fold.name} {fold.held_out} {fold.split_by} {part} {video.video_id}"
        for protocol in PAPER_PROTOCOLS
        for fold in build_folds(videos, protocol, split_by=by)
        for part in ("train", "validation", "test", "extra")
        for video in getattr(fold, part)
    ]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@pytest.mark.parametrize("by", ["release", "driver"])
def test_the_folds_of_the_paper_never_change(by: str, test_data: Path) -> None:
    sample = read_release(test_data / "thb-sample" / "hub").videos
    assert digest_paper_folds(sample, by) == GOLDEN["sample", by]
    assert digest_paper_folds(full_size(), by) == GOLDEN["full size", by]


def test_the_families_hold_each_generator_out_with_its_relatives() -> None:
    assert {family.value: [*map(str, family.generators)] for family in Family} == FAMILIES
    folds = {fold.name: fold for fold in build_folds(full_size(), "p3-family")}
    assert list(folds) == [f"p3-family-{name}" for name in ("hallo", "aniportrait", "sd_vae")] + [
        "p3-family-warping"
    ]
    for fold in folds.values():
        (p3,) = build_folds(full_size(), "p3", held_out=Generator.HALLO)
        count = Counter(v.label for v in fold.train)
        assert count[Label.REAL] == count[Label.FAKE], "as many reals as fakes, as there are enough"
        assert fold.extra == p3.extra
        assert {v for v in fold.test if v.label is Label.REAL} == {
            v for v in p3.test if v.label is Label.REAL
        }
    hallo = Counter(v.generator for v in folds["p3-family-hallo"].test)
    assert hallo == {Generator.HALLO: 117, Generator.HALLO2: 105, None: 400}
    apart = [fold for (fold,) in (p3_folds(g) for g in (Generator.HALLO, Generator.HALLO2))]
    together = {v for v in folds["p3-family-hallo"].train if v.label is Label.FAKE}
    assert together == {v for v in apart[0].train if v.label is Label.FAKE} & {
        v for v in apart[1].train if v.label is Label.FAKE
    }, "what both folds of P3 train on"


def p3_folds(held_out: Generator) -> tuple[Fold, ...]:
    return build_folds(full_size(), "p3", held_out=held_out)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        *((family.value, family) for family in Family),
        *((f"p3-family-{family.slug}", family) for family in Family),
        ("hallo", Family.HALLO),
        ("Hallo-Family", Family.HALLO),
        ("hallo_family", Family.HALLO),
        ("P3-Family-SD-VAE", Family.SD_VAE),
        ("sdvae", Family.SD_VAE),
        ("sd-vae-ft-mse", Family.SD_VAE),
        ("all four", Family.SD_VAE),
        ("AniPortrait", Family.ANIPORTRAIT),
        ("Warp", Family.WARPING),
        (Family.WARPING, Family.WARPING),
    ],
)
def test_a_family_is_found_in_any_spelling(name: str, family: Family) -> None:
    assert parse_held_out(name, "p3-family") is family


@pytest.mark.parametrize(
    ("name", "protocol", "says"),
    [
        (
            "halo",
            "p3-family",
            r"unknown family 'halo'; did you mean hallo\? known: hallo .Hallo, Hallo2.; ",
        ),
        ("aniportraits", "p3-family", "did you mean aniportrait"),
        ("sora", "p3-family", "unknown family 'sora'; known: hallo "),
        ("hallo2", "p3-family", "Hallo2 is one generator: .* that holds it, hallo or sd_vae"),
        ("EMOPortraits", "p3-family", "EmoPortrait is one generator: .* that holds it, warping"),
        ("magi", "p3-family", "MAGI-1 is never trained on, so no family holds it"),
        ("p3-hallo", "p3-family", "p3-hallo is no fold of p3-family: choose the protocol p3$"),
        ("p3-family-hallo", "p3", "is no fold of p3: choose the protocol p3-family$"),
        ("hallo-family", "p3", "hallo-family is no fold of p3: choose the protocol p3-family$"),
        ("p3-family", "p2", "p3-family is no fold of p2: choose the protocol p3-family$"),
    ],
)
def test_the_name_of_no_family_says_what_was_perhaps_meant(
    name: str, protocol: str, says: str
) -> None:
    with pytest.raises(ProtocolError, match=says):
        parse_held_out(name, protocol)


def test_a_generator_is_no_fold_of_the_families_and_the_other_way_round() -> None:
    with pytest.raises(ProtocolError, match="p3-family has no fold that holds Hallo out"):
        build_folds(full_size(), "p3-family", held_out=Generator.HALLO)
    with pytest.raises(ProtocolError, match="p3 has no fold that holds hallo-family out"):
        build_folds(full_size(), "p3", held_out=Family.HALLO)


def test_the_name_of_a_fold_is_split_at_the_longest_protocol() -> None:
    for protocol in Protocol:
        for held_out in protocol.held_out:
            slug = "" if held_out is None else held_out.slug
            name = f"{protocol}-{slug}" if slug else protocol.value
            assert split_fold_name(name) == (protocol, slug)
    assert split_fold_name("p30-x") == (None, "p30-x")


def test_a_family_without_a_video_in_the_test_is_an_error() -> None:
    with pytest.raises(ProtocolError, match=r"p3-family-hallo: .* no fakes of Hallo and Hallo2 to"):
        build_folds(six(Split.TRAIN), "p3-family", held_out=Family.HALLO)
