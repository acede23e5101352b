"""The files of a published Space: the app, the toolkit itself, its pins, and small weights.

The Hub installs ``requirements.txt`` before it copies a Space's files, and the toolkit is on no
package index. So its packages lie beside the app, where Python looks first, with the metadata by
which they know their own version.
"""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from thb.prediction.calibration import THRESHOLDS_FILE, read_calibration
from thb.publishing.detector import find_results
from thb.publishing.detector_card import write_card
from thb.runs.folders import RunFolder, find_run_folders
from thb.runs.provenance import hash_weights
from thb.runs.record import HISTORY_FILE, RECORD_FILE, RunRecord, read_record
from thb_dataset.errors import DetectorError, ReleaseError

PACKAGES: Final = ("detectors", "metrics", "thb", "thb_dataset")
EXTRAS: Final = ("models", "explain", "space")
OFFERS_FILE: Final = "detectors.json"
WEIGHTS_FOLDER: Final = "weights"
LARGEST_WEIGHTS_BYTES: Final = 200_000_000
"""Larger ones belong into a model repo of their own, whose id the Space then names."""

_CHECKOUT: Final = Path(__file__).resolve().parents[2]
_SUFFIXES: Final = (".py", ".md", ".css", ".txt", ".png", ".mp4", ".parquet", ".typed")
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[([^\]]*)\])?")


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A line of ``detectors.json``: a detector on offer.

    Attributes:
        name: What the visitor reads.
        protocol: ``p1``, ``p2`` or ``p3``; None for weights of no protocol.
        fold: Likewise.
        reference: A folder in the Space, or a Hub id.
    """

    name: str
    protocol: str | None
    fold: str | None
    reference: str


def write_space(name: str, place: Path, detectors: Sequence[str], *, torch: str | None) -> None:
    """Write a Space's folder.

    Args:
        name: Which: ``demo``.
        place: An empty folder.
        detectors: Run folders, whose weights are copied, and Hub ids, which are named.
        torch: Another version than the one that was tested, for hardware that asks for it.

    Raises:
        ReleaseError: The Space's own files are not at hand.
        DetectorError: A detector is not there, too large, or on offer twice.
    """
    app = find_app(name)
    _copy_tree(app, place)
    for package in PACKAGES:
        _copy_tree(_CHECKOUT / package, place / package)
    shutil.copyfile(_CHECKOUT / "LICENSE", place / "LICENSE")
    project = _read_project()
    folder = place / f"{project['name']}-{project['version']}.dist-info"
    folder.mkdir()
    metadata = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (folder / "METADATA").write_text(metadata, encoding="utf-8")
    (place / "requirements.txt").write_text(pin_requirements(torch=torch), encoding="utf-8")
    entries = [entry for one in detectors for entry in _offer(one, place)]
    known = {(entry.name, entry.fold) for entry in entries}
    if len(known) != len(entries):
        raise DetectorError(
            "two detectors would be offered under one name and fold; rename a run's folder"
        )
    text = json.dumps([asdict(entry) for entry in entries], indent=2)
    (place / OFFERS_FILE).write_text(f"{text}\n", encoding="utf-8")


def find_app(name: str) -> Path:
    """Return the folder of a Space's own files.

    Raises:
        ReleaseError: There is no such Space here.
    """
    home = _CHECKOUT / "spaces"
    known = sorted(file.parent.name for file in home.glob("*/app.py"))
    if name in known:
        return home / name
    if known:
        raise ReleaseError(f"there is no Space {name!r}, only {', '.join(known)}")
    raise ReleaseError(
        "the Spaces are part of the toolkit's repository, not of the installed package: clone it"
        " and run thb there"
    )


def pin_requirements(*, torch: str | None = None) -> str:
    """Return a ``requirements.txt`` with the exact versions that the tests run with.

    Args:
        torch: Another version of torch; torchvision then follows it unpinned.

    Raises:
        ReleaseError: A requirement has no tested version.
    """
    project = _read_project()
    lines = (_CHECKOUT / "constraints.txt").read_text("utf-8").splitlines()
    tested = {
        _canonical(line.partition("==")[0]): line for line in lines if not line.startswith("#")
    }
    wanted = {_canonical(name): name for name in _list_direct(project)}
    wanted["torchvision"] = "torchvision"  # grad-cam brings it; it must be of torch's own version
    if torch is not None:
        del wanted["torchvision"]
        tested["torch"] = f"torch=={torch}"
    unknown = sorted(set(wanted) - set(tested))
    if unknown:
        raise ReleaseError(f"constraints.txt pins no {', '.join(unknown)}")
    return "".join(f"{tested[name]}\n" for name in sorted(wanted))


def _list_direct(project: dict[str, Any]) -> Iterator[str]:
    own = project["name"]
    extras = project["optional-dependencies"]
    for line in [*project["dependencies"], *(line for extra in EXTRAS for line in extras[extra])]:
        match = _REQUIREMENT.match(line)
        if match and match[1] != own:
            yield match[1]


def _read_project() -> dict[str, Any]:
    content = tomllib.loads((_CHECKOUT / "pyproject.toml").read_text("utf-8"))
    project: dict[str, Any] = content["project"]
    return project


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _copy_tree(source: Path, target: Path) -> None:
    for file in sorted(source.rglob("*")):
        inside = file.relative_to(source)
        if file.suffix in _SUFFIXES and not any(
            part.startswith((".", "__pycache__")) for part in inside.parts
        ):
            (target / inside).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target / inside)


def _offer(detector: str, place: Path) -> list[Entry]:
    """Copy a run's weights into the Space, or name a repo; return what is then on offer."""
    from detectors.listing import is_hub_id

    if is_hub_id(detector):
        record = _read_published(detector)
        name = detector.partition("/")[2]
        protocol, fold = (record.protocol, record.fold) if record else (None, None)
        return [Entry(name=name, protocol=protocol, fold=fold, reference=detector)]
    return [_copy_run(run, place) for run in find_run_folders(detector)]


