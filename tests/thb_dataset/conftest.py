"""Fixtures for faces: the two finders, and a portrait to find a face in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.faces.finder import FaceFinder, load_face_finder
from thb_dataset.mini.portrait import read_astronaut


@pytest.fixture(scope="session")
def embedded_finder() -> FaceFinder:
    return load_face_finder("embedded")


@pytest.fixture(scope="session")
def insightface_pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack folder made from the embedded weights, so that InsightFace runs offline."""
    pytest.importorskip("insightface", reason="needs the extra 'insightface'")
    from tests.support.embedded_pack import build_embedded_pack

    return build_embedded_pack(tmp_path_factory.mktemp("packs") / "embedded_insightface")


@pytest.fixture(scope="session")
def insightface_finder(insightface_pack: Path) -> FaceFinder:
    return load_face_finder(insightface_pack)


@pytest.fixture(scope="session")
def portrait() -> npt.NDArray[np.uint8]:
    """uint8 (512, 512, 3) RGB: NASA's portrait of an astronaut, public domain, one face."""
    return read_astronaut()
