"""Pairs, groups, splits and the sheet on made-up vectors, so that every leak can be planted."""

from __future__ import annotations

import json
import re
import tracemalloc
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.errors import ProtocolError, ReleaseError
from thb_dataset.identity.groups import BLOCK, group_identities
from thb_dataset.identity.known_people import calibrate_threshold
from thb_dataset.identity.leak_sheet import write_leak_sheet
from thb_dataset.identity.leakage import MAX_PAIRS, LeakReport, PairVerdict, check_leaks
from thb_dataset.identity.relations import NameCodes, Relation, Subject, describe_subject
from thb_dataset.identity.splits import DEFAULT_RATIOS, SplitPlan, split_videos
from thb_dataset.records import Generator, Label, RealDataset, Split, Video

Vectors = npt.NDArray[np.float32]
PACK = {"name": "test", "pack_id": "test-0"}
FACEFORENSICS = RealDataset.FACEFORENSICS
SPLITS = ("train", "validation", "test")


def unit(vectors: npt.NDArray[np.floating]) -> Vectors:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def make_people(people: list[int], *, noise: float = 0.02, seed: int = 0) -> Vectors:
    """Return vectors that are similar for one person only (128 dimensions, far apart)."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(max(people) + 1, 128)))
    return unit(centres[people] + noise * rng.normal(size=(len(people), 128)))


def nameless(count: int, splits: list[str]) -> list[Subject]:
    return [
        Subject(video_id=f"v{i:05d}", split=split, shows=None, driver=None)
        for i, split in zip(range(count), splits, strict=True)
    ]


def check(
    subjects: list[Subject],
    vectors: Vectors,
    threshold: float = 0.5,
    *,
    max_pairs: int = MAX_PAIRS,
) -> LeakReport:
    return check_leaks(
        subjects, vectors, vectors, pack=PACK, threshold=threshold, max_pairs=max_pairs
    )


def test_every_planted_leak_is_found_and_nothing_else() -> None:
    rng = np.random.default_rng(1)
    people = list(range(300)) + [int(i) for i in rng.choice(300, 40, replace=False)]
    splits = [SPLITS[i % 3] for i in range(len(people))]
    report = check(nameless(len(people), splits), make_people(people))
    expected = {
        (f"v{a:05d}", f"v{b:05d}")
        for a, b in combinations(range(len(people)), 2)
        if people[a] == people[b] and splits[a] != splits[b]
    }
    assert len(expected) > 10
    assert {(pair.a, pair.b) for pair in report.pairs} == expected
    assert report.counts[PairVerdict.LEAK] == len(expected)
    across = sum(a != b for a, b in combinations(splits, 2))
    assert report.compared == report.unrelated == across
    assert report.flagged_share == len(expected) / across


def test_blocks_change_nothing() -> None:
    count = 2 * BLOCK + 100  # two whole blocks and part of a third
    people = [i % 1500 for i in range(count)]
    splits = [SPLITS[i % 3] for i in range(count)]
    splits[1500:] = ["test"] * (count - 1500)
    vectors = make_people(people)
    report = check(nameless(count, splits), vectors)
    across = np.triu(np.array(splits)[:, None] != np.array(splits)[None, :])
    alike = vectors @ vectors.T
    expected = {
        (f"v{a:05d}", f"v{b:05d}"): alike[a, b] for a, b in np.argwhere(across & (alike >= 0.5))
    }
    assert report.compared == across.sum()
    assert report.counts[PairVerdict.LEAK] == len(expected) > 400
    leaks = {(p.a, p.b): p.similarity for p in report.pairs if p.verdict is PairVerdict.LEAK}
    assert leaks == pytest.approx(expected)


def test_blocks_change_no_group() -> None:
    vectors = make_people([i % 70 for i in range(150)])
    whole = group_identities(vectors, 0.5)
    assert group_identities(vectors, 0.5, block=7) == whole
    assert len(whole) == 70


def test_only_the_most_alike_pairs_are_kept_and_all_are_counted() -> None:
    splits = [SPLITS[i % 2] for i in range(60)]
    vectors = make_people([0] * 60)
    everything = check(nameless(60, splits), vectors)
    report = check(nameless(60, splits), vectors, max_pairs=25)
    assert report.counts == everything.counts
    assert report.counts[PairVerdict.LEAK] == 30 * 30
    assert [pair.similarity for pair in report.pairs] == pytest.approx(
        [pair.similarity for pair in everything.pairs[:25]]
    )


def test_the_pairs_kept_do_not_depend_on_the_block_they_are_in() -> None:
    count = BLOCK + 20
    vectors = make_people(list(range(count)))
    twins = unit(vectors[:20] + 0.01 * np.arange(20)[:, None] * vectors[20:40])
    vectors[BLOCK:] = twins  # less and less alike, all of them beyond the first block
    subjects = nameless(count, ["train"] * BLOCK + ["test"] * 20)
    report = check(subjects, vectors, max_pairs=5)
    assert [pair.a for pair in report.pairs] == [f"v{i:05d}" for i in range(5)]
    assert report.counts[PairVerdict.LEAK] == 20


def test_leaks_come_before_the_pairs_that_names_explain() -> None:
    subjects = [
        Subject(video_id=f"v{i}", split=SPLITS[i % 2], shows=f"portrait {i // 4}", driver=None)
        for i in range(8)
    ]
    vectors = make_people([0, 0, 0, 0, 1, 1, 1, 1])
    vectors[7] = unit(vectors[0] + 1.2 * vectors[7])  # less alike than any pair of one name
    found = [(pair.a, pair.b, pair.verdict) for pair in check(subjects, vectors).pairs]
    verdicts = [verdict for _, _, verdict in found]
    assert verdicts == sorted(verdicts, key=list(PairVerdict).index)
    leaks = [pair for pair in found if pair[2] is PairVerdict.LEAK]
    assert leaks
    assert len(leaks) < len(found)
    shortened = check(subjects, vectors, max_pairs=len(leaks))
    assert [(p.a, p.b, p.verdict) for p in shortened.pairs] == leaks


def fake(portrait: str, driver: str, split: Split = Split.TRAIN) -> Video:
    stem = f"{portrait}--{driver}--Hallo"
    return Video(
        video_id=f"Hallo/{stem}", label=Label.FAKE, path=f"fake/Hallo/{stem}.mp4",
        release_split=split, generator=Generator.HALLO, portrait=portrait, driver=driver,
    )  # fmt: skip


def real(name: str, dataset: RealDataset = RealDataset.CELEBV_HQ) -> Video:
    return Video(
        video_id=f"{dataset}/{name}", label=Label.REAL, path=f"{dataset}/{name}.mp4",
        release_split=Split.TEST, real_dataset=dataset,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        (fake("00001", "abcdefghijk_1"), fake("00001", "zzzzzzzzzzz_1"), Relation.SAME_NAME),
        (fake("00001", "abcdefghijk_1"), fake("00002", "abcdefghijk_7"), Relation.SAME_DRIVER),
        (fake("00001", "abcdefghijk_1"), fake("00002", "zzzzzzzzzzz_1"), Relation.NONE),
        (fake("00001", "abcdefghijk_1"), real("abcdefghijk_3"), Relation.OWN_DRIVER),
        (fake("00001", "5be_UPkLRw_4"), real("-5be_UPkLRw_4"), Relation.OWN_DRIVER),
        (real("abcdefghijk_1"), real("abcdefghijk_2"), Relation.SAME_NAME),
        (real("ab_cdefghij_1"), real("ab_cdefghik_1"), Relation.NONE),
        (real("001", FACEFORENSICS), real("002", FACEFORENSICS), Relation.NONE),
        (real("abcdefghijk_1"), real("001", FACEFORENSICS), Relation.NONE),
    ],
)  # fmt: skip
def test_names_are_read_both_ways(one: Video, other: Video, relation: Relation) -> None:
    subjects = [describe_subject(one, "train"), describe_subject(other, "test")]
    codes = NameCodes.of(subjects)
    number = list(Relation).index(relation)
    assert codes.relate(slice(0, 1), slice(1, 2)).tolist() == [[number]]
    assert codes.relate(slice(1, 2), slice(0, 1)).tolist() == [[number]]


def test_videos_without_a_name_are_not_the_same_by_name() -> None:
    codes = NameCodes.of(nameless(2, ["train", "test"]))
    assert codes.relate(slice(0, 1), slice(1, 2)).tolist() == [[0]]


def test_what_names_explain_is_no_leak() -> None:
    videos = [
        (fake("00001", "abcdefghijk_1"), "train"),
        (fake("00001", "zzzzzzzzzzz_1"), "test"),
        (real("abcdefghijk_9"), "test"),
        (real("yyyyyyyyyyy_1"), "test"),
    ]
    subjects = [describe_subject(video, split) for video, split in videos]
    report = check(subjects, make_people([0, 0, 0, 0]))
    verdicts = {(pair.a, pair.b): pair.verdict for pair in report.pairs}
    first = "Hallo/00001--abcdefghijk_1--Hallo"
    assert verdicts[first, "Hallo/00001--zzzzzzzzzzz_1--Hallo"] is PairVerdict.NAMED
    assert verdicts[first, "CelebV-HQ/abcdefghijk_9"] is PairVerdict.DRIVER
    assert verdicts[first, "CelebV-HQ/yyyyyyyyyyy_1"] is PairVerdict.LEAK
    assert report.counts[PairVerdict.LEAK] == 1
    assert report.unrelated == 1


def test_pairs_just_below_the_threshold_are_for_review() -> None:
    base = np.zeros((3, 128))
    base[0, 0] = base[1, 1] = base[2, 2] = 1
    near = base[0] * 0.46 + base[1] * np.sqrt(1 - 0.46**2)
    report = check(nameless(2, ["train", "test"]), unit(np.stack([base[0], near])))
    assert report.counts == {**dict.fromkeys(PairVerdict, 0), PairVerdict.REVIEW: 1}
    assert report.groups == ()


def test_the_middle_frame_can_decide_instead() -> None:
    means, middles = make_people([0, 1]), make_people([0, 0])
    subjects = nameless(2, ["train", "test"])
    by_mean = check_leaks(subjects, means, middles, pack=PACK, threshold=0.5)
    by_middle = check_leaks(subjects, means, middles, pack=PACK, threshold=0.5, measure="middle")
    assert by_mean.counts[PairVerdict.LEAK] == 0
    assert by_middle.counts[PairVerdict.LEAK] == 1


def test_groups_follow_chains_and_cross_splits() -> None:
    angles = np.array([0.0, 0.9, 1.8, 3.0])
    vectors = np.zeros((5, 128), np.float32)
    vectors[:4, 0], vectors[:4, 1] = np.cos(angles), np.sin(angles)
    vectors[4, 2] = 1
    assert group_identities(vectors, 0.5) == [[0, 1, 2], [3], [4]]
    report = check(nameless(5, ["train", "train", "test", "test", "test"]), vectors)
    assert report.groups == (("v00000", "v00001", "v00002"),)


def test_groups_agree_with_a_graph_library() -> None:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    vectors = unit(np.random.default_rng(3).normal(size=(400, 6)))
    count, labels = connected_components(csr_array(vectors @ vectors.T >= 0.93))
    groups = group_identities(vectors, 0.93)
    assert 10 < count < 390
    assert sorted(groups) == sorted(np.flatnonzero(labels == k).tolist() for k in range(count))


def test_a_fake_and_its_driver_are_not_one_person() -> None:
    videos = [(fake("00001", "abcdefghijk_1"), "train"), (real("abcdefghijk_9"), "test")]
    subjects = [describe_subject(video, split) for video, split in videos]
    assert check(subjects, make_people([0, 0])).groups == ()


def test_ten_thousand_videos_stay_below_two_gib() -> None:
    count = 10_000
    rng = np.random.default_rng(0)
    vectors = unit(rng.normal(size=(count, 128)))
    vectors[5000:5100] = vectors[:100]
    subjects = nameless(count, ["train"] * 5000 + ["test"] * 5000)
    tracemalloc.start()
    report = check(subjects, vectors)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.counts[PairVerdict.LEAK] >= 100
    assert report.compared == 25_000_000
    assert peak < 2**29


def test_the_report_is_plain_json() -> None:
    subjects = nameless(4, ["train", "test", "train", "test"])
    report = check(subjects, make_people([0, 0, 1, 2]))
    record = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert record["counts"] == {"leak": 1, "review": 0, "named": 0, "driver": 0}
    assert record["pairs"][0]["splits"] == ["train", "test"]


def test_the_sheet_shows_both_faces_and_no_script() -> None:
    subjects = [
        Subject(video_id="<script>alert(1)</script>", split="train", shows=None, driver=None),
        Subject(video_id='"onerror="x', split="test", shows=None, driver=None),
    ]
    report = check(subjects, make_people([0, 0]))
    picture = np.zeros((112, 112, 3), np.uint8)
    page = write_leak_sheet({"p1": report}, lambda _: picture)
    assert page.count('src="data:image/jpeg;base64,') == 2
    assert "<b>possibly the same person under different names</b>" in page
    assert 'name="viewport"' in page, "a phone shows the page at its own width"
    assert "<script" not in page
    assert not re.search(r'<img[^>]*alt="[^"]*"[^>]*onerror', page)
    assert "http" not in page.replace("http-equiv", "")
    assert write_leak_sheet({"p1": report}, lambda _: None).count("<img") == 0


def test_a_threshold_is_held_against_known_people() -> None:
    people = ["a", "a", "b", "b", "c"]
    result = calibrate_threshold(make_people([0, 0, 1, 1, 2]), people, 0.5)
    assert (result.same, result.found, result.different, result.false_alarms) == (2, 2, 8, 0)
    assert result.most_different < result.suggested < result.least_same
    high = calibrate_threshold(make_people([0, 0, 1, 1, 2]), people, 1.0)
    assert high.found == 0
    twins = calibrate_threshold(make_people([0, 0, 0, 0, 2]), people, 0.5)
    assert twins.false_alarms == 4
    assert twins.false_alarm_rate == 0.5
    assert twins.flagged == (("a", "b"),) * 4
    named = calibrate_threshold(make_people([0, 1, 0]), ["a", "a", "b"], 0.5, pictures="xyz")
    assert named.flagged == (("x", "z"),)


@pytest.mark.parametrize("people", [["a", "b", "c"], ["a", "a", "a"]])
def test_calibration_needs_both_kinds_of_pairs(people: list[str]) -> None:
    with pytest.raises(ReleaseError, match="second person"):
        calibrate_threshold(make_people([0, 1, 2]), people, 0.5)


def plan_of(people: list[int], **settings: float) -> SplitPlan:
    names = [f"clip{i:03d}.mp4" for i in range(len(people))]
    ratios = {Split(name): share for name, share in settings.items()} or DEFAULT_RATIOS
    return split_videos(names, make_people(people), same_person=0.5, ratios=ratios)


def test_no_person_is_in_two_splits_and_the_shares_hold() -> None:
    rng = np.random.default_rng(4)
    people = [int(i) for i in rng.integers(0, 80, 400)]
    plan = plan_of(people)
    homes: dict[int, set[Split]] = {}
    for i, person in enumerate(people):
        homes.setdefault(person, set()).add(plan.assignments[f"clip{i:03d}.mp4"])
    assert all(len(home) == 1 for home in homes.values())
    for split, share in plan.wanted.items():
        assert plan.achieved[split] == pytest.approx(share, abs=0.02)


def test_the_same_videos_give_the_same_plan_in_any_order() -> None:
    people = [i % 30 for i in range(90)]
    names = [f"{i}.mp4" for i in range(90)]
    vectors = make_people(people)
    plan = split_videos(names, vectors, same_person=0.5)
    order = np.random.default_rng(5).permutation(90)
    again = split_videos([names[i] for i in order], vectors[order], same_person=0.5)
    assert again.to_dict() == plan.to_dict()


def test_a_share_of_zero_gets_nothing() -> None:
    plan = plan_of(list(range(20)), train=1, validation=0, test=1)
    assert Split.VALIDATION not in plan.assignments.values()
    assert plan.wanted[Split.TRAIN] == 0.5


@pytest.mark.parametrize("shares", [(0, 0, 0), (-1, 1, 1)])
def test_impossible_shares_are_refused(shares: tuple[float, float, float]) -> None:
    with pytest.raises(ProtocolError, match="ratios"):
        plan_of([0, 1], train=shares[0], validation=shares[1], test=shares[2])


def test_a_split_of_nothing_or_of_doubles_is_refused() -> None:
    with pytest.raises(ProtocolError, match="there are no videos to split"):
        split_videos([], np.empty((0, 128), np.float32), same_person=0.5)
    with pytest.raises(ProtocolError, match="two videos have the same name: a"):
        split_videos(["a", "a"], make_people([0, 1]), same_person=0.5)
