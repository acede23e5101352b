"""TALL (ICCV 2023): the frames of a clip as one thumbnail, scored by a Swin transformer."""

from __future__ import annotations

from detectors.tall.configuration import TALLConfig
from detectors.tall.modeling import TALL

__all__ = ["TALL", "TALLConfig"]
