"""Keeps a torchvision that was built for CUDA from breaking transformers beside a CPU torch.

The registry's torchvision is built for CUDA. Beside a torch built for the CPU it cannot load its
own operators, ``import torchvision`` fails as two of them are not declared, and with it fails the
import of every model of transformers. Nothing here uses those operators; pytorch-grad-cam and
transformers only want the import to work.
"""

from __future__ import annotations

import importlib
import importlib.util
from typing import Final

import torch

UNDECLARED: Final = ("nms", "qnms")
"""Operators for which torchvision registers shapes at import without having declared them."""

_SIGNATURE: Final = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


def make_torchvision_importable() -> bool:
    """Declare torchvision's missing operators if, and only if, its import fails for want of them.

    Called again it does nothing. The operators themselves stay absent: who calls one gets
    torchvision's own error, which says that its extension could not be loaded.

    Returns:
        Whether they were declared.
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
