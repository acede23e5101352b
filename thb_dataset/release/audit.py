"""Count the videos of a release, compare the counts with the paper, and find faults."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from thb_dataset.records import EXTRA_GENERATORS, Generator, Label, RealDataset, Split, Video
from thb_dataset.release.listing import Finding, FindingKind
from thb_dataset.release.published_counts import PUBLISHED_FAKES, PUBLISHED_REALS
from thb_dataset.release.split_lists import SplitList
from thb_dataset.release.splits import driver_blocks, read_split


@dataclass(frozen=True, kw_only=True)
class CountRow:
    """The number of videos of one generator or real dataset.

    Attributes:
        name: The generator or real dataset.
        train: The number of videos in the train block.
        validation: The number of videos in the val block.
        test: The number of videos in the test block.
        published_total: The number of videos in the paper; None for a synthetic release.
        published_train: The train videos among them; None for real videos, whose blocks the paper
            does not give.
        published_test: The test videos among them; None for real videos.
        agrees: Whether both agree, with validation videos counted on either side; None if they
            were not compared.
    """

    name: str
    train: int
    validation: int
    test: int
    published_total: int | None
    published_train: int | None
    published_test: int | None
    agrees: bool | None

    @property
    def total(self) -> int:
        """The number of all videos of this name."""
        return self.train + self.validation + self.test


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The result of an audit.

    Attributes:
        release: The name of the release.
        revision: Its commit, or the sha256 of its listing.
        split_list: The list of real videos that was read.
        synthetic: Whether the videos are synthetic; they are not compared with the paper then.
        counts: One row per generator and real dataset.
        findings: The faults; empty for a sound release.
        restored_drivers: The ids of the fakes whose driver's leading ``-`` was restored.
        moved_by_driver: The ids of the fakes that the driver reading puts in another split than
            the release does.
        drivers_not_listed: The number of fakes of the six generators whose driver no block lists;
            both readings agree on them.
        portraits_crossing_by_driver: The portraits that are in two splits in the driver reading.
    """

    release: str
    revision: str | None
    split_list: SplitList
    synthetic: bool
    counts: tuple[CountRow, ...]
    findings: tuple[Finding, ...]
    restored_drivers: tuple[str, ...]
    moved_by_driver: tuple[str, ...]
    drivers_not_listed: int
    portraits_crossing_by_driver: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether no fault was found."""
        return not self.findings

    @property
    def findings_by_kind(self) -> dict[FindingKind, tuple[Finding, ...]]:
        """The findings grouped, in the order of :class:`FindingKind`."""
        grouped: dict[FindingKind, list[Finding]] = defaultdict(list)
        for finding in self.findings:
            grouped[finding.kind].append(finding)
        return {kind: tuple(grouped[kind]) for kind in FindingKind if kind in grouped}

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "release": self.release,
            "revision": self.revision,
            "split_list": self.split_list.value,
            "synthetic": self.synthetic,
            "sound": self.is_sound,
            "counts": [{**asdict(row), "total": row.total} for row in self.counts],
            "findings": [
                {
                    "kind": finding.kind.value,
                    "subjects": list(finding.subjects),
                    "detail": finding.detail,
                }
                for finding in self.findings
            ],
            "restored_drivers": list(self.restored_drivers),
            "moved_by_driver": list(self.moved_by_driver),
            "drivers_not_listed": self.drivers_not_listed,
            "portraits_crossing_by_driver": list(self.portraits_crossing_by_driver),
        }


def audit_videos(
    videos: Sequence[Video],
    *,
    release: str,
    revision: str | None = None,
    split_list: SplitList = SplitList.DEFAULT,
    synthetic: bool = False,
    findings: Iterable[Finding] = (),
    restored_drivers: Iterable[str] = (),
) -> Audit:
    """Count the videos, compare with the paper, and find what crosses splits.

    Args:
        videos: The videos of the release.
        release: Its name.
        revision: Its commit or hash.
        split_list: The list of real videos that was read.
        synthetic: Whether the videos are synthetic; they are not compared with the paper then.
        findings: The faults that reading the names has found.
        restored_drivers: The ids of the fakes whose driver's leading ``-`` was restored.
    """
    fakes = [
        video
        for video in videos
        if video.label is Label.FAKE and video.generator not in EXTRA_GENERATORS
    ]
    blocks = driver_blocks(videos)
    by_folder = [(video, video.release_split) for video in fakes]
    by_driver = [(video, read_split(video, blocks)) for video in fakes]
    counts = count_videos(videos, split_list=split_list, synthetic=synthetic)
    found = [*findings, *(_count_finding(row) for row in counts if row.agrees is False)]
    found += _crossing_findings(by_folder)
    return Audit(
        release=release,
        revision=revision,
        split_list=split_list,
        synthetic=synthetic,
        counts=counts,
        findings=tuple(found),
        restored_drivers=tuple(restored_drivers),
        moved_by_driver=tuple(v.video_id for v, split in by_driver if split is not v.release_split),
        drivers_not_listed=sum(video.driver not in blocks for video in fakes),
        portraits_crossing_by_driver=tuple(_crossings(by_driver, "portrait")),
    )


def count_videos(
    videos: Iterable[Video], *, split_list: SplitList, synthetic: bool
) -> tuple[CountRow, ...]:
    """Count videos per generator, then per real dataset, and add the published counts.

    Args:
        videos: The videos of the release.
        split_list: The list of real videos that was read.
        synthetic: Whether the videos are synthetic; they are not compared with the paper then.
    """
    count: Counter[tuple[Generator | RealDataset | None, Split]] = Counter(
        (video.generator or video.real_dataset, video.release_split) for video in videos
    )
    rows = []
    for name in (*Generator, *RealDataset):
        train, validation, test = (count[name, split] for split in Split)
        agrees: bool | None
        if isinstance(name, Generator):
            fakes = PUBLISHED_FAKES[name]
            agrees = fakes.agrees(train=train, validation=validation, test=test)
            published: tuple[int | None, ...] = (fakes.total, fakes.train, fakes.test)
        else:
            total = PUBLISHED_REALS[split_list][name]
            agrees = train + validation + test == total
            published = (total, None, None)
        if synthetic:
            agrees, published = None, (None, None, None)
        rows.append(
            CountRow(
                name=name.value,
                train=train,
                validation=validation,
                test=test,
                published_total=published[0],
                published_train=published[1],
                published_test=published[2],
                agrees=agrees,
            )
        )
    return tuple(rows)


def _count_finding(row: CountRow) -> Finding:
    here = f"{row.total} = {row.train} train + {row.validation} val + {row.test} test"
    published = f"{row.published_total}"
    if row.published_train is not None:
        published += f" = {row.published_train} train + {row.published_test} test"
    return Finding(
        kind=FindingKind.COUNT_DIFFERS,
        subjects=(row.name,),
        detail=f"here {here}; published {published}",
    )


def _crossing_findings(placed: Sequence[tuple[Video, Split]]) -> list[Finding]:
    kinds = {"portrait": FindingKind.PORTRAIT_CROSSES, "driver": FindingKind.DRIVER_CROSSES}
    return [
        Finding(
            kind=kind,
            subjects=tuple(video.video_id for video, _ in members),
            detail=f"{attribute} {identity} in "
            + ", ".join(block for block in Split if any(split is block for _, split in members)),
        )
        for attribute, kind in kinds.items()
        for identity, members in _crossings(placed, attribute).items()
    ]


def _crossings(
    placed: Iterable[tuple[Video, Split]], attribute: str
) -> dict[str, list[tuple[Video, Split]]]:
    """Return the portraits or drivers in more than one split, with their videos."""
    where: dict[str, list[tuple[Video, Split]]] = defaultdict(list)
    for video, split in placed:
        identity = getattr(video, attribute)
        if identity is not None:
            where[identity].append((video, split))
    return {
        identity: members
        for identity, members in sorted(where.items())
        if len({split for _, split in members}) > 1
    }
