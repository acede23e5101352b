"""A detector's card and its known weaknesses, from its own folder or Hub repo."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from demo_detectors import Offer, load
from demo_words import describe_run
from detectors.references import read_reference
from metrics.talking_head_detection.roc import GRADED_FROM
from thb.evaluation.own_results import find_results
from thb.prediction.calls import SYNTHETIC_BANNER, UNTRAINED_BANNER
from thb.publishing.detector_card import PLACEHOLDER, write_card
from thb.runs.provenance import hash_weights
from thb.runs.record import read_record
from thb_dataset.errors import THBError

if TYPE_CHECKING:
    from detectors.base import Detector
    from thb.evaluation.cells import Cell
    from thb.evaluation.result import Result

WEAK: Final = ("fair", "poor")
_FRONT_MATTER: Final = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


@lru_cache(maxsize=64)
def write_offer_card(offer: Offer) -> str:
    """Return a detector's card as Markdown: its weaknesses first, then the card that it comes with.

    If something cannot be read, the text says so.
    """
    head = f"### {offer.name}\n{describe_run(offer.fold)}\n\n"
    try:
        detector = load(offer.reference)
    except THBError as error:
        return f"{head}This detector cannot be loaded: {error}"
    folder = read_reference(offer.reference).folder
    results = [] if folder is None else find_results(folder, hash_weights(detector))[0]
    weaknesses = "\n".join(f"- {line}" for line in list_weaknesses(detector, results))
    card = _read_card(offer, detector, results)
    return f"{head}#### Known weaknesses\n{weaknesses}\n\n#### Card\n{card}"


def list_weaknesses(detector: Detector, results: list[tuple[str, Result]]) -> list[str]:
    """Return reasons not to trust a detector, from its settings and its own results."""
    config = detector.config
    found = [f"Trained on: {config.training_data or 'not recorded'}."]
    if config.untrained:
        found.append(UNTRAINED_BANNER)
    elif config.trained_on_synthetic:
        found.append(SYNTHETIC_BANNER)
    if not config.weights_licence:
        found.append("Its weights have no licence.")
    else:
        found.append(f"Licence of the weights: {config.weights_licence}.")
    cells = [cell for fold, result in results for cell in result.cells if cell.fold == fold]
    measured = [cell for cell in cells if "auc" in cell.measures]
    found += [_describe_weak(cell) for cell in measured if cell.grade in WEAK]
    if measured and all(cell.grade is None for cell in measured):
        found.append(
            f"It was tested on too few videos to be graded: that takes {GRADED_FROM} real videos"
            f" and {GRADED_FROM} fakes of one generator."
        )
    if measured:
        unscored = sum(sum(cell.unscored.values()) for cell in measured)
        if unscored:
            found.append(f"It gave no score to {unscored} of the videos that it was tested on.")
    else:
        found.append("No test result of these weights comes with it: see its card.")
    return found


def _describe_weak(cell: Cell) -> str:
    return (
        f"{str(cell.grade).capitalize()} on {cell.generator} ({cell.part}): it finds"
        f" {cell.measures['t1'].value:.0%} of {cell.n_fake} fakes when at most 1 % of"
        f" {cell.n_real} real videos are called fake."
    )


def _read_card(offer: Offer, detector: Detector, results: list[tuple[str, Result]]) -> str:
    """Return the README that a detector comes with, or the one it would be published with."""
    reference = read_reference(offer.reference)
    folder = Path(str(reference.place))
    try:
        if reference.hub_id is not None:
            return f"[The card on the Hub](https://huggingface.co/{reference.hub_id})"
        file = folder / "README.md"
        if file.is_file():
            text = file.read_text("utf-8")
        else:
            record = read_record(folder)
            text = write_card(
                detector, PLACEHOLDER, name=offer.name, record=record, results=results
            )
    except (OSError, THBError) as error:
        return f"The card cannot be read: {type(error).__name__}."
    text = _FRONT_MATTER.sub("", text)
    return re.sub(r"^(#{1,3}) ", r"\1### ", text, flags=re.MULTILINE)
