"""Run the demo again and again, as other processors and with other seeds, and compare its AUCs.

    python -m benchmarks.demo_spread --out trials [--only plain avx2 …] [--seeds 0 1]

Each trial trains and evaluates the baseline on all folds of the synthetic release, as ``make demo``
does. Another processor is stood in for by limits on the instructions that torch and oneDNN may use:
they round differently, as another processor does. A trial takes minutes on two cores; finished ones
are not run again.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

PROTOCOLS = ("p1", "p2", "p3")
PROCESSORS = {
    "plain": {},
    "avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
    "sse41": {"ONEDNN_MAX_CPU_ISA": "SSE41", "ATEN_CPU_CAPABILITY": "default"},
    "two threads": {"OMP_NUM_THREADS": "2"},
}


def main() -> int:
    """Run the trials and print the table; return 1 if P1 is not above P2 and P3 in each of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--out", type=Path, required=True, help="the folder of the trials")
    parser.add_argument("--only", nargs="+", choices=PROCESSORS, default=list(PROCESSORS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0])
    given = parser.parse_args()
    rows = []
    for processor in given.only:
        for seed in given.seeds:
            run = given.out / f"{processor.replace(' ', '-')}-{seed}"
            try_demo(run, seed, PROCESSORS[processor])
            rows.append((processor, seed, *read_means(run)))
    print("| processor | seed | P1 | P2 | P3 |\n|---|---:|---:|---:|---:|")
    for processor, seed, *means in rows:
        print(f"| {processor} | {seed} | {' | '.join(f'{mean:.3f}' for mean in means)} |")
    columns = list(zip(*(row[2:] for row in rows), strict=True))
    spread = (f"{max(column) - min(column):.3f}" for column in columns)
    print(f"| largest - smallest | | {' | '.join(spread)} |")
    return int(any(p1 <= max(p2, p3) for _, _, p1, p2, p3 in rows))


def try_demo(run: Path, seed: int, processor: dict[str, str]) -> None:
    """Train and evaluate as ``make demo`` does, unless the results are there already."""
    if all((run / f"result-{protocol}.json").is_file() for protocol in PROTOCOLS):
        return
    env = {**os.environ, "OMP_NUM_THREADS": "1", **processor}
    thb = [sys.executable, "-m", "thb"]
    shared = ["--protocol", "all", "--release", "mini", "--out", str(run), "--quiet"]
    train = [*thb, "train", "baseline", *shared, "--seed", str(seed)]
    subprocess.run(train, env=env, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    evaluate = [*thb, "evaluate", str(run), *shared[:4], "--quiet"]
    subprocess.run(evaluate, env=env, check=True, stdout=subprocess.DEVNULL)  # noqa: S603


def read_means(run: Path) -> list[float]:
    """Return the mean AUC over the generators on P1, P2 and P3."""
    from thb.evaluation.result import Result

    results = [Result.load(run / f"result-{protocol}.json") for protocol in PROTOCOLS]
    return [result.mean["auc"].value for result in results]


if __name__ == "__main__":
    raise SystemExit(main())
