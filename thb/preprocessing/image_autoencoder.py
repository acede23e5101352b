"""Pictures passed through an image autoencoder, as every picture of a latent generator was.

Hallo, Hallo2 and AniPortrait decode their pictures by one autoencoder. What its decoder leaves in
a picture can be had without a generator: a real picture is encoded and decoded again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from thb_dataset.errors import DetectorError, ReleaseError
from thb_dataset.files import digest_file

if TYPE_CHECKING:
    import torch

    from thb_dataset.faces.finder import FaceFinder
    from thb_dataset.video.values import Frames

CONFIG_FILE: Final = "config.json"
WEIGHTS_FILE: Final = "diffusion_pytorch_model.safetensors"
"""The files of an autoencoder in the layout of diffusers; no other format of weights is read."""

PICTURES_AT_ONCE: Final = 4


class ImageAutoencoder:
    """An ``AutoencoderKL`` of diffusers that alters pictures by encoding and decoding them.

    The weights are read when the first picture is asked for, because the store may hold all clips.

    Args:
        folder: The folder with its config and weights.
        device: Where it computes.

    Raises:
        DetectorError: A file is missing.
    """

    def __init__(self, folder: Path, device: torch.device) -> None:
        missing = [name for name in (CONFIG_FILE, WEIGHTS_FILE) if not (folder / name).is_file()]
        if missing:
            raise DetectorError(
                f"{folder} holds no autoencoder in the layout of diffusers: {', '.join(missing)} is"
                " missing; give a folder with both files, or an id of the Hub"
            )
        self._folder, self._device = folder, device
        self._lock = threading.Lock()
        self._model: Any = None
        self.sha256 = digest_file(folder / WEIGHTS_FILE)
        self._config_sha256 = digest_file(folder / CONFIG_FILE)

    @property
    def identity(self) -> Mapping[str, Any]:
        """The JSON values that the changed pictures depend on."""
        digests = {"weights_sha256": self.sha256, "config_sha256": self._config_sha256}
        return {"kind": "autoencoder", "version": 1, **digests}

    def alter(self, frames: Frames, finder: FaceFinder) -> Iterator[npt.NDArray[np.uint8]]:
        """Yield each picture encoded and decoded.

        Args:
            frames: The pictures, uint8 (T, S, S, 3), RGB.
            finder: Not used: the whole picture is changed, as the generators make the whole.

        Raises:
            DetectorError: The autoencoder cannot be loaded, or gives pictures of another size.
        """
        for begin in range(0, len(frames.pixels), PICTURES_AT_ONCE):
            with self._lock:  # several threads make clips, and one network serves them
                yield from self._pass_through(frames.pixels[begin : begin + PICTURES_AT_ONCE])

    def _pass_through(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        import torch

        if self._model is None:
            self._model = _load(self._folder).to(self._device)
        with torch.inference_mode():
            values = torch.from_numpy(pixels).to(self._device).movedim(-1, 1).float() / 127.5 - 1
            # The middle of the posterior and no draw from it: the same picture gives the same one.
            latent = self._model.encode(values).latent_dist.mode()
            values = self._model.decode(latent).sample.movedim(1, -1)
            values = ((values + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        decoded: npt.NDArray[np.uint8] = values.cpu().numpy()
        if decoded.shape != pixels.shape:
            raise DetectorError(
                f"the autoencoder turns pictures of {pixels.shape[1:3]} into"
                f" {decoded.shape[1:3]}: choose a reencoding_side that it can divide, such as 512"
            )
        return decoded


def _load(folder: Path) -> Any:  # noqa: ANN401 — a class of diffusers, which has no types of use
    """Load an autoencoder from its two files; nothing is downloaded and no code of it is run.

    Raises:
        DetectorError: diffusers is not installed, or the files do not fit each other.
    """
    import detectors.base  # noqa: F401 — it guards against a torchvision that does not fit torch

    try:
        from diffusers import AutoencoderKL
    except ModuleNotFoundError as error:
        raise DetectorError(
            "the image autoencoder is diffusers': pip install 'talkingheadbench[diffusers]', or"
            " leave 'autoencoder' out of pseudo_fakes"
        ) from error
    try:
        model: Any = AutoencoderKL.from_pretrained(  # type: ignore[no-untyped-call]
            folder, use_safetensors=True, local_files_only=True, low_cpu_mem_usage=False
        )
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise DetectorError(f"{folder} cannot be loaded as an AutoencoderKL: {reason}") from error
    return model.eval().requires_grad_(False)


def find_autoencoder(name: str, *, progress: bool = True) -> Path:
    """Return the folder of an autoencoder, downloaded from the Hub if need be.

    Args:
        name: A folder, or an id of the Hub with the revision after an ``@``.
        progress: Show the bar of the Hub's client.

    Raises:
        DetectorError: It is no folder, and it cannot be had from the Hub.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    repo, _, revision = name.partition("@")
    if repo.count("/") != 1 or not revision:
        raise DetectorError(
            f"autoencoder={name!r} is neither a folder nor ID@REVISION of the Hub, such as"
            " stabilityai/sd-vae-ft-mse@main"
        )
    from huggingface_hub import hf_hub_download

    from thb_dataset.hub.errors import explained_hub_errors
    from thb_dataset.hub.release import quiet_bar

    bar = None if progress else quiet_bar()
    try:
        with explained_hub_errors(repo, revision, repo_type="model"):
            files = [
                Path(hf_hub_download(repo, file, revision=revision, tqdm_class=bar))
                for file in (CONFIG_FILE, WEIGHTS_FILE)
            ]
    except ReleaseError as error:
        raise DetectorError(
            f"the autoencoder cannot be fetched: {error}. Where the Hub answers, run\n"
            f"  hf download {repo} {CONFIG_FILE} {WEIGHTS_FILE} --revision {revision} --local-dir"
            " autoencoder\nand train with --set autoencoder=autoencoder"
        ) from error
    return files[0].parent
