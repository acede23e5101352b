"""The workshop where hostile files are made: a folder, healthy videos to spoil, seeded chance."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.support.video_files import write_numbered


@dataclass(frozen=True)
class Workshop:
    """Everything that the makers of hostile files need.

    Attributes:
        folder: The folder for the files.
        sources: The names and bytes of small healthy videos.
        victim: A healthy video for playlists to point at.
        url: The address of a server that nobody may call.
        random: The seeded source of chance.
    """

    folder: Path
    sources: dict[str, bytes]
    victim: Path
    url: str
    random: random.Random

    def write(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.write_bytes(data)
        return path


def open_workshop(folder: Path, url: str, seed: str) -> Workshop:
    """Encode the sources into a folder; ``seed`` decides everything that is left to chance."""
    sound = np.sin(np.arange(38_400) / 20).astype(np.float32)
    wanted = {
        "h264_aac.mp4": ("libx264", "aac", {"g": "8"}, {"movflags": "faststart"}),
        "fragmented.mp4": ("libx264", "aac", {"g": "8"}, {"movflags": "frag_keyframe+empty_moov"}),
        "hevc_flac.mkv": ("libx265", "flac", {"x265-params": "log-level=none"}, {}),
        "vp9_opus.webm": ("libvpx-vp9", "libopus", {}, {}),
        "mpeg4_mp3.avi": ("mpeg4", "libmp3lame", {"g": "8"}, {}),
        "h264_aac.ts": ("libx264", "aac", {"g": "8"}, {}),
        "flv1_mp3.flv": ("flv", "libmp3lame", {}, {}),
        "mjpeg_pcm.mov": ("mjpeg", "pcm_s16le", {}, {}),
    }
    sources = {}
    for name, (codec, voice, options, container_options) in wanted.items():
        path = write_numbered(
            folder / name,
            20,
            codec=codec,
            pixel_format="yuvj420p" if codec == "mjpeg" else "yuv420p",
            options=options,
            container_options={**container_options, "fflags": "+bitexact"},
            sound=sound,
            sound_codec=voice,
            sound_rate_hz=44_100 if codec == "flv" else 48_000,
        )
        sources[name] = path.read_bytes()
    return Workshop(folder, sources, folder / "h264_aac.mp4", url, random.Random(seed))
