"""The colours of the paper's five grades, wherever tables have colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SHADES: Final[Mapping[str, tuple[str, str]]] = {
    "excellent": ("#0B4F8A", "#FFFFFF"),
    "good": ("#A9CCE8", "#1A1A1A"),
    "reasonable": ("#F4EFC0", "#1A1A1A"),
    "fair": ("#F3BE82", "#1A1A1A"),
    "poor": ("#A8430B", "#FFFFFF"),
}
"""The background and the letters of each grade, from blue to orange: a scale that colour-blind
readers can tell apart. The words stand beside the colours."""
