"""A made-up listing with the true counts of the release: 2,994 fakes and 2,312 real videos.

The counts are the paper's (table of generators). It does not say which 50 videos of each generator
are in ``val`` nor how the real videos are divided into blocks, so both are chosen here.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from typing import Any

N_FAKES = 2994
N_REALS = 2312
N_VALIDATION = 50

# The published counts of train and test; the 50 videos of val are taken from train.
PUBLISHED_TRAIN_TEST = {
    "Hallo": (303, 117),
    "Hallo2": (327, 105),
    "AniPortraitAudio": (396, 146),
    "AniPortraitVideo": (314, 108),
    "LivePortrait": (352, 177),
    "EmoPortrait": (381, 192),
}
EXTRA = {"MAGI-1": 66, "Hallo3": 10}
REAL_BLOCKS = {"Train": (504, 1146), "Val": (80, 182), "Test": (120, 280)}


def full_size_release(seed: int = 0) -> tuple[list[str], dict[str, Any]]:
    """Return the path of every file of the listing, and the split list."""
    chance = random.Random(seed)
    clips = _clips(chance)
    numbers = [f"{number:03d}" for number in range(1000)]
    chance.shuffle(numbers)
    portraits = [f"{number:05d}" for number in chance.sample(range(70_000), 1400)]
    split_list: dict[str, Any] = {}
    paths: list[str] = []
    for place, (block, (n_ff, n_celeb)) in enumerate(REAL_BLOCKS.items()):
        drivers = [next(clips) for _ in range(n_celeb)]
        split_list[block] = {
            "FaceForensics++": [f"{numbers.pop()}.mp4" for _ in range(n_ff)],
            "CelebV-HQ": [f"{driver}.mp4" for driver in drivers],
        }
        folder = ("train", "val", "test")[place]
        faces = portraits[place::3]
        for generator, (n_train, n_test) in PUBLISHED_TRAIN_TEST.items():
            number = (n_train - N_VALIDATION, N_VALIDATION, n_test)[place]
            for pair in chance.sample(range(len(faces) * len(drivers)), number):
                face, driver = faces[pair % len(faces)], drivers[pair // len(faces)]
                stem = f"{face}--{driver.removeprefix('-')}--{generator}"
                paths += [f"fake/{generator}/{folder}/{stem}.mp4", f"audio/fake/{stem}.wav"]
    for generator, number in EXTRA.items():
        for face in portraits[2::3][:number]:
            stem = face if generator == "MAGI-1" else f"{face}-{next(clips)}"
            paths += [
                f"fake/additional_dataset/{generator}/{stem}.mp4",
                f"audio/fake/{stem}.wav",
            ]
    paths.append("real/real_dataset_split.json")
    return sorted(paths), split_list


def full_size_text(seed: int = 0) -> tuple[list[str], str]:
    """Return the paths, and the split list as JSON."""
    paths, split_list = full_size_release(seed)
    return paths, json.dumps(split_list)


def _clips(chance: random.Random) -> Iterator[str]:
    """Yield clip names in the alphabet of YouTube, some with a leading dash."""
    alphabet = string.ascii_letters + string.digits + "_-"
    seen = set()
    while True:
        clip = f"{''.join(chance.choices(alphabet, k=11))}_{chance.randrange(60)}"
        if clip.lstrip("-")[:1] in ("", "_") or clip.startswith("--"):
            continue
        if clip.removeprefix("-") not in seen:
            seen.add(clip.removeprefix("-"))
            yield clip
