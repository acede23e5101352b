"""Run the original networks beside ours: same weights, same input, same logits?

    python -m scripts.check_parity ORIGINALS [--only caddm/resnet34] [--out parity.md]

ORIGINALS is a folder with the checkouts (CADDM, TALL4Deepfake, DeepfakeBench, DeepFake-Adapter,
LipFD; each folder's name ends so). Some of them import timm, einops and torchvision, which the
toolkit does not need: ``pip install --no-deps --target SITE torchvision==0.28.0 timm einops``, and
give ``--site SITE``.

For every variant the original network is built, ALL its tensors are drawn at random (batch
statistics are then measured, so that activations stay in range), its official file is written,
``thb.convert`` reads it, and the model that was saved is loaded again and compared. With ``--tiny``
the same is done for small networks of the same classes, and ``--write FOLDER`` keeps what the
original answered, which is what the tests compare with.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from detectors.convert import convert
from detectors.registry import load_detector
from scripts.drawn_weights import Original, draw_input, draw_state
from scripts.original_networks import BUILDERS

SEED = 20
TOLERANCE = 1e-4


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the parity table."""

    detector: str
    variant: str
    precision: str
    keys: int
    used: int
    parameters: int
    ours: int
    largest: float
    both: float | None

    @property
    def cells(self) -> tuple[str, ...]:
        """As the table prints them."""
        both = "–" if self.both is None else f"{self.both:.1e}"
        return (
            self.detector, self.variant, self.precision, f"{self.keys}", f"{self.used}",
            f"{self.parameters:,}", f"{self.ours:,}", f"{self.largest:.1e}", both,
        )  # fmt: skip


HEADS = (
    "detector", "variant", "precision", "keys", "keys used", "parameters (original)",
    "parameters (ours)", "largest difference of logits", "of the two logits",
)  # fmt: skip


def main() -> int:
    """Check what was asked for; 0 when every difference is within the tolerance, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("originals", type=Path)
    parser.add_argument("--site", type=Path, help="folder with the originals' own dependencies")
    parser.add_argument("--only", default="", help="detector, or detector/variant")
    parser.add_argument("--out", type=Path, help="write the table here as well")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="small networks of the same classes")
    parser.add_argument("--write", type=Path, help="with --tiny: keep the original's answers here")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.site:
        open_site(given.site)
    rows: list[Row] = []
    for detector, (variants, build) in BUILDERS.items():
        for variant, name in variants.items():
            if f"{detector}/{variant}/".startswith(f"{given.only}/" if given.only else ""):
                original = build(find_checkout(given.originals, name), variant, tiny=given.tiny)
                if given.tiny:
                    write_answers(original, detector, variant, given.write)
                else:
                    rows.append(compare(original, detector, variant))
                    print(" | ".join(rows[-1].cells), flush=True)
                gc.collect()
    lines = [HEADS, ["---"] * len(HEADS), *(row.cells for row in rows)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    if given.out:
        given.out.write_text(table, encoding="utf-8")
    return int(any(max(row.largest, row.both or 0) > TOLERANCE for row in rows))


def open_site(folder: Path) -> None:
    """Let imports find what only the originals need; transformers has been imported without it."""
    sys.path.append(str(folder))
    # The registry's torchvision is built for CUDA: beside a CPU torch its operators are missing,
    # and declaring these two is all that its import asks for. The originals call neither.
    schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            torch.library.define(f"torchvision::{name}", schema)


def find_checkout(originals: Path, name: str) -> Path:
    """Return the one folder whose name ends with the original's."""
    found = [path for path in sorted(originals.iterdir()) if path.name.endswith(name)]
    if not found:
        raise SystemExit(f"{originals} holds no checkout of {name}")
    return found[0].resolve()


def randomise(original: Original, seed: int) -> dict[str, Tensor]:
    """Draw all floating tensors of the network; buffers that follow from its shape are kept."""
    kept = (".attn_mask", ".relative_position_index")
    state: dict[str, Tensor] = original.network.state_dict()
    shapes = {
        key: tuple(value.shape)
        for key, value in state.items()
        if value.is_floating_point() and not key.endswith(kept)
    }
    state |= draw_state(shapes, seed, original.gain)
    original.network.load_state_dict(state)
    return state


def calibrate(original: Original, pixel_values: Tensor) -> None:
    """Measure the batch statistics on the input, so that random layers neither die nor explode."""
    norms = [
        each
        for each in original.network.modules()
        if isinstance(each, nn.modules.batchnorm._BatchNorm)
    ]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    with torch.no_grad():
        original.score(original.network, pixel_values)
    for norm in norms:
        norm.eval()


def compare(original: Original, detector: str, variant: str) -> Row:
    """Write the official file, convert it, load what was saved, and compare the logits."""
    network = original.network.eval()
    randomise(original, SEED)
    pixel_values = draw_input(2, original.shape, original.scale, SEED)
    calibrate(original, pixel_values)
    with tempfile.TemporaryDirectory() as name:
        file, folder = Path(name) / "official.pth", Path(name) / "ours"
        torch.save(original.wrap(network.state_dict()), file)
        report = convert(detector, file, folder)
        file.unlink()
        model = load_detector(folder)
    # Rounding, amplified by random layers, is larger in an EfficientNet than any mistake.
    double = "efficientnet" in variant
    if double:
        network, model, pixel_values = network.double(), model.double(), pixel_values.double()
    with torch.no_grad():
        theirs = original.score(network, pixel_values)
        ours = model(pixel_values).logits
        both = None
        if theirs.shape[1] == 2:
            both = find_both(network, model, pixel_values, theirs)
    wanted = theirs[:, 1] - theirs[:, 0] if theirs.shape[1] == 2 else theirs[:, 0]
    return Row(
        detector=detector,
        variant=variant,
        precision="float64" if double else "float32",
        keys=report.keys,
        used=report.used,
        parameters=report.parameters,
        ours=sum(each.numel() for each in model.parameters()),
        largest=float((ours - wanted).abs().max()),
        both=both,
    )


def find_both(network: nn.Module, model: nn.Module, pixel_values: Tensor, theirs: Tensor) -> float:
    """Put the official head with its two logits on our features, and compare both."""
    head = [
        each for each in network.modules() if isinstance(each, nn.Linear) and each.out_features == 2
    ]
    seen: list[Tensor] = []
    hook = model.get_submodule("classifier").register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    model(pixel_values)
    hook.remove()
    return float((head[-1](seen[0]) - theirs).abs().max())


def write_answers(original: Original, detector: str, variant: str, folder: Path | None) -> None:
    """Keep what a tiny original answers, with all that is needed to ask ours the same."""
    state = randomise(original, SEED)
    pixel_values = draw_input(2, original.shape, original.scale, SEED)
    with torch.no_grad():
        # In float64, so that what is kept does not depend on a machine's rounding.
        logits = original.score(original.network.eval().double(), pixel_values.double())
        more = original.answer_more(original.network, pixel_values.double())
    record = {
        "detector": detector,
        "variant": variant,
        "seed": SEED,
        "config": original.config,
        "clip_shape": original.shape,
        "scale": original.scale,
        "gain": original.gain,
        "state": {key: [str(value.dtype), list(value.shape)] for key, value in state.items()},
        "logits": logits.tolist(),
        "more": more,
    }
    print(detector, variant, len(state), "keys", logits.flatten().tolist())
    if folder is not None:
        path = folder / f"{detector}-{variant}.json"
        path.write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main())
