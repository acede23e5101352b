"""The toolkit of TalkingHeadBench: load the benchmark, train on it, score a detector, say why.

The verbs are here and nothing is imported before it is used, so that ``import thb`` is quick::

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

if TYPE_CHECKING:
    from detectors.convert import convert
    from detectors.registry import load_detector as detector
    from thb.evaluation.evaluate import evaluate
    from thb.evaluation.result import Result
    from thb.evaluation.score import score
    from thb.explanations.explain import explain
    from thb.explanations.explanation import Explanation
    from thb.prediction.predict import predict
    from thb.prediction.predictions import (
        Prediction,
        Predictions,
        Status,
        read_predictions,
        write_predictions,
    )
    from thb.releases.tables import load
    from thb.runtime.environment import environment
    from thb.training.train import train
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
        THBError,
        VideoDecodeError,
        VideoError,
        VideoTimeoutError,
        VideoTooLargeError,
    )

    __version__: str

__all__ = [
    "ClipTooShortError",
    "DetectorError",
    "Explanation",
    "FacePackError",
    "HubUnreachableError",
    "IncompletePredictionsError",
    "NoAudioError",
    "NoFaceError",
    "Prediction",
    "Predictions",
    "ProtocolError",
    "ReleaseError",
    "Result",
    "ResultError",
    "Status",
    "THBError",
    "VideoDecodeError",
    "VideoError",
    "VideoTimeoutError",
    "VideoTooLargeError",
    "__version__",
    "convert",
    "detector",
    "environment",
    "evaluate",
    "explain",
    "load",
    "predict",
    "read_predictions",
    "score",
    "train",
    "write_predictions",
]

_HOMES = {
    "convert": "detectors.convert",
    "detector": "detectors.registry:load_detector",
    "environment": "thb.runtime.environment",
    "evaluate": "thb.evaluation.evaluate",
    "explain": "thb.explanations.explain",
    "load": "thb.releases.tables",
    "predict": "thb.prediction.predict",
    "score": "thb.evaluation.score",
    "train": "thb.training.train",
    "Explanation": "thb.explanations.explanation",
    "Prediction": "thb.prediction.predictions",
    "Predictions": "thb.prediction.predictions",
    "Status": "thb.prediction.predictions",
    "read_predictions": "thb.prediction.predictions",
    "write_predictions": "thb.prediction.predictions",
    "Result": "thb.evaluation.result",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 — a module's attribute is anything
    if name not in __all__:
        raise AttributeError(f"module 'thb' has no attribute {name!r}")
    if name == "__version__":
        from importlib.metadata import version

        value: Any = version("talkingheadbench")
    else:
        home, _, attribute = _HOMES.get(name, "thb_dataset.errors").partition(":")
        value = getattr(import_module(home), attribute or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
