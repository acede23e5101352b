"""Results as the Hub's leaderboards read them: ``.eval_results/*.yaml`` in a model's repo.

A leaderboard is a task of ``eval.yaml`` in the dataset's repo, and an entry has one number, of
which a higher one is better. What else must be known stands in the entry's notes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import yaml

from thb.releases.opening import DEFAULT_RELEASE
from thb_dataset.files import write_whole
from thb_dataset.hub.card import MEAN_TASKS
from thb_dataset.protocols import Protocol
from thb_dataset.records import TRAINING_GENERATORS, Generator

if TYPE_CHECKING:
    from huggingface_hub import EvalResultEntry

    from thb.evaluation.cells import Measure
    from thb.evaluation.result import Result

EVAL_RESULTS_FILE: Final = ".eval_results/talkingheadbench.yaml"
WORDS: Final = {
    "auc": "AUC",
    "t1": "T1 (true positives at 1 % false alarms)",
    "t01": "T0.1 (true positives at 0.1 % false alarms)",
}


def make_entries(
    results: Iterable[tuple[str, Result]], *, dataset: str | None, is_whole_run: bool = False
) -> list[EvalResultEntry]:
    """Return the results of a detector for ``.eval_results``: AUC and T1 of folds, and their means.

    Left out are results of a synthetic release or of one that differs from the published one, of
    random weights, of a diagnostic protocol, which is no task of the dataset, and of a detector on
    a fold that it was not trained for. A mean is entered only
    if it is over all six generators.

    Args:
        results: Pairs of a fold's name and a result that holds the fold.
        dataset: The dataset repo that the results are of. With None, each result's own release
            counts, and results of a folder are left out.
        is_whole_run: Whether the entries stand for a detector for each fold together. Otherwise
            they are those of one repo's weights, and a mean over folds is entered only if all
            folds were scored by the same weights.
    """
    entries: dict[str, EvalResultEntry] = {}
    for fold, result in results:
        release, run = result.release, result.runs[fold]
        target = dataset or (release.name if release.name == DEFAULT_RELEASE else None)
        if target is None or release.synthetic or release.differs or result.is_diagnostic:
            continue
        if run.mismatch is None and not run.detector.untrained:
            for entry in _make_fold_entries(fold, result, target):
                entries.setdefault(entry.task_id, entry)
        if _is_whole(result, is_whole_run=is_whole_run):
            for entry in _make_mean_entries(result, target):
                entries.setdefault(entry.task_id, entry)
    return list(entries.values())


def write_entries(file: Path, entries: Sequence[EvalResultEntry]) -> None:
    """Write the file of entries.

    Raises:
        OSError: The file cannot be written.
    """
    from huggingface_hub import eval_result_entries_to_yaml

    text = yaml.safe_dump(
        eval_result_entries_to_yaml(list(entries)), sort_keys=False, allow_unicode=True
    )
    with write_whole(file) as draft:
        draft.write_text(text, encoding="utf-8")


def _is_whole(result: Result, *, is_whole_run: bool) -> bool:
    runs = result.runs.values()
    if any(run.mismatch is not None or run.detector.untrained for run in runs):
        return False
    if set(result.mean_over) != {str(generator) for generator in TRAINING_GENERATORS}:
        return False
    weights = {run.detector.weights_sha256 for run in runs}
    return is_whole_run or len(runs) == 1 or (len(weights) == 1 and None not in weights)


def _make_fold_entries(fold: str, result: Result, target: str) -> Iterator[EvalResultEntry]:
    """Yield the AUC of a fold, and its T1; for P1 the AUC is the mean over the generators."""
    protocol, _, held_out = fold.partition("-")
    cells = [cell for cell in result.cells if (cell.fold, cell.part) == (fold, "test")]
    measured = [cell for cell in cells if "auc" in cell.measures]
    if not measured:
        return
    if not held_out:
        area = sum(cell.measures["auc"].value for cell in measured) / len(measured)
        notes = [WORDS["auc"], "mean over generators", *_list_interval(result.mean.get("auc"))]
        yield _make_entry(result, target, f"{protocol}_overall", area, notes, [fold])
        return
    slug = Generator.parse(held_out).slug
    cell = measured[0]
    for metric, task in (("auc", f"{protocol}_{slug}"), ("t1", f"{protocol}_{slug}_t1")):
        measure = cell.measures[metric]
        notes = [WORDS[metric], f"held-out generator {cell.generator}", *_list_interval(measure)]
        yield _make_entry(result, target, task, measure.value, notes, [fold])


def _make_mean_entries(result: Result, target: str) -> Iterator[EvalResultEntry]:
    weights = {run.detector.weights_sha256 for run in result.runs.values()}
    for metric in MEAN_TASKS[Protocol(result.protocol)]:
        measure = result.mean[metric]
        notes = [
            WORDS[metric],
            f"mean over {len(result.mean_over)} generators",
            *([f"{len(result.runs)} trainings"] if len(weights) > 1 else []),
            *_list_interval(measure),
        ]
        task = f"{result.protocol}_mean_{metric}"
        yield _make_entry(result, target, task, measure.value, notes, sorted(result.runs))


def _list_interval(measure: Measure | None) -> list[str]:
    if measure is None or measure.low is None or measure.high is None:
        return []
    notes = [f"95 % CI {measure.low:.3f}–{measure.high:.3f}"]
    if measure.below_resolution:
        notes.append("too few real videos for this rate: no false alarm was allowed")
    return notes


def _make_entry(
    result: Result, target: str, task: str, value: float, notes: list[str], folds: Sequence[str]
) -> EvalResultEntry:
    from huggingface_hub import EvalResultEntry

    reals = {cell.n_real for cell in result.cells if cell.fold in folds and cell.part == "test"}
    counts = str(min(reals)) if len(reals) == 1 else f"{min(reals)}–{max(reals)}"
    marks = {mark.sentence for name in folds for mark in result.marks.get(name, ())}
    said = [*notes, f"n_real={counts}", f"splits by {result.split_by}"]
    revision = result.release.revision or ""
    is_commit = result.release.name == target and len(revision) == 40
    return EvalResultEntry(
        dataset_id=target,
        task_id=task,
        value=round(value, 6),
        dataset_revision=revision if is_commit else None,
        notes=" ".join([", ".join(said) + ".", *sorted(marks)]),
    )
