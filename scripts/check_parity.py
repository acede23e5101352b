"""Compare the logits of the original networks with ours, for the same weights and input.

    python -m scripts.check_parity ORIGINALS [--only caddm/resnet34] [--out parity.md]

ORIGINALS is a folder with the checkouts, whose names end in CADDM, TALL4Deepfake, DeepfakeBench,
DeepFake-Adapter, LipFD and GenD. Some of them import timm, einops and torchvision, which the rest
of the toolkit does not need: ``pip install --no-deps --target SITE torchvision==0.28.0 timm
einops``, and pass ``--site SITE``.

For every variant, the original network is built and ALL its tensors are drawn at random (batch
statistics are then measured, so that activations stay in range). Its official file is written,
``thb.convert`` reads it, and the saved model is loaded again and compared. With ``--tiny`` the same
is done for small networks of the same classes, and ``--write FOLDER`` keeps the original's answers,
with which the tests compare.
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

if not __package__:  # run as a file, not by python -m
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from detectors.base import count_parameters
from detectors.convert import convert
from detectors.registry import load_detector
from detectors.torchvision_guard import make_torchvision_importable
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
        """The cells of the line as the table prints them."""
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
    """Check the chosen variants; return 0 if every difference is within the tolerance, else 1."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("originals", type=Path)
    parser.add_argument("--site", type=Path, help="folder with the originals' own dependencies")
    parser.add_argument("--only", default="", help="detector, or detector/variant")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--tiny", action="store_true", help="small networks of the same classes")
    parser.add_argument("--write", type=Path, help="with --tiny: folder for the original's answers")
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
    make_torchvision_importable()


def find_checkout(originals: Path, name: str) -> Path:
    """Return the folder whose name ends with the original's name."""
    found = [path for path in sorted(originals.iterdir()) if path.name.endswith(name)]
    if not found:
        raise SystemExit(f"{originals} holds no checkout of {name}")
    return found[0].resolve()


def randomise(original: Original, seed: int) -> dict[str, Tensor]:
    """Draw all floating tensors of the network, except buffers that follow from its shape."""
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
    """Measure batch statistics on the input, so that random layers neither vanish nor explode."""
    norms = [
        module
        for module in original.network.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
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
    """Write the official file, convert it, load the saved model, and compare the logits."""
    network = original.network.eval()
    randomise(original, SEED)
    pixel_values = draw_input(2, original.shape, original.scale, SEED)
    calibrate(original, pixel_values)
    with tempfile.TemporaryDirectory() as name:
        file, folder = Path(name) / "official.pth", Path(name) / "ours"
        torch.save(original.wrap(network.state_dict()), file)
        if original.settings:
            settings = json.dumps(original.settings)
            (file.parent / "config.json").write_text(settings, encoding="utf-8")
        report = convert(detector, file, folder)
        file.unlink()
        model = load_detector(folder)
    # In an EfficientNet, random layers amplify rounding beyond the size of a mistake.
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
        ours=count_parameters(model),
        largest=float((ours - wanted).abs().max()),
        both=both,
    )


def find_both(network: nn.Module, model: nn.Module, pixel_values: Tensor, theirs: Tensor) -> float:
    """Return the largest difference of the official head's two logits on our features."""
    head = [
        layer
        for layer in network.modules()
        if isinstance(layer, nn.Linear) and layer.out_features == 2
    ]
    seen: list[Tensor] = []
    hook = model.get_submodule("classifier").register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    model(pixel_values)
    hook.remove()
    return float((head[-1](seen[0]) - theirs).abs().max())


def write_answers(original: Original, detector: str, variant: str, folder: Path | None) -> None:
    """Write the answers of a tiny original, with all that is needed to compare ours with them."""
    state = randomise(original, SEED)
    pixel_values = draw_input(2, original.shape, original.scale, SEED)
    with torch.no_grad():
        # In float64, the answers do not depend on a machine's rounding.
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
        **({"settings": original.settings} if original.settings else {}),
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
