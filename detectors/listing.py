"""The detectors of this package, and how a Hub id is told from a folder; imports no torch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


@dataclass(frozen=True, kw_only=True)
class Listing:
    """Where the code of a detector is found.

    Attributes:
        detector: ``module:Class`` of the model, imported on first use.
        layout: ``module:NAME`` of the :class:`~detectors.conversion.Layout` of its official
            checkpoints; None if ``thb convert`` has nothing to read.
        parity: The largest difference of logits in ``benchmarks/parity.md``; None without a row.
    """

    detector: str
    layout: str | None = None
    parity: float | None = None


DETECTORS: Final[Mapping[str, Listing]] = MappingProxyType(
    {
        "baseline": Listing(detector="detectors.baseline.modeling:BaselineDetector"),
        "caddm": Listing(
            detector="detectors.caddm.modeling:CADDM",
            layout="detectors.caddm.conversion:LAYOUT",
            parity=9.5e-07,
        ),
        "df_adapter": Listing(
            detector="detectors.df_adapter.modeling:DeepFakeAdapter",
            layout="detectors.df_adapter.conversion:LAYOUT",
            parity=3.7e-05,
        ),
        "gend": Listing(
            detector="detectors.gend.modeling:GenD",
            layout="detectors.gend.conversion:LAYOUT",
            parity=3.0e-07,
        ),
        "lipfd": Listing(
            detector="detectors.lipfd.modeling:LipFD",
            layout="detectors.lipfd.conversion:LAYOUT",
            parity=1.4e-06,
        ),
        "tall": Listing(
            detector="detectors.tall.modeling:TALL",
            layout="detectors.tall.conversion:LAYOUT",
            parity=1.0e-06,
        ),
    }
)
"""The only list of detectors: name → where its code is found."""

CONVERTIBLE: Final = tuple(name for name, listing in DETECTORS.items() if listing.layout)
"""Names of the detectors whose official checkpoints can be converted."""


def is_hub_id(reference: str | Path) -> bool:
    """Tell whether a detector is named by its Hub id, and not by an existing folder."""
    if not isinstance(reference, str) or not _HUB_ID.fullmatch(reference):
        return False
    return not Path(reference).is_dir()
