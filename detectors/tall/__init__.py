"""TALL (ICCV 2023): a Swin transformer scores the frames of a clip as one thumbnail."""

from __future__ import annotations

from detectors.tall.configuration import TALLConfig
from detectors.tall.modeling import TALL

__all__ = ["TALL", "TALLConfig"]
