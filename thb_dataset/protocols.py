r"""The protocols P1, P2 and P3, and a diagnostic: the videos that train, validate and test.

========================  =======================  ========================  ======================
\                         train                    validation                test
========================  =======================  ========================  ======================
P1 identity shift         train fakes of the six   50 fakes spread evenly    test fakes of the six
                          + Train reals            + 50 Val reals            + Test reals
P2 generator shift,       train and test fakes of  50 val fakes and 50 Val   every fake of the held
a fold per held-out one   the others + Train       reals per training        out one + Test reals
                          reals                    generator
P3 both shifts,           train fakes of the       the same as P2            test fakes of the held
a fold per held-out one   others + Train reals                               out one + Test reals
========================  =======================  ========================  ======================

``p3-family`` is a diagnostic beside P3, and no protocol of the paper: P3 with a fold for each
family of related generators (:class:`thb_dataset.records.Family`), all held out together. It says
how much of P3 a detector owes to a generator's relatives in its training.

All but P2 also have the split ``extra``: the fakes of MAGI-1 and Hallo3, compared with the same
Test reals. If only some videos are taken, they are the first by the sha256 of their id: the same on
every machine, and without a seed. P2 promises that the held-out generator is never trained on. The
others promise that no portrait and no driver is in two of train, validation and test.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from thb_dataset.errors import ProtocolError
from thb_dataset.records import (
    EXTRA_GENERATORS,
    TRAINING_GENERATORS,
    Family,
    Generator,
    HeldOut,
    Label,
    Split,
    Video,
)
from thb_dataset.release.splits import SplitReading, driver_blocks, read_split

VALIDATION_VIDEOS = 50
"""The number of validation videos of each label: in total for P1, else per training generator."""


class Protocol(StrEnum):
    """The three protocols of the benchmark, and a diagnostic one."""

    P1 = "p1"
    P2 = "p2"
    P3 = "p3"
    P3_FAMILY = "p3-family"

    @property
    def is_folded(self) -> bool:
        """Whether one generator, or one family of them, is held out at a time."""
        return self is not Protocol.P1

    @property
    def is_diagnostic(self) -> bool:
        """Whether it stands beside the protocols of the paper, and never in place of one."""
        return self is Protocol.P3_FAMILY

    @property
    def held_out(self) -> tuple[HeldOut | None, ...]:
        """What each fold holds out, in the order of the folds; None for the only fold of P1."""
        if not self.is_folded:
            return (None,)
        return tuple(Family) if self.is_diagnostic else TRAINING_GENERATORS


PAPER_PROTOCOLS = (Protocol.P1, Protocol.P2, Protocol.P3)
"""The protocols of the paper: those of the Hub's configs, of the boards, and of ``all``."""


@dataclass(frozen=True, kw_only=True)
class Fold:
    """The videos of one training of a protocol, and of its test; all splits are sorted by id.

    Attributes:
        protocol: The protocol.
        held_out: The generator, or the family, that is never trained on; None in P1.
        split_by: The reading of the release: ``"release"`` or ``"driver"``.
        train: The videos to train on.
        validation: The videos by which a checkpoint is chosen.
        test: The fakes to test on, and the Test reals, which are the same for all generators.
        extra: The fakes of the extra generators; empty in P2.
    """

    protocol: Protocol
    held_out: HeldOut | None
    split_by: str
    train: tuple[Video, ...]
    validation: tuple[Video, ...]
    test: tuple[Video, ...]
    extra: tuple[Video, ...]

    @property
    def name(self) -> str:
        """The name of the fold in configs and folders, such as ``p1`` or ``p3-hallo``."""
        return fold_name(self.protocol, self.held_out)

    @property
    def splits(self) -> dict[str, tuple[Video, ...]]:
        """The splits that are not empty, by name."""
        splits = {name: getattr(self, name) for name in ("train", "validation", "test", "extra")}
        return {name: videos for name, videos in splits.items() if videos}


def fold_name(protocol: Protocol, held_out: HeldOut | None) -> str:
    """Return the name of a fold, such as ``p1``, ``p3-hallo`` or ``p3-family-hallo``."""
    return protocol.value if held_out is None else f"{protocol.value}-{held_out.slug}"


def split_fold_name(name: str) -> tuple[Protocol | None, str]:
    """Return the protocol that the name of a fold begins with, and the name of what it holds out.

    >>> split_fold_name("p3-family-hallo")
    (<Protocol.P3_FAMILY: 'p3-family'>, 'hallo')

    Args:
        name: The name of a fold, or that of a generator or a family alone.
    """
    for protocol in sorted(Protocol, key=len, reverse=True):  # p3-family before p3
        if f"{name.lower()}-".startswith(f"{protocol}-"):
            return protocol, name[len(protocol) + 1 :]
    return None, name


