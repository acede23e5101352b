"""Everything outside the data that can change a score: versions, devices, decoder, face pack."""

from __future__ import annotations

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

PACKAGES = (
    "talkingheadbench",
    "torch",
    "transformers",
    "accelerate",
    "safetensors",
    "timm",
    "numpy",
    "av",
    "opencv-python-headless",
    "opencv-python",
    "onnxruntime",
    "insightface",
    "pyarrow",
    "datasets",
    "huggingface_hub",
)
"""Packages whose version can change a pixel, a face, a logit or a record."""


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that can change a score; absent ones are left out."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def environment(face_pack: str = "embedded") -> dict[str, Any]:
    """Return everything about this machine that can change a score, as plain JSON values.

    Args:
        face_pack: The face pack to describe: ``"embedded"``, an InsightFace pack or its folder.

    Examples:
        >>> found = thb.environment()
        >>> found["face_pack"]["name"], sorted(found["decoder"])[:2]
        ('embedded', ['ffmpeg', ...])
    """
    from thb.runtime.cache import cache_folder
    from thb_dataset.hub.patience import VARIABLE, patience_seconds

    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
        "decoder": _describe_decoder(),
        "devices": _describe_devices(),
        "face_pack": _describe_face_pack(face_pack),
        "folders": {
            "python": sys.prefix,
            "cache": str(cache_folder()),
        },
        "hub": {"address": _find_endpoint(), VARIABLE: patience_seconds()},
        "variables": {
            name: os.environ[name]
            for name in sorted(os.environ)
            if name.startswith(("THB_", "HF_HUB_OFFLINE", "OMP_NUM_THREADS", "CUDA_VISIBLE"))
        },
    }


def _find_endpoint() -> str:
    from huggingface_hub import constants

    return str(constants.ENDPOINT)


def _describe_decoder() -> dict[str, str]:
    import av

    libraries = {
        name: ".".join(map(str, numbers)) for name, numbers in sorted(av.library_versions.items())
    }
    return {"pyav": av.__version__, "ffmpeg": getattr(av, "ffmpeg_version_info", ""), **libraries}


def _describe_devices() -> dict[str, Any]:
    try:
        import torch
    except ImportError:
        return {"torch": "not installed: pip install 'talkingheadbench[models]'"}
    cuda = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    return {
        "cpu_cores": os.cpu_count(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "torch_threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
        "gpus": cuda,
        "mps": torch.backends.mps.is_available(),
    }


def _describe_face_pack(name: str) -> dict[str, Any]:
    from thb_dataset.errors import FacePackError
    from thb_dataset.faces.finder import load_face_finder

    try:
        return load_face_finder(name).pack.to_dict()
    except FacePackError as error:
        return {"name": name, "unusable": str(error)}
