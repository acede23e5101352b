"""Keep a torchvision that was built for CUDA from breaking transformers beside a CPU torch.

The torchvision on PyPI is built for CUDA. Beside a torch that was built for the CPU it cannot load
its own operators: ``import torchvision`` fails because two of them are not declared, and so does
the import of every model of transformers. Nothing here uses those operators; pytorch-grad-cam and
transformers only need the import to work.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Final

import torch

UNDECLARED: Final = ("nms", "qnms")
"""Operators for which torchvision registers shapes at import although it never declared them."""

_SIGNATURE: Final = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def make_torchvision_importable() -> bool:
    """Declare torchvision's missing operators, only if its import fails because they are missing.

    A second call does nothing. The operators themselves stay absent: a call of one of them raises
    torchvision's own error, which says that its extension could not be loaded.

    Returns:
        True if they were declared.
    """
    if importlib.util.find_spec("torchvision") is None:
        return False
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "operator torchvision::nms does not exist" not in str(error):
            raise
    else:
        return False
    for name in UNDECLARED:
        torch.library.define(f"torchvision::{name}", _SIGNATURE)
    importlib.import_module("torchvision")
    return True
