"""The release as a `datasets` builder, for local folders and for a Hub repo without an index.

::

    TalkingHeadBench(config_name="p3-hallo", base_path="data/hub", real_root="data/real_videos")
    TalkingHeadBench(config_name="p3", base_path="hf://datasets/luchaoqi/TalkingHeadBench")

On the Hub none of this runs: the card there lists the files of each config, and ``load_dataset``
needs no code.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import datasets

from thb_dataset.errors import ReleaseError
from thb_dataset.hub.index import (
    DEFAULT_CONFIG,
    VideoStore,
    config_names,
    config_splits,
    index_features,
    index_row,
    media,
)
from thb_dataset.hub.release import scan_hub_release
from thb_dataset.records import Video
from thb_dataset.release.media import locate_videos
from thb_dataset.release.scan import Release, check_release, read_release

DEFAULT_BASE_PATH = "hf://datasets/luchaoqi/TalkingHeadBench"
_HUB = re.compile(r"hf://datasets/(?P<repo>[^/@]+/[^/@]+)(?:@(?P<revision>.+))?")


@dataclass
class TalkingHeadBenchConfig(datasets.BuilderConfig):  # type: ignore[misc]  # untyped package
    """One protocol, or one fold of it.

    Attributes:
        real_root: The folder of the user's real videos; None leaves ``video`` null for them.
        split_by: The reading of the release: ``"release"`` or ``"driver"``.
        split_list: The list of real videos: ``"default"`` or ``"official_ff++"``.
    """

    real_root: str | None = None
    split_by: str = "release"
    split_list: str = "default"


def _keep(value: dict[str, str | None]) -> dict[str, str | None]:
    return value


class TalkingHeadBench(datasets.GeneratorBasedBuilder):  # type: ignore[misc]  # untyped package
    """Builds any config of the benchmark from a folder in the Hub's layout, or from the Hub.

    Args:
        base_path: The folder, or ``hf://datasets/<org>/<name>[@<revision>]``; the default is the
            repo of the benchmark.
        config_name: One of ``config_names()``; the default is ``p1``.
        real_root: The folder of the user's real videos; None leaves ``video`` null for them.
        split_by: The reading of the release: ``"release"`` or ``"driver"``.
        split_list: The list of real videos: ``"default"`` or ``"official_ff++"``.
        **builder: Arguments of every builder, such as ``cache_dir``.

    Raises:
        ReleaseError: There is no such release, or it is malformed.
    """

    BUILDER_CONFIG_CLASS = TalkingHeadBenchConfig
    BUILDER_CONFIGS = [TalkingHeadBenchConfig(name=name) for name in config_names()]  # noqa: RUF012 — `datasets` wants a list
    DEFAULT_CONFIG_NAME = DEFAULT_CONFIG

    def __init__(
        self,
        *,
        base_path: str | Path | None = None,
        real_root: str | Path | None = None,
        split_by: str = "release",
        split_list: str = "default",
        **builder: Any,  # noqa: ANN401 — passed on unchanged
    ) -> None:
        base = str(base_path or DEFAULT_BASE_PATH)
        self._release, self._store = _open(base, split_list)
        root = None if real_root is None else Path(real_root).expanduser()
        self._files = locate_videos(self._release, root, self._release.videos).files
        settings = {"split_by": split_by, "split_list": split_list}
        if root is not None:
            settings["real_root"] = str(root)
        # Rows depend on the listing and on the available files, so the cached table must, too.
        builder.setdefault("hash", _fingerprint(base, self._release, self._files))
        builder.setdefault("dataset_name", type(self).__name__)
        super().__init__(base_path=base, **settings, **builder)

    def _info(self) -> datasets.DatasetInfo:
        features = index_features()
        # `datasets` encodes even the path of a sound only if torchcodec is installed. A class of
        # our own would avoid this too, but its type would differ from the published one, and
        # such tables cannot be concatenated.
        features["audio"].encode_example = _keep
        return datasets.DatasetInfo(features=features)

    def _split_generators(self, dl_manager: object) -> list[datasets.SplitGenerator]:
        splits = config_splits(
            self._release.videos, self.config.name, split_by=self.config.split_by
        )
        return [
            datasets.SplitGenerator(
                name=name, gen_kwargs={"rows": [self._row(video) for video in videos]}
            )
            for name, videos in splits.items()
        ]

    def _generate_examples(
        self, rows: list[dict[str, Any]]
    ) -> Iterator[tuple[int, dict[str, Any]]]:
        yield from enumerate(rows)

    def _row(self, video: Video) -> dict[str, Any]:
        row = index_row(video, self._store or VideoStore(repo="local/folder", revision="main"))
        path = self._files.get(video.video_id)
        if path is not None:
            row["video"] = media(str(path))
        if self._store is None:
            sound = None if video.audio is None else self._release.root / video.audio
            row["audio"] = None if sound is None else media(str(sound))
        return row


def _open(base: str, split_list: str) -> tuple[Release, VideoStore | None]:
    """Return the release, and its place on the Hub; None for a local folder."""
    if not base.startswith("hf://"):
        return read_release(Path(base).absolute(), split_list=split_list), None
    match = _HUB.fullmatch(base)
    if match is None:
        raise ReleaseError(f"{base!r} is not of the form hf://datasets/<org>/<name>[@<revision>]")
    release = check_release(
        scan_hub_release(match["repo"], revision=match["revision"], split_list=split_list)
    )
    return release, VideoStore(repo=match["repo"], revision=release.revision or "main")


def _fingerprint(base: str, release: Release, files: dict[str, Path]) -> str:
    content = [base, release.revision or "", *(f"{name}={path}" for name, path in files.items())]
    return hashlib.sha256("\n".join(content).encode()).hexdigest()[:16]
