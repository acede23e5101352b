"""The splits of a protocol as tables of local files, ready for training (``thb.load``)."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb.releases.opening import DEFAULT_RELEASE
from thb_dataset.errors import ProtocolError, ReleaseError
from thb_dataset.files import find_fault

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from thb_dataset.records import RealDataset, Video
    from thb_dataset.release.scan import Release

_log = logging.getLogger(__name__)


def load(  # noqa: PLR0913 — one parameter per option
    protocol: str = "p1",
    *,
    fold: str | None = None,
    release: str | Path = DEFAULT_RELEASE,
    real_root: str | Path | Mapping[RealDataset, Path] | None = None,
    split_by: str = "release",
    split_list: str = "default",
    strict: bool = False,
    download: bool = True,
    audio: bool = False,
    progress: bool = True,
) -> DatasetDict:
    """Load a protocol as a ``datasets.DatasetDict`` whose videos are files on this machine.

    Fakes of a Hub release are downloaded once into the Hub's cache; after that the release works
    offline. The column ``video`` is ``{"path": …}`` and not decoded
    (``datasets.Video(decode=False)``): read it with the toolkit, or cast it with
    ``cast_column("video", datasets.Video())`` if torchcodec is installed. A missing video has
    ``video: None``, and a warning names the missing videos.

    Args:
        protocol: ``"p1"``, ``"p2"``, ``"p3"``, the diagnostic ``"p3-family"``, or a config such as
            ``"p3-hallo"``.
        fold: The generator, or the family, to hold out; None for P1, or for all folds of the others
            as ``train.hallo``, ``validation.hallo``, ``test.hallo`` and so on.
        release: A Hub id ``org/name`` or ``org/name@revision``; ``refs/pr/<n>`` or a commit of
            the benchmark's own repo; a folder in the Hub's layout; or ``"mini"``.
        real_root: The folder of your real videos, or one for each real dataset.
        split_by: The reading of the release's splits: ``"release"`` or ``"driver"``.
        split_list: The list of real videos: ``"default"`` or ``"official_ff++"``.
        strict: Raise an error instead of a warning if a video is missing.
        download: Download fakes that are not on this machine.
        audio: Download the release's WAV files as well.
        progress: Show progress bars.

    Raises:
        ReleaseError: The release does not exist, or ``strict`` is set and videos are missing.
        HubUnreachableError: The Hub does not answer and the release was not read before.
        ProtocolError: The protocol or the fold does not exist, or cannot be built.

    Examples:
        >>> data = thb.load("p3", fold="hallo", release="release", real_root="reals")
        >>> {name: split.num_rows for name, split in data.items()}
        {'train': 9, 'validation': 7, 'test': 5, 'extra': 2}
    """
    from datasets import DatasetDict

    from thb.releases.files import fetch_files
    from thb.releases.opening import open_release
    from thb_dataset.hub.index import config_splits

    config = _name_config(protocol, fold)
    opened = open_release(release, real_root=real_root, split_list=split_list, progress=progress)
    splits = config_splits(opened.release.videos, config, split_by=split_by)
    videos = tuple({video.video_id: video for rows in splits.values() for video in rows}.values())
    files = fetch_files(opened, videos, sound=audio, download=download, progress=progress)
    missing = [video for video in videos if video.video_id not in files.videos]
    _report_missing(missing, opened.real_root, faults=files.faults, strict=strict)
    return DatasetDict(
        {name: _make_table(opened.release, rows, files.videos) for name, rows in splits.items()}
    )


def _name_config(protocol: str, fold: str | None) -> str:
    from thb_dataset.hub.index import parse_config
    from thb_dataset.protocols import fold_name, parse_held_out

    parsed, held_out = parse_config(protocol)
    if fold is None:
        return protocol
    wanted = parse_held_out(fold, parsed)
    if wanted not in parsed.held_out:
        raise ProtocolError(f"{parsed.value} has no fold {fold}")
    if held_out not in (None, wanted):
        raise ProtocolError(f"{protocol} is the fold of {held_out}, not of {wanted}")
    return fold_name(parsed, wanted)


def _report_missing(
    missing: list[Video],
    real_root: Path | Mapping[RealDataset, Path] | None,
    *,
    faults: Mapping[str, str],
    strict: bool,
) -> None:
    from thb_dataset.release.media import explain_missing_fakes, explain_missing_reals

    fakes = [video for video in missing if video.generator is not None]
    messages = []
    if fakes:
        messages.append(explain_missing_fakes(fakes, faults))
    reals = [video for video in missing if video.real_dataset is not None]
    if reals:
        messages.append(explain_missing_reals(reals, real_root, faults=faults))
    if messages and strict:
        raise ReleaseError("; ".join(messages))
    for message in messages:
        _log.warning("%s", message)


def _make_table(release: Release, videos: Iterable[Video], files: Mapping[str, Path]) -> Dataset:
    import pyarrow as pa
    from datasets import Audio, Dataset
    from datasets import Video as VideoFeature

    from thb_dataset.hub.index import index_features

    features = index_features()
    features["video"] = VideoFeature(decode=False)
    features["audio"] = Audio(decode=False)
    rows = [_row(release, video, files.get(video.video_id)) for video in videos]
    # The schema holds the features; encoding row by row would need torchcodec.
    return Dataset(pa.Table.from_pylist(rows, schema=features.arrow_schema))


def _row(release: Release, video: Video, path: Path | None) -> dict[str, Any]:
    from thb_dataset.hub.index import VideoStore, index_row, media

    row = index_row(video, VideoStore(repo=release.name, revision=release.revision or "main"))
    sound = None if video.audio is None else release.root / video.audio
    row["video"] = None if path is None else media(str(path.absolute()))
    has_sound = sound is not None and find_fault(sound) is None
    row["audio"] = media(str(sound.absolute())) if sound is not None and has_sound else None
    return row
