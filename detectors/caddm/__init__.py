"""CADDM (CVPR 2023): a classifier of face images, trained together with an artifact detector."""

from __future__ import annotations

from detectors.caddm.configuration import CADDMConfig
from detectors.caddm.modeling import CADDM

__all__ = ["CADDM", "CADDMConfig"]
