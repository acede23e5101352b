"""How long ``load_dataset(repo, "p3-hallo")`` takes at full size, against a Hub on loopback.

Made-up names with the true counts of the release (2,994 fakes, 2,312 real videos) are published by
``thb publish dataset``. Then a new process loads the config with an empty cache (cold) and once
more (again), and a second process loads it with the cache of the first (warm). Times are of the
call to ``load_dataset`` alone; what `datasets` would import during its first call in a process,
whatever it loads, is imported before and timed by itself. Beside the wall's time stands the
processor's, which other work on the machine does not stretch. Run from the root of the
repository::

    python -m benchmarks.hub_load --runs 5 --out benchmarks/hub_load.md
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from tests.support.full_size import full_size_text
from tests.support.loopback_hub import LoopbackHub

REPO = "someone/TalkingHeadBench"
LIST = "real/real_dataset_split.json"
CONFIGS = ("p1", "p3-hallo", "p3")
LOAD = """
import importlib.util, json, sys, time
import datasets
import datasets.packaged_modules.parquet.parquet
datasets.disable_progress_bars()
began = time.perf_counter(), time.process_time()
for name in ("aiohttp", "scipy.io"):
    if importlib.util.find_spec(name.partition(".")[0]):
        importlib.import_module(name)
imports = time.perf_counter() - began[0], time.process_time() - began[1]
calls = []
for _ in range(2):
    began = time.perf_counter(), time.process_time()
    data = datasets.load_dataset(sys.argv[1], sys.argv[2])
    calls.append((time.perf_counter() - began[0], time.process_time() - began[1]))
rows = sum(len(rows) for rows in data.values())
print(json.dumps({"calls": calls, "imports": imports, "rows": rows}))
"""
PUBLISH = """
import sys
from thb.publishing.dataset import publish_dataset
publish_dataset(sys.argv[1], repo=sys.argv[1])
"""
AUDIT = """
import json, sys, time
from thb.releases.opening import scan_release_named
from thb_dataset.release.scan import audit_release
scan_release_named(sys.argv[1])
began = time.perf_counter(), time.process_time()
audit_release(scan_release_named(sys.argv[1]))
print(json.dumps([time.perf_counter() - began[0], time.process_time() - began[1]]))
"""
Seconds = tuple[float, float]
"""Of the wall's clock and of the processor's."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The times of one config, and what the Hub was asked for when the cache was empty."""

    config: str
    rows: int
    cold: list[Seconds]
    again: list[Seconds]
    warm: list[Seconds]
    imports: list[Seconds]
    asked: Counter[str]


def run(script: str, endpoint: str, home: Path, *arguments: str) -> str:
    """Run a script in a new process that knows no other Hub; return what it printed last."""
    environment = {name: value for name, value in os.environ.items() if name[:3] != "HF_"} | {
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home / "hf"),
        "THB_CACHE": str(home / "thb"),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_UPDATE_DOWNLOAD_COUNTS": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_TOKEN": "hf_loopback",
        "PYTHONPATH": str(Path.cwd()),
    }
    command = [sys.executable, "-c", script, *arguments]
    done = subprocess.run(  # noqa: S603 — our own scripts
        command, env=environment, capture_output=True, text=True, check=True
    )
    lines = done.stdout.strip().splitlines()
    return lines[-1] if lines else ""


def measure(hub: LoopbackHub, config: str, runs: int) -> Measured:
    """Load a config in new processes, ``runs`` times with an empty cache."""
    measured = Measured(
        config=config, rows=0, cold=[], again=[], warm=[], imports=[], asked=Counter()
    )
    for number in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            hub.requests.clear()
            first = json.loads(run(LOAD, hub.endpoint, Path(folder), REPO, config))
            if hub.requested(".mp4") or hub.requested(".wav"):
                raise AssertionError("a video was asked for")
            second = json.loads(run(LOAD, hub.endpoint, Path(folder), REPO, config))
        measured.cold.append(first["calls"][0])
        measured.again.append(first["calls"][1])
        measured.warm.append(second["calls"][0])
        measured.imports.append(second["imports"])
        rows = first["rows"]
        sys.stderr.write(f"{config} {number + 1}/{runs}: {measured.cold[-1][0]:.2f} s cold\n")
    hub.requests.clear()
    with tempfile.TemporaryDirectory() as folder:
        once = LOAD.replace("range(2)", "range(1)")
        run(once, hub.endpoint, Path(folder), REPO, config)
    asked = Counter(line.split()[0] for line in hub.requests)
    return replace(measured, rows=rows, asked=asked)


def measure_audit(hub: LoopbackHub, runs: int) -> list[Seconds]:
    """Read and audit the listing, once it is in the cache."""
    with tempfile.TemporaryDirectory() as folder:
        return [json.loads(run(AUDIT, hub.endpoint, Path(folder), REPO)) for _ in range(runs)]


def main() -> None:
    """Measure, and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    paths, text = full_size_text()
    with LoopbackHub() as hub, tempfile.TemporaryDirectory() as home:
        hub.create(REPO, dict.fromkeys(paths, b"") | {LIST: text.encode()})
        run(PUBLISH, hub.endpoint, Path(home), REPO)
        index = [data for path, data in hub.files(REPO).items() if path.endswith(".parquet")]
        measured = [measure(hub, config, chosen.runs) for config in CONFIGS]
        audit = measure_audit(hub, chosen.runs)
    table = write_table(measured, audit, index, chosen.runs)
    sys.stdout.write(table)
    if chosen.out is not None:
        chosen.out.write_text(table, encoding="utf-8")


def write_table(
    measured: list[Measured], audit: list[Seconds], index: list[bytes], runs: int
) -> str:
    """Return the table as Markdown."""
    packages = ("datasets", "huggingface_hub", "pyarrow")
    tools = ", ".join(f"{name} {version(name)}" for name in packages)
    lines = [
        "# `load_dataset` at full size, against a Hub on loopback",
        "",
        f"`python -m benchmarks.hub_load --runs {runs} --out benchmarks/hub_load.md`",
        "",
        f"Python {platform.python_version()}, {tools}; {os.cpu_count()} cores, at load "
        f"{os.getloadavg()[0]:.1f} (1 is one busy core) when it ended. The index is {len(index)} "
        f"files, {sum(map(len, index)) / 1024:.0f} KiB. Times are in seconds: the range over "
        f"{runs} runs, and in brackets the least CPU time. No video or sound file was requested.",
        "",
        "| config | rows | cold | warm, new process | warm, same process | requests when cold |",
        "|---|---|---|---|---|---|",
    ]
    for one in measured:
        asked = ", ".join(f"{number} {method}" for method, number in sorted(one.asked.items()))
        times = " | ".join(spread(seconds) for seconds in (one.cold, one.warm, one.again))
        lines.append(f"| `{one.config}` | {one.rows:,} | {times} | {asked} |")
    imports = [seconds for one in measured for seconds in one.imports]
    lines += [
        "",
        "These times leave out the imports that the first call of a process makes, whatever it "
        f"loads (aiohttp, scipy.io): {spread(imports)} s.",
    ]
    lines += ["", f"Reading and auditing the same listing from the cache: {spread(audit)} s."]
    return "\n".join(lines) + "\n"


def spread(seconds: list[Seconds]) -> str:
    """Return the range of some times."""
    wall = [one[0] for one in seconds]
    return f"{min(wall):.2f} – {max(wall):.2f} [{min(one[1] for one in seconds):.2f}]"


if __name__ == "__main__":
    main()
