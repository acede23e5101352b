"""``thb publish detector``: weights, settings, code, card and results, in one commit."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from detectors.registry import load_detector
from thb.evaluation.result import Result
from thb.prediction.calibration import THRESHOLDS_FILE, read_calibration
from thb.publishing.detector_card import make_entries, write_card
from thb.publishing.remote_code import bundle_code
from thb.runs.provenance import hash_weights
from thb.runs.record import (
    CURVE_FILE,
    HISTORY_FILE,
    RunRecord,
    read_record,
    write_record,
)
from thb_dataset.errors import DetectorError, ResultError

if TYPE_CHECKING:
    from detectors.base import Detector

EVAL_FILE = ".eval_results/talkingheadbench.yaml"
TITLE = "Publish a detector of talking-head deepfakes"


@dataclass(frozen=True, kw_only=True)
class DetectorPublication:
    """What was sent, or would be.

    Attributes:
        repo: The model repo.
        files: Size of each file in bytes, by its path in the repo.
        entries: Results that ``.eval_results`` states.
        commit: The new commit; None where nothing was sent.
        pull_request: Address of the pull request; None without one.
        folder: Where a dry run wrote the files.
        notes: What the publisher should know.
    """

    repo: str
    files: dict[str, int]
    entries: int
    commit: str | None = None
    pull_request: str | None = None
    folder: Path | None = None
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "repo": self.repo,
            "files": self.files,
            "entries": self.entries,
            "commit": self.commit,
            "pull_request": self.pull_request,
            "folder": None if self.folder is None else str(self.folder),
            "notes": list(self.notes),
        }


def publish_detector(
    run: str | Path,
    repo: str,
    *,
    create_pr: bool = False,
    dry_run: Path | None = None,
    weights_licence: str | None = None,
    dataset: str | None = None,
    trust_remote_code: bool = False,
) -> DetectorPublication:
    """Publish a detector, so that it loads by its id, with this package or without it.

    Publishing what is already there sends nothing.

    Args:
        run: Folder of one detector, as ``thb train`` or ``thb convert`` wrote it.
        repo: The model repo, ``org/name``; made if it does not exist.
        create_pr: Open a pull request instead of committing to ``main``.
        dry_run: Write the files into this folder and send nothing.
        weights_licence: SPDX name under which you give the weights; None keeps the config's.
        dataset: The dataset repo that the results are of, where they were made from a folder.
        trust_remote_code: Run Python code that the folder brings or names.

    Raises:
        DetectorError: It cannot be loaded, or its code cannot be published.
        ReleaseError: The Hub does not answer or refuses.
    """
    from thb_dataset.hub.release import is_repo_name

    if not is_repo_name(repo):
        raise DetectorError(f"{repo!r} is not the name of a repo: org/name")
    folder = Path(run).expanduser()
    if not folder.is_dir():
        raise DetectorError(f"{run}: no such folder; give one that thb train or thb convert wrote")
    model = load_detector(folder, trust_remote_code=trust_remote_code)
    # Under another name than the folder's, which says nothing to anybody else.
    model.config.name_or_path = repo
    if weights_licence is not None:
        model.config.weights_licence = weights_licence
    if dry_run is not None:
        dry_run.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() if dry_run is None else nullcontext(dry_run) as place:
        entries, notes = _write_files(model, folder, Path(place), repo, dataset=dataset)
        paths = sorted(path for path in Path(place).rglob("*") if path.is_file())
        files = {path.relative_to(place).as_posix(): path.stat().st_size for path in paths}
        made: dict[str, Any] = {"repo": repo, "files": files, "entries": entries, "notes": notes}
        if dry_run is not None:
            return DetectorPublication(**made, folder=dry_run)
        commit, pull_request = _send(Path(place), files, repo, create_pr=create_pr)
    return DetectorPublication(**made, commit=commit, pull_request=pull_request)


def _write_files(
    model: Detector, folder: Path, place: Path, repo: str, *, dataset: str | None
) -> tuple[int, tuple[str, ...]]:
    """Write all that is to be published; return the number of entries, and notes."""
    code, model.config.auto_map = bundle_code(type(model))
    model.save_pretrained(place)
    for name, text in code.items():
        (place / name).write_text(text, encoding="utf-8")
    for name in (HISTORY_FILE, CURVE_FILE):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, place / name)
    record = read_record(folder)
    if record is not None:
        write_record(place, _without_paths(record))
    weights = hash_weights(model)
    results, notes = find_results(folder, weights)
    calibration = read_calibration(folder, weights_sha256=weights)
    if calibration is None:
        notes.append("no threshold of these weights, so no verdicts: run thb calibrate")
    else:
        shutil.copyfile(folder / THRESHOLDS_FILE, place / THRESHOLDS_FILE)
    if not model.config.weights_licence:
        notes.append("the card says that nobody has licensed the weights: give --weights-licence")
    card = write_card(model, repo, record=record, results=results, calibration=calibration)
    (place / "README.md").write_text(card, encoding="utf-8")
    entries = make_entries(results, dataset=dataset)
    if entries:
        from huggingface_hub import eval_result_entries_to_yaml

        (place / EVAL_FILE).parent.mkdir(exist_ok=True)
        content = yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False)
        (place / EVAL_FILE).write_text(content, encoding="utf-8")
    elif results:
        notes.append(
            "no .eval_results: the results are not of a dataset repo on the Hub; name the one"
            " whose videos the folder holds with --dataset"
        )
    return len(entries), tuple(notes)


def _without_paths(record: RunRecord) -> RunRecord:
    """Return a run's record without the folder that the training began with, if it was one."""
    name = record.detector.name
    if name is None or not Path(name).is_absolute():
        return record
    return replace(record, detector=replace(record.detector, name=Path(name).name))


def find_results(folder: Path, weights_sha256: str) -> tuple[list[tuple[str, Result]], list[str]]:
    """Find what was measured of some weights, in their folder and in the one above.

    Args:
        folder: Of the detector.
        weights_sha256: Of its weights; results of others are passed over.

    Returns:
        Pairs of a fold's name and the result that holds it; and notes.
    """
    found: dict[str, Result] = {}
    notes = []
    for file in sorted((*folder.glob("result-*.json"), *folder.parent.glob("result-*.json"))):
        try:
            result = Result.load(file)
        except ResultError as error:
            notes.append(f"{file.name} was passed over: {error}")
            continue
        for fold, made in result.runs.items():
            if made.detector.weights_sha256 == weights_sha256:
                found.setdefault(fold, result)
    if not found:
        notes.append("no result of these weights was found: run thb evaluate first")
    return sorted(found.items()), notes


def _send(
    place: Path, files: dict[str, int], repo: str, *, create_pr: bool
) -> tuple[str | None, str | None]:
    """Commit the files; return the commit and the pull request, None where nothing was new."""
    from huggingface_hub import CommitOperationAdd, HfApi

    from thb_dataset.hub.errors import explained_hub_errors

    api = HfApi()
    operations = [
        CommitOperationAdd(path_in_repo=path, path_or_fileobj=str(place / path)) for path in files
    ]
    with explained_hub_errors(repo):
        if not api.repo_exists(repo):
            api.create_repo(repo)
        head = api.model_info(repo).sha
        info = api.create_commit(
            repo,
            operations,
            commit_message=TITLE,
            commit_description="Generated by `thb publish detector`.",
            create_pr=create_pr,
            parent_commit=head,
        )
    # The client leaves out what the repo holds already, and answers with the head if that is all.
    return (None if info.oid == head else info.oid), info.pr_url
