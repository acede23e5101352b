"""GenD (WACV 2026): a pretrained image encoder of which only the normalisations were tuned."""

from __future__ import annotations

from detectors.gend.configuration import GenDConfig
from detectors.gend.modeling import GenD

__all__ = ["GenD", "GenDConfig"]
