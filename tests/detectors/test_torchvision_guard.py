"""A torchvision that was built for CUDA no longer breaks transformers beside a CPU torch.

The cases run in processes of their own: an import that failed cannot be taken back.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

LACKING = """
import torch
@torch.library.register_fake("torchvision::nms")
def fake(dets, scores, iou_threshold):
    return dets
"""
"""The step of the real import that fails if its extension cannot be loaded."""


def run(script: str, *paths: Path) -> str:
    ahead = f"import sys; sys.path[:0] = {[str(path) for path in paths]!r}\n"
    done = subprocess.run(
        [sys.executable, "-c", ahead + script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def make_torchvision(folder: Path, code: str) -> Path:
    (folder / "torchvision").mkdir()
    (folder / "torchvision" / "__init__.py").write_text(code)
    return folder


ASK = """
from runpy import run_path
print(run_path("detectors/torchvision_guard.py")["make_torchvision_importable"]())
import torchvision
"""


def test_a_torchvision_that_lacks_its_operators_is_mended(tmp_path: Path) -> None:
    assert run(ASK, make_torchvision(tmp_path, LACKING)) == "True"


def test_a_sound_one_is_left_alone(tmp_path: Path) -> None:
    declared = "import torch\nprint(hasattr(torch.ops.torchvision, 'nms'))"
    assert run(ASK + declared, make_torchvision(tmp_path, "")) == "False\nFalse"


def test_another_fault_is_not_hidden(tmp_path: Path) -> None:
    broken = make_torchvision(tmp_path, "raise RuntimeError('something else')")
    script = ASK.replace("print(", "try:\n    print(").replace(
        "import torchvision", "except RuntimeError as error:\n    print(error)"
    )
    assert run(script, broken) == "something else"


@pytest.mark.skipif(find_spec("torchvision") is None, reason="torchvision is not installed")
def test_models_and_grad_cam_import_beside_the_real_one() -> None:
    script = "import detectors.base\nfrom transformers import SwinModel\nimport torchvision\n"
    if find_spec("pytorch_grad_cam") is not None:
        script += "import pytorch_grad_cam\n"
    assert run(script + "print('imported')") == "imported"
