"""The speed of each detector's network: inference and training steps, by precision and batch.

    python -m benchmarks.detectors_gpu [--only tall …] [--batches 1 8 32] [--compile] [--smoke]
        [--originals CHECKOUTS [--site SITE]] [--out table.md]

It is meant for a GPU, at full size. On a CPU, pass ``--smoke``: it runs the small networks with
small batches, and such figures say nothing about a GPU. Clips are random and already on the device,
so that only the network is timed. Each figure is the median of several rounds, and each round ends
by waiting for the device. Scores in half precision are compared with those in float32, without
TF32, on the same clips.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from detectors.base import Detector, count_parameters
from detectors.listing import DETECTORS
from detectors.registry import create_detector, find_detector_class
from scripts.check_parity import find_checkout, open_site
from scripts.drawn_weights import Original, draw_input
from scripts.original_networks import BUILDERS
from thb.prediction.throughput import measure_peak_memory

KINDS = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
ROUNDS, ROUND_SECONDS = 5, 0.5
HEADS = (
    "detector", "parameters", "work", "precision", "batch", "clips/s", "times the original",
    "ms a step", "TFLOP/s", "of the matrix rate", "peak MiB", "largest difference of scores",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table; numbers are None if the memory did not suffice.

    ``flops`` counts the FLOP of the products of one step. ``matrix_rate`` is the rate of the device
    for large square matrices in the same precision, in FLOP/s. ``original_seconds`` is the time of
    the original network for the same work in float32.
    """

    detector: str
    parameters: int
    work: str
    precision: str
    batch: int
    seconds: float | None
    flops: int | None
    matrix_rate: float
    peak_mib: float | None
    difference: float | None
    original_seconds: float | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells of the line as the table prints them."""
        speed, step, rate, share = "out of memory", "–", "–", "–"
        if self.seconds is not None:
            speed, step = f"{self.batch / self.seconds:.1f}", f"{1000 * self.seconds:.1f}"
        if self.seconds is not None and self.flops is not None:
            rate = f"{self.flops / self.seconds / 1e12:.3g}"
            share = f"{self.flops / self.seconds / self.matrix_rate:.0%}"
        if self.seconds is None or self.original_seconds is None:
            times = "–"
        else:
            times = f"{self.original_seconds / self.seconds:.2f}"
        peak = "–" if self.peak_mib is None else f"{self.peak_mib:,.0f}"
        differs = "–" if self.difference is None else f"{self.difference:.1e}"
        return (
            self.detector, f"{self.parameters:,}", self.work, self.precision, f"{self.batch}",
            speed, times, step, rate, share, peak, differs,
        )  # fmt: skip


def main() -> int:
    """Measure the chosen detectors; return 2 without a GPU and without --smoke, else 0."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--only", nargs="*", default=sorted(set(DETECTORS) - {"baseline"}))
    parser.add_argument("--batches", nargs="*", type=int)
    parser.add_argument("--precisions", nargs="*", default=["fp32", "bf16"], choices=sorted(KINDS))
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    parser.add_argument("--smoke", action="store_true", help="small networks, on any machine")
    parser.add_argument("--originals", type=Path, help="folder with the authors' checkouts")
    parser.add_argument("--site", type=Path, help="folder with the originals' own dependencies")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    given = parser.parse_args()
    if given.site:
        open_site(given.site)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu" and not given.smoke:
        print("no GPU was found: pass --smoke to check that the benchmark runs", file=sys.stderr)
        return 2
    batches = given.batches or ([2] if given.smoke else [1, 8, 32, 128])
    rows = [
        row
        for name in given.only
        for row in measure_detector(name, device, batches, given.precisions, given)
    ]
    text = write_table(rows, device)
    print(text)
    if given.out is not None:
        given.out.write_text(text, encoding="utf-8")
    return 0


def measure_detector(
    name: str,
    device: torch.device,
    batches: list[int],
    precisions: list[str],
    given: argparse.Namespace,
) -> list[Row]:
    """Measure one detector in every precision and batch, inference first."""
    detector_class = find_detector_class(name)
    original = None if given.originals is None else build_original(name, given)
    tiny = detector_class.tiny if original is None else original.config
    model = create_detector(detector_class, config=tiny if given.smoke else None)
    model.to(device)  # type: ignore[arg-type] # transformers wraps it untyped
    rates = {
        precision: measure_matrix_rate(device, KINDS[precision], quick=given.smoke)
        for precision in precisions
    }
    run: Any = torch.compile(model) if given.compile else model
    rows = []
    for batch in batches:
        original_seconds = None
        if original is None:
            pixels = draw_clips(model, batch, device)
        else:
            pixels = draw_input(batch, original.shape, original.scale, seed=0).to(device)
            rows.append(measure_original(name, original, pixels, given.smoke))
            original_seconds = rows[-1].seconds
        exact = score(model, run, pixels, None)
        # Inference comes first, because training changes the statistics of batch normalisation and
        # with them the scores.
        for work in ("inference", "training step"):
            for precision in precisions:
                row = measure(name, model, run, pixels, work, precision, exact, given.smoke)
                theirs = original_seconds if work == "inference" else None
                rows.append(replace(row, matrix_rate=rates[precision], original_seconds=theirs))
    return rows


def build_original(name: str, given: argparse.Namespace) -> Original:
    """Return the authors' network of the variant that is our default."""
    variants, build = BUILDERS[name]
    variant, checkout = next(iter(variants.items()))
    return build(find_checkout(given.originals, checkout), variant, tiny=given.smoke)


