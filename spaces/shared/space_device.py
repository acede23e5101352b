"""Where detectors compute: on a ZeroGPU if the Hub gives a share of one, else on this machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

# Only this module imports the Hub's package. This folder's parent has the same name, so where the
# package is not installed, the import may find an empty namespace, which has no GPU.
try:
    from spaces import GPU  # type: ignore[attr-defined] # the Hub's package, not this folder
except ImportError:
    GPU = None

SECONDS_ON_A_GPU: Final = 60
"""The time limit of one detector for one video; ZeroGPU counts it against the visitor's quota."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def on_device(
    function: Callable[_Arguments, _Result], *, seconds: int = SECONDS_ON_A_GPU
) -> Callable[_Arguments, _Result]:
    """Return a function that has a GPU while it runs on ZeroGPU; elsewhere, the function itself.

    Args:
        function: What needs the GPU.
        seconds: Its time limit.
    """
    if GPU is None:
        return function
    wrapped: Callable[_Arguments, _Result] = GPU(duration=seconds)(function)
    return wrapped
