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

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detectors.registry import load_detector as detector
    from thb.convert import convert
    from thb.environment import environment
    from thb.evaluate import evaluate
    from thb.explain import explain
    from thb.explanation import Explanation
    from thb.load import load
    from thb.predict import predict
    from thb.predictions import (
        Prediction,
        Predictions,
        Status,
        read_predictions,
        write_predictions,
    )
    from thb.result import Result
    from thb.score import score
    from thb.train import train
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
    "convert": "thb.convert",
    "detector": "detectors.registry:load_detector",
    "environment": "thb.environment",
    "evaluate": "thb.evaluate",
    "explain": "thb.explain",
    "load": "thb.load",
    "predict": "thb.predict",
    "score": "thb.score",
    "train": "thb.train",
    "Explanation": "thb.explanation",
    "Prediction": "thb.predictions",
    "Predictions": "thb.predictions",
    "Status": "thb.predictions",
    "read_predictions": "thb.predictions",
    "write_predictions": "thb.predictions",
    "Result": "thb.result",
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


class _Facade(ModuleType):
    """Keeps ``thb.predict`` the verb once the module of the same name has been imported.

    Python sets a submodule as an attribute of its package, which would hide the function.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Facade
