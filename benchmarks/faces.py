"""From a video file to 32 face crops: ours beside two usual ways, in one run, clip by clip.

    python -m benchmarks.faces --clips DIR --out benchmarks/faces.md

(a) InsightFace as it comes: ``FaceAnalysis`` with its automatic detection sizes on every frame,
on the same weights. (b) DeepfakeBench's way: 32 evenly spaced frames, dlib's HOG detector with
one upsampling, alignment by landmarks, and a second detection on the crop (needs ``dlib-bin`` and
``face-recognition-models``, for this benchmark only). The floor is one sequential decode.

Everything is held on one core, the child process of our reader included. Times are of the
processor (ours: parent and child together), as other work on the machine changes them least;
those of the clock stand beside them.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import av
import numpy as np

from benchmarks.face_ways import (
    Boxes,
    Cost,
    DeepfakeBench,
    InsightFaceChosen,
    InsightFaceDefault,
    Ours,
    decode,
    list_children,
    timed,
)
from tests.support.embedded_pack import build_embedded_pack
from thb_dataset.faces.values import overlap

WAYS = {
    "floor": "one sequential decode, nothing kept",
    "ours": "ours: 32 crops",
    "every": "(a) InsightFace default, every frame",
    "chosen": "(a') its detection alone, on 32 frames",
    "dlib": "(b) DeepfakeBench's way, 32 frames",
}


def choose_clips(folder: Path, count: int) -> list[Path]:
    """Choose clips spread over the folder's, by name."""
    paths = sorted(folder.rglob("*.mp4"))
    places = {int(i) for i in np.linspace(0, len(paths) - 1, min(count, len(paths)))}
    return [paths[i] for i in sorted(places)]


def run_ways(paths: Sequence[Path], rounds: int) -> dict[str, Cost]:
    """Run every way on every clip, the ways in turn on each clip."""
    with tempfile.TemporaryDirectory() as folder:
        pack = build_embedded_pack(Path(folder) / "pack")
        ways: dict[str, Callable[[Path], tuple[Boxes, int]]] = {
            "floor": lambda path: ({}, decode(path)),
            "ours": Ours(),
            "every": InsightFaceDefault(pack),
            "chosen": InsightFaceChosen(pack),
            "dlib": DeepfakeBench(),
        }
        costs = {name: Cost() for name in ways}
        for way in ways.values():
            way(paths[0])  # load models and start the child before the clock does
        for path in paths:
            for name, way in ways.items():
                for _ in range(1 if name == "every" else rounds):
                    with timed(costs[name]):
                        boxes, crops = way(path)
                costs[name].close_clip(boxes, crops)
            print(path.name, {name: round(cost.cpu[-1], 2) for name, cost in costs.items()})
    return costs


def compare_boxes(ours: Sequence[Boxes], theirs: Sequence[Boxes]) -> tuple[float, float]:
    """Mean overlap over the frames that both have, over all clips and of the worst clip."""
    clips = [
        [overlap(a[number], b[number]) for number in a.keys() & b.keys()]
        for a, b in zip(ours, theirs, strict=True)
    ]
    everything = [value for clip in clips for value in clip]
    return statistics.fmean(everything), min(statistics.fmean(clip) for clip in clips if clip)


def cut_share(
    core: int,
    first: Path,
    waiting: Any,  # noqa: ANN401 - a Queue
    talk: Any,  # noqa: ANN401 - a Connection
) -> None:
    """Cut the crops of the clips that wait, in a process of its own on one core, when told to."""
    os.sched_setaffinity(0, {core})
    ours = Ours()
    ours(first)
    talk.send("ready")
    talk.recv()
    while (path := waiting.get()) is not None:
        ours(path)
    talk.send([peak_mib("self"), *(peak_mib(pid) for pid in list_children())])
    ours.reader.close()


