"""Published weights, from the Hub or a folder in their authors' layout, as a folder of ours.

Nothing but settings and safetensors is read. What was downloaded first is recorded in the Hub's
cache, and any later download must be the same; our conversions lie beside that record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Final

from detectors.convert import REPORT_NAME, WEIGHTS_FILE, convert
from detectors.foreign_files import is_safetensors
from detectors.published import FOREIGN_TYPES, PublishedWeights
from detectors.references import Reference
from thb_dataset.errors import DetectorError, HubUnreachableError
from thb_dataset.files import digest_file, parse_json, write_json
from thb_dataset.hub.errors import explained_hub_errors
from thb_dataset.hub.release import resolve_commit

SETTINGS_FILE: Final = "config.json"
FILES: Final = (SETTINGS_FILE, WEIGHTS_FILE)
_log = logging.getLogger(__name__)


def fetch_published(weights: PublishedWeights) -> Path:
    """Return the folder of our conversion of weights on the Hub; download them if need be.

    What is downloaded is told first: the source, the size and the licence.

    Args:
        weights: Weights with a repo.

    Raises:
        HubUnreachableError: They are not here and the Hub does not answer; the message says what
            to fetch and where to put it.
        DetectorError: The files are not those of the record, or not what the converter reads.
        ReleaseError: There is no such repo, or it may not be read.
    """
    known = _read_record(weights)
    folder = find_conversion(weights)
    if folder is not None:
        return folder
    commit = known.get("commit") or _find_commit(weights)
    found = _download(weights, commit, known)
    digests = {name: digest_file(file) for name, file in found.items()}
    _refuse_others(weights, known, digests)
    folder = _convert(weights.detector, found[WEIGHTS_FILE], digests)
    # Only what could be read becomes the first download.
    record = {"repo": str(weights.repo), "commit": commit, **digests}
    write_json(_record_file(weights), record)
    return folder


def find_conversion(weights: PublishedWeights) -> Path | None:
    """Return the folder of our conversion of recorded weights; None if there is none."""
    known = _read_record(weights)
    if not set(FILES) <= set(known):
        return None
    folder = _conversion_folder(weights.detector, known)
    return folder if (folder / REPORT_NAME).is_file() else None


def find_weights_folder(reference: Reference) -> Path | None:
    """Return the folder that holds the weights of a reference, as our own files.

    Args:
        reference: The detector as a user names it.

    Returns:
        The folder of the conversion for weights that others published or for a folder in their
        layout; otherwise the folder that is named. None if there is no such folder on this machine.
    """
    if reference.published is not None:
        return find_conversion(reference.published)
    folder = reference.folder
    name = None if folder is None else find_foreign_type(folder)
    return folder if folder is None or name is None else convert_folder(folder, name)


def find_foreign_type(folder: Path) -> str | None:
    """Return the detector in whose authors' layout a folder is; None for any other folder."""
    try:
        settings = parse_json((folder / SETTINGS_FILE).read_bytes())
    except (OSError, ValueError):
        return None
    kind = settings.get("model_type") if isinstance(settings, dict) else None
    return FOREIGN_TYPES.get(kind) if isinstance(kind, str) else None


def convert_folder(folder: Path, detector: str) -> Path:
    """Return the folder of our conversion of a folder in the authors' layout.

    Args:
        folder: The folder with their settings and safetensors.
        detector: The detector that it holds.

    Raises:
        DetectorError: A file is missing, or the converter does not read it.
    """
    absent = [name for name in FILES if not (folder / name).is_file()]
    if absent:
        raise DetectorError(f"{folder} lacks {' and '.join(absent)}: fetch it from the same repo")
    digests = {name: digest_file(folder / name) for name in FILES}
    return _convert(detector, folder / WEIGHTS_FILE, digests)


def explain_by_hand(weights: PublishedWeights) -> str:
    """Return how to get weights on the Hub where the Hub does not answer."""
    folder = f"{weights.detector}-official"
    return (
        f"To use {weights.weights} without the Hub ({weights.size}, licence {weights.licence}), run"
        f" where it answers\n  hf download {weights.repo} {' '.join(FILES)} --local-dir {folder}\n"
        f"and name the folder instead (thb predict {folder} …)"
    )


def _find_commit(weights: PublishedWeights) -> str:
    """Return the newest commit of the repo; where the Hub is silent, that of the Hub's cache."""
    from huggingface_hub import try_to_load_from_cache

    repo = str(weights.repo)
    try:
        return resolve_commit(repo, repo_type="model")
    except HubUnreachableError as error:
        cached = try_to_load_from_cache(repo, WEIGHTS_FILE)
        if isinstance(cached, str):
            return Path(cached).parent.name
        raise HubUnreachableError(f"{error}\n{explain_by_hand(weights)}") from error


