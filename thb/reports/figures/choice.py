"""The kinds of figures, and the choice of those to draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from thb_dataset.protocols import Protocol

KINDS: Final = (
    *("fig2a", "fig2b", "fig2c", "fig3"),
    *("roc", "histograms", "reliability", "transport"),
)
"""The kinds of figures, in the order in which they are drawn."""
OF_PAPER: Final = ("fig2a", "fig2b", "fig3")
"""The kinds that show the paper's protocols only, and not a diagnostic one."""
OF_ROWS: Final = ("fig2a", "fig2b", "fig2c", "fig3")
"""The kinds that compare detectors; each other figure shows one detector on one protocol."""
PROTOCOLS: Final = tuple(protocol.value for protocol in Protocol)


@dataclass(frozen=True, kw_only=True)
class FigureChoice:
    """Which figures are drawn.

    Attributes:
        kinds: Some of :data:`KINDS`.
        protocols: The protocols to show. A diagnostic one has figures of its own, one for each
            fold, if any detector has results of it.
        published: Show the paper's numbers beside the others, or alone if there are no others.

    Examples:
        >>> choice = thb.FigureChoice(kinds=["roc"], protocols=["p3"])
        >>> choice.published
        True
    """

    kinds: Sequence[str] = KINDS
    protocols: Sequence[str] = PROTOCOLS
    published: bool = True