def parse_held_out(fold: HeldOut | str, protocol: Protocol | str) -> HeldOut:
    """Return the generator, or the family of generators, that a fold of a protocol holds out.

    >>> parse_held_out("p3-hallo", "p3") == parse_held_out("hallo", "p3") == Generator.HALLO
    True

    Args:
        fold: The generator or the family, in any spelling, or the name of the fold.
        protocol: The protocol.

    Raises:
        ProtocolError: There is no such generator, family or protocol, or the fold is one of another
            protocol.
    """
    chosen = _protocol(protocol)
    if isinstance(fold, Generator | Family):
        return fold
    named, held_out = split_fold_name(fold)
    if named is None and not chosen.is_diagnostic and fold.lower() in tuple(Family):
        named = Protocol.P3_FAMILY
    if named not in (None, chosen):
        same_kind = Protocol.P3_FAMILY not in (named, chosen)
        instead = ", or name the generator alone" if same_kind else ""
        raise ProtocolError(f"{fold} is no fold of {chosen}: choose the protocol {named}{instead}")
    return (Family if chosen.is_diagnostic else Generator).parse(held_out or fold)


def build_folds(
    videos: Iterable[Video],
    protocol: Protocol | str,
    *,
    held_out: HeldOut | None = None,
    split_by: str = "release",
) -> tuple[Fold, ...]:
    """Build the folds of a protocol: one for P1, else one for each generator or family held out.

    Args:
        videos: Every video of a release, whether or not its file is available.
        protocol: The protocol.
        held_out: What the only fold to build holds out; None builds all folds.
        split_by: What decides the split of a fake: ``"release"`` for its folder, ``"driver"`` for
            the block of its driver.

    Raises:
        ProtocolError: There are no fakes to train or to test on, two videos have one id, or two
            splits overlap although the protocol promises that they do not.
    """
    chosen = _protocol(protocol)
    placed = place_videos(videos, split_by=split_by)
    if held_out is not None and held_out not in chosen.held_out:
        raise ProtocolError(_explain_no_fold(chosen, held_out))
    wanted = chosen.held_out if held_out is None else (held_out,)
    return tuple(_build_fold(placed, chosen, each, str(split_by)) for each in wanted)


def place_videos(videos: Iterable[Video], *, split_by: str) -> dict[Video, Split]:
    """Return the split of every video in one reading of the release, in the order of the ids.

    Args:
        videos: Every video of a release.
        split_by: The reading: ``"release"`` or ``"driver"``.

    Raises:
        ProtocolError: There is no such reading, or two videos have one id.
    """
    if split_by not in tuple(SplitReading):
        raise ProtocolError(f"split_by is {split_by!r}; known: {', '.join(SplitReading)}")
    ordered = sorted(videos, key=lambda video: video.video_id)
    count = Counter(video.video_id for video in ordered)
    twice = [video_id for video_id, times in count.items() if times > 1]
    if twice:
        raise ProtocolError(f"two videos have one id: {', '.join(twice)}")
    if split_by == SplitReading.RELEASE:
        return {video: video.release_split for video in ordered}
    blocks = driver_blocks(ordered)
    return {video: read_split(video, blocks) for video in ordered}


def hash_order(video: Video) -> str:
    """Return the key by which some of many videos are chosen: the sha256 of the id."""
    return hashlib.sha256(video.video_id.encode()).hexdigest()


def _explain_no_fold(protocol: Protocol, held_out: HeldOut) -> str:
    """Return why a protocol has no fold that holds something out."""
    if not protocol.is_folded:
        return f"{protocol} holds out no generator, so it has no fold {held_out.slug}"
    folds = ", ".join(each.slug for each in protocol.held_out if each is not None)
    if held_out in EXTRA_GENERATORS:
        return f"{held_out} is never trained on, so no fold holds it out; the folds are: {folds}"
    return f"{protocol} has no fold that holds {held_out} out; its folds are: {folds}"


def _list_generators(held_out: HeldOut) -> tuple[Generator, ...]:
    return held_out.generators if isinstance(held_out, Family) else (held_out,)


