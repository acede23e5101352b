"""Fixtures for faces: the two finders, and a portrait to find a face in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from thb_dataset.faces.finder import FaceFinder, load_face_finder
from thb_dataset.mini.flaws import Flaws
from thb_dataset.mini.motion import make_motion, make_speech
from thb_dataset.mini.plan import chance
from thb_dataset.mini.portrait import make_portrait
from thb_dataset.mini.render import Camera, render_frames


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
    """uint8 (512, 512, 3) RGB: a drawn person above the middle of a grey picture, one face."""
    rng = chance(0, "two")
    motion = make_motion(make_speech(8, rng), rng)
    camera = Camera(grain=0, shake=0)
    frame = next(render_frames(make_portrait(rng), motion, Flaws(), camera, rng))
    picture = np.full((512, 512, 3), 110, np.uint8)
    picture[:256, 90:346] = frame
    return picture