def _download(weights: PublishedWeights, commit: str, known: Mapping[str, str]) -> dict[str, Path]:
    """Download the files of a commit, unless they are in the Hub's cache already."""
    from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache
    from huggingface_hub.hf_api import RepoFile

    repo = str(weights.repo)
    cached = {name: try_to_load_from_cache(repo, name, revision=commit) for name in FILES}
    if all(isinstance(path, str) for path in cached.values()):
        return {name: Path(str(path)) for name, path in cached.items()}
    with _explained(weights, commit):
        listed = {
            file.path: file
            for file in HfApi().get_paths_info(repo, list(FILES), revision=commit)
            if isinstance(file, RepoFile)
        }
    absent = [name for name in FILES if name not in listed]
    if absent:
        raise DetectorError(
            f"{repo} at {commit[:12]} holds no {' and no '.join(absent)}: nothing else is read"
        )
    stored = listed[WEIGHTS_FILE].lfs
    if stored is not None:
        _refuse_others(weights, known, {WEIGHTS_FILE: stored.sha256})
    size = sum(file.size for file in listed.values()) / 1e6
    _log.warning(
        "downloading %s: %.0f MB from %s at %s, licence %s",
        weights.weights,
        size,
        weights.source,
        commit[:12],
        weights.licence,
    )
    with _explained(weights, commit):
        return {name: Path(hf_hub_download(repo, name, revision=commit)) for name in FILES}


@contextmanager
def _explained(weights: PublishedWeights, commit: str) -> Iterator[None]:
    """Turn the errors of the Hub's client into ours, with the way that does without it."""
    try:
        with explained_hub_errors(str(weights.repo), commit, repo_type="model"):
            yield
    except HubUnreachableError as error:
        raise HubUnreachableError(f"{error}\n{explain_by_hand(weights)}") from error


def _refuse_others(
    weights: PublishedWeights, known: Mapping[str, str], digests: Mapping[str, str]
) -> None:
    """Refuse files whose sha256 is another than that of the record.

    Raises:
        DetectorError: A file is another one.
    """
    other = [name for name in digests if known.get(name, digests[name]) != digests[name]]
    if other:
        told = "the known one" if weights.sha256 else f"the one in {_record_file(weights)}"
        raise DetectorError(
            f"{' and '.join(other)} of {weights.repo} has another sha256 than {told}, so it is not"
            " read: download it again; if the authors have replaced it and you trust them, remove"
            " the record"
        )


def _read_record(weights: PublishedWeights) -> dict[str, str]:
    """Return the commit and the sha256 of each file: as published, or of the first download.

    Raises:
        DetectorError: The record is damaged.
    """
    file = _record_file(weights)
    record: dict[str, str] = {}
    if file.is_file():
        try:
            found = parse_json(file.read_bytes())
            record = {str(name): str(value) for name, value in found.items()}
        except (OSError, ValueError, AttributeError) as error:
            raise DetectorError(
                f"{file} is damaged ({error}): remove it, and the next download is the first"
            ) from error
    if weights.commit is not None:
        record["commit"] = weights.commit
    return record | dict(weights.sha256)


def _record_file(weights: PublishedWeights) -> Path:
    return _home() / f"{str(weights.repo).replace('/', '--')}.json"


def _home() -> Path:
    """Return the folder of conversions and records, in the part of the Hub's cache for such."""
    from huggingface_hub import constants

    return Path(constants.HF_ASSETS_CACHE) / "talkingheadbench" / "converted"


def _conversion_folder(detector: str, digests: Mapping[str, str]) -> Path:
    """Return the place of a conversion, which settings and weights decide together."""
    both = "".join(digests[name] for name in FILES)
    return _home() / f"{detector}-{sha256(both.encode()).hexdigest()[:20]}"


def _convert(detector: str, file: Path, digests: Mapping[str, str]) -> Path:
    """Convert a file unless that was done before; other processes wait for the one that does.

    Raises:
        DetectorError: It is not safetensors, whatever its name, or the converter does not read it.
    """
    from filelock import FileLock

    if not is_safetensors(file):
        raise DetectorError(f"{file} does not hold safetensors, so it is not read")
    folder = _conversion_folder(detector, digests)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f".{folder.name}.lock")):
        if not (folder / REPORT_NAME).is_file():
            convert(detector, file, folder)
    return folder
