"""A training's state on disk, so that it goes on after a kill as if nothing had happened.

Tensors are safetensors and all else is JSON: nothing here can run code when it is read.
"""

from __future__ import annotations

import base64
import json
import random
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from accelerate.utils import gather_object
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from thb.training.validation import Epoch
from thb_dataset.errors import DetectorError

if TYPE_CHECKING:
    from accelerate import Accelerator

FOLDER: Final = "checkpoint"
STATE_FILE: Final = "state.json"
FORMAT: Final = "thb-checkpoint/2"
_TENSORS: Final = ("weights", "kept", "optimiser")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """All that the epochs to come depend on, beside the recipe and the data.

    Attributes:
        history: The epochs so far.
        weights: The detector's.
        kept: Those of the best epoch so far.
        optimiser: Its state for each weight, by the weight's number and the state's name.
        scaler: Of the gradients in float16; empty without one.
        random: The random states of the process that reads it.
    """

    history: tuple[Epoch, ...]
    weights: dict[str, Tensor]
    kept: dict[str, Tensor]
    optimiser: Mapping[int, Mapping[str, Tensor]]
    scaler: dict[str, Any]
    random: dict[str, Any]


class CheckpointFolder:
    """The newest checkpoint of one training, in the folder that the run will fill.

    Args:
        run: Folder of the run; ``checkpoint/`` in it is used.
        plan: What is trained, and by how many processes in how many parts.
        rank: Number of this process.
    """

    def __init__(self, run: Path, plan: Mapping[str, Any], *, rank: int = 0) -> None:
        self._folder = run / FOLDER
        self._plan = json.loads(json.dumps(plan))
        self._rank = rank

    def write(self, checkpoint: Checkpoint, accelerator: Accelerator) -> None:
        """Write a checkpoint, complete or not at all, and drop the one before.

        Every process calls it; the first one writes.

        Raises:
            OSError: The folder cannot be written.
        """
        states = gather_object([checkpoint.random])
        if accelerator.is_main_process:
            self._write(checkpoint, states)
        accelerator.wait_for_everyone()

    def _write(self, checkpoint: Checkpoint, states: list[dict[str, Any]]) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"epoch-{len(checkpoint.history):05d}"
        state = {
            "format": FORMAT,
            "plan": self._plan,
            "history": [epoch.to_dict() for epoch in checkpoint.history],
            "scaler": checkpoint.scaler,
            "random": states,
        }
        tensors = {
            "weights": checkpoint.weights,
            "kept": checkpoint.kept,
            "optimiser": {
                f"{number}.{key}": value.detach().to("cpu", copy=True).contiguous()
                for number, entries in checkpoint.optimiser.items()
                for key, value in entries.items()
            },
        }
        with tempfile.TemporaryDirectory(dir=self._folder, prefix=".writing-") as workshop:
            made = Path(workshop) / name
            made.mkdir()
            for part, content in tensors.items():
                whole = {key: value.contiguous() for key, value in content.items()}
                save_file(whole, made / f"{part}.safetensors")
            (made / STATE_FILE).write_text(json.dumps(state), encoding="utf-8")
            made.rename(self._folder / name)
        for other in self._find_all()[:-1]:
            shutil.rmtree(other)

    def read(self) -> Checkpoint | None:
        """Return the newest checkpoint, None where there is none.

        Raises:
            DetectorError: It is damaged, or of another training.
        """
        found = self._find_all()
        if not found:
            return None
        try:
            state = json.loads((found[-1] / STATE_FILE).read_text(encoding="utf-8"))
            if state["format"] != FORMAT:
                raise DetectorError(f"{found[-1]} is no {FORMAT}: say --overwrite to begin anew")
            self._check(state["plan"], found[-1])
            # Copied out of the mapped files, whose odd addresses make kernels round differently.
            parts = {
                part: {
                    key: value.clone()
                    for key, value in load_file(found[-1] / f"{part}.safetensors").items()
                }
                for part in _TENSORS
            }
            return Checkpoint(
                history=tuple(Epoch(**epoch) for epoch in state["history"]),
                weights=parts["weights"],
                kept=parts["kept"],
                optimiser=_nest(parts["optimiser"]),
                scaler=state["scaler"],
                random=state["random"][self._rank],
            )
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise DetectorError(
                f"{found[-1]} is damaged ({error}): say --overwrite to begin anew"
            ) from error

    def _find_all(self) -> list[Path]:
        """List the complete checkpoints, oldest first."""
        return sorted(self._folder.glob("epoch-*"))

    def _check(self, plan: Mapping[str, Any], folder: Path) -> None:
        other = [name for name in {*plan, *self._plan} if plan.get(name) != self._plan.get(name)]
        if other:
            raise DetectorError(
                f"{folder} was left by another training ({', '.join(sorted(other))} differ):"
                " choose another --out, or say --overwrite to lose it"
            )


def _nest(flat: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    nested: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        number, _, key = name.partition(".")
        nested.setdefault(int(number), {})[key] = value
    return nested


def store_random(device: torch.device) -> dict[str, Any]:
    """Return the states of every source of chance of this process, as JSON values."""
    version, words, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state(legacy=True)
    state: dict[str, Any] = {
        "python": [version, list(words), gauss],
        "numpy": [kind, [int(key) for key in keys], *rest],
        "torch": _encode(torch.get_rng_state()),
    }
    if device.type == "cuda":
        state["cuda"] = _encode(torch.cuda.get_rng_state(device))
    return state


def restore_random(state: Mapping[str, Any], device: torch.device) -> None:
    """Put back what :func:`store_random` returned."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, np.uint32), *rest))
    torch.set_rng_state(_decode(state["torch"]))
    if device.type == "cuda" and "cuda" in state:
        torch.cuda.set_rng_state(_decode(state["cuda"]), device)


def _encode(state: Tensor) -> str:
    return base64.b64encode(state.cpu().numpy().tobytes()).decode("ascii")


def _decode(text: str) -> Tensor:
    return torch.from_numpy(np.frombuffer(base64.b64decode(text), np.uint8).copy())
