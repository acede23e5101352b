"""The folders that ``thb train`` writes: one detector, or one for each fold."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from detectors.references import read_reference, refuse_untrained
from thb.runs.record import read_record
from thb.runtime.progress import is_main_process
from thb_dataset.errors import DetectorError
from thb_dataset.files import lock_folder

CONFIG_FILE = "config.json"
PREDICTIONS_FILE = "predictions.parquet"


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """One detector with trained weights.

    Attributes:
        name: The name of the detector, which the folds of a training share.
        protocol: ``p1``, ``p2``, ``p3`` or ``p3-family``; None for weights that ``thb train`` did
            not write.
        fold: The name of the fold, for instance ``p3-hallo``; None like the protocol.
        folder: The folder that holds ``config.json`` and the weights.
        home: The folder that bears the name, which the folds of a training share.
        reference: The detector, as ``load_detector`` takes it: the folder, and before it the class
            if the user named it.
    """

    name: str
    protocol: str | None
    fold: str | None
    folder: Path
    home: Path
    reference: str | Path


def find_run_folders(given: str | Path) -> tuple[RunFolder, ...]:
    """Return the detectors in a folder: the folder itself, or else its subfolders by name.

    Args:
        given: The folder of one detector, or a folder of such folders; ``module:Class@`` may stand
            before it.

    Raises:
        DetectorError: There is no detector, or a record is damaged.
    """
    refuse_untrained(given)
    reference = read_reference(given)
    folder = Path(str(reference.place)).expanduser().resolve()
    inside = sorted(file.parent for file in folder.glob(f"*/{CONFIG_FILE}"))
    folders = [folder] if (folder / CONFIG_FILE).is_file() else inside
    if not folders:
        raise DetectorError(f"{given} holds no detector: name a folder that thb train wrote")
    runs = []
    for run in folders:
        record = read_record(run)
        fold = record.fold if record else None
        home = folder.parent if run == folder and fold == folder.name else folder
        protocol = record.protocol if record else None
        runs.append(
            RunFolder(
                name=home.name,
                protocol=protocol,
                fold=fold,
                folder=run,
                home=home,
                reference=reference.at(run),
            )
        )
    return tuple(runs)


def default_out(detector: str | Path, folds: Collection[str] = ()) -> Path:
    """Return the folder for a detector's evaluation: the run folder, or else ``runs/<name>``.

    The folder ``<run>/<fold>`` of one fold, evaluated on that fold alone, belongs to ``<run>``, so
    its results lie where those of all folds lie.

    Args:
        detector: A run folder, the folder of one detector, or another reference of a detector.
        folds: The names of the folds that it is evaluated on.
    """
    folder = read_reference(detector).folder
    if folder is not None:
        name = folder.resolve().name
        is_one_fold = set(folds) == {name} and (folder / CONFIG_FILE).is_file()
        if not is_one_fold:
            return folder
        return folder.parent if folder.name == name else folder.resolve().parent
    return Path("runs") / re.sub(r"[^\w.-]+", "--", str(detector))


def name_run(detector: str | Path, own_fold: str | None = None) -> str:
    """Return what a detector is called in tables: its run folder's name, or else its reference.

    Args:
        detector: A run folder, the folder of one detector, or another reference of a detector.
        own_fold: The fold that the detector was trained on; a folder of this name lies in its run
            folder.
    """
    folder = Path(detector).expanduser()
    if not folder.is_dir():
        return str(detector)
    folder = folder.resolve()
    return folder.parent.name if folder.name == own_fold else folder.name


@contextmanager
def claim_folders(folders: Iterable[Path]) -> Iterator[None]:
    """Keep other runs out of folders; the processes of one run share them.

    Raises:
        THBError: Another run is using one of them; the message names it.
    """
    with ExitStack() as locks:
        if is_main_process():
            for folder in folders:
                locks.enter_context(lock_folder(folder))
        yield
