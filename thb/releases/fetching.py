"""Download the fakes of a Hub release once, in parallel, into the Hub's own cache."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from thb.runtime.progress import progress_bar
from thb_dataset.errors import ReleaseError
from thb_dataset.files import find_fault
from thb_dataset.hub.files import matches_identity

if TYPE_CHECKING:
    from thb_dataset.records import Video
    from thb_dataset.release.scan import Release

WORKERS = 8
_PATHS_PER_QUESTION = 200


@dataclass(frozen=True)
class _Expected:
    """What the Hub lists of a file: its size, and its identity as in a ``HubListing``."""

    path: str
    size: int
    identity: str


def fetch_videos(
    release: Release,
    videos: Iterable[Video],
    *,
    audio: bool = False,
    workers: int = WORKERS,
    progress: bool = True,
) -> int:
    """Download the fakes of a Hub release that are not in the cache yet.

    A file takes its place only if it is complete and has the checksum that the Hub lists, so a
    download that was interrupted continues with the missing files. Afterwards ``locate_videos``
    finds the files, even offline. The release of a folder has nothing to download.

    Args:
        release: The release, as ``scan_hub_release`` returns it.
        videos: The videos to download; real videos are ignored.
        audio: Download the release's WAV files of these videos as well.
        workers: The number of parallel downloads.
        progress: Show a bar.

    Returns:
        The number of files that were downloaded.

    Raises:
        ReleaseError: A file cannot be downloaded, or was damaged twice in a row.
        HubUnreachableError: The Hub does not answer and files are missing.
    """
    if release.hub_repo is None or release.revision is None:
        return 0
    paths = _list_paths(videos, audio=audio)
    missing = [path for path in paths if find_fault(release.root / path) is not None]
    if not missing:
        return 0
    expected = _describe(release.hub_repo, release.revision, missing)
    bar = progress_bar(total=len(expected), description="download", unit="file", shown=progress)
    pool = ThreadPoolExecutor(workers)
    try:
        jobs = [pool.submit(_fetch, release.hub_repo, release.revision, file) for file in expected]
        for job in as_completed(jobs):
            job.result()
            bar.update()
    finally:
        # After an error or Ctrl-C no further download begins.
        pool.shutdown(wait=True, cancel_futures=True)
        bar.close()
    return len(expected)


def _list_paths(videos: Iterable[Video], *, audio: bool) -> list[str]:
    paths = []
    for video in videos:
        if video.generator is not None:
            paths.append(video.path)
        if audio and video.audio is not None:
            paths.append(video.audio)
    return sorted(set(paths))


def _describe(repo: str, commit: str, paths: Sequence[str]) -> list[_Expected]:
    from huggingface_hub import HfApi
    from huggingface_hub.hf_api import RepoFile

    from thb_dataset.hub.errors import explained_hub_errors
    from thb_dataset.hub.release import resolve_commit

    resolve_commit(repo, commit)  # fails within seconds if the Hub does not answer
    found: list[_Expected] = []
    with explained_hub_errors(repo, commit):
        for start in range(0, len(paths), _PATHS_PER_QUESTION):
            batch = list(paths[start : start + _PATHS_PER_QUESTION])
            for file in HfApi().get_paths_info(repo, batch, revision=commit, repo_type="dataset"):
                if isinstance(file, RepoFile):
                    identity = file.lfs.sha256 if file.lfs else file.blob_id
                    found.append(_Expected(file.path, file.size, identity))
    lost = set(paths) - {file.path for file in found}
    if lost:
        raise ReleaseError(f"{repo} at {commit} no longer has: {', '.join(sorted(lost))}")
    return found


def _fetch(repo: str, commit: str, file: _Expected) -> None:
    from huggingface_hub import hf_hub_download

    from thb_dataset.hub.errors import explained_hub_errors
    from thb_dataset.hub.release import quiet_bar

    for is_second in (False, True):
        with explained_hub_errors(repo, commit):
            path = hf_hub_download(
                repo,
                file.path,
                revision=commit,
                repo_type="dataset",
                force_download=is_second,
                tqdm_class=quiet_bar(),
            )
        if _is_whole(Path(path), file):
            return
        _remove(Path(path))
    raise ReleaseError(
        f"{file.path} of {repo} was downloaded twice with a wrong checksum: try again later"
    )


def _is_whole(path: Path, file: _Expected) -> bool:
    return path.stat().st_size == file.size and matches_identity(path, file.identity)


def _remove(path: Path) -> None:
    """Remove a damaged file and the blob behind it, so that the cache never serves it."""
    blob = path.resolve()
    path.unlink(missing_ok=True)
    blob.unlink(missing_ok=True)
