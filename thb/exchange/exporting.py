"""Export a run: its predictions and results in the formats that others read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, get_args

from thb.evaluation.cells import NoFacePolicy
from thb.evaluation.csv_table import csv_table
from thb.evaluation.result import Result
from thb.evaluation.score import score
from thb.exchange.eval_results import EVAL_RESULTS_FILE, make_entries, write_entries
from thb.exchange.every_eval_ever import RELATIONSHIPS, name_model, write_record
from thb.exchange.workbench import write_pair
from thb.prediction.predictions import Prediction, Predictions, read_all_predictions
from thb.runs.provenance import FoldScoringRecord
from thb.runs.record import FOLD_NAME
from thb.runtime.csv_text import Cell, write_csv
from thb.runtime.text import escape
from thb_dataset.errors import ResultError, SettingsError
from thb_dataset.files import write_whole

ExportFormat = Literal["csv", "workbench", "every-eval-ever", "eval-results"]
Relationship = Literal["first_party", "third_party", "collaborative", "other"]
RESULTS_FILE: Final = "results.csv"
_COLUMNS: Final = (
    *("video_id", "score", "label", "generator", "real_dataset", "part", "status", "reason"),
)


@dataclass(frozen=True, kw_only=True)
class ExportSettings:
    """How a run is exported.

    Attributes:
        name: What the detector is called; None for the name that the predictions hold.
        model: The model's id on the Hub, ``org/name``; None for the name that the detector was
            loaded by, if that is one. Only for ``every-eval-ever``.
        relationship: What the evaluator is to the model: ``first_party``, ``third_party``,
            ``collaborative`` or ``other``. Only for ``every-eval-ever``.
        dataset: The dataset repo that the results are of, if they were made from a folder. Only for
            ``eval-results``.
        no_face: How a video without a face counts; see :func:`thb.evaluation.score.score`.
        n_bootstrap: The number of resamples behind the bootstrap intervals; 0 for none.
        seed: The random seed of the resampling.
        created: The time that files name as that of their making; None for now.
    """

    name: str | None = None
    model: str | None = None
    relationship: Relationship = "other"
    dataset: str | None = None
    no_face: NoFacePolicy = "exclude"
    n_bootstrap: int = 1000
    seed: int = 0
    created: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Export:
    """What was exported.

    Attributes:
        format: The format.
        folder: The folder.
        files: The files that were written, relative to the folder.
        notes: What was left out, a sentence each.
    """

    format: str
    folder: Path
    files: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**vars(self), "folder": str(self.folder)}


def export(
    run: str | Path | Sequence[str | Path],
    *,
    to: ExportFormat,
    out: str | Path,
    settings: ExportSettings | None = None,
) -> Export:
    """Write the predictions and results of a run in a format that others read.

    ========================  ====================================================================
    ``csv``                   ``<fold>.csv``, which :func:`thb.import_scores` reads again, and
                              ``results.csv``
    ``workbench``             ``<fold>.scores.csv`` and ``<fold>.scores.meta.json`` for the
                              deepfake-workbench
    ``every-eval-ever``       ``data/talkingheadbench/<org>/<model>/<uuid>.json`` and its samples
    ``eval-results``          ``.eval_results/talkingheadbench.yaml`` for a model's repo on the Hub
    ========================  ====================================================================

    Args:
        run: A run folder, or files ``predictions.parquet``.
        to: The format.
        out: The folder to write into; files of the same names are replaced.
        settings: How to export; None for the defaults.

    Raises:
        ResultError: There are no predictions of a fold, or they do not belong together.
        SettingsError: The format or the relationship is unknown, or the model has no id.
        OSError: A file cannot be written.

    Examples:
        >>> thb.export("runs/tall", to="csv", out="shared").files[:2]
        ('p1.csv', 'p3-aniportraitaudio.csv')
    """
    settings = settings or ExportSettings()
    if to not in get_args(ExportFormat):
        raise SettingsError(f"{to!r} is no format: choose {', '.join(get_args(ExportFormat))}")
    given = [run] if isinstance(run, str | Path) else list(run)
    folds = _read_folds(given)
    folder = Path(out).expanduser()
    created = (settings.created or datetime.now(UTC)).astimezone(UTC)
    notes: list[str] = []
    if to == "workbench":
        files = [
            file
            for record, rows in folds
            for file in write_pair(folder, rows, record, created=created)
        ]
    elif to == "csv":
        files = _write_tables(folder, folds, settings)
    elif to == "every-eval-ever":
        files = _write_records(folder, folds, settings, created)
    else:
        files, notes = _write_entries(folder, folds, settings)
    names = sorted(file.relative_to(folder).as_posix() for file in files)
    return Export(format=to, folder=folder, files=tuple(names), notes=tuple(notes))


_Folds = list[tuple[FoldScoringRecord, Predictions]]


def _read_folds(paths: Sequence[str | Path]) -> _Folds:
    folds: _Folds = []
    for rows in read_all_predictions(paths):
        if not isinstance(rows.run, FoldScoringRecord):
            raise ResultError("the predictions do not name their protocol and fold")
        if not FOLD_NAME.fullmatch(rows.run.fold):
            raise ResultError(f"{escape(rows.run.fold)!r} is not the name of a fold")
        folds.append((rows.run, rows))
    names = [record.fold for record, _ in folds]
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise ResultError(
            f"several files hold predictions of {', '.join(doubled)}: export one run at a time"
        )
    return folds


def _score(folds: _Folds, settings: ExportSettings) -> list[Result]:
    """Return a result for each protocol."""
    groups: dict[str, list[Predictions]] = {}
    for record, rows in folds:
        groups.setdefault(record.protocol, []).append(rows)
    return [
        score(
            rows,
            no_face=settings.no_face,
            n_bootstrap=settings.n_bootstrap,
            seed=settings.seed,
            name=settings.name,
        )
        for _, rows in sorted(groups.items())
    ]


def _write_tables(folder: Path, folds: _Folds, settings: ExportSettings) -> list[Path]:
    texts = {RESULTS_FILE: csv_table(_score(folds, settings))}
    for record, rows in folds:
        texts[f"{record.fold}.csv"] = write_csv(_COLUMNS, [_make_row(row) for row in rows])
    for name, text in texts.items():
        with write_whole(folder / name) as draft:
            draft.write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _make_row(row: Prediction) -> Mapping[str, Cell]:
    return {
        "video_id": row.video_id,
        "score": row.score,
        "label": row.label,
        "generator": row.generator,
        "real_dataset": row.real_dataset,
        "part": row.split,
        "status": row.status.value,
        "reason": row.reason,
    }


def _write_records(
    folder: Path, folds: _Folds, settings: ExportSettings, created: datetime
) -> list[Path]:
    if settings.relationship not in RELATIONSHIPS:
        raise SettingsError(
            f"{settings.relationship!r} is not one of {', '.join(RELATIONSHIPS)} (--relationship)"
        )
    model = name_model(settings.model or folds[0][0].detector.name)
    if model is None:
        raise SettingsError(
            "Every Eval Ever files a result under the id of its model: pass --model ORG/NAME"
        )
    by_fold = {record.fold: rows for record, rows in folds}
    return [
        file
        for result in _score(folds, settings)
        for file in write_record(
            folder,
            result,
            {fold: by_fold[fold] for fold in result.runs},
            model=model,
            relationship=settings.relationship,
            created=created,
        )
    ]


def _write_entries(
    folder: Path, folds: _Folds, settings: ExportSettings
) -> tuple[list[Path], list[str]]:
    pairs = [(fold, result) for result in _score(folds, settings) for fold in result.runs]
    entries = make_entries(pairs, dataset=settings.dataset, is_whole_run=True)
    if not entries:
        return [], [
            "there is no entry: the results are of no dataset repo on the Hub that has the"
            " published videos (--dataset names it), or of a detector on other folds than its own"
        ]
    write_entries(folder / EVAL_RESULTS_FILE, entries)
    return [folder / EVAL_RESULTS_FILE], []
