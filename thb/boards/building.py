"""Build both boards from a results repo: read, choose the videos, measure, rank, write."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from thb.boards.board import PROTOCOLS, BoardSettings, DetectorBoard, GeneratorBoard
from thb.boards.collection import Collection, Entry, read_collection
from thb.boards.detectors import Unranked, make_detector_board
from thb.boards.generators import is_verified, make_generator_board
from thb.boards.measuring import Measured, measure_protocol
from thb.boards.reading import open_results
from thb.boards.reference import Reference, choose_reference, explain_no_rank
from thb.boards.replicates import draw_weights
from thb_dataset.errors import SettingsError

_PATTERNS: Final = ("results/**", "generators/*/*/generator.json")


@dataclass(frozen=True, kw_only=True)
class Boards:
    """Both boards of a results repo.

    Attributes:
        detectors: The board of detectors.
        generators: The board of generators.

    Examples:
        >>> boards = thb.build_boards("results", n_bootstrap=20)
        >>> [(row.rank, row.name) for row in boards.detectors.protocols["p3"].rows if row.rank]
        [(1, 'strong'), (2, 'middle'), (3, 'weak')]
    """

    detectors: DetectorBoard
    generators: GeneratorBoard

    def save(self, folder: Path) -> list[Path]:
        """Write each board as JSON, CSV, Markdown and HTML; equal boards give equal bytes.

        Args:
            folder: The folder, which is created if it does not exist.

        Returns:
            The files.

        Raises:
            OSError: A file cannot be written.
        """
        from thb.boards.writing import save_detectors, save_generators

        return [
            *save_detectors(self.detectors, folder),
            *save_generators(self.generators, folder),
        ]


def build_boards(
    results: str | Path,
    *,
    out: Path | None = None,
    n_bootstrap: int = 1000,
    seed: int = 0,
    least_coverage: float = 0.95,
) -> Boards:
    """Build the boards of detectors and of generators from submitted predictions.

    Every number is computed from the predictions. What is damaged or hostile among the results is
    named and left out. The boards do not depend on the order of the folders.

    Args:
        results: A folder with ``results/<org>__<model>/<revision>/``, or a dataset repo on the Hub
            as ``org/name`` or ``org/name@revision``, of which only the results are downloaded.
        out: The folder to write the boards to; None to write nothing.
        n_bootstrap: The number of resamples behind intervals and ranks.
        seed: The seed of the resamples.
        least_coverage: The share of the fakes and of the real videos of each generator that a
            detector must have scored to be ranked.

    Raises:
        ResultError: There is no folder of results.
        SettingsError: A setting is impossible.
        ReleaseError: There is no such repo on the Hub.
        HubUnreachableError: The Hub does not answer and the repo was not read before.
        OSError: The boards cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> boards = thb.build_boards("results", out=Path("boards"), n_bootstrap=20)
        >>> boards.generators.protocols["p1"].rows[0].name
        '...'
        >>> Path("boards/detectors.html").is_file()
        True
    """
    if n_bootstrap < 2 or not 0 < least_coverage <= 1 or seed < 0:
        raise SettingsError(
            "a board needs 2 or more resamples, a seed of 0 or more and a coverage within (0, 1]:"
            f" got {n_bootstrap}, {seed} and {least_coverage}"
        )
    settings = BoardSettings(n_bootstrap=n_bootstrap, seed=seed, least_coverage=least_coverage)
    folder, _ = open_results(results, _PATTERNS)
    collection = read_collection(folder)
    measured, unranked = _measure(collection, settings)
    boards = Boards(
        detectors=make_detector_board(measured, unranked, collection.left_out, settings),
        generators=make_generator_board(
            measured, collection.proposals, collection.left_out, settings
        ),
    )
    if out is not None:
        boards.save(out)
    return boards


def _measure(
    collection: Collection, settings: BoardSettings
) -> tuple[dict[str, Measured], dict[str, list[Unranked]]]:
    """Return the measured detectors and those without a rank, by protocol."""
    references: dict[str, Reference] = {}
    ranked: dict[str, list[Entry]] = {}
    unranked: dict[str, list[Unranked]] = {}
    for protocol in PROTOCOLS:
        reference = choose_reference(protocol, collection.entries)
        if reference is None:
            continue
        own = [entry for entry in collection.entries if reference.has(entry)]
        reasons = [explain_no_rank(entry, reference, settings.least_coverage) for entry in own]
        unranked[protocol] = [
            Unranked(entry=entry, reason=reason)
            for entry, reason in zip(own, reasons, strict=True)
            if reason is not None
        ]
        ranked[protocol] = [
            entry for entry, reason in zip(own, reasons, strict=True) if reason is None
        ]
        if ranked[protocol]:
            references[protocol] = reference
    return _measure_ranked(references, ranked, settings), unranked


def _measure_ranked(
    references: dict[str, Reference], ranked: dict[str, list[Entry]], settings: BoardSettings
) -> dict[str, Measured]:
    folds = [fold for reference in references.values() for fold in reference.folds.values()]
    if not folds:
        return {}
    weights = draw_weights(folds, settings.n_bootstrap, settings.seed)
    return {
        protocol: measure_protocol(
            reference,
            ranked[protocol],
            weights,
            verified=_verify(ranked[protocol]),
            threads=os.cpu_count() or 1,
        )
        for protocol, reference in references.items()
    }


def _verify(entries: Sequence[Entry]) -> list[bool]:
    return [is_verified(entry) for entry in entries]
