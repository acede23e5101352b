"""The half precision of a training."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any, Final

import torch

_KINDS: Final = {"fp16": torch.float16, "bf16": torch.bfloat16}


def autocast(device: torch.device, precision: str) -> Any:  # noqa: ANN401 — one of two managers
    """Return the context in which a network's products are computed in a precision.

    Mixed precision is torch's own, because Accelerate's is fixed for the life of the process.

    Args:
        device: The device of the network.
        precision: ``fp16``, ``bf16`` or ``no``.
    """
    kind = _KINDS.get(precision)
    return nullcontext() if kind is None else torch.autocast(device.type, dtype=kind)
