"""What stands in the way of reading a checkpoint, in words of ours.

torch's own messages are long, hold escape codes, and advise to read the file without protection.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Final

from thb_dataset.files import find_fault

_HEAD_BYTES: Final = 1024
_TAR_MARK: Final = slice(257, 262)
_ARCHIVES: Final = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!": "rar",
}
_OTHER_FORMATS: Final = {
    b"\x89HDF": "an HDF5 file",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"\x93NUMPY": "a NumPy array",
    b"GGUF": "a GGUF file",
}
_ZIP: Final = b"PK\x03\x04"
_TORCH_ENTRY: Final = "data.pkl"
_SCRIPT_ENTRY: Final = "constants.pkl"
_NAMED: Final = re.compile(r"\bGLOBAL ([\w.]+)")
_SAVE_STATE: Final = (
    "nothing else is read, because such objects can run code. Download the official file again, or"
    " have the one who made this file save the state dict alone"
)


def describe_foreign(path: Path) -> str | None:
    """Return what a file is, and what to do, if its first bytes show that it is no checkpoint.

    Args:
        path: A file that should be a checkpoint.

    Returns:
        None if it may be a checkpoint.

    Raises:
        OSError: The file cannot be read.
    """
    fault = find_fault(path)
    if fault is not None:
        return f"{fault}; give the official checkpoint"
    with path.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if head.startswith(_ZIP):
        return _describe_zip(path)
    archive = next((name for mark, name in _ARCHIVES.items() if head.startswith(mark)), None)
    if head[_TAR_MARK] == b"ustar":
        archive = "tar"
    if archive is not None:
        return f"a {archive} archive: unpack it, and give the checkpoint that is in it"
    kind = next((name for mark, name in _OTHER_FORMATS.items() if head.startswith(mark)), None)
    if kind is not None:
        return f"{kind}, not a checkpoint: give the file that torch.save wrote"
    return _describe_text(head)


def is_safetensors(path: Path) -> bool:
    """Say whether a file holds safetensors, whatever its name: a JSON header after its length."""
    with path.open("rb") as stream:
        head = stream.read(9)
    return len(head) == 9 and head[8:] == b"{" and 2 <= _little(head[:8]) <= path.stat().st_size - 8


def explain_refusal(error: Exception) -> str:
    """Return what stands in the way of reading a file that looks like a checkpoint.

    Args:
        error: torch's refusal.
    """
    text = str(error)
    named = _NAMED.search(text)
    if named:
        return f"it holds {named[1][:80]} beside its weights; {_SAVE_STATE}"
    if type(error).__name__ == "UnpicklingError" and "must be imported" in text:
        return f"it holds tensors that are spread over machines; {_SAVE_STATE}"
    if type(error).__name__ == "UnpicklingError" and "Unsupported operand" not in text:
        return f"it holds objects beside its weights; {_SAVE_STATE}"
    return (
        "it is damaged or cut off, or no checkpoint at all: download it again, and compare its size"
        " with the published one"
    )


def _describe_zip(path: Path) -> str | None:
    """Return what a ZIP archive is if it is not one that ``torch.save`` writes."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.rpartition("/")[2] for name in archive.namelist()}
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return "a damaged or cut off checkpoint: download it again"
    if _SCRIPT_ENTRY in names:
        return "a TorchScript program, not weights: give the state dict that torch.save wrote"
    if _TORCH_ENTRY not in names:
        return "a zip archive of other files: unpack it, and give the checkpoint that is in it"
    return None


def _describe_text(head: bytes) -> str | None:
    """Return what a text is if the file is one."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:  # the last letter may be cut in two
            return None
        text = head[: error.start].decode("utf-8")
    if not all(letter.isprintable() or letter.isspace() for letter in text):
        return None
    start = text.lstrip("\ufeff \t\r\n")
    if start[:14].lower().startswith(("<!doctype html", "<html", "<head")):
        return (
            "an HTML page, not a checkpoint: the link led to a page that asks for a login or a"
            " confirmation; download the file in a browser"
        )
    words = " ".join(start.split())[:40]
    return f"a text file, not a checkpoint; it begins with {words!r}: download the file again"


def _little(number: bytes) -> int:
    return int.from_bytes(number, "little")
