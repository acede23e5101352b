"""Detectors of talking-head deepfakes.

A name is imported when it is first used, so that ``import detectors`` loads neither torch nor
transformers. :func:`load_detector` finds every detector by itself. Code that uses the Auto classes
of transformers directly calls :func:`register_detectors` first::

    import detectors
    from transformers import AutoModelForVideoClassification

    detectors.register_detectors()
    model = AutoModelForVideoClassification.from_pretrained("runs/x/p3-hallo")
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from detectors.base import Detector, DetectorConfig, DetectorOutput
    from detectors.listing import DETECTORS
    from detectors.recipes import Recipe
    from detectors.registry import load_detector, register_detectors

__all__ = [
    "DETECTORS",
    "Detector",
    "DetectorConfig",
    "DetectorOutput",
    "Recipe",
    "load_detector",
    "register_detectors",
]

_HOMES = {
    "DETECTORS": "detectors.listing",
    "Detector": "detectors.base",
    "DetectorConfig": "detectors.base",
    "DetectorOutput": "detectors.base",
    "Recipe": "detectors.recipes",
    "load_detector": "detectors.registry",
    "register_detectors": "detectors.registry",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401 — a module's attribute is anything
    if name not in _HOMES:
        raise AttributeError(f"module 'detectors' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
