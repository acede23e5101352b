"""What a model card says of the new videos that a detector was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from thb.runs.record import RunRecord

KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "warp": "of {count} real videos, the face was moved by a smooth random field",
        "autoencoder": "the pictures of {count} real videos were passed through the image"
        " autoencoder {autoencoder}",
    }
)


def describe_renditions(record: RunRecord) -> list[str]:
    """Return sentences about the encodings and the pseudo-fakes of a training; none if it had none.

    Args:
        record: The record of the training.
    """
    settings, videos = record.settings, record.videos.train
    if not settings.reencodings:
        return []
    low, high = settings.reencoding_crf
    times = "once" if settings.reencodings == 1 else f"{settings.reencodings} times"
    sentences = [
        f"Every training video, real or fake, was encoded again {times} (x264, CRF {low} to {high}"
        f" at random, {settings.reencoding_fps} fps, {settings.reencoding_side} pixels), and the"
        " released files were not seen."
    ]
    if not settings.pseudo_fakes:
        return sentences
    weights = (record.autoencoder_sha256 or "")[:12]
    made = [
        KINDS[kind].format(
            count=videos.pseudo_fakes.get(kind, 0),
            autoencoder=f"{settings.autoencoder} (sha256 {weights})",
        )
        for kind in settings.pseudo_fakes
    ]
    sentences.append(
        f"**Pseudo-fakes: {', '.join(settings.pseudo_fakes)}.** In"
        f" {settings.pseudo_fake_share:.0%} of the places of fakes it saw fakes that no generator"
        f" made, each beside its real: {'; '.join(made)}. They may imitate what the generators of"
        " the test share, so a result of these weights must stand beside that of a training"
        " without them."
    )
    return sentences
