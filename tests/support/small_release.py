"""A release of a few made-up files, with a fake in each place, for tests of the Hub."""

from __future__ import annotations

import json

SIX = ("Hallo", "Hallo2", "AniPortraitAudio", "AniPortraitVideo", "LivePortrait", "EmoPortrait")
LIST = "real/real_dataset_split.json"


def small_release() -> dict[str, bytes]:
    """Return a release with one fake in each place, and a card with a licence but no configs."""
    files = {"README.md": b"---\nlicense: mit\nextra_gated_prompt: Sign.\n---\n# Hello\n"}
    clips: dict[str, list[str]] = {}
    for place, (folder, block) in enumerate((("train", "Train"), ("val", "Val"), ("test", "Test"))):
        clips[block] = [f"clip{place}{number}_{number}.mp4" for number in range(8)]
        for number, generator in enumerate(SIX):
            driver = clips[block][number].removesuffix(".mp4")
            stem = f"{place}000{number}--{driver}--{generator}"
            files[f"fake/{generator}/{folder}/{stem}.mp4"] = stem.encode()
            files[f"audio/fake/{stem}.wav"] = b"sound of " + stem.encode()
    files["fake/additional_dataset/MAGI-1/7.mp4"] = b"7"
    files[LIST] = json.dumps(
        {block: {"CelebV-HQ": names} for block, names in clips.items()}
    ).encode()
    return files
