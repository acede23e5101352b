"""The index of a release on the Hub: small parquet files, and lists of the files of each config.

There are 23 tables of rows: six generators × three splits, real videos × three blocks, MAGI-1 and
Hallo3. A split of a config is a list of whole files. If a protocol takes only some rows of a table
(the Train reals, as many as a fold has fakes; the fifty val videos of P1), the table is cut into
the files ``real-1.parquet``, ``real-2.parquet`` …, and no row is stored twice. The videos stay
where they are: a row points at ``hf://datasets/<repo>@<commit>/<path>``.
"""

from __future__ import annotations

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from thb_dataset.errors import ProtocolError, ReleaseError
from thb_dataset.protocols import (
    PAPER_PROTOCOLS,
    Fold,
    Protocol,
    build_folds,
    fold_name,
    hash_order,
    split_fold_name,
)
from thb_dataset.records import (
    EXTRA_GENERATORS,
    TRAINING_GENERATORS,
    Generator,
    HeldOut,
    Label,
    RealDataset,
    Split,
    Video,
)
from thb_dataset.wording import suggest

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

INDEX_FOLDER = "index"
DEFAULT_CONFIG = Protocol.P1.value
EXTRA = "extra"
_HF_PATH = re.compile(r"hf://datasets/(?P<repo>[\w.-]+/[\w.-]+)@(?P<revision>[^/]+)/(?P<path>.+)")


@dataclass(frozen=True, kw_only=True)
class VideoStore:
    """The place of the videos on the Hub.

    Attributes:
        repo: The dataset repo, ``org/name``.
        revision: The commit that holds them: 40 hex digits, or ``main``.
    """

    repo: str
    revision: str

    def locate(self, path: str) -> str:
        """Return the ``hf://`` path of a file of the repo."""
        return f"hf://datasets/{self.repo}@{self.revision}/{path}"


@dataclass(frozen=True, kw_only=True)
class HubIndex:
    """The files of an index, and the files that each config lists.

    Attributes:
        files: The videos of each file, by the path of the file in the repo.
        configs: The files of each split of each config, in the order of the card.
    """

    files: Mapping[str, tuple[Video, ...]]
    configs: Mapping[str, Mapping[str, tuple[str, ...]]]


def config_names() -> tuple[str, ...]:
    """Return every config: ``p1``, the umbrellas ``p2`` and ``p3``, then one for each fold.

    A diagnostic protocol has none. Every reader of the dataset's page sees the configs and would
    take it for a fourth protocol, and each of its folds would cut the index's tables anew. Whoever
    has the videos builds its folds from the same rows (:func:`config_splits`).
    """
    return _list_configs(PAPER_PROTOCOLS)


def _list_configs(protocols: Sequence[Protocol]) -> tuple[str, ...]:
    chosen = [protocol for protocol in protocols if protocol.is_folded]
    folds = [fold_name(own, held_out) for own in chosen for held_out in own.held_out]
    return (*(protocol.value for protocol in protocols), *folds)


def config_splits(videos: Iterable[Video], config: str, **reading: str) -> dict[str, list[Video]]:
    """Return the videos of every split of a config, directly from the protocols.

    The splits of an umbrella name their fold, as in ``train.hallo``; ``extra`` is the same for all
    folds. Splits without a video are left out.

    Args:
        videos: Every video of a release.
        config: One of :func:`config_names`, ``p3-family``, or a fold of it.
        **reading: ``split_by`` of :func:`thb_dataset.protocols.build_folds`.

    Raises:
        ProtocolError: There is no such config, or its protocol cannot be built.
    """
    protocol, held_out = parse_config(config)
    folds = build_folds(videos, protocol, held_out=held_out, **reading)
    if len(folds) == 1:
        return {name: list(rows) for name, rows in folds[0].splits.items()}
    splits: dict[str, list[Video]] = {}
    for fold in folds:
        for name, rows in fold.splits.items():
            splits[name if name == EXTRA else f"{name}.{_slug(fold)}"] = list(rows)
    if EXTRA in splits:
        splits[EXTRA] = splits.pop(EXTRA)
    return splits


def parse_config(config: str) -> tuple[Protocol, HeldOut | None]:
    """Return the protocol of a config, and what it holds out if it is one fold.

    Args:
        config: One of :func:`config_names`, ``p3-family``, or a fold of it.

    Raises:
        ProtocolError: There is no such config; the message lists those that exist.
    """
    known = _list_configs(tuple(Protocol))
    if config not in known:
        hint = suggest(config, known)
        listed = f"there are: {', '.join(known)}"
        raise ProtocolError(f"no config {config!r}; {f'{hint} ' if hint else ''}{listed}")
    protocol, slug = split_fold_name(config)
    assert protocol is not None  # noqa: S101 — every known config begins with its protocol
    held_out = (each for each in protocol.held_out if each is not None and each.slug == slug)
    return protocol, next(held_out, None)


def build_index(videos: Sequence[Video]) -> HubIndex:
    """Distribute the videos of a release over files, so that every config is a list of files.

    Raises:
        ProtocolError: A protocol cannot be built from the release.
    """
    splits = {config: config_splits(videos, config) for config in config_names()}
    used_by: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for config, of_config in splits.items():
        for split, rows in of_config.items():
            for video in rows:
                used_by[video.video_id].add((config, split))
    files: dict[str, tuple[Video, ...]] = {}
    listed_in: dict[str, set[tuple[str, str]]] = {}
    for table, rows in _tables(videos).items():
        parts: dict[frozenset[tuple[str, str]], list[Video]] = defaultdict(list)
        for video in sorted(rows, key=hash_order):
            parts[frozenset(used_by[video.video_id])].append(video)
        for number, (uses, part) in enumerate(parts.items(), start=1):
            name = table if len(parts) == 1 else f"{table}-{number}"
            path = f"{INDEX_FOLDER}/{name}.parquet"
            files[path] = tuple(sorted(part, key=lambda video: video.video_id))
            listed_in[path] = set(uses)
    configs = {
        config: {
            split: tuple(path for path in files if (config, split) in listed_in[path])
            for split in of_config
        }
        for config, of_config in splits.items()
    }
    return HubIndex(files=files, configs=configs)


