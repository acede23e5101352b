"""The face finder that uses InsightFace's ``FaceAnalysis`` with a pack of weights.

InsightFace uses any existing pack folder without a check, and downloads without a question or a
time limit. Here a pack is checked first, and it is downloaded only if its licence has been
accepted. The models run on one thread.
"""

from __future__ import annotations

import os
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import FacePackError
from thb_dataset.faces.crops import align_for_embedding
from thb_dataset.faces.pack_download import download_or_give_up
from thb_dataset.faces.packs import (
    BUFFALO_L_SHA256,
    INSIGHTFACE_LICENCE,
    FacePack,
    read_pack_folder,
    read_pack_note,
    verify_file,
)
from thb_dataset.faces.values import DETECTION_SIDES, FALLBACK_SIDE, Face, merge_sizes

if TYPE_CHECKING:
    from insightface.app import FaceAnalysis

LICENCE_VARIABLE: Final = "THB_ACCEPT_INSIGHTFACE_LICENCE"
BUFFALO_L: Final = "buffalo_l"
ARCFACE_SAME_PERSON: Final = 0.4
"""A provisional value for 512-dimensional ArcFace packs, never calibrated on their weights.

Calibrate it with :func:`thb_dataset.identity.known_people.calibrate_threshold` before trusting it.
"""

SCORE: Final = 0.5


def load_insightface_finder(
    name: str | Path, *, accept_licence: bool = False, root: Path | None = None
) -> InsightFaceFinder:
    """Load ``buffalo_l`` or a pack folder; see :func:`thb_dataset.faces.finder.load_face_finder`.

    Args:
        name: ``buffalo_l`` or a folder with ONNX files.
        accept_licence: Whether the licence of a pack that must be downloaded is accepted.
        root: InsightFace's folder; None stands for ``~/.insightface``.

    Raises:
        FacePackError: There is no such pack, it is damaged, or its licence is not accepted.
    """
    if str(name) == BUFFALO_L:
        folder = _ensure_buffalo_l(root or Path("~/.insightface").expanduser(), accept_licence)
        return InsightFaceFinder(folder, name=BUFFALO_L)
    folder = Path(name).expanduser()
    if not folder.is_dir():
        raise FacePackError(
            f"face pack: {str(name)!r} is neither 'embedded', 'buffalo_l' nor a folder"
        )
    return InsightFaceFinder(folder, name=folder.resolve().name)


class InsightFaceFinder:
    """Finds and embeds faces with the models of a pack folder.

    Attributes:
        pack: The weights that it uses.
    """

    def __init__(self, folder: Path, *, name: str, provider: str = "CPUExecutionProvider") -> None:
        """Check the folder, load its detector and recogniser, and check where they run.

        Args:
            folder: The folder with the ONNX files.
            name: The name of the pack, for records.
            provider: The ONNX Runtime provider that the models must run on.

        Raises:
            FacePackError: The folder holds no pack, a file is altered, the models run on another
                provider, or InsightFace is not installed.
        """
        digests = read_pack_folder(folder)
        analysis = _load_analysis(folder, provider)
        self._detector: Any = analysis.det_model
        self._recogniser: Any = analysis.models.get("recognition")
        dim = 0 if self._recogniser is None else int(self._recogniser.output_shape[1])
        self.pack = _describe_pack(folder, name, digests, dim)

    def find(self, rgb: npt.NDArray[np.uint8], *, embed: bool = False) -> list[Face]:
        """Return the faces of a frame, the largest first; see ``FaceFinder.find``."""
        bgr = np.ascontiguousarray(rgb[..., ::-1])
        found = [self._detect(bgr, side) for side in DETECTION_SIDES]
        if not any(found) and max(rgb.shape[:2]) > DETECTION_SIDES[-1]:
            found = [self._detect(bgr, FALLBACK_SIDE)]
        faces = merge_sizes(found)
        if embed:
            faces = [replace(face, embedding=self.embed(rgb, face)) for face in faces]
        return faces

    def embed(self, rgb: npt.NDArray[np.uint8], face: Face) -> npt.NDArray[np.float32]:
        """Return the embedding of a face; see ``FaceFinder.embed``.

        Raises:
            FacePackError: The pack holds no recognition model.
        """
        if self._recogniser is None:
            raise FacePackError(f"face pack: {self.pack.name} holds no recognition model")
        crop = align_for_embedding(rgb, face.points)
        raw = self._recogniser.get_feat(np.ascontiguousarray(crop[..., ::-1]))
        vector = np.asarray(raw, np.float32).reshape(-1)
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    def _detect(self, bgr: npt.NDArray[np.uint8], side: int) -> list[Face]:
        if min(bgr.shape[:2]) * side < max(bgr.shape[:2]):
            return []  # InsightFace would scale a narrow stripe down to no pixels and raise
        boxes, points = self._detector.detect(bgr, input_size=(side, side), det_thresh=SCORE)
        return [
            Face(
                box=np.asarray(box[:4], np.float32),
                points=np.asarray(five, np.float32),
                score=float(box[4]),
            )
            for box, five in zip(boxes, points, strict=True)
        ]


