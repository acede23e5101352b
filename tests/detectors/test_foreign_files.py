"""Files that are no checkpoints are refused by what they are, in words of ours."""

from __future__ import annotations

import argparse
import gzip
import io
import tarfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from detectors.conversion import Dropped, read_checkpoint
from detectors.df_adapter.conversion import LAYOUT
from thb_dataset.errors import DetectorError

WEIGHTS = {"a": torch.arange(3.0)}


def save(content: Any, **settings: Any) -> bytes:
    stream = io.BytesIO()
    torch.save(content, stream, **settings)
    return stream.getvalue()


def make_tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("weights.pth"))
    return stream.getvalue()


def make_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("weights.pth", b"")
    return stream.getvalue()


def make_script() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("m/data.pkl", b"")
        archive.writestr("m/constants.pkl", b"")
    return stream.getvalue()


POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
FOREIGN: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "an empty file"),
    "pointer": (lambda: POINTER, "a Git LFS pointer.*git lfs pull"),
    "page": (lambda: b"\n<!DOCTYPE html><html>\xe2\x9a\xa0", "an HTML page.*in a browser"),
    "text": (lambda: b"Not found", "a text file.*'Not found'"),
    "json": (lambda: b'{"error": "quota"}', "a text file.*error"),
    "long text": (lambda: b"a" + "é".encode() * 4000, "a text file"),
    "tar": (make_tar, "a tar archive: unpack it"),
    "gzip": (lambda: gzip.compress(save(WEIGHTS)), "a gzip archive: unpack it"),
    "zip": (make_zip, "a zip archive of other files"),
    "7z": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(60), "a 7z archive"),
    "script": (make_script, "a TorchScript program"),
    "cut off": (lambda: save(WEIGHTS)[:-40], "cut off"),
    "cut off, old": (
        lambda: save(WEIGHTS, _use_new_zipfile_serialization=False)[:-8],
        "damaged or cut off",
    ),
    "noise": (lambda: bytes(range(128, 256)) * 9, "damaged or cut off, or no checkpoint"),
    "hdf5": (lambda: b"\x89HDF\r\n\x1a\n" + bytes(60), "an HDF5 file"),
    "namespace": (lambda: save({"args": argparse.Namespace(a=1)}), "it holds argparse.Namespace"),
    "number": (lambda: save({"best": np.float64(0.5)}), r"it holds numpy\._core\.multiarray"),
    "model": (lambda: save(nn.Linear(1, 1)), "it holds torch.nn.modules.linear.Linear"),
    "old number": (
        lambda: save({"best": np.float64(0.5)}, _use_new_zipfile_serialization=False),
        "it holds numpy",
    ),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_stands_in_the_way_is_said(kind: str, tmp_path: Path) -> None:
    make, words = FOREIGN[kind]
    file = tmp_path / "weights.pth"
    file.write_bytes(make())
    with pytest.raises(DetectorError, match=words) as caught:
        read_checkpoint(file)
    message = str(caught.value)
    assert message.isprintable(), "no line breaks and no escape codes"
    assert "weights_only" not in message
    assert "safe_globals" not in message


def test_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DetectorError, match="no such file"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["a.safetensors", "a.pth"])
def test_safetensors_are_read_whatever_their_name(name: str, tmp_path: Path) -> None:
    save_file(WEIGHTS, tmp_path / name)
    assert read_checkpoint(tmp_path / name)["a"].tolist() == [0, 1, 2]
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-4])
    with pytest.raises(DetectorError, match="cut off"):
        read_checkpoint(tmp_path / name)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("module", ["numpy._core.multiarray", "numpy.core.multiarray"])
def test_a_best_model_whose_auc_is_a_numpy_number_is_read(
    module: str, zipped: bool, tmp_path: Path
) -> None:
    content = {"best_state_dict": OrderedDict(WEIGHTS), "best_val_auc": np.float64(0.97)}
    data = save(content, _use_new_zipfile_serialization=zipped)
    if zipped:
        data = rename_in_zip(data, b"cnumpy._core.multiarray", f"c{module}".encode())
    else:
        data = data.replace(b"cnumpy._core.multiarray", f"c{module}".encode())
    file = tmp_path / "best_model.pt"
    file.write_bytes(data)
    read = read_checkpoint(file, harmless=LAYOUT.harmless)
    assert read["best_state_dict"]["a"].tolist() == [0, 1, 2]
    assert isinstance(read["best_val_auc"], Dropped), "NumPy's own functions are never called"
    with pytest.raises(DetectorError, match="it holds numpy"):
        read_checkpoint(file)


def rename_in_zip(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return a checkpoint whose pickle names another module, as another NumPy would write it."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as given, zipfile.ZipFile(made, "w") as out:
        for entry in given.infolist():
            out.writestr(entry, given.read(entry).replace(old, new))
    return made.getvalue()


def test_other_objects_beside_a_numpy_number_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "best_model.pt"
    file.write_bytes(save({"best_state_dict": WEIGHTS, "args": argparse.Namespace()}))
    with pytest.raises(DetectorError, match=r"it holds argparse\.Namespace"):
        read_checkpoint(file, harmless=LAYOUT.harmless)
