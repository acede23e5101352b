"""The rules that choose frames, against the same rules written with fractions."""

from __future__ import annotations

from fractions import Fraction
from math import floor

import pytest

from thb_dataset.errors import ClipTooShortError
from thb_dataset.video.frame_policy import FramePolicy


def exact_linspace(last: int, count: int) -> list[int]:
    """Return floor(linspace(0, last, count)) without rounding errors."""
    if count == 1:
        return [0]
    return [floor(Fraction(last * i, count - 1)) for i in range(count)]


@pytest.mark.parametrize("clips", [1, 2, 3, 5])
@pytest.mark.parametrize("frames", [1, 2, 8, 16])
def test_uniform_is_even_with_both_ends(clips: int, frames: int) -> None:
    policy = FramePolicy(clips=clips, frames=frames)
    for total in [*range(frames, 200), 1001, 107_999]:
        chosen = policy.choose(total)
        whole = min(clips, total // frames)
        assert chosen.shape == (whole, frames)
        flat = chosen.ravel().tolist()
        if len(flat) == 1:
            assert flat == [(total - 1) // 2]
        else:
            assert flat == exact_linspace(total - 1, whole * frames)
            assert (flat[0], flat[-1]) == (0, total - 1)
        assert sorted(set(flat)) == flat


@pytest.mark.parametrize("clips", [1, 2, 3, 7])
@pytest.mark.parametrize(("frames", "stride"), [(1, 1), (8, 1), (16, 1), (8, 3), (4, 10), (1, 5)])
def test_runs_start_evenly_and_step_exactly(clips: int, frames: int, stride: int) -> None:
    sampling = "consecutive" if stride == 1 else "stride"
    policy = FramePolicy(clips=clips, frames=frames, sampling=sampling, stride=stride)
    span = (frames - 1) * stride + 1
    assert policy.span == span
    for total in [*range(span, 150), 1001]:
        starts = sorted(set(exact_linspace(total - span, clips)))
        expected = [[start + step * stride for step in range(frames)] for start in starts]
        assert policy.choose(total).tolist() == expected
        assert expected[-1][-1] <= total - 1


@pytest.mark.parametrize(("clips", "frames"), [(1, 1), (32, 1), (4, 4)])
def test_spread_takes_the_farthest_frame_again_and_again(clips: int, frames: int) -> None:
    policy = FramePolicy(clips=clips, frames=frames, sampling="spread")
    for total in [*range(frames, 90), 1000]:
        chosen = policy.choose(total)
        wanted = [total // 2]
        count = min(clips, total // frames) * frames
        while len(wanted) < count:
            away = {i: min(abs(i - taken) for taken in wanted) for i in range(total)}
            wanted.append(min(away, key=lambda i: (-away[i], i)))
        assert chosen.shape == (count // frames, frames)
        assert chosen.ravel().tolist() == sorted(wanted)
    assert policy.span == frames
    late = FramePolicy(clips=clips, frames=frames, sampling="spread", first=10, last=59)
    here = FramePolicy(clips=clips, frames=frames, sampling="spread")
    assert (late.choose(100) == here.choose(50) + 10).all()


def test_a_video_shorter_than_one_clip_is_refused_with_both_counts() -> None:
    with pytest.raises(ClipTooShortError, match=r"7 frames.* needs 8"):
        FramePolicy(frames=8).choose(7)
    with pytest.raises(ClipTooShortError, match=r"21 frames.* needs 22 \(8 at stride 3\)"):
        FramePolicy(frames=8, sampling="stride", stride=3).choose(21)
    with pytest.raises(ClipTooShortError, match="0 frames"):
        FramePolicy(frames=1).choose(0)


def test_no_indices_wander_over_millions_of_frames() -> None:
    # In floating point, an index among so many can be one too small.
    chosen = FramePolicy(frames=50).choose(10**9 + 7).ravel().tolist()
    assert chosen == exact_linspace(10**9 + 6, 50)


@pytest.mark.parametrize(
    "settings",
    [
        {"sampling": "random"},
        {"frames": 0},
        {"clips": 0},
        {"sampling": "stride", "stride": 0},
        {"stride": 2},
        {"sampling": "consecutive", "stride": 2},
    ],
)
def test_impossible_settings_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"sampling|stride|1 or more"):
        FramePolicy(**settings)  # type: ignore[arg-type] # wrong on purpose


def test_a_policy_survives_json() -> None:
    policy = FramePolicy(clips=2, frames=4, sampling="stride", stride=3)
    assert FramePolicy(**policy.to_dict()) == policy


def test_spare_frames_and_wrapped_starts() -> None:
    # LipFD starts clips of five frames at int(linspace(0, N - 6, 10)), kept in a byte
    policy = FramePolicy(clips=10, frames=5, sampling="consecutive", spare_frames=1, start_wrap=256)
    assert policy.span == 6
    assert policy.choose(150)[:, 0].tolist() == [0, 16, 32, 48, 64, 80, 96, 112, 128, 144]
    assert policy.choose(150)[-1].tolist() == [144, 145, 146, 147, 148]
    # for 400 frames: 0, 43, 87, 131, 175, 218, 262, 306, 350, 394, of which the last four wrap
    assert policy.choose(400)[:, 0].tolist() == [0, 6, 43, 50, 87, 94, 131, 138, 175, 218]
    with pytest.raises(ClipTooShortError, match="5 frames, but one clip needs 6"):
        policy.choose(5)
    with pytest.raises(ValueError, match="do not go with"):
        FramePolicy(spare_frames=1)
    with pytest.raises(ValueError, match="do not go with"):
        FramePolicy(start_wrap=256)
    with pytest.raises(ValueError, match="0 or more"):
        FramePolicy(sampling="consecutive", spare_frames=-1)
