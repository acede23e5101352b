"""The toolkit of TalkingHeadBench: load the benchmark, train on it, score a detector, explain it.

Every verb of the command line has its function here. Nothing is imported before it is used, so
that ``import thb`` is quick::

    import thb

    detector = thb.detector("runs/x/p3-hallo")
    predictions = thb.predict(detector, ["clip.mp4", "other.mp4"])
    result = thb.evaluate("runs/x", protocol="p3", release="mini")
    print(result.to_markdown())
    thb.explain(detector, "clip.mp4").save("cam.mp4")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from thb.runtime.own_packages import find_own_packages_first

if TYPE_CHECKING:
    from detectors.base import Detector
    from detectors.catalogue import list_detectors
    from detectors.convert import convert
    from detectors.registry import load_detector as detector
    from thb.boards.building import Boards, build_boards
    from thb.boards.checking import check_submissions
    from thb.boards.detectability import detectability
    from thb.boards.detectability_record import Detectability
    from thb.boards.repository import init_board
    from thb.boards.rerunning import rerun_submission
    from thb.boards.retirement import retire_generators
    from thb.evaluation.evaluate import evaluate
    from thb.evaluation.result import Result
    from thb.evaluation.score import score
    from thb.evaluation.verification import verify_result
    from thb.exchange.exporting import export
    from thb.exchange.importing import ImportSettings, import_scores
    from thb.explanations.explain import explain
    from thb.explanations.explanation import Explanation
    from thb.explanations.gallery import make_gallery
    from thb.explanations.split import SplitExplainSettings, explain_split
    from thb.prediction.calibration import calibrate
    from thb.prediction.predict import predict
    from thb.prediction.predictions import (
        Prediction,
        Predictions,
        Status,
        read_predictions,
        write_predictions,
    )
    from thb.publishing.dataset import publish_dataset
    from thb.publishing.detector import publish_detector
    from thb.publishing.metric import publish_metric
    from thb.publishing.proposal import propose_generator
    from thb.publishing.space import publish_space
    from thb.publishing.submission import submit
    from thb.releases.identity_splits import split_folder
    from thb.releases.leaks import check_leaks
    from thb.releases.tables import load
    from thb.releases.verification import verify_release
    from thb.reports.comparing import compare
    from thb.reports.comparison import Comparison
    from thb.reports.figures.choice import FigureChoice
    from thb.reports.figures.writing import figures
    from thb.reports.report.report import report
    from thb.reports.run_transitions import transitions
    from thb.reports.statistics import count_release
    from thb.reports.tables.paper_tables import PaperTables, tables
    from thb.robustness.shortcuts import shortcuts
    from thb.runtime.cache import cache_info, prune_cache
    from thb.runtime.environment import environment
    from thb.training.train import train
    from thb_dataset.clip_spec import ClipSpec
    from thb_dataset.errors import (
        ClipTooShortError,
        DetectorError,
        FacePackError,
        HubUnreachableError,
        IncompletePredictionsError,
        NoAudioError,
        NoFaceError,
        ProtocolError,
        ReleaseError,
        ResultError,
        SettingsError,
        THBError,
        VideoDecodeError,
        VideoError,
        VideoTimeoutError,
        VideoTooLargeError,
    )

    __version__: str

__all__ = [
    "Boards",
    "ClipSpec",
    "ClipTooShortError",
    "Comparison",
    "Detectability",
    "Detector",
    "DetectorError",
    "Explanation",
    "FacePackError",
    "FigureChoice",
    "HubUnreachableError",
    "ImportSettings",
    "IncompletePredictionsError",
    "NoAudioError",
    "NoFaceError",
    "PaperTables",
    "Prediction",
    "Predictions",
    "ProtocolError",
    "ReleaseError",
    "Result",
    "ResultError",
    "SettingsError",
    "SplitExplainSettings",
    "Status",
    "THBError",
    "VideoDecodeError",
    "VideoError",
    "VideoTimeoutError",
    "VideoTooLargeError",
    "__version__",
    "build_boards",
    "cache_info",
    "calibrate",
    "check_leaks",
    "check_submissions",
    "compare",
    "convert",
    "count_release",
    "detectability",
    "detector",
    "environment",
    "evaluate",
    "explain",
    "explain_split",
    "export",
    "figures",
    "import_scores",
    "init_board",
    "list_detectors",
    "load",
    "make_gallery",
    "predict",
    "propose_generator",
    "prune_cache",
    "publish_dataset",
    "publish_detector",
    "publish_metric",
    "publish_space",
    "read_predictions",
    "report",
    "rerun_submission",
    "retire_generators",
    "score",
    "shortcuts",
    "split_folder",
    "submit",
    "tables",
    "train",
    "transitions",
    "verify_release",
    "verify_result",
    "write_predictions",
]

find_own_packages_first()

_ERRORS = "thb_dataset.errors"
_HOMES = {
    "Boards": "thb.boards.building",
    "ClipSpec": "thb_dataset.clip_spec",
    "ClipTooShortError": _ERRORS,
    "Comparison": "thb.reports.comparison",
    "Detectability": "thb.boards.detectability_record",
    "Detector": "detectors.base",
    "DetectorError": _ERRORS,
    "Explanation": "thb.explanations.explanation",
    "FacePackError": _ERRORS,
    "FigureChoice": "thb.reports.figures.choice",
    "HubUnreachableError": _ERRORS,
    "ImportSettings": "thb.exchange.importing",
    "IncompletePredictionsError": _ERRORS,
    "NoAudioError": _ERRORS,
    "NoFaceError": _ERRORS,
    "PaperTables": "thb.reports.tables.paper_tables",
    "Prediction": "thb.prediction.predictions",
    "Predictions": "thb.prediction.predictions",
    "ProtocolError": _ERRORS,
    "ReleaseError": _ERRORS,
    "Result": "thb.evaluation.result",
    "ResultError": _ERRORS,
    "SettingsError": _ERRORS,
    "SplitExplainSettings": "thb.explanations.split",
    "Status": "thb.prediction.predictions",
    "THBError": _ERRORS,
    "VideoDecodeError": _ERRORS,
    "VideoError": _ERRORS,
    "VideoTimeoutError": _ERRORS,
    "VideoTooLargeError": _ERRORS,
    "build_boards": "thb.boards.building",
    "cache_info": "thb.runtime.cache",
    "calibrate": "thb.prediction.calibration",
    "check_leaks": "thb.releases.leaks",
    "check_submissions": "thb.boards.checking",
    "compare": "thb.reports.comparing",
    "convert": "detectors.convert",
    "count_release": "thb.reports.statistics",
    "detectability": "thb.boards.detectability",
    "detector": "detectors.registry:load_detector",
    "environment": "thb.runtime.environment",
    "evaluate": "thb.evaluation.evaluate",
    "explain": "thb.explanations.explain",
    "explain_split": "thb.explanations.split",
    "export": "thb.exchange.exporting",
    "figures": "thb.reports.figures.writing",
    "import_scores": "thb.exchange.importing",
    "init_board": "thb.boards.repository",
    "list_detectors": "detectors.catalogue",
    "load": "thb.releases.tables",
    "make_gallery": "thb.explanations.gallery",
    "predict": "thb.prediction.predict",
    "propose_generator": "thb.publishing.proposal",
    "prune_cache": "thb.runtime.cache",
    "publish_dataset": "thb.publishing.dataset",
    "publish_detector": "thb.publishing.detector",
    "publish_metric": "thb.publishing.metric",
    "publish_space": "thb.publishing.space",
    "read_predictions": "thb.prediction.predictions",
    "report": "thb.reports.report.report",
    "rerun_submission": "thb.boards.rerunning",
    "retire_generators": "thb.boards.retirement",
    "score": "thb.evaluation.score",
    "shortcuts": "thb.robustness.shortcuts",
    "split_folder": "thb.releases.identity_splits",
    "submit": "thb.publishing.submission",
    "tables": "thb.reports.tables.paper_tables",
    "train": "thb.training.train",
    "transitions": "thb.reports.run_transitions",
    "verify_release": "thb.releases.verification",
    "verify_result": "thb.evaluation.verification",
    "write_predictions": "thb.prediction.predictions",
}
"""The module of each name; after a colon, what it is called there."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 — an attribute of a module can be anything
    if name not in __all__:
        raise AttributeError(f"module 'thb' has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("talkingheadbench")
    else:
        home, _, attribute = _HOMES[name].partition(":")
        value = getattr(import_module(home), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
