"""Verifying a release looks into its files: a name without a video behind it is named."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from thb.releases.verification import verify_release
from thb_dataset.release.listing import FindingKind

if TYPE_CHECKING:
    from tests.support.command_line import Run
    from thb_dataset.mini.release import MiniRelease

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"


@pytest.fixture
def own(tiny_release: MiniRelease, tmp_path: Path) -> MiniRelease:
    """A copy of the release, which a test may damage."""
    shutil.copytree(tiny_release.hub, tmp_path / "hub")
    shutil.copytree(tiny_release.real_root, tmp_path / "reals")
    return type(tiny_release)(hub=tmp_path / "hub", real_root=tmp_path / "reals")


def test_git_lfs_pointers_are_named(own: MiniRelease) -> None:
    assert verify_release(own.hub, real_root=own.real_root).is_sound
    pictures = sorted(own.hub.rglob("*.mp4"))
    sounds = sorted(own.hub.rglob("audio/fake/*.wav"))
    for file in (*pictures, *sounds):
        file.write_bytes(POINTER)
    verified = verify_release(own.hub)
    found = verified.audit.findings_by_kind[FindingKind.UNUSABLE]
    assert {finding.subjects[0] for finding in found} == {
        file.relative_to(own.hub).as_posix() for file in (*pictures, *sounds)
    }
    assert all("a Git LFS pointer" in finding.detail for finding in found)
    assert not verified.is_sound


def test_dead_links_and_empty_files_are_not_at_hand(own: MiniRelease, run_thb: Run) -> None:
    reals = sorted(own.real_root.rglob("*.mp4"))
    for number, file in enumerate(reals):
        file.unlink()
        if number % 2:
            file.touch()
        else:
            file.symlink_to("/nosuch")
    verified = verify_release(own.hub, real_root=own.real_root)
    assert verified.missing_reals == verified.reals
    details = {f.detail for f in verified.audit.findings_by_kind[FindingKind.UNUSABLE]}
    assert details == {"an empty file", "a link to a file that does not exist"}
    ended = run_thb("data", "verify", "--release", own.hub, "--real-root", own.real_root)
    assert ended.code == 1
    assert "file that cannot be used" in ended.out
    assert "are there" not in ended.out


def test_capitals_and_spaces_are_understood_and_other_videos_named(own: MiniRelease) -> None:
    for file in [*own.real_root.rglob("*.mp4"), *own.hub.rglob("*.wav")]:
        file.rename(file.with_suffix(file.suffix.upper()))
    split_list = own.hub / "real" / "real_dataset_split.json"
    split_list.write_text(split_list.read_text().replace('.mp4"', '.mp4 "'))
    assert verify_release(own.hub, real_root=own.real_root).is_sound
    fake = next(own.hub.glob("fake/Hallo/train/*.mp4"))
    fake.rename(fake.with_suffix(".mov"))
    (found,) = verify_release(own.hub).audit.findings_by_kind[FindingKind.UNREADABLE_NAME]
    assert found.subjects[0].endswith(".mov")
    assert "does not end in .mp4" in found.detail
