"""How long ``thb board build`` takes on a results repo of full size, and how much memory.

The results are made up: every submission has 13 folds (P1, and six each of P2 and P3) of 3,000 test
videos, of which 2,000 are real. They are written to a temporary folder, or kept with ``--results``
for another run. The build runs in a process of its own, as the verb does, imports included. Beside
the wall's time stands the processor's, which other work on the machine does not stretch. Run from
the root of the repository::

    python -m benchmarks.boards --submissions 500 --out benchmarks/boards.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.support.made_boards import RELEASE
from tests.support.records import FACE_PACK, make_scoring_record
from thb.boards.collection import FOLDS
from thb.boards.submissions import SUBMISSION_FORMAT
from thb.prediction.predictions import Prediction, Predictions, Status, write_predictions
from thb.prediction.row_files import RUN_KEY, write_canonical
from thb.runs.provenance import ScoredDetector
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.protocols import Protocol, fold_name
from thb_dataset.records import EXTRA_GENERATORS, TRAINING_GENERATORS, RealDataset

REALS = 2000
FAKES = 1000
EXTRAS = 50
DRIVERS = 400
FOLDS_IN_ALL = tuple(fold for folds in FOLDS.values() for fold in folds)
BUILD = """
import sys
from pathlib import Path
from thb.boards.building import build_boards
boards = build_boards(sys.argv[1], out=Path(sys.argv[2]))
print({name: sum(row.kind == "ranked" for row in table.rows)
       for name, table in boards.detectors.protocols.items()})
"""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What one build cost.

    Attributes:
        wall: Seconds on the clock.
        processor: Seconds of the processor, of all cores.
        mebibytes: The most memory that was resident.
        ranked: What the build printed: the numbers of ranked detectors.
    """

    wall: float
    processor: float
    mebibytes: float
    ranked: str


