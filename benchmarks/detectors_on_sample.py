"""Train each detector's small network briefly on a small real release, and evaluate it.

    python -m benchmarks.detectors_on_sample SAMPLE --out runs/sample [--write FILE.md]

SAMPLE holds ``hub/`` and ``real_videos/``. The tables show that every step works on real videos for
every detector, on P1 and on all folds of P3. The numbers say nothing about the detectors or the
benchmark, because networks, data and trainings are tiny.
"""

from __future__ import annotations

import argparse
import resource
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from detectors.base import count_parameters
from detectors.listing import DETECTORS
from detectors.registry import load_detector
from thb.evaluation.evaluate import EvaluateSettings, evaluate
from thb.evaluation.result import Result
from thb.evaluation.tables import markdown_table
from thb.prediction.inference import PredictSettings
from thb.runtime.console import quiet_transformers
from thb.training.settings import TrainOptions
from thb.training.train import train

PROTOCOLS = ("p1", "p3")
SETTINGS: dict[str, Any] = {"epochs": 6, "batch_size": 16}
RATES = {"tall": 1e-3, "caddm": 1e-3, "lipfd": 1e-3}
"""Learning rates for a training of a few steps; the other detectors keep their own."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A detector with its size, its results, and the seconds of training and evaluation."""

    name: str
    parameters: int
    results: tuple[Result, ...]
    settings: dict[str, Any]
    seconds: float


def main() -> None:
    """Train, evaluate and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("sample", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=sorted(DETECTORS))
    parser.add_argument("--write", type=Path, help="put the tables into this file's last section")
    given = parser.parse_args()
    torch.set_num_threads(1)
    quiet_transformers()
    rows = [run_detector(name, given.sample, given.out / name) for name in given.only]
    text = write_report(rows)
    print(text)
    if given.write is not None:
        before = given.write.read_text(encoding="utf-8").partition(HEADING)[0]
        given.write.write_text(before + text, encoding="utf-8")


def run_detector(name: str, sample: Path, out: Path) -> Row:
    """Train and evaluate one detector on P1 and on every fold of P3."""
    began = time.perf_counter()
    settings = {**SETTINGS, **({"learning_rate": RATES[name]} if name in RATES else {})}
    where: dict[str, Any] = {
        "release": sample / "hub",
        "real_root": sample / "real_videos",
        "out": out,
    }
    scoring = EvaluateSettings(n_bootstrap=100, scoring=PredictSettings(progress=False))
    results = []
    for protocol in PROTOCOLS:
        options = TrainOptions(tiny=True, progress=False)
        train(name, protocol=protocol, **where, settings=settings, options=options)
        results.append(evaluate(out, protocol=protocol, **where, settings=scoring))
    return Row(
        name=name,
        parameters=count_parameters(load_detector(out / "p1")),
        results=tuple(results),
        settings=settings,
        seconds=time.perf_counter() - began,
    )


HEADING = "## On real videos"
PREFACE = """\
**These are not the published networks.** They are each detector's small network of the same class
(`--tiny`), trained from random weights for a few steps on a few dozen public clips in the release's
layout. A test set has a handful of fakes of a generator (the numbers are above each table; the
lower end of a range is LipFD's, which leaves out videos without sound), so an interval often
reaches from 0.2 to 0.8. Real and fake also differ in size, frame rate and compression. The tables
only show that every step works on real videos for every detector."""


def write_report(rows: list[Row]) -> str:
    """Return the section with its tables."""
    spent = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    minutes = sum(usage.ru_utime + usage.ru_stime for usage in spent) / 60
    lines = [
        HEADING,
        PREFACE,
        "",
        "```",
        "python -m benchmarks.detectors_on_sample SAMPLE --out runs/sample",
        "# does, for each detector NAME and each PROTOCOL of p1 and p3, the same as",
        *(_write_command(row) for row in rows),
        "thb evaluate runs/sample/NAME --protocol PROTOCOL --bootstrap 100 \\",
        "    --release SAMPLE/hub --real-root SAMPLE/real_videos",
        "```",
        "",
        f"{minutes:.1f} minutes of CPU time in total, one thread for the networks.",
        "",
        "| detector | parameters | trainings | seconds |",
        "|---|---:|---:|---:|",
        *(f"| {row.name} | {row.parameters:,} | 7 | {row.seconds:.0f} |" for row in rows),
        "",
    ]
    for number in range(len(PROTOCOLS)):
        lines += [markdown_table([row.results[number] for row in rows]), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _write_command(row: Row) -> str:
    words = " ".join(
        f"--{name.replace('_', '-')} {value:g}" for name, value in row.settings.items()
    )
    return (
        f"thb train {row.name} --tiny {words} --protocol PROTOCOL --out runs/sample/{row.name} \\\n"
        "    --release SAMPLE/hub --real-root SAMPLE/real_videos"
    )


if __name__ == "__main__":
    main()
