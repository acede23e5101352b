"""``thb publish space``: a folder that runs on its own, sent to a Space in one commit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from thb.prediction.calibration import THRESHOLDS_FILE
from thb.publishing.space_files import OFFERS_FILE, PACKAGES, WEIGHTS_FOLDER, write_space
from thb_dataset.errors import ReleaseError

TITLE: Final = "Publish a Space of the TalkingHeadBench toolkit"
OWN: Final = (*(f"{package}/" for package in PACKAGES), f"{WEIGHTS_FOLDER}/")
"""Folders in which a file that is no longer part of the Space is deleted."""


@dataclass(frozen=True, kw_only=True)
class SpacePublication:
    """What was sent, or would be.

    Attributes:
        repo: The Space.
        files: Size of each file in bytes, by its path in the repo.
        deleted: Files of an earlier version that were removed.
        detectors: Lines of its ``detectors.json``.
        commit: The new commit; None where nothing was sent.
        pull_request: Address of the pull request; None without one.
        folder: Where a dry run wrote the files.
        notes: What the publisher should know.
    """

    repo: str
    files: Mapping[str, int]
    deleted: tuple[str, ...] = ()
    detectors: int
    commit: str | None = None
    pull_request: str | None = None
    folder: Path | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        folder = None if self.folder is None else str(self.folder)
        return {**asdict(self), "folder": folder}


def publish_space(
    name: str,
    repo: str,
    *,
    detectors: Sequence[str] = (),
    create_pr: bool = False,
    dry_run: Path | None = None,
    torch: str | None = None,
) -> SpacePublication:
    """Publish a Space, so that it runs from its own files and its ``requirements.txt``.

    Publishing what is already there sends nothing.

    Args:
        name: Which: ``demo``.
        repo: The Space, ``org/name``; made if it does not exist.
        detectors: What it offers: folders that ``thb train`` wrote, whose weights are sent with
            it, and ids of model repos, which it loads from the Hub.
        create_pr: Open a pull request instead of committing to ``main``.
        dry_run: Write the files into this folder and send nothing.
        torch: Another version of torch than the tested one, for hardware that asks for it.

    Raises:
        DetectorError: A detector is not there, too large, or on offer twice.
        ReleaseError: There is no such Space here, or the Hub does not answer or refuses.
    """
    from thb_dataset.hub.release import is_repo_name

    if not is_repo_name(repo):
        raise ReleaseError(f"{repo!r} is not the name of a Space: org/name")
    if dry_run is not None:
        if dry_run.exists() and any(dry_run.iterdir()):
            raise ReleaseError(f"{dry_run} is not empty: give a new folder with --out")
        dry_run.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() if dry_run is None else nullcontext(dry_run) as place:
        folder = Path(place)
        write_space(name, folder, detectors, torch=torch)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): path.stat().st_size for path in paths}
        made: dict[str, Any] = {
            "repo": repo,
            "files": files,
            "detectors": (folder / OFFERS_FILE).read_text("utf-8").count('"reference"'),
            "notes": _list_notes(folder, detectors),
        }
        if dry_run is not None:
            return SpacePublication(**made, folder=dry_run)
        return SpacePublication(**made, **_send(folder, files, repo, create_pr=create_pr))


def _list_notes(folder: Path, detectors: Sequence[str]) -> tuple[str, ...]:
    notes = []
    if not detectors:
        notes.append("it offers no detector yet and says so: give some with --detector")
    for run in sorted(file.parent for file in folder.glob(f"{WEIGHTS_FOLDER}/*/*/config.json")):
        if not (run / THRESHOLDS_FILE).is_file():
            notes.append(
                f"{run.parent.name} {run.name} has no threshold, so the Space gives no verdict by"
                " it: run thb calibrate and publish again"
            )
    return tuple(notes)


def _send(place: Path, files: Mapping[str, int], repo: str, *, create_pr: bool) -> dict[str, Any]:
    """Commit the files; say which commit, None where nothing was new, and what was deleted."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    from thb_dataset.hub.errors import explained_hub_errors

    api = HfApi()
    with explained_hub_errors(repo):
        if not api.repo_exists(repo, repo_type="space"):
            api.create_repo(repo, repo_type="space", space_sdk="gradio")
        info = api.space_info(repo)
        there = {one.rfilename for one in info.siblings or ()}
        stale = sorted(
            path for path in there - set(files) if path.startswith(OWN) or ".dist-info/" in path
        )
        commit = api.create_commit(
            repo,
            [
                *(
                    CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(place / path))
                    for path in files
                ),
                *(CommitOperationDelete(path_in_repo=path) for path in stale),
            ],
            repo_type="space",
            commit_message=TITLE,
            commit_description="Generated by `thb publish space`.",
            create_pr=create_pr,
            parent_commit=info.sha,
        )
    # The client leaves out what the repo holds already, and answers with the head if that is all.
    new = None if commit.oid == info.sha else commit.oid
    return {"commit": new, "pull_request": commit.pr_url, "deleted": tuple(stale)}