def measure_original(name: str, original: Original, pixels: Tensor, quick: bool) -> Row:
    """Measure only the scoring of the authors' network, in float32, as its own code calls it."""
    device = pixels.device
    network = original.network.to(device).eval()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)

    def step() -> None:
        with torch.inference_mode():
            original.score(network, pixels)

    try:
        seconds: float | None = time_step(step, device, quick=quick)
    except torch.OutOfMemoryError:
        seconds = None
    row = Row(
        detector=f"{name}, the original",
        parameters=sum(weight.numel() for weight in network.parameters()),
        work="inference",
        precision="fp32",
        batch=len(pixels),
        seconds=seconds,
        flops=None,
        matrix_rate=1.0,
        peak_mib=measure_peak_memory(device) / 2**20 if seconds is not None else None,
        difference=None,
    )
    network.cpu()
    return row


def draw_clips(model: Detector, batch: int, device: torch.device) -> Tensor:
    """Return random clips in the range that the detector expects."""
    spec = model.config.clip_spec
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(batch, spec.pictures, 3, spec.size, spec.size, generator=generator)
    scale = 255.0 if spec.value_range == "byte" else 1.0
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (spec.mean, spec.std))
    return ((pixels * scale - mean) / std).to(device)


def score(model: Detector, run: Any, pixels: Tensor, kind: torch.dtype | None) -> Tensor | None:  # noqa: ANN401 — a compiled module
    """Return P(fake) of clips, or None if they do not fit into the memory."""
    model.eval()
    try:
        with torch.inference_mode(), cast_to(pixels.device, kind):
            scores: Tensor = run(pixels).logits.float().sigmoid()
    except torch.OutOfMemoryError:
        return None
    return scores


def cast_to(device: torch.device, kind: torch.dtype | None) -> Any:  # noqa: ANN401 — one of two managers
    """Return a context in which products are computed in a precision."""
    return nullcontext() if kind is None else torch.autocast(device.type, dtype=kind)


def measure(
    name: str,
    model: Detector,
    run: Any,  # noqa: ANN401 — a compiled module
    pixels: Tensor,
    work: str,
    precision: str,
    exact: Tensor | None,
    quick: bool,
) -> Row:
    """Measure one line of the table."""
    device, kind = pixels.device, KINDS[precision]
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    difference = None
    if work == "inference":
        scores = score(model, run, pixels, kind)
        if scores is not None and exact is not None:
            difference = float((scores - exact).abs().max())

        def step() -> None:
            score(model, run, pixels, kind)

    else:
        step = make_training_step(model, run, pixels, kind)
    flops = 0
    try:
        # The plain network is counted, because a compiled one hides its operations.
        flops = count_flops(model, pixels, training=work != "inference")
        seconds: float | None = time_step(step, device, quick=quick)
    except torch.OutOfMemoryError:
        seconds = None
    if work == "inference" and exact is None:
        seconds = None
    model.zero_grad()
    return Row(
        detector=name,
        parameters=count_parameters(model),
        work=work,
        precision=precision,
        batch=len(pixels),
        seconds=seconds,
        flops=flops,
        matrix_rate=1.0,
        peak_mib=measure_peak_memory(device) / 2**20 if seconds is not None else None,
        difference=difference,
    )


def make_training_step(
    model: Detector,
    run: Any,  # noqa: ANN401 — a compiled module
    pixels: Tensor,
    kind: torch.dtype | None,
) -> Callable[[], None]:
    """Return a step that computes gradients but keeps the weights, so that all rounds are alike."""
    labels = (torch.arange(len(pixels), device=pixels.device) % 2).float()

    def step() -> None:
        model.train()
        with cast_to(pixels.device, kind):
            loss = run(pixels, labels=labels).loss
        loss.backward()
        model.zero_grad()

    return step


def count_flops(model: Detector, pixels: Tensor, *, training: bool) -> int:
    """Return the FLOP of a step's matrix products and convolutions."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        if training:
            make_training_step(model, model, pixels, None)()
        else:
            score(model, model, pixels, None)
    return int(counter.get_total_flops())


def measure_matrix_rate(
    device: torch.device, kind: torch.dtype | None, *, quick: bool, side: int = 8192
) -> float:
    """Return the FLOP/s of the product of two large square matrices."""
    side = 512 if quick else side
    left, right = (torch.randn(side, side, device=device, dtype=kind) for _ in range(2))

    def step() -> None:
        torch.mm(left, right)

    return 2 * side**3 / time_step(step, device, quick=quick)


def time_step(step: Callable[[], None], device: torch.device, *, quick: bool) -> float:
    """Return the seconds of one step: the median over rounds, after a step to warm up."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    step()
    wait()
    began = time.perf_counter()
    step()
    wait()
    times = 1 if quick else max(1, round(ROUND_SECONDS / (time.perf_counter() - began)))
    rounds = []
    for _ in range(2 if quick else ROUNDS):
        began = time.perf_counter()
        for _ in range(times):
            step()
        wait()
        rounds.append((time.perf_counter() - began) / times)
    return statistics.median(rounds)


def write_table(rows: list[Row], device: torch.device) -> str:
    """Return the table and the device that it was measured on."""
    on = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    lines = [f"{on}, torch {torch.__version__}.", "", f"| {' | '.join(HEADS)} |"]
    lines.append(f"|{'---|' * len(HEADS)}")
    lines += [f"| {' | '.join(row.cells)} |" for row in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
