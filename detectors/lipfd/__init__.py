"""LipFD (NeurIPS 2024): lip-sync forgeries found by frames and sound looked at together."""

from __future__ import annotations

from detectors.lipfd.configuration import LipFDConfig
from detectors.lipfd.modeling import LipFD

__all__ = ["LipFD", "LipFDConfig"]
