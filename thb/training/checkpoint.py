"""The state of a training on disk, so that a killed training continues as if it never stopped.

Tensors are stored as safetensors and everything else as JSON, so reading them runs no code.
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

from thb.runs.identity import explain_differences, explain_other_training
from thb.runs.record import TrainingPlan
from thb.runtime.records import read_json, to_json
from thb.training.validation import Epoch
from thb_dataset.errors import DetectorError
from thb_dataset.files import parse_json

if TYPE_CHECKING:
    from accelerate import Accelerator

FOLDER: Final = "checkpoint"
STATE_FILE: Final = "state.json"
FORMAT: Final = "thb-checkpoint/2"
_TENSORS: Final = ("weights", "kept", "optimiser")


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Everything that the next epochs depend on, besides the recipe and the data.

    Attributes:
        history: The epochs so far.
        weights: The detector's weights.
        kept: The weights of the epoch that is kept so far.
        optimiser: The optimiser's state, by the number of the weight and the name of the value.
        scaler: The state of the gradient scaler; empty unless training in float16.
        random: The random states of one process, the one that stores or reads the checkpoint.
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
        run: The folder of the run; the checkpoint goes into its folder ``checkpoint``.
        plan: What is trained.
        machine: By how many processes and in how many parts.
        rank: The number of this process.
    """

    def __init__(
        self, run: Path, plan: TrainingPlan, *, machine: Mapping[str, int], rank: int = 0
    ) -> None:
        self._folder = run / FOLDER
        self._plan = plan
        self._machine = machine
        self._rank = rank

    def write(self, checkpoint: Checkpoint, accelerator: Accelerator) -> None:
        """Write a checkpoint, complete or not at all, and delete the previous one.

        Every process must call it; the first one writes.

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
            "plan": {**to_json(self._plan), **self._machine},
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
            draft = Path(workshop) / name
            draft.mkdir()
            for part, content in tensors.items():
                whole = {key: value.contiguous() for key, value in content.items()}
                save_file(whole, draft / f"{part}.safetensors")
            (draft / STATE_FILE).write_text(json.dumps(state), encoding="utf-8")
            draft.rename(self._folder / name)
        for older in self._find_all()[:-1]:
            shutil.rmtree(older)

    def read(self) -> Checkpoint | None:
        """Return the newest checkpoint; None if there is none.

        Raises:
            DetectorError: The checkpoint is damaged, or belongs to another training.
        """
        checkpoints = self._find_all()
        if not checkpoints:
            return None
        newest = checkpoints[-1]
        try:
            state = parse_json((newest / STATE_FILE).read_bytes())
            if state["format"] != FORMAT:
                raise DetectorError(f"{newest} is not a {FORMAT}: pass --overwrite to start over")
            self._check(state["plan"], newest)
            # Copied out of the mapped files, whose odd addresses make kernels round differently.
            parts = {
                part: {
                    key: value.clone()
                    for key, value in load_file(newest / f"{part}.safetensors").items()
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
                f"{newest} is damaged ({error}): pass --overwrite to start over"
            ) from error

    def _find_all(self) -> list[Path]:
        """List the complete checkpoints, oldest first."""
        return sorted(self._folder.glob("epoch-*"))

    def _check(self, plan: Mapping[str, Any], folder: Path) -> None:
        # A setting that is younger than the checkpoint is read as its default.
        found = read_json(TrainingPlan, json.dumps(plan))
        then = {name: plan.get(name) for name in self._machine}
        others = [*explain_differences(then, self._machine)]
        if other := explain_other_training(found, self._plan):
            others.append(other)
        if others:
            raise DetectorError(
                f"{folder} was left by another training ({'; '.join(others)}): choose another"
                " --out, or pass --overwrite to replace it"
            )


def _nest(flat: Mapping[str, Tensor]) -> dict[int, dict[str, Tensor]]:
    nested: dict[int, dict[str, Tensor]] = {}
    for name, value in flat.items():
        number, _, key = name.partition(".")
        nested.setdefault(int(number), {})[key] = value
    return nested


def store_random(device: torch.device) -> dict[str, Any]:
    """Return the state of every random generator of this process, as JSON values."""
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
    """Restore the states that :func:`store_random` returned."""
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
