"""LipFD (NeurIPS 2024): finds lip-sync forgeries in frames and sound together."""

from __future__ import annotations

from detectors.lipfd.configuration import LipFDConfig
from detectors.lipfd.modeling import LipFD

__all__ = ["LipFD", "LipFDConfig"]
