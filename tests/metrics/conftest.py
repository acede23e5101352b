"""Let the metric's tests run alone where torchvision was built for another torch than ours.

`evaluate` imports transformers if it is installed, and transformers imports torchvision. In the
whole suite the detectors come first and guard against that; the metric itself knows no torch.
"""

from __future__ import annotations

from importlib.util import find_spec

if find_spec("torch") is not None:
    from detectors.torchvision_guard import make_torchvision_importable

    make_torchvision_importable()