def peak_mib(pid: str) -> int:
    """Highest resident memory of a process so far."""
    status = Path("/proc", pid, "status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024


def time_processes(paths: Sequence[Path], cores: Sequence[int]) -> tuple[float, list[int]]:
    """Seconds that a process on each of the cores, started up already, need for the clips together.

    Returns:
        The seconds, and the peak memory of each process and of its reader in MiB.
    """
    context = multiprocessing.get_context("spawn")
    talks, workers = [], []
    waiting = context.Queue()
    for path in [*paths, *(None for _ in cores)]:
        waiting.put(path)
    for core in cores:
        ours, theirs = context.Pipe()
        worker = context.Process(target=cut_share, args=(core, paths[0], waiting, theirs))
        worker.start()
        workers.append(worker)
        talks.append(ours)
    for talk in talks:
        talk.recv()
    began = time.perf_counter()
    for talk in talks:
        talk.send("go")
    peaks = [peak for talk in talks for peak in talk.recv()]
    seconds = time.perf_counter() - began
    for worker in workers:
        worker.join()
    return seconds, peaks


def lengthen(path: Path, target: Path, seconds: float) -> Path:
    """Repeat a clip's packets, not decoded, until it is so long."""
    with av.open(str(path)) as source, av.open(str(target), "w") as output:
        stream = source.streams.video[0]
        copy = output.add_stream_from_template(stream)
        packets = [packet for packet in source.demux(stream) if packet.pts is not None]
        times = [(packet.pts or 0, packet.dts or 0) for packet in packets]
        length = max(pts for pts, _ in times) + min(packet.duration or 1 for packet in packets)
        for number in range(int(seconds / float(length * (stream.time_base or 1))) + 1):
            for packet, (pts, dts) in zip(packets, times, strict=True):
                packet.pts, packet.dts = pts + number * length, dts + number * length
                packet.stream = copy
                output.mux(packet)
    return target


def write_table(costs: dict[str, Cost], clips: int) -> list[str]:
    """Write the table of medians per clip."""
    ours = statistics.median(costs["ours"].cpu)
    lines = [
        "| way | CPU s per clip, median | clock s | times ours | crops or boxes per clip |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, cost in costs.items():
        cpu, wall = statistics.median(cost.cpu), statistics.median(cost.wall)
        ratios = [a / b for a, b in zip(cost.per_clip(), costs["ours"].per_clip(), strict=True)]
        lines.append(
            f"| {WAYS[name]} | {cpu:.3f} | {wall:.3f} | {statistics.median(ratios):.2f} "
            f"| {statistics.fmean(cost.crops):.1f} |"
        )
    mean, worst = compare_boxes(costs["ours"].boxes, costs["every"].boxes)
    between, _ = compare_boxes(costs["ours"].boxes, costs["dlib"].boxes)
    floor = statistics.median(costs["floor"].cpu)
    return [
        *lines,
        "",
        f"- {clips} clips. Ours takes {ours / floor:.2f} times the CPU time of one sequential "
        "decode.",
        f"- Overlap of our boxes with (a)'s in the same frames: mean {mean:.3f}, worst clip "
        f"{worst:.3f}; with dlib's: mean {between:.3f}.",
    ]


def write_scaling(paths: Sequence[Path], rounds: int, cores: Sequence[int]) -> list[str]:
    """Compare one process with two, each on a core, and measure their memory."""
    # The largest first: no process waits long at the end, with 24 clips as with thousands.
    paths = sorted(paths, key=lambda path: -path.stat().st_size)
    ones, twos, peaks = [], [], [0, 0]
    for _ in range(rounds):
        seconds, found = time_processes(paths, cores[:1])
        ones.append(seconds)
        peaks = [max(pair) for pair in zip(peaks, found, strict=True)]
        twos.append(time_processes(paths, cores[:2])[0])
    ratios = [one / two for one, two in zip(ones, twos, strict=True)]
    return [
        f"- Two processes against one, clock time, {rounds} rounds: median "
        f"{statistics.median(ratios):.2f} times as fast, best {max(ratios):.2f}.",
        f"- Highest resident memory on these clips: {peaks[0]} MiB, its reader {peaks[1]} MiB.",
    ]


def write_long(path: Path, seconds: float, core: int) -> list[str]:
    """Measure memory and time on a video as long as the limits allow."""
    with tempfile.TemporaryDirectory() as folder:
        long = lengthen(path, Path(folder, "long.mp4"), seconds)
        took, peaks = time_processes([long], [core])
    return [
        f"- A video of {seconds / 60:.0f} minutes: {peaks[0]} MiB, its reader {peaks[1]} MiB, "
        f"{took:.1f} s."
    ]


def name_command(clips: Path) -> str:
    """Write what was typed, the folder of clips by its name alone."""
    words = [clips.name if word == str(clips) else word for word in sys.argv[1:]]
    return " ".join(["python -m benchmarks.faces", *words])


def main() -> None:
    """Run it all and write the report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clips", type=Path, required=True, help="folder of videos")
    parser.add_argument("--count", type=int, default=24, help="clips (2 or more), of the folder's")
    parser.add_argument("--rounds", type=int, default=3, help="runs of each way but (a)")
    parser.add_argument("--long-minutes", type=float, default=25.0)
    parser.add_argument("--out", type=Path, help="write the report there as well")
    options = parser.parse_args()
    paths = choose_clips(options.clips, options.count)
    cores = sorted(os.sched_getaffinity(0))
    load_before = os.getloadavg()[0]
    os.sched_setaffinity(0, cores[:1])
    costs = run_ways(paths, options.rounds)
    scaling = write_scaling(paths, options.rounds, cores) if len(cores) > 1 else []
    report = [
        "# From a video file to 32 face crops",
        "",
        f"`{name_command(options.clips)}`",
        "",
        f"One core; {platform.machine()}, Python {platform.python_version()}, "
        f"{len(cores)} cores; load {load_before:.1f} before and {os.getloadavg()[0]:.1f} after.",
        "",
        *write_table(costs, len(paths)),
        *scaling,
        *write_long(paths[0], options.long_minutes * 60, cores[0]),
        "",
    ]
    print("\n".join(report))
    if options.out is not None:
        options.out.write_text("\n".join(report), encoding="utf-8")


if __name__ == "__main__":
    main()