def _read_published(repo: str) -> RunRecord | None:
    """Read what a model repo says of its detector's training; None where it says nothing.

    Raises:
        ReleaseError: There is no such repo, or the Hub does not answer.
    """
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    from thb_dataset.hub.errors import explained_hub_errors

    with explained_hub_errors(repo):
        try:
            return read_record(Path(hf_hub_download(repo, RECORD_FILE)).parent)
        except LocalEntryNotFoundError:
            raise
        except EntryNotFoundError:
            return None


def _copy_run(run: RunFolder, place: Path) -> Entry:
    from detectors.registry import load_detector

    weights = run.folder / "model.safetensors"
    if weights.is_file() and weights.stat().st_size > LARGEST_WEIGHTS_BYTES:
        raise DetectorError(
            f"the weights in {run.folder} have {weights.stat().st_size / 1e6:.0f} MB, too much for"
            " a Space: send them with thb publish detector, and give the id of that repo here"
        )
    model = load_detector(run.folder)
    inside = f"{WEIGHTS_FOLDER}/{run.name}/{run.fold or 'own'}"
    target = place / inside
    if target.exists():
        raise DetectorError(f"{run.name} {run.fold or ''} would be offered twice")
    target.mkdir(parents=True)
    for name in ("config.json", RECORD_FILE, THRESHOLDS_FILE, HISTORY_FILE):
        if (run.folder / name).is_file():
            _copy_clean(run.folder / name, target / name)
    shutil.copyfile(weights, target / weights.name)
    for file in (*run.folder.glob("result-*.json"), *run.folder.parent.glob("result-*.json")):
        _copy_clean(file, target.parent / file.name)
    own_card = run.folder / "README.md"
    if own_card.is_file():
        shutil.copyfile(own_card, target / "README.md")
    else:
        weights_sha256 = hash_weights(model)
        results, _ = find_results(run.folder, weights_sha256)
        card = write_card(
            model,
            inside,
            record=read_record(target),
            results=results,
            calibration=read_calibration(run.folder, weights_sha256=weights_sha256),
        )
        (target / "README.md").write_text(card, encoding="utf-8")
    return Entry(name=run.name, protocol=run.protocol, fold=run.fold, reference=inside)


def _copy_clean(source: Path, target: Path) -> None:
    """Copy a file; of a JSON file's paths on this machine only the last part is kept."""
    if source.suffix != ".json":
        shutil.copyfile(source, target)
        return
    content = _without_paths(json.loads(source.read_text("utf-8")))
    target.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _without_paths(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    if isinstance(value, dict):
        return {key: _without_paths(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_paths(one) for one in value]
    if isinstance(value, str) and Path(value).is_absolute():
        return Path(value).name
    return value
