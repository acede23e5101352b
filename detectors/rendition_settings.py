"""Settings of a recipe that make new videos of training videos: encoded again, and pseudo-fakes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, get_args

PseudoFakeKind = Literal["warp", "autoencoder"]

KINDS: Final[tuple[str, ...]] = get_args(PseudoFakeKind)

WORST_CRF: Final = 51
"""The highest constant rate factor of x264 for 8-bit video."""


@dataclass(frozen=True, kw_only=True)
class RenditionSettings:
    """What a training sees instead of, and beside, the videos as they were released.

    All of it is off by default, and none of it touches validation or test videos.

    Attributes:
        reencodings: Random encodings of each training video, real and fake alike; a sample takes
            one of them at random, and the video as it was released is not seen. They take away
            the rate, the size and the compression by which the classes may differ. 0 trains on
            the videos as they are.
        reencoding_crf: The range of x264's constant rate factor, both ends included; the id of
            the video and ``reencoding_seed`` decide.
        reencoding_fps: The frames per second of the encodings.
        reencoding_side: The rows and columns of the encodings; pictures are scaled to fit.
        reencoding_seed: The seed of encodings and pseudo-fakes. It is not ``seed``, so that
            trainings with several seeds share the clips that were made once.
        pseudo_fakes: Kinds of fakes that are made of the training's real videos. Each is encoded
            exactly as its real and stands beside it in a batch, under the same augmentation.
            ``warp``: the face is moved by a smooth random field, as generators do that warp a
            portrait. ``autoencoder``: every picture passes through ``autoencoder``, as the
            pictures of latent generators do. Both need ``reencodings``.
        pseudo_fake_share: The share of the fakes of a batch that are pseudo-fakes.
        autoencoder: An ``AutoencoderKL`` of diffusers: a folder, or ID@REVISION of the Hub.
    """

    reencodings: int = 0
    reencoding_crf: tuple[int, int] = (18, 35)
    reencoding_fps: int = 25
    reencoding_side: int = 512
    reencoding_seed: int = 0
    pseudo_fakes: tuple[str, ...] = ()
    pseudo_fake_share: float = 0.5
    autoencoder: str | None = None

    def find_faults(self) -> list[str]:
        """List the settings that are impossible, each with the reason."""
        faults = [
            f"{name}={getattr(self, name)!r} is not a whole number of {least} or more"
            for name, least in _LEAST.items()
            if type(getattr(self, name)) is not int or getattr(self, name) < least
        ]
        if type(self.reencoding_side) is int and self.reencoding_side % 2:
            faults.append(f"reencoding_side={self.reencoding_side} is odd, which x264 cannot code")
        if not _is_range(self.reencoding_crf):
            faults.append(
                f"reencoding_crf={self.reencoding_crf!r} is not two whole numbers in 0 to"
                f" {WORST_CRF}, the lower one first"
            )
        share = self.pseudo_fake_share
        if type(share) not in (int, float) or not math.isfinite(share) or not 0 < share <= 1:
            faults.append(f"pseudo_fake_share={share!r} is not a number above 0, up to 1")
        return faults + self._find_contradictions()

    def _find_contradictions(self) -> list[str]:
        """List the settings that do not go with one another."""
        strange = [kind for kind in self.pseudo_fakes if kind not in KINDS]
        faults = [f"pseudo_fakes: {kind!r} is not one of {', '.join(KINDS)}" for kind in strange]
        if len(set(self.pseudo_fakes)) < len(self.pseudo_fakes):
            faults.append("pseudo_fakes names a kind twice")
        if self.pseudo_fakes and not self.reencodings:
            faults.append(
                "pseudo_fakes need reencodings of 1 or more: else they would be the only videos"
                " that were encoded once more, and a detector would learn that"
            )
        if "autoencoder" in self.pseudo_fakes and not self.autoencoder:
            faults.append(
                "the pseudo-fakes 'autoencoder' need the setting autoencoder: a folder, or"
                " ID@REVISION of the Hub"
            )
        if self.autoencoder and "autoencoder" not in self.pseudo_fakes:
            faults.append("autoencoder is set, but pseudo_fakes does not hold 'autoencoder'")
        return faults


_LEAST: Final = {
    "reencodings": 0,
    "reencoding_fps": 1,
    "reencoding_side": 16,
    "reencoding_seed": 0,
}


def _is_range(value: object) -> bool:
    if not (isinstance(value, tuple) and len(value) == 2):
        return False
    low, high = value
    return type(low) is int and type(high) is int and 0 <= low <= high <= WORST_CRF
