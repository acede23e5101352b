"""Pseudo-fakes stand beside their reals, in a share of the places of fakes, under one seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard

from thb.training.batches import BalancedBatches
from thb.training.data import Draw, LabelledClips, TrainingClips
from thb.training.pseudo_batches import PseudoFakeBatches, number_pseudo_fake
from thb.training.settings import TrainSettings
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.clips.video_clips import VideoClips
from thb_dataset.records import Label

REALS, FAKES = 5, 12
SPEC = ClipSpec(frames=1, size=4, sampling="consecutive", mean=(0, 0, 0), std=(1, 1, 1))


def fill(value: int, clips: int = 6) -> VideoClips:
    """Return clips of which each is filled with a value, plus its number."""
    pixels = np.empty((clips, 1, 4, 4, 3), np.uint8)
    pixels[:] = value + np.arange(clips)[:, None, None, None, None]
    return VideoClips(
        pixels=pixels,
        frame_index=np.arange(clips)[:, None],
        seconds=np.zeros((clips, 1)),
        boxes=np.zeros((clips, 1, 4), np.float32),
        points=np.zeros((clips, 1, 5, 2), np.float32),
        frame_size=(4, 4),
        faces=1,
        frames_with_face=clips,
        frames_searched=clips,
        frames_read=clips,
    )


def make_videos(kinds: int = 2, without: int = 0) -> list[LabelledClips]:
    """Return reals with pseudo-fakes, all but the first few, and fakes.

    Encoding e of real i is 40 i + 10 e; its pseudo-fake of kind k is brighter by 100 (k + 1) / 2.
    """
    videos = []
    for number in range(REALS + FAKES):
        is_real = number < REALS
        encodings = tuple(fill(20 * (number % REALS) + 10 * e) for e in range(2))
        fakes = tuple(
            tuple(replace(one, pixels=one.pixels + 100 + 50 * kind) for one in encodings)
            for kind in range(kinds)
        )
        videos.append(
            LabelledClips(
                video_id=str(number),
                label=Label.REAL if is_real else Label.FAKE,
                clips=encodings[0],
                encodings=encodings,
                pseudo_fakes=fakes if is_real and number >= without else (),
            )
        )
    return videos


def make_batches(
    videos: list[LabelledClips], *, share: float, seed: int = 0, size: int = 8
) -> tuple[BalancedBatches, PseudoFakeBatches]:
    plain = BalancedBatches([video.label for video in videos], batch_size=size, seed=seed)
    return plain, PseudoFakeBatches(plain, videos, share=share, seed=seed)


def split_pairs(batch: list[Draw]) -> list[tuple[Draw, Draw]]:
    return list(zip(batch[::2], batch[1::2], strict=True))


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_a_share_of_the_fakes_is_replaced_and_each_stands_beside_its_real(share: float) -> None:
    videos = make_videos()
    plain, batches = make_batches(videos, share=share)
    assert len(batches) == len(plain)
    for before, batch in zip(plain, batches, strict=True):
        assert len(batch) == len(before) == 8
        replaced = 0
        for (real, fake), (same, other) in zip(
            split_pairs(before), split_pairs(batch), strict=True
        ):
            assert same == real
            if other[0] < len(videos):
                assert other == fake
                continue
            replaced += 1
            assert other[0] % len(videos) == real[0]
            assert other[1] == real[1], "the seed of its real, so one augmentation"
        assert replaced == share * 4


def test_a_share_between_whole_places_is_met_on_average_and_both_kinds_come() -> None:
    videos = make_videos()
    _, batches = make_batches(videos, share=0.3)
    kinds: Counter[int] = Counter()
    drawn = 0
    for epoch in range(60):
        batches.epoch = epoch
        for batch in batches:
            drawn += 4
            kinds.update(fake[0] // len(videos) for _, fake in split_pairs(batch))
    assert set(kinds) == {0, 1, 2}
    assert abs((kinds[1] + kinds[2]) / drawn - 0.3) < 0.03
    assert abs(kinds[1] - kinds[2]) < 0.3 * kinds[1]


def test_a_real_without_a_pseudo_fake_leaves_its_fake_alone() -> None:
    videos = make_videos(without=REALS - 1)
    _, batches = make_batches(videos, share=1.0)
    found = {fake[0] % len(videos) for b in batches for _, fake in split_pairs(b) if fake[0] > 16}
    assert found == {REALS - 1}
    none = make_videos(without=REALS)
    plain, batches = make_batches(none, share=1.0)
    assert list(batches) == list(plain)


def test_batches_depend_on_seed_and_epoch_alone() -> None:
    videos = make_videos()
    batches = [make_batches(videos, share=0.5, seed=seed)[1] for seed in (3, 3, 4)]
    first, again, other = (list(each) for each in batches)
    assert first == again == list(batches[0])
    assert first != other
    batches[0].epoch = batches[1].epoch = 2
    assert first != list(batches[0])
    assert list(batches[0]) == list(batches[1])


def test_two_processes_share_each_batch_and_no_pair_is_parted() -> None:
    videos = make_videos()
    _, whole = make_batches(videos, share=0.5)
    shares = [
        list(BatchSamplerShard(make_batches(videos, share=0.5)[1], 2, rank, split_batches=True))
        for rank in range(2)
    ]
    for batch, first, second in zip(whole, *shares, strict=True):
        assert first + second == batch
        for real, fake in split_pairs(first) + split_pairs(second):
            assert fake[0] < len(videos) or fake[0] % len(videos) == real[0]


def test_a_pair_shows_the_same_clips_of_the_same_encoding_under_one_augmentation() -> None:
    videos = make_videos()
    settings = TrainSettings(
        reencodings=2, pseudo_fakes=("warp",), clips_per_sample=2, contrast=0, shift_pixels=0
    )
    data = TrainingClips(videos, SPEC, settings)
    encodings = set()
    for seed in range(40):
        real = data[2, seed]
        assert real["labels"] == 0
        for kind in range(2):
            fake = data[number_pseudo_fake(2, kind, len(videos)), seed]
            assert fake["labels"] == 1
            assert fake["pixel_values"].shape == real["pixel_values"].shape
        still = replace(settings, brightness=0, channel_gain=0)
        same = TrainingClips(videos, SPEC, still)
        own = same[2, seed]["pixel_values"] * 255
        for kind in range(2):
            other = same[number_pseudo_fake(2, kind, len(videos)), seed]["pixel_values"] * 255
            np.testing.assert_allclose(other - own, 100 + 50 * kind, atol=1e-3)
        encodings.add(int(own.min()) // 10)
    assert encodings == {4, 5}, "both encodings of the real come"
    assert data[REALS, 0]["labels"] == 1


def test_without_encodings_a_sample_is_what_it_was() -> None:
    plain = [replace(video, encodings=(), pseudo_fakes=()) for video in make_videos()]
    random = np.random.default_rng(7)
    clip = int(random.integers(0, 6))
    settings = TrainSettings(flip=False, shift_pixels=0, brightness=0, contrast=0, channel_gain=0)
    values = TrainingClips(plain, SPEC, settings)[1, 7]["pixel_values"] * 255
    np.testing.assert_allclose(values, 20 + clip, atol=1e-4)
