"""What tables, figures and reports are made from: results, and the predictions behind them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

from thb.evaluation.cells import ScoreSettings
from thb.evaluation.gathering import GatheredFolds, gather_predictions
from thb.evaluation.pairs import Pair, pair_folds
from thb.evaluation.result import Result
from thb.evaluation.score import score
from thb.evaluation.tables import split_folds
from thb.prediction.predictions import Predictions
from thb.prediction.thresholds import Calibration, read_first_calibration
from thb.runs.folders import PREDICTIONS_FILE
from thb.runs.provenance import FoldScoringRecord
from thb_dataset.errors import ResultError

_RESULTS = "result-*.json"


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """One detector on one protocol.

    Attributes:
        result: The numbers.
        folds: The predictions of each fold; empty if only the numbers are at hand.
        folder: The run folder, or the folder of a saved result.
        calibrations: The threshold that validation gave the detector of a fold, by fold; a fold
            without one is absent.
    """

    result: Result
    folds: tuple[Predictions, ...] = ()
    folder: Path | None = None
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)

    def split_folds(self) -> list[Evaluation]:
        """Return a diagnostic protocol in parts, one for each fold; any other as it is."""
        return [
            self
            if part is self.result
            else replace(
                self,
                result=part,
                folds=tuple(each for each in self.folds if _name_fold(each) in part.runs),
                calibrations={
                    name: own for name, own in self.calibrations.items() if name in part.runs
                },
            )
            for part in split_folds([self.result])
        ]

    @cached_property
    def pairs(self) -> tuple[Pair, ...]:
        """The scored fakes of each generator beside the real videos of its fold."""
        return pair_folds(self.folds, self.result.settings.no_face)


def read_evaluations(
    paths: Iterable[str | Path],
    *,
    names: Sequence[str] = (),
    settings: ScoreSettings | None = None,
) -> list[Evaluation]:
    """Read everything that run folders and files say about detectors.

    Numbers are computed anew from predictions wherever there are any. Results without predictions
    are taken as they are.

    Args:
        paths: Run folders, files ``predictions.parquet``, and results as JSON. A folder is searched
            for predictions and, if it holds none, for ``result-*.json``.
        names: What the detector of each run folder with predictions is called, in order; empty to
            keep the names that they have.
        settings: How numbers are computed from predictions; None for the defaults.

    Raises:
        ResultError: A folder holds neither predictions nor results, or a file is damaged.
        DetectorError: A threshold is damaged.
        SettingsError: A path does not exist, there are not as many names as run folders, or two
            names are equal.
    """
    given = [Path(path) for path in paths]
    results = [file for path in given for file in _find_results(path)]
    scored = [path for path in given if not _find_results(path)]
    rules = settings or ScoreSettings()
    evaluations = [
        Evaluation(
            result=score(
                group.folds,
                no_face=rules.no_face,
                method=rules.method,
                n_bootstrap=rules.n_bootstrap,
                seed=rules.seed,
                name=group.name,
            ),
            folds=group.folds,
            folder=group.folder,
            calibrations=_read_calibrations(group),
        )
        for group in gather_predictions(scored, names)
    ]
    loaded = [Evaluation(result=Result.load(file), folder=file.parent) for file in results]
    return [*evaluations, *loaded]


def _name_fold(predictions: Predictions) -> str | None:
    run = predictions.run
    return run.fold if isinstance(run, FoldScoringRecord) else None


def _find_results(path: Path) -> list[Path]:
    """Return the results that stand in for a path that holds no predictions."""
    if path.suffix == ".json":
        return [path]
    if not path.is_dir() or any(path.rglob(PREDICTIONS_FILE)):
        return []
    files = sorted(path.rglob(_RESULTS))
    if not files:
        raise ResultError(
            f"{path} holds neither {PREDICTIONS_FILE} nor {_RESULTS}; thb evaluate writes both"
        )
    return files


def _read_calibrations(group: GatheredFolds) -> dict[str, Calibration]:
    """Return the thresholds that lie beside the predictions or beside the weights they are of."""
    found: dict[str, Calibration] = {}
    for predictions in group.folds:
        run = predictions.run
        if not isinstance(run, FoldScoringRecord) or run.detector.weights_sha256 is None:
            continue
        places = (group.folder / run.fold, Path(run.detector.name or run.fold))
        own = read_first_calibration(places, weights_sha256=run.detector.weights_sha256)
        if own is not None and run.fold not in found:
            found[run.fold] = own
    return found
