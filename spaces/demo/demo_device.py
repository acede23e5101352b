"""Where detectors compute: a ZeroGPU's share where the Hub gives one, else what is there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, ParamSpec, TypeVar

# The only place that knows of the package: this folder's parent has its name, so that an import
# without it may find an empty namespace, which has no GPU.
try:
    from spaces import GPU  # type: ignore[attr-defined] # the Hub's package, not this folder
except ImportError:
    GPU = None

SECONDS_ON_A_GPU: Final = 60
"""What one detector may take for one video; ZeroGPU counts it against the visitor's quota."""

_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def on_device(function: Callable[_Arguments, _Result]) -> Callable[_Arguments, _Result]:
    """Have a function run with a GPU at hand on ZeroGPU; elsewhere it is left as it is."""
    if GPU is None:
        return function
    wrapped: Callable[_Arguments, _Result] = GPU(duration=SECONDS_ON_A_GPU)(function)
    return wrapped
