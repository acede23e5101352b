"""Detectors of talking-head deepfakes; importing this registers them with transformers."""

from __future__ import annotations

from detectors.torchvision_guard import make_torchvision_importable

make_torchvision_importable()  # before anything here imports a model of transformers

from detectors.base import Detector, DetectorConfig, DetectorOutput  # noqa: E402
from detectors.registry import DETECTORS, load_detector, register_detectors  # noqa: E402

__all__ = ["DETECTORS", "Detector", "DetectorConfig", "DetectorOutput", "load_detector"]

register_detectors()
