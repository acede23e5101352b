"""Verify a release: its audit, and whether the real videos that it names are on this disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from thb.releases.opening import DEFAULT_RELEASE, scan_release_named

if TYPE_CHECKING:
    from thb_dataset.records import RealDataset, Video
    from thb_dataset.release.audit import Audit


@dataclass(frozen=True, kw_only=True)
class VerifiedRelease:
    """What is wrong with a release, if anything.

    Attributes:
        audit: The counts beside the published ones, and everything wrong with the files.
        reals: The real videos that the release names.
        missing_reals: Those of them that were not found; None if they were not looked for.
    """

    audit: Audit
    reals: tuple[Video, ...]
    missing_reals: tuple[Video, ...] | None

    @property
    def is_sound(self) -> bool:
        """True if nothing is wrong and no real video that was looked for is missing."""
        return self.audit.is_sound and not self.missing_reals

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        missing = self.missing_reals
        paths = None if missing is None else [video.path for video in missing]
        return {**self.audit.to_dict(), "missing_reals": paths}


def verify_release(
    release: str | Path = DEFAULT_RELEASE,
    *,
    real_root: str | Path | Mapping[RealDataset, Path] | None = None,
    split_list: str = "default",
) -> VerifiedRelease:
    """Count a release's videos, compare the counts with the published ones, and name every fault.

    Args:
        release: A folder, a Hub id, or ``"mini"``.
        real_root: Folder of the real videos, or one for each dataset; None: do not look for them.
        split_list: The list of real videos to read: ``"default"`` or ``"official_ff++"``.

    Raises:
        ReleaseError: The release cannot be read, or ``real_root`` does not exist.

    Examples:
        >>> verified = thb.verify_release("release", real_root="reals")
        >>> len(verified.reals), verified.missing_reals
        (10, ())
    """
    from dataclasses import replace

    from thb_dataset.release.listing import Finding, FindingKind
    from thb_dataset.release.media import find_sound_faults, locate_videos
    from thb_dataset.release.scan import audit_release

    scanned = scan_release_named(release, split_list=split_list)
    reals = tuple(video for video in scanned.videos if video.real_dataset is not None)
    roots = Path(real_root) if isinstance(real_root, str) else real_root
    located = locate_videos(scanned, roots, scanned.videos)
    missing = None
    if real_root is not None:
        missing = tuple(video for video in reals if video.video_id not in located.files)
    faults = [
        (video.path, located.faults[video.video_id])
        for video in scanned.videos
        if video.video_id in located.faults
    ]
    findings = [
        Finding(kind=FindingKind.UNUSABLE, subjects=(path,), detail=fault)
        for path, fault in (*faults, *find_sound_faults(scanned, scanned.videos))
    ]
    audit = audit_release(replace(scanned, findings=(*scanned.findings, *findings)))
    return VerifiedRelease(audit=audit, reals=reals, missing_reals=missing)
