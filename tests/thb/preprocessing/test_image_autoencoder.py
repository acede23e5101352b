"""Pictures pass through an autoencoder of diffusers, read from safetensors alone."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import detectors.base  # noqa: F401 — before diffusers, see detectors/torchvision_guard.py
from tests.support.scripted_faces import Script, make_frames
from thb.preprocessing.image_autoencoder import ImageAutoencoder, find_autoencoder
from thb_dataset.errors import DetectorError

diffusers = pytest.importorskip("diffusers")

CPU = torch.device("cpu")
PICTURES = list(np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), np.uint8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An autoencoder of seeded random weights, which halves pictures once."""
    path = tmp_path_factory.mktemp("autoencoder") / "tiny"
    torch.manual_seed(0)
    make_tiny().save_pretrained(path)
    return path


def make_tiny() -> Any:
    return diffusers.AutoencoderKL(
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        layers_per_block=1,
        norm_num_groups=4,
    )


def test_each_picture_is_what_diffusers_itself_makes_of_it(folder: Path) -> None:
    altered = list(ImageAutoencoder(folder, CPU).alter(make_frames(PICTURES), Script({})))
    model = diffusers.AutoencoderKL.from_pretrained(folder).eval()
    for picture, ours in zip(PICTURES, altered, strict=True):
        values = torch.from_numpy(picture).permute(2, 0, 1)[None] / 255 * 2 - 1
        with torch.no_grad():
            theirs = model(values, sample_posterior=False).sample[0].permute(1, 2, 0)
        wanted = ((theirs / 2 + 0.5) * 255).clamp(0, 255).numpy()
        assert ours.dtype == np.uint8
        assert np.abs(ours - wanted).max() <= 0.51
    assert any((ours != picture).any() for ours, picture in zip(altered, PICTURES, strict=True))


def test_the_weights_are_known_by_their_content_and_not_by_their_folder(
    folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    first, copy = (ImageAutoencoder(path, CPU).identity for path in (folder, tmp_path / "copy"))
    assert first == copy
    torch.manual_seed(1)
    make_tiny().save_pretrained(tmp_path / "other")
    assert ImageAutoencoder(tmp_path / "other", CPU).identity != first


def test_a_size_that_the_autoencoder_cannot_keep_is_named(folder: Path) -> None:
    odd = [np.zeros((33, 33, 3), np.uint8)]
    with pytest.raises(DetectorError, match="choose a reencoding_side"):
        list(ImageAutoencoder(folder, CPU).alter(make_frames(odd), Script({})))


def test_pickled_weights_are_not_read(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "pickled")
    (tmp_path / "pickled" / "diffusion_pytorch_model.safetensors").rename(
        tmp_path / "pickled" / "diffusion_pytorch_model.bin"
    )
    with pytest.raises(DetectorError, match=r"diffusion_pytorch_model\.safetensors is missing"):
        ImageAutoencoder(tmp_path / "pickled", CPU)


def test_damaged_weights_are_one_line(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "broken")
    weights = tmp_path / "broken" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])
    broken = ImageAutoencoder(tmp_path / "broken", CPU)
    with pytest.raises(DetectorError, match="cannot be loaded as an AutoencoderKL") as raised:
        list(broken.alter(make_frames(PICTURES[:1]), Script({})))
    assert "\n" not in str(raised.value)


def test_a_name_is_a_folder_or_an_id_with_its_revision(folder: Path) -> None:
    assert find_autoencoder(str(folder)) == folder
    with pytest.raises(DetectorError, match="neither a folder nor ID@REVISION"):
        find_autoencoder("stabilityai/sd-vae-ft-mse")
    with pytest.raises(DetectorError, match="hf download stabilityai/sd-vae-ft-mse"):
        find_autoencoder("stabilityai/sd-vae-ft-mse@main", progress=False)