def index_features() -> Features:
    """Return the columns of the index as types of `datasets`."""
    from datasets import Audio, ClassLabel, Features, Value, Video

    text = Value("string")
    return Features(
        {
            "video_id": text,
            "video": Video(),
            "audio": Audio(),
            "label": ClassLabel(names=[label.name.lower() for label in Label]),
            "generator": text,
            "portrait": text,
            "driver": text,
            "real_dataset": text,
            "release_split": text,
            "path": text,
        }
    )


def index_row(video: Video, store: VideoStore) -> dict[str, Any]:
    """Return the row of a video; its ``video`` is null for a real video, whose file users bring.

    Args:
        video: The video.
        store: The place of the videos on the Hub.
    """
    is_fake = video.label is Label.FAKE
    return {
        "video_id": video.video_id,
        "video": {"bytes": None, "path": store.locate(video.path)} if is_fake else None,
        "audio": None if video.audio is None else media(store.locate(video.audio)),
        "label": int(video.label),
        "generator": None if video.generator is None else video.generator.value,
        "portrait": video.portrait,
        "driver": video.driver,
        "real_dataset": None if video.real_dataset is None else video.real_dataset.value,
        "release_split": video.release_split.value,
        "path": video.path,
    }


def media(path: str) -> dict[str, str | None]:
    """Return a path in the form in which `datasets` stores media that are not embedded."""
    return {"bytes": None, "path": path}


def index_table(videos: Iterable[Video], store: VideoStore) -> pa.Table:
    """Return the rows of one file as a table."""
    import pyarrow as pa

    rows = [index_row(video, store) for video in videos]
    return pa.Table.from_pylist(rows, schema=index_features().arrow_schema)


def encode_parquet(table: pa.Table) -> bytes:
    """Return a table as the bytes of a parquet file; equal rows give equal bytes."""
    import pyarrow.parquet as pq

    # Dataset.to_parquet would look up every hf:// path to estimate sizes.
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", store_schema=True)
    return buffer.getvalue()


def encode_index(index: HubIndex, store: VideoStore) -> dict[str, bytes]:
    """Return the bytes of every file of the index, by its path in the repo."""
    return {
        path: encode_parquet(index_table(videos, store)) for path, videos in index.files.items()
    }


def decode_index(files: Iterable[bytes]) -> tuple[tuple[Video, ...], VideoStore]:
    """Read the videos, and their place on the Hub, from the files of an index.

    Args:
        files: The bytes of each file.

    Raises:
        ReleaseError: A file does not belong to an index, a video is in two rows, or the videos are
            in more than one place.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    videos: list[Video] = []
    stores: set[VideoStore] = set()
    for data in files:
        try:
            rows = pq.read_table(io.BytesIO(data)).to_pylist()
            for row in rows:
                videos.append(_video(row))
                if row["video"] is not None:
                    stores.add(_store(row["video"]["path"]))
        except (pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise ReleaseError(f"this is not an index of a release: {error}") from error
    if len(stores) != 1:
        named = ", ".join(sorted(f"{store.repo}@{store.revision}" for store in stores))
        raise ReleaseError(f"the index must name one place of the videos, but it names: {named}")
    count = Counter(video.video_id for video in videos)
    twice = [video_id for video_id, times in count.items() if times > 1]
    if twice:
        raise ReleaseError(f"the index has rows twice: {', '.join(sorted(twice))}")
    return tuple(sorted(videos, key=lambda video: video.video_id)), stores.pop()


def _tables(videos: Iterable[Video]) -> dict[str, list[Video]]:
    """Return the 23 tables, by their path without its ending."""
    tables: dict[str, list[Video]] = defaultdict(list)
    for split in Split:
        for name in (*TRAINING_GENERATORS, "real"):
            tables[f"{split}/{name}"] = []
    for extra in EXTRA_GENERATORS:
        tables[f"{Split.TEST}/{extra}"] = []
    for video in videos:
        tables[f"{video.release_split}/{video.generator or 'real'}"].append(video)
    return {name: rows for name, rows in tables.items() if rows}


def _slug(fold: Fold) -> str:
    return split_fold_name(fold.name)[1]


def _store(path: str) -> VideoStore:
    match = _HF_PATH.fullmatch(path)
    if match is None:
        raise ValueError(f"{path!r} is not an hf:// path")
    return VideoStore(repo=match["repo"], revision=match["revision"])


def _video(row: Mapping[str, Any]) -> Video:
    audio = row["audio"]
    path = None if audio is None else _HF_PATH.fullmatch(audio["path"])
    return Video(
        video_id=row["video_id"],
        label=Label(row["label"]),
        path=row["path"],
        release_split=Split(row["release_split"]),
        generator=None if row["generator"] is None else Generator(row["generator"]),
        portrait=row["portrait"],
        driver=row["driver"],
        real_dataset=None if row["real_dataset"] is None else RealDataset(row["real_dataset"]),
        audio=None if path is None else path["path"],
    )