def _load_analysis(folder: Path, provider: str) -> FaceAnalysis:
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime reads it when it is loaded
    try:
        import onnxruntime
        from insightface.app import FaceAnalysis
    except ImportError as error:
        raise FacePackError(
            "face pack: InsightFace is not installed; pip install 'talkingheadbench[insightface]'"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        analysis = FaceAnalysis(
            name=str(folder),
            allowed_modules=["detection", "recognition"],
            providers=[provider],
            sess_options=options,
        )
        analysis.prepare(ctx_id=-1 if provider.startswith("CPU") else 0, det_thresh=SCORE)
    except Exception as error:  # InsightFace asserts, ONNX Runtime raises types of its own
        raise FacePackError(f"face pack: {folder} cannot be loaded: {error!r}") from error
    for task, model in analysis.models.items():
        running = model.session.get_providers()
        if running[0] != provider:
            raise FacePackError(f"face pack: {task} runs on {running[0]}, not on {provider}")
    if not getattr(analysis.det_model, "use_kps", False):
        raise FacePackError(f"face pack: the detector of {folder} gives no points")
    return analysis


def _describe_pack(folder: Path, name: str, digests: dict[str, str], dim: int) -> FacePack:
    import insightface

    note = read_pack_note(folder)
    return FacePack(
        name=name,
        backend=f"insightface {insightface.__version__}",
        licence=note.get("licence", INSIGHTFACE_LICENCE),
        embedding_dim=dim,
        same_person=note.get("same_person", ARCFACE_SAME_PERSON),
        sha256s=digests,
    )


def _ensure_buffalo_l(root: Path, accept_licence: bool) -> Path:
    """Return the folder of ``buffalo_l``, which is downloaded only if its licence is accepted."""
    folder = root / "models" / BUFFALO_L
    if not folder.exists():
        if not (accept_licence or os.environ.get(LICENCE_VARIABLE) == "1"):
            raise FacePackError(
                f"face pack: buffalo_l is not in {folder}. {INSIGHTFACE_LICENCE}. "
                f"To accept this and download it (about 290 MB), set {LICENCE_VARIABLE}=1"
            )
        _download_buffalo_l(root)
    for name, expected in BUFFALO_L_SHA256.items():
        try:
            verify_file(folder / name, expected)
        except FacePackError as error:
            raise FacePackError(f"{error}; remove {folder} to download it again") from error
    return folder


def _download_buffalo_l(root: Path) -> None:
    import requests
    from insightface.utils import ensure_available

    print(f"buffalo_l: {INSIGHTFACE_LICENCE}", file=sys.stderr)  # noqa: T201 — the licence is always shown
    try:
        with redirect_stdout(sys.stderr):
            download_or_give_up(
                lambda: ensure_available("models", BUFFALO_L, root=str(root)), root / "models"
            )
    except (requests.RequestException, OSError, RuntimeError) as error:
        raise FacePackError(f"face pack: buffalo_l could not be downloaded: {error}") from error