def list_videos(fold: str) -> list[Prediction]:
    """Return the test videos of a fold, with a score that is replaced."""
    protocol = Protocol(fold.partition("-")[0])
    held_out = [own for own in TRAINING_GENERATORS if fold_name(protocol, own) == fold]
    tested = held_out or list(TRAINING_GENERATORS)
    extras = [] if protocol is Protocol.P2 else list(EXTRA_GENERATORS)
    counts = {own: EXTRAS for own in extras}
    left = FAKES - sum(counts.values())
    counts |= {own: left // len(tested) for own in tested}
    counts[tested[0]] += FAKES - sum(counts.values())
    scored = partial(
        Prediction, status=Status.OK, score=0.5, clip_logits=(0.0,), clips=1, faces=1, split="test"
    )
    videos = [
        scored(
            video_id=f"CelebV-HQ/clip{place:08}_0",
            label=0,
            real_dataset=RealDataset.CELEBV_HQ,
        )
        for place in range(REALS)
    ]
    for generator, count in counts.items():
        for place in range(count):
            driver, portrait = f"clip{place % DRIVERS:08}_0", f"{place:05}"
            videos.append(
                scored(
                    video_id=f"fake/{generator}/test/{portrait}--{driver}--{generator}.mp4",
                    label=1,
                    generator=generator,
                    portrait=portrait,
                    driver=driver,
                    split="extra" if generator in extras else "test",
                )
            )
    return videos


@cache
def make_fold(fold: str) -> pa.Table:
    """Return the file of a fold as the toolkit writes it, as a table."""
    run = make_scoring_record(
        protocol=fold.partition("-")[0],
        fold=fold,
        release=RELEASE,
        clip_spec=ClipSpec(),
        face_pack=FACE_PACK,
        versions={"talkingheadbench": "0", "numpy": "2", "torch": "2"},
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "predictions.parquet"
        write_predictions(path, Predictions(rows=tuple(list_videos(fold)), run=run))
        return pq.ParquetFile(path).read()


def write_submission(root: Path, number: int) -> None:
    """Write one submission: a detector of some strength, which differs a little by fold."""
    model, revision = f"org{number % 50:02}/detector{number:03}", f"{number:040x}"
    folder = root / "results" / model.replace("/", "__") / revision
    rng = np.random.default_rng(number)
    strength = rng.uniform(0.5, 5)
    for fold in FOLDS_IN_ALL:
        table = make_fold(fold)
        labels = table["label"].to_numpy()
        logits = rng.normal(size=len(labels)) + labels * (strength + rng.normal(scale=0.3))
        scores = 1 / (1 + np.exp(-logits))
        detector = ScoredDetector(name=model, model_type="synthetic")
        run = make_scoring_record(
            protocol=fold.partition("-")[0],
            fold=fold,
            release=RELEASE,
            detector=detector,
            clip_spec=ClipSpec(),
            face_pack=FACE_PACK,
        )
        clips = pa.ListArray.from_arrays(np.arange(len(labels) + 1, dtype=np.int32), logits)
        columns = {"score": pa.array(scores), "clip_logits": clips}
        for name, values in columns.items():
            place = table.column_names.index(name)
            table = table.set_column(place, table.schema.field(name), values)
        table = table.replace_schema_metadata({RUN_KEY: write_canonical(run).encode()})
        (folder / fold).mkdir(parents=True, exist_ok=True)
        pq.write_table(table, folder / fold / "predictions.parquet")
    said = {
        "format": SUBMISSION_FORMAT,
        "model": model,
        "revision": revision,
        "name": f"detector {number}",
        "modality": "visual",
        "protocols": list(FOLDS),
        "versions": {},
        "files": {},
    }
    (folder / "submission.json").write_text(json.dumps(said), encoding="utf-8")


def build(results: Path, boards: Path) -> Measured:
    """Build the boards in a new process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 — our own program
        [sys.executable, "-c", BUILD, str(results), str(boards)],
        check=True,
        capture_output=True,
        text=True,
    )
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
    return Measured(
        wall=wall, processor=used, mebibytes=after.ru_maxrss / 1024, ranked=done.stdout.strip()
    )


def write_table(measured: list[Measured], submissions: int, size: float, load: float) -> str:
    """Return the figures as Markdown."""
    tools = ", ".join(f"{name} {version(name)}" for name in ("numpy", "pyarrow"))
    lines = [
        "# `thb board build` at full size",
        "",
        f"`python -m benchmarks.boards --submissions {submissions} --runs {len(measured)} --out "
        "benchmarks/boards.md`",
        "",
        f"{submissions} made-up submissions × {len(FOLDS_IN_ALL)} folds × {REALS + FAKES:,} videos "
        f"({submissions * len(FOLDS_IN_ALL) * (REALS + FAKES):,} predictions, {size:,.0f} MiB), "
        "1,000 resamples, both boards in all formats. "
        f"Python {platform.python_version()}, {tools}; {os.cpu_count()} cores, at load {load:.1f} "
        "when the builds began (1 is one busy core): the load is other work on the machine, and "
        "CPU time is what the build itself needs.",
        "",
        "| run | wall, s | CPU, s | most memory, MiB | ranked |",
        "|---|---:|---:|---:|---|",
    ]
    lines += [
        f"| {at} | {one.wall:.1f} | {one.processor:.1f} | {one.mebibytes:,.0f} | {one.ranked} |"
        for at, one in enumerate(measured, start=1)
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Make results, build, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--submissions", type=int, default=500)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--results", type=Path, help="Make the results here, or use those.")
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = chosen.results or Path(folder) / "repo"
        if not (root / "results").is_dir():
            with ProcessPoolExecutor() as pool:
                list(pool.map(partial(write_submission, root), range(chosen.submissions)))
        size = sum(path.stat().st_size for path in root.rglob("*.parquet")) / 2**20
        load = os.getloadavg()[0]
        measured = [build(root, Path(folder) / "boards") for _ in range(chosen.runs)]
    table = write_table(measured, chosen.submissions, size, load)
    sys.stdout.write(table)
    if chosen.out is not None:
        chosen.out.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
