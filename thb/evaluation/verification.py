"""Verify a result: recompute it from its predictions, and name every value that is not the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from thb.evaluation.result import (
    AUC_GRADES,
    SCHEMA_VERSION,
    Result,
    parse_result,
    read_result_bytes,
    write_canonical_text,
)
from thb.evaluation.score import score
from thb.prediction.predictions import Predictions, read_all_predictions
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import FoldScoringRecord
from thb.runs.record import FOLD_NAME
from thb.runtime.text import printable
from thb_dataset.errors import ResultError

MOST_RESAMPLES: Final = 100_000
"""The largest number of resamples that is recomputed; a record may ask for years of them."""

_ABSENT: Final = "nothing"
_SHOWN: Final = 200
_OF_FOLDS: Final = ("runs", "thresholds", "predictions_sha256", "splits_sha256")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A value that is not what the predictions give.

    Attributes:
        place: Where it stands in the record, for instance ``cells[p3-hallo Hallo test].n_real``.
        recorded: What the record says, as JSON; ``nothing`` where it says nothing.
        recomputed: What the predictions give, in the same way.
    """

    place: str
    recorded: str
    recomputed: str

    def __str__(self) -> str:
        return f"{self.place}: {self.recorded} is recorded, {self.recomputed} is recomputed"


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What a recomputation of a result found.

    Attributes:
        file: The file of the result.
        folds: The folds that were recomputed.
        differences: Every difference; empty if the result is what its predictions give.
        notes: What could not be compared, and what is not the same without being a fault.
    """

    file: str
    folds: tuple[str, ...]
    differences: tuple[Difference, ...]
    notes: tuple[str, ...]

    @property
    def agrees(self) -> bool:
        """Whether every number and every hash is what the predictions give."""
        return not self.differences

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "file": self.file,
            "agrees": self.agrees,
            "folds": list(self.folds),
            "differences": [vars(difference) for difference in self.differences],
            "notes": list(self.notes),
        }


def verify_result(
    result: str | Path, predictions: str | Path | Sequence[str | Path] = ()
) -> Verification:
    """Recompute a result from its predictions and compare every number and every hash.

    Args:
        result: The file ``result-<protocol>.json``.
        predictions: Files ``predictions.parquet``, or folders that are searched for them; without
            any, the folders of the folds beside the result.

    Raises:
        ResultError: The file or the predictions cannot be read, or no fold of the result has
            predictions.

    Examples:
        >>> thb.verify_result("runs/baseline/result-p3-hallo.json").agrees
        True
    """
    file = Path(result).expanduser()
    data = read_result_bytes(file)
    record = parse_result(file, data)
    claimed = Result.from_dict(record)
    _check_settings(file, claimed)
    given = [predictions] if isinstance(predictions, str | Path) else list(predictions)
    found, swapped = _find_predictions(file, claimed, given)
    folds = {name: fold for name, fold in found.items() if name in claimed.runs}
    if not folds:
        raise ResultError(
            f"{file}: there are no predictions of its folds ({', '.join(sorted(claimed.runs))}):"
            f" name the files {PREDICTIONS_FILE} or their folder after it"
        )
    recomputed = score(
        list(folds.values()),
        no_face=claimed.settings.no_face,
        method=claimed.settings.method,
        n_bootstrap=claimed.settings.n_bootstrap,
        seed=claimed.settings.seed,
        name=claimed.name or None,
    )
    differences = [
        *swapped,
        *_compare_folds(claimed, found, given),
        *_compare(record, recomputed),
    ]
    if write_canonical_text(record).encode() != data:
        differences.append(
            Difference(
                place="the file",
                recorded="other bytes",
                recomputed="canonical JSON (sorted keys, no key twice, two spaces)",
            )
        )
    return Verification(
        file=str(file),
        folds=tuple(sorted(folds)),
        differences=tuple(differences),
        notes=tuple(_list_notes(record, claimed, recomputed, folds)),
    )


def _check_settings(file: Path, claimed: Result) -> None:
    """Refuse what would be dangerous or endless to recompute."""
    strange = [name for name in (claimed.protocol, *claimed.runs) if not FOLD_NAME.fullmatch(name)]
    if strange:
        raise ResultError(f"{file}: {printable(strange[0])!r} is not the name of a fold")
    if not 0 <= claimed.settings.n_bootstrap <= MOST_RESAMPLES or claimed.settings.seed < 0:
        raise ResultError(
            f"{file}: {claimed.settings.n_bootstrap} resamples with the seed"
            f" {claimed.settings.seed} cannot be recomputed; at most {MOST_RESAMPLES} can"
        )


def _find_predictions(
    file: Path, claimed: Result, given: Sequence[str | Path]
) -> tuple[dict[str, Predictions], list[Difference]]:
    """Return the predictions of the result's protocol by fold, also of folds that it lacks.

    The files beside a result must lie in the folders of their folds; the differences name those
    that do not, and they are left out.
    """
    paths = sorted(file.parent.glob(f"{claimed.protocol}*/{PREDICTIONS_FILE}"))
    swapped: list[Difference] = []
    found: dict[str, Predictions] = {}
    for path, read in _read_each(given or paths):
        run = read.run
        fold = run.fold if isinstance(run, FoldScoringRecord) else "no fold"
        if not given and fold != path.parent.name:
            place = f"{path.parent.name}/{path.name}"
            swapped.append(
                Difference(
                    place=printable(place),
                    recorded=printable(path.parent.name),
                    recomputed=printable(fold),
                )
            )
        elif isinstance(run, FoldScoringRecord) and run.protocol == claimed.protocol:
            if fold in found:
                raise ResultError(f"{file}: two files hold predictions of {printable(fold)}")
            found[fold] = read
    return found, swapped


def _read_each(paths: Sequence[str | Path]) -> Iterator[tuple[Path, Predictions]]:
    for path in paths:
        for read in read_all_predictions([path]):
            yield Path(path), read


def _compare_folds(
    claimed: Result, found: Mapping[str, Predictions], given: Sequence[str | Path]
) -> Iterator[Difference]:
    """Yield the folds of the result without predictions, and those that it leaves out."""
    for name in sorted(set(claimed.runs) - set(found)):
        yield Difference(place=f"fold {name}", recorded="numbers", recomputed="no predictions")
    # `thb evaluate --fold` writes a result of one fold beside the predictions of the others.
    if len(claimed.runs) > 1 or given:
        for name in sorted(set(found) - set(claimed.runs)):
            yield Difference(place=f"fold {name}", recorded=_ABSENT, recomputed="predictions")


def _compare(record: Mapping[str, Any], recomputed: Result) -> Iterator[Difference]:
    """Yield the differences between a record and the same result recomputed from some folds."""
    expected = recomputed.to_dict()
    recorded = dict(record)
    is_old = record["schema_version"] != SCHEMA_VERSION
    left_out = {"schema_version"} if is_old else set()
    if is_old or record.get("versions") != expected["versions"]:
        left_out |= {"notes", "versions"}  # sentences may be worded otherwise
    folds = set(recomputed.runs)
    if folds != set(recorded["runs"]):  # what spans all folds cannot be recomputed from some
        left_out |= {"mean", "mean_over", "notes"}
        recorded["cells"] = [cell for cell in recorded["cells"] if cell["fold"] in folds]
        for name in set(_OF_FOLDS) & set(recorded):
            recorded[name] = {fold: recorded[name].get(fold) for fold in folds}
    for values in (expected, recorded):
        for name in left_out:
            values.pop(name, None)
        values["cells"] = _name_cells(values["cells"])
    for difference in _walk("", recorded, expected, is_old=is_old):
        # The first version graded the AUC; such results are graded anew when they are read.
        if record["schema_version"] != AUC_GRADES or not difference.place.endswith(".grade"):
            yield difference


def _name_cells(cells: Sequence[Mapping[str, Any]]) -> Any:  # noqa: ANN401 — a JSON value
    """Return cells by what they measure, or as they are if two of them measure the same."""
    named = {f"{cell['fold']} {cell['generator']} {cell['part']}": cell for cell in cells}
    return named if len(named) == len(cells) else list(cells)


def _walk(place: str, recorded: Any, expected: Any, *, is_old: bool) -> Iterator[Difference]:  # noqa: ANN401
    if isinstance(recorded, Mapping) and isinstance(expected, Mapping):
        for key in sorted({*recorded, *expected}):
            inner = f"[{key}]" if place == "cells" else f".{key}"
            where = printable(f"{place}{inner}").lstrip(".")
            if key not in recorded:
                # A newer version may know more; what says nothing may be left out.
                if not is_old and expected[key] not in (None, "", [], {}, False):
                    yield Difference(place=where, recorded=_ABSENT, recomputed=_show(expected[key]))
            elif key not in expected:
                yield Difference(place=where, recorded=_show(recorded[key]), recomputed=_ABSENT)
            else:
                yield from _walk(where, recorded[key], expected[key], is_old=is_old)
    elif isinstance(recorded, list) and isinstance(expected, list):
        if len(recorded) != len(expected):
            yield Difference(place=place, recorded=_show(recorded), recomputed=_show(expected))
            return
        for index, (one, other) in enumerate(zip(recorded, expected, strict=True)):
            yield from _walk(f"{place}[{index}]", one, other, is_old=is_old)
    elif type(recorded) is not type(expected) or recorded != expected:
        yield Difference(place=place, recorded=_show(recorded), recomputed=_show(expected))


def _show(value: Any) -> str:  # noqa: ANN401 — any JSON value
    text = printable(json.dumps(value, ensure_ascii=False, sort_keys=True))
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _list_notes(
    record: Mapping[str, Any],
    claimed: Result,
    recomputed: Result,
    folds: Mapping[str, Predictions],
) -> Iterator[str]:
    if record["schema_version"] != SCHEMA_VERSION:
        yield (
            f"the record has schema version {record['schema_version']}: what it does not hold yet,"
            " and the wording of its notes, were not compared"
        )
    elif claimed.versions != recomputed.versions:
        yield (
            f"computed with {_name_versions(claimed.versions)}, recomputed with"
            f" {_name_versions(recomputed.versions)}: the wording of its notes was not compared"
        )
    own = {fold.run.title for fold in folds.values() if isinstance(fold.run, FoldScoringRecord)}
    if claimed.name and claimed.name not in own:
        yield printable(
            f"the record calls the detector {claimed.name}, its predictions call it"
            f" {', '.join(sorted(own))}"
        )
    if len(folds) < len(claimed.runs):
        yield "the means could not be compared, because a fold has no predictions"


def _name_versions(versions: Mapping[str, str]) -> str:
    return printable(", ".join(f"{name} {found}" for name, found in sorted(versions.items())))
