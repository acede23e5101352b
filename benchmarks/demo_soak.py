"""Ask the demo Space for many scores, and show whether its memory and its folder stay as they are.

    python -m benchmarks.demo_soak --jobs 1000 [--runs runs/baseline] [--out soak.md]

It starts the Space in a process of its own, with the detectors in RUNS or else an untrained tiny
one, uploads a synthetic video for every job, as another visitor every tenth time, and measures the
Space's resident memory and what lies in its temporary folder. It is run by hand: 1,000 jobs take
about an hour on two cores.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

APP = Path(__file__).resolve().parents[1] / "spaces" / "demo" / "app.py"
JOBS_A_VISITOR = 10
START_SECONDS = 300
SETTLED_FROM = 0.2
"""The share of the jobs after which nothing more is loaded, and the memory should be steady."""
GROWTH_ALLOWED_MIB = 100.0


def main() -> int:
    """Run the jobs; return 1 if the memory still grew after the first fifth of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--every", type=int, default=20, help="jobs between two measurements")
    parser.add_argument("--minutes", type=float, default=120.0, help="stop after this time")
    parser.add_argument("--runs", type=Path, help="folder that thb train wrote")
    parser.add_argument("--out", type=Path, help="also write the curve to this file")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        runs = given.runs.resolve() if given.runs else make_detector(folder / "tiny")
        with start_space(folder, runs) as (address, process):
            rows = [*soak(address, process.pid, folder / "tmp", given)]
    lines = ["| jobs | minutes | MiB resident | files | MB of files |", "|---|---|---|---|---|"]
    lines += [f"| {n} | {t:.1f} | {m:.0f} | {f} | {b:.1f} |" for n, t, m, f, b in rows]
    if given.out:
        given.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settled = [memory for jobs, _, memory, _, _ in rows if jobs >= SETTLED_FROM * rows[-1][0]]
    growth = settled[-1] - settled[0]
    print(f"from job {rows[-1][0] * SETTLED_FROM:.0f} on: {growth:+.0f} MiB")
    return int(growth > GROWTH_ALLOWED_MIB)


def make_detector(folder: Path) -> Path:
    """Write an untrained tiny detector, which is as good for the memory as a trained one."""
    from detectors.registry import create_detector, find_detector_class

    kind = find_detector_class("baseline")
    create_detector(kind, config=kind.tiny).save_pretrained(folder)
    return folder


@contextmanager
def start_space(folder: Path, runs: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start the Space, and give its address and process once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (folder / "tmp").mkdir()
    env = {**os.environ, "TMPDIR": str(folder / "tmp"), "HF_HUB_OFFLINE": "1"}
    env["PYTHONPATH"] = os.pathsep.join([str(APP.parents[2]), env.get("PYTHONPATH", "")])
    words = [sys.executable, str(APP), "--runs", str(runs), "--port", str(port)]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(words, cwd=APP.parent, env=env, stdout=log, stderr=log)  # noqa: S603
    try:
        for _ in range(START_SECONDS):
            time.sleep(1)
            if process.poll() is not None:
                raise SystemExit((folder / "log.txt").read_text("utf-8"))
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
        yield f"http://127.0.0.1:{port}", process
    finally:
        process.terminate()
        process.wait(30)


def soak(
    address: str, pid: int, folder: Path, given: argparse.Namespace
) -> Iterator[tuple[int, float, float, int, float]]:
    """Yield the number of jobs, minutes, resident MiB, files and MB of files, every so often."""
    from gradio_client import Client, handle_file

    from thb_dataset.mini.release import MiniSize, write_mini_release

    release = write_mini_release(folder.parent / "mini", size=MiniSize.tiny(), progress=False)
    videos = sorted((release.hub / "fake").rglob("*.mp4"))
    began = time.monotonic()
    for job in range(1, given.jobs + 1):
        if (job - 1) % JOBS_A_VISITOR == 0:
            headers = {"X-Forwarded-For": f"10.0.{job // 2560}.{job // JOBS_A_VISITOR % 256}"}
            client = Client(address, verbose=False, headers=headers)
        video = handle_file(videos[job % len(videos)])
        answer = client.predict(
            video, ["tiny" if not given.runs else given.runs.name], "", api_name="/score"
        )
        if answer["judgements"][0]["problem"] is not None:
            raise SystemExit(f"job {job}: {answer['judgements'][0]['problem']}")
        minutes = (time.monotonic() - began) / 60
        is_last = job == given.jobs or minutes > given.minutes
        if job % given.every == 0 or job == 1 or is_last:
            yield print_row(job, minutes, read_resident(pid), folder)
        if is_last:
            return


def print_row(
    job: int, minutes: float, resident: float, folder: Path
) -> tuple[int, float, float, int, float]:
    """Print one point of the curve as it is measured, and return it."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files) / 1e6
    print(f"{job:5d} jobs {minutes:6.1f} min {resident:7.0f} MiB {len(files):5d} files", flush=True)
    return job, minutes, resident, len(files), size


def read_resident(pid: int) -> float:
    """Return the resident memory of a process, in MiB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


if __name__ == "__main__":
    raise SystemExit(main())
