"""Read the videos of a release from its file names, wherever these were listed."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath

from thb_dataset.errors import ProtocolError, ReleaseError
from thb_dataset.files import VIDEO_SUFFIXES
from thb_dataset.records import (
    EXTRA_GENERATORS,
    Generator,
    Label,
    RealDataset,
    Split,
    Video,
)
from thb_dataset.release.names import (
    EXTRA_FOLDER,
    leaves_root,
    name_fake_sound,
    name_real_sound,
    parse_fake_stem,
    restore_driver,
)
from thb_dataset.release.split_lists import RealClips
from thb_dataset.wording import spell_out

_SPLITS = {
    "train": Split.TRAIN,
    "val": Split.VALIDATION,
    "validation": Split.VALIDATION,
    "test": Split.TEST,
}


class FindingKind(StrEnum):
    """The faults that a release can have; the first two are refused, the others only reported."""

    LEAVES_ROOT = "path leaves the release"
    DUPLICATE_ID = "two files, one video id"
    UNKNOWN_GENERATOR = "unknown generator"
    UNREADABLE_NAME = "name cannot be parsed"
    MISPLACED = "not where videos belong"
    AUDIO_WITHOUT_VIDEO = "audio without video"
    VIDEO_WITHOUT_AUDIO = "fake without audio"
    REAL_IN_TWO_BLOCKS = "real video in two blocks"
    REAL_LISTED_TWICE = "real video listed twice"
    COUNT_DIFFERS = "count is not the published one"
    PORTRAIT_CROSSES = "portrait in two splits"
    DRIVER_CROSSES = "driver in two splits"
    UNUSABLE = "file that cannot be used"
    LIST_UNREADABLE = "split list cannot be read"
    CARD_BROKEN = "card cannot be used"

    @property
    def is_refused(self) -> bool:
        """Whether nothing may be built from a release with this fault."""
        return self in (FindingKind.LEAVES_ROOT, FindingKind.DUPLICATE_ID)


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One fault, and the files that have it.

    Attributes:
        kind: The kind of fault.
        subjects: The paths, names or ids that have it.
        detail: Further words about it.
    """

    kind: FindingKind
    subjects: tuple[str, ...]
    detail: str = ""

    def __post_init__(self) -> None:
        """Spell out what is no text in names, so that every finding can be written."""
        object.__setattr__(self, "subjects", tuple(map(spell_out, self.subjects)))
        object.__setattr__(self, "detail", spell_out(self.detail))

    def __str__(self) -> str:
        """Return the finding as one line that names every subject."""
        tail = f" ({self.detail})" if self.detail else ""
        return f"{self.kind}: {', '.join(self.subjects)}{tail}"


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The content of a release, read from the names of its files.

    Attributes:
        videos: Every video whose name could be read, sorted by id; both of two with one id.
        findings: What is wrong with the names; ``videos`` does not hold these files.
        restored_drivers: The ids of the fakes whose driver's leading ``-`` was restored.
    """

    videos: tuple[Video, ...]
    findings: tuple[Finding, ...]
    restored_drivers: tuple[str, ...] = ()


def list_videos(
    paths: Iterable[str], reals: RealClips, other_reals: Iterable[RealClips] = ()
) -> Listing:
    """Read the videos of a release from the paths of its files.

    Nothing is raised: a name that cannot be read becomes a finding.

    Args:
        paths: The POSIX path of every file of the release; files that are neither video nor audio
            are ignored.
        reals: The real videos that its split list names.
        other_reals: The real videos of its other lists, whose sound belongs to a video, too.
    """
    findings: list[Finding] = []
    inside: list[str] = []
    for path in sorted(paths):
        if leaves_root(path):
            findings.append(Finding(kind=FindingKind.LEAVES_ROOT, subjects=(path,)))
        elif path != spell_out(path):
            detail = "the bytes of this name are not UTF-8: rename the file"
            kind = FindingKind.UNREADABLE_NAME
            findings.append(Finding(kind=kind, subjects=(path,), detail=detail))
        else:
            inside.append(path)
    # By the name that a video expects; the ending on the disk may be in capitals.
    audio = {
        f"{path[:-4]}.wav": path
        for path in inside
        if path.startswith("audio/") and path.lower().endswith(".wav")
    }
    videos = [_real(dataset, stem, split, audio) for (dataset, stem), split in reals.split.items()]
    clips = reals.stems(RealDataset.CELEBV_HQ)
    restored = []
    for path in inside:
        ending = PurePosixPath(path).suffix.lower()
        if not (path.startswith("fake/") and ending in VIDEO_SUFFIXES):
            continue
        named = _fake(path, audio) if ending == ".mp4" else _not_mp4(path)
        if isinstance(named, Finding):
            findings.append(named)
            continue
        fake = _with_restored_driver(named, clips)
        videos.append(fake)
        if fake.driver != named.driver:
            restored.append(fake.video_id)
    videos.sort(key=lambda video: (video.video_id, video.path))
    findings += _duplicates(videos)
    others = {name_real_sound(*clip) for other in other_reals for clip in other.split}
    findings += _audio_findings(
        videos, {path for name, path in audio.items() if name not in others}
    )
    findings += _block_findings(reals)
    return Listing(
        videos=tuple(videos), findings=tuple(findings), restored_drivers=tuple(sorted(restored))
    )


def _with_restored_driver(fake: Video, clips: frozenset[str]) -> Video:
    if fake.driver is None:
        return fake
    return replace(fake, driver=restore_driver(fake.driver, clips))


def _not_mp4(path: str) -> Finding:
    detail = "a video, but its name does not end in .mp4"
    return Finding(kind=FindingKind.UNREADABLE_NAME, subjects=(path,), detail=detail)


def _fake(path: str, audio: Mapping[str, str]) -> Video | Finding:
    folders = path.split("/")[1:-1]
    is_extra = len(folders) == 2 and folders[0] == EXTRA_FOLDER
    is_usual = len(folders) == 2 and folders[1] in _SPLITS
    if not (is_extra or is_usual):
        where = f"fake/<Generator>/{{train,val,test}}/ or fake/{EXTRA_FOLDER}/<Generator>/"
        return Finding(kind=FindingKind.MISPLACED, subjects=(path,), detail=f"expected {where}")
    try:
        generator = Generator.parse(folders[1] if is_extra else folders[0])
    except ProtocolError as error:
        detail = f"{error}. {advise_unknown_generator(path)}"
        return Finding(kind=FindingKind.UNKNOWN_GENERATOR, subjects=(path,), detail=detail)
    if is_extra != (generator in EXTRA_GENERATORS):
        home = f"fake/{EXTRA_FOLDER}/" if generator in EXTRA_GENERATORS else f"fake/{generator}/"
        detail = f"{generator} belongs in {home}"
        return Finding(kind=FindingKind.MISPLACED, subjects=(path,), detail=detail)
    stem = PurePosixPath(path).stem
    try:
        name = parse_fake_stem(stem, generator)
    except ReleaseError as error:
        return Finding(kind=FindingKind.UNREADABLE_NAME, subjects=(path,), detail=str(error))
    sound = name_fake_sound(stem)
    return Video(
        video_id=f"{generator}/{stem}",
        label=Label.FAKE,
        path=path,
        release_split=Split.TEST if is_extra else _SPLITS[folders[1]],
        generator=generator,
        portrait=name.portrait,
        driver=name.driver,
        audio=audio.get(sound),
    )


def advise_unknown_generator(path: str, root: Path | None = None) -> str:
    """Return what to do about the folder of a generator that the benchmark does not know.

    Args:
        path: The POSIX path of a video in it.
        root: The folder of the release; None if it is not on this disk.
    """
    folders = path.split("/")[:-1]
    top = folders[: 3 if folders[1] == EXTRA_FOLDER else 2]
    option = shlex.quote(f"{top[-1]}={Path(root or '').joinpath(*top).as_posix()}")
    return f"Score these videos as a column of their own: thb evaluate … --fakes {option}"


def _real(dataset: RealDataset, stem: str, split: Split, audio: Mapping[str, str]) -> Video:
    sound = name_real_sound(dataset, stem)
    return Video(
        video_id=f"{dataset}/{stem}",
        label=Label.REAL,
        path=f"{dataset}/{stem}.mp4",
        release_split=split,
        real_dataset=dataset,
        audio=audio.get(sound),
    )


def _duplicates(videos: list[Video]) -> list[Finding]:
    count = Counter(video.video_id for video in videos)
    return [
        Finding(
            kind=FindingKind.DUPLICATE_ID,
            subjects=tuple(video.path for video in videos if video.video_id == video_id),
            detail=f"both would be {video_id}",
        )
        for video_id, times in count.items()
        if times > 1
    ]


def _audio_findings(videos: list[Video], audio: set[str]) -> list[Finding]:
    used = {video.audio for video in videos}
    # The release also brings the sound of drivers that no list names as real videos. Such a file
    # may have lost the leading dash of its name, as the fakes' names have.
    drivers = {video.driver for video in videos if video.driver}
    drivers |= {driver.removeprefix("-") for driver in drivers}
    used |= {name_real_sound(RealDataset.CELEBV_HQ, driver) for driver in drivers}
    findings = [
        Finding(kind=FindingKind.AUDIO_WITHOUT_VIDEO, subjects=(path,))
        for path in sorted(audio)
        if path not in used
    ]
    findings += [
        Finding(kind=FindingKind.VIDEO_WITHOUT_AUDIO, subjects=(video.path,))
        for video in videos
        if video.label is Label.FAKE and video.audio is None
    ]
    return findings


def _block_findings(reals: RealClips) -> list[Finding]:
    pairs = (
        (FindingKind.REAL_IN_TWO_BLOCKS, reals.in_two_blocks),
        (FindingKind.REAL_LISTED_TWICE, reals.listed_twice),
    )
    return [
        Finding(kind=kind, subjects=(f"{dataset}/{stem}",))
        for kind, clips in pairs
        for dataset, stem in clips
    ]
