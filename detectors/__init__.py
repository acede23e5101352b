"""Detectors of talking-head deepfakes; importing this registers them with transformers."""

from __future__ import annotations

from detectors.base import Detector, DetectorConfig, DetectorOutput
from detectors.registry import DETECTORS, load_detector, register_detectors

__all__ = ["DETECTORS", "Detector", "DetectorConfig", "DetectorOutput", "load_detector"]

register_detectors()