def _build_fold(
    placed: Mapping[Video, Split], protocol: Protocol, held_out: HeldOut | None, split_by: str
) -> Fold:
    tested = TRAINING_GENERATORS if held_out is None else _list_generators(held_out)
    seen = [own for own in TRAINING_GENERATORS if held_out is None or own not in tested]
    if protocol is Protocol.P2:
        train = _fakes(placed, seen, Split.TRAIN, Split.TEST)
        test = _fakes(placed, tested, *Split)
    else:
        train = _fakes(placed, seen, Split.TRAIN)
        test = _fakes(placed, tested, Split.TEST)
    by_generator = [_fakes(placed, [generator], Split.VALIDATION) for generator in seen]
    if protocol is Protocol.P1:
        fakes = _spread(by_generator, VALIDATION_VIDEOS)
        n_reals = VALIDATION_VIDEOS
    else:
        fakes = [fake for some in by_generator for fake in _first(some, VALIDATION_VIDEOS)]
        n_reals = VALIDATION_VIDEOS * len(seen)
    extra = [] if protocol is Protocol.P2 else _fakes(placed, EXTRA_GENERATORS, *Split)
    fold = Fold(
        protocol=protocol,
        held_out=held_out,
        split_by=split_by,
        train=_by_id(train, _first(_reals(placed, Split.TRAIN), len(train))),
        validation=_by_id(fakes, _first(_reals(placed, Split.VALIDATION), n_reals)),
        test=_by_id(test, _reals(placed, Split.TEST)),
        extra=_by_id(extra),
    )
    _check(fold, has_train_fakes=bool(train), has_test_fakes=bool(test))
    return fold


def _fakes(
    placed: Mapping[Video, Split], generators: Iterable[Generator], *splits: Split
) -> list[Video]:
    wanted = set(generators)
    return [
        video for video, split in placed.items() if video.generator in wanted and split in splits
    ]


def _reals(placed: Mapping[Video, Split], wanted: Split) -> list[Video]:
    return [
        video for video, split in placed.items() if video.label is Label.REAL and split is wanted
    ]


def _first(videos: Iterable[Video], number: int) -> list[Video]:
    return sorted(videos, key=hash_order)[:number]


def _spread(groups: Iterable[Iterable[Video]], number: int) -> list[Video]:
    """Take one video of each group in turn, until there are enough or none is left."""
    columns = zip_longest(*(sorted(group, key=hash_order) for group in groups))
    turns = [video for column in columns for video in column if video is not None]
    return turns[:number]


def _by_id(*groups: Iterable[Video]) -> tuple[Video, ...]:
    return tuple(sorted((v for group in groups for v in group), key=lambda video: video.video_id))


def _check(fold: Fold, *, has_train_fakes: bool, has_test_fakes: bool) -> None:
    """Check what the protocol promises.

    Raises:
        ProtocolError: There are no fakes to train or to test on, or the splits overlap.
    """
    if not has_train_fakes:
        raise ProtocolError(f"{fold.name}: the release has no fakes to train on")
    if not has_test_fakes:
        unseen = () if fold.held_out is None else _list_generators(fold.held_out)
        generators = " and ".join(unseen) or "any of the six generators"
        raise ProtocolError(f"{fold.name}: the release has no fakes of {generators} to test on")
    splits = {"train": fold.train, "validation": fold.validation, "test": fold.test}
    problems = _overlaps(splits, "video", lambda video: video.video_id)
    if fold.protocol is Protocol.P2:
        parts = {"train and validation": (*fold.train, *fold.validation), "test": fold.test}
        problems += _overlaps(parts, "generator", lambda video: video.generator)
    else:
        problems += _overlaps(splits, "portrait", lambda video: video.portrait)
        problems += _overlaps(splits, "driver", lambda video: video.driver)
    if problems:
        listed = "\n  ".join(problems)
        raise ProtocolError(
            f"{fold.name}, split by {fold.split_by}: splits that must be disjoint overlap:"
            f"\n  {listed}"
        )


def _overlaps(
    splits: Mapping[str, Sequence[Video]], what: str, identity: Callable[[Video], str | None]
) -> list[str]:
    """Return a line for each identity that is in two splits, naming the videos."""
    where: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for name, videos in splits.items():
        for video in videos:
            value = identity(video)
            if value is not None:
                where[value][name].append(video.video_id)
    return [
        f"{what} {value} is in "
        + " and in ".join(f"{n} ({', '.join(ids)})" for n, ids in of.items())
        for value, of in sorted(where.items())
        if len(of) > 1
    ]


def _protocol(name: Protocol | str) -> Protocol:
    try:
        return Protocol(name)
    except ValueError:
        raise ProtocolError(f"no protocol {name!r}; there are: {', '.join(Protocol)}") from None
