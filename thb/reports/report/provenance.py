"""Every setting and digest behind a result, and how to compute its numbers again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from thb.evaluation.result import Result
from thb.reports.evaluations import Evaluation
from thb.reports.report.section import folded, paragraph, table
from thb.runtime.records import to_json
from thb.runtime.text import plain


def write_provenance(evaluations: Sequence[Evaluation]) -> str:
    """Return the provenance of every result as HTML.

    A setting that all folds share stands once; a setting in which they differ has a column.
    """
    return "\n".join(_write_one(own) for own in evaluations) + paragraph(
        "The same numbers follow from the predictions, without videos or a detector: thb score "
        "RUN. thb verify-result RESULT compares every number and digest of a saved result."
    )


def _write_one(own: Evaluation) -> str:
    result = own.result
    folds = {name: dict(_flatten(to_json(run))) for name, run in result.runs.items()}
    for name, digest in result.predictions_sha256.items():
        folds.setdefault(name, {})["predictions_sha256"] = digest
    for name, thresholds in result.thresholds.items():
        for target, threshold in thresholds.items():
            folds[name][f"threshold of {target}, chosen on the test videos"] = _show(threshold)
    keys = list(dict.fromkeys(key for values in folds.values() for key in values))
    shared, differing = {}, []
    for key in keys:
        values = {fold.get(key) for fold in folds.values()}
        if len(values) == 1:
            shared[key] = values.pop()
        else:
            differing.append(key)
    settings = dict(_flatten(to_json(result.settings), "scoring"))
    common = table(["setting", "value"], [*settings.items(), *shared.items()])
    apart = table(
        ["setting", *folds],
        [(key, *(fold.get(key, "") for fold in folds.values())) for key in differing],
    )
    return folded(
        f"{result.title}, {result.protocol.upper()}: {len(folds)} folds, release {result.release}",
        common + (apart if differing else "") + _write_record(result),
    )


def _write_record(result: Result) -> str:
    """Return the whole result as JSON, which a program can read out of the page."""
    text = json.dumps(result.to_dict(), sort_keys=True, ensure_ascii=False, allow_nan=False)
    return folded("the whole result as JSON", f"<pre>{plain(text)}</pre>")


def _flatten(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    """Yield the leaves of nested records, each with its place: ``clip_spec.size``."""
    for key, value in values.items():
        place = f"{before}.{key}" if before else key
        if isinstance(value, Mapping):
            yield from _flatten(value, place)
        else:
            yield place, _show(value)


def _show(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.6g}"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
