"""``thb.load``: a protocol's splits with local files, ready to train on."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb.releases.opening import DEFAULT_RELEASE
from thb_dataset.errors import ProtocolError, ReleaseError

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

    from thb_dataset.records import RealDataset, Video
    from thb_dataset.release.scan import Release

_log = logging.getLogger(__name__)


def load(  # noqa: PLR0913 — a verb's options, all but the first by keyword
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

    Fakes of a Hub release are downloaded once into the Hub's cache; after that it works offline.
    The column ``video`` is ``{"path": …}``, not decoded (``datasets.Video(decode=False)``): read
    it with the toolkit, or ``cast_column("video", datasets.Video())`` where torchcodec is
    installed. A video that is not at hand has ``video: None``, and one warning says which.

    Args:
        protocol: ``"p1"``, ``"p2"``, ``"p3"``, or a config such as ``"p3-hallo"``.
        fold: The generator that is held out; None: P1, or all folds of P2 or P3 as
            ``train.hallo``, ``validation.hallo``, ``test.hallo`` and so on.
        release: A Hub id ``org/name``, with ``@revision`` after it or not; ``refs/pr/<n>`` or a
            commit of the benchmark's own repo; a folder in the Hub's layout; or ``"mini"``.
        real_root: The folder of your real videos, or one for each real dataset.
        split_by: ``"release"`` or ``"driver"``.
        split_list: ``"default"`` or ``"official_ff++"``.
        strict: Raise where a video is missing, instead of warning.
        download: Whether fakes that are not at hand are downloaded.
        audio: Whether the release's WAV files are downloaded, too.
        progress: Show progress bars.

    Raises:
        ReleaseError: There is no such release, or ``strict`` and videos are missing.
        HubUnreachableError: The Hub does not answer and the release was not read before.
        ProtocolError: There is no such protocol or fold, or it cannot be built.
    """
    from datasets import DatasetDict

    from thb.releases.files import fetch_files
    from thb.releases.opening import open_release
    from thb_dataset.hub.index import config_splits

    config = _config(protocol, fold)
    opened = open_release(release, real_root=real_root, split_list=split_list, progress=progress)
    splits = config_splits(opened.release.videos, config, split_by=split_by)
    wanted = {video.video_id: video for rows in splits.values() for video in rows}
    videos = tuple(wanted.values())
    files = fetch_files(opened, videos, sound=audio, download=download, progress=progress).videos
    _report_missing(
        [video for name, video in wanted.items() if name not in files],
        opened.real_root,
        strict=strict,
    )
    return DatasetDict(
        {name: _make_table(opened.release, rows, files) for name, rows in splits.items()}
    )


def _config(protocol: str, fold: str | None) -> str:
    from thb_dataset.hub.index import parse_config
    from thb_dataset.protocols import fold_name
    from thb_dataset.records import TRAINING_GENERATORS, Generator

    found, held_out = parse_config(protocol)
    if fold is None:
        return protocol
    named = next((one for one in TRAINING_GENERATORS if one.slug == fold), None)
    wanted = named or Generator.parse(fold)
    if not found.is_folded or wanted not in TRAINING_GENERATORS:
        raise ProtocolError(f"{found.value} has no fold {fold}")
    if held_out not in (None, wanted):
        raise ProtocolError(f"{protocol} is the fold of {held_out}, not of {wanted}")
    return fold_name(found, wanted)


def _report_missing(
    missing: list[Video], real_root: Path | Mapping[RealDataset, Path] | None, *, strict: bool
) -> None:
    from thb_dataset.release.media import explain_missing_reals

    fakes = [video.path for video in missing if video.generator is not None]
    messages = []
    if fakes:
        shown = ", ".join(fakes[:5]) + (f" and {len(fakes) - 5} more" if len(fakes) > 5 else "")
        messages.append(f"{len(fakes)} fake videos are not at hand: {shown}")
    reals = [video for video in missing if video.real_dataset is not None]
    if reals:
        messages.append(explain_missing_reals(reals, real_root))
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
    # The schema carries the features; encoding row by row would ask for torchcodec.
    return Dataset(pa.Table.from_pylist(rows, schema=features.arrow_schema))


def _row(release: Release, video: Video, path: Path | None) -> dict[str, Any]:
    from thb_dataset.hub.index import VideoStore, index_row, media

    row = index_row(video, VideoStore(repo=release.name, revision=release.revision or "main"))
    sound = None if video.audio is None else release.root / video.audio
    row["video"] = None if path is None else media(str(path.absolute()))
    row["audio"] = None if sound is None or not sound.is_file() else media(str(sound.absolute()))
    return row
