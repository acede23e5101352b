"""A proposed generator: a manifest of clips that stay with their author.

``generators/<org>__<name>/<revision>/generator.json`` is what goes into a results repo. The hashes
let maintainers see that the clips that they are given later are those that were measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from thb.boards.detectability import list_fakes
from thb.boards.detectability_record import Detectability
from thb.boards.names import explain_link, explain_model, explain_text
from thb.preprocessing.metadata import read_all_metadata
from thb.runtime.records import to_json
from thb.runtime.text import printable
from thb_dataset.errors import SettingsError, VideoDecodeError
from thb_dataset.files import digest_file, write_json
from thb_dataset.video.values import VideoMetadata

if TYPE_CHECKING:
    from thb.preprocessing.settings import Preparation

FORMAT: Final = "thb-generator/1"
PROPOSALS_FOLDER: Final = "generators"
MANIFEST: Final = "generator.json"
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, kw_only=True)
class Clip:
    """One clip that stays with its author.

    Attributes:
        name: The name of the file.
        sha256: The digest of its content.
        bytes: Its size.
        seconds: Its declared length; None if it declares none.
        fps: Its frames per second; None if it declares none.
        width: The columns of its pictures.
        height: The rows of its pictures.
    """

    name: str
    sha256: str
    bytes: int
    seconds: float | None
    fps: float | None
    width: int
    height: int


@dataclass(frozen=True, kw_only=True)
class GeneratorRecord:
    """What ``generator.json`` holds.

    Attributes:
        format: The version of the format.
        name: What the generator is called.
        links: Addresses by what they lead to, such as ``code`` or ``paper``.
        clips: The clips, by name.
        detectability: What detectors catch of them; None if that was not measured.
    """

    format: str = FORMAT
    name: str
    links: Mapping[str, str] = field(default_factory=dict)
    clips: Sequence[Clip]
    detectability: Detectability | None = None


def make_proposal(
    videos: str | Path,
    *,
    name: str,
    links: Mapping[str, str] | None = None,
    found: Detectability | None = None,
    settings: Preparation | None = None,
) -> GeneratorRecord:
    """Describe the clips of a new generator; none of them is copied.

    Args:
        videos: The folder with the clips.
        name: What the generator is called.
        links: Addresses by what they lead to.
        found: What :func:`thb.boards.detectability.detectability` said of the same folder.
        settings: How videos are read; None for the defaults.

    Raises:
        SettingsError: There is no clip, or a name or an address is not accepted.
        VideoDecodeError: A clip cannot be read.
    """
    from thb.preprocessing.settings import Preparation

    faults = [explain_text(name), *(explain_link(link) for link in (links or {}).values())]
    for fault in faults:
        if fault is not None:
            raise SettingsError(fault)
    files = {path.name: path for path in list_fakes(videos)}
    for clip in files:
        if printable(clip) != clip:
            raise SettingsError(f"{printable(clip)} has control characters in its name: rename it")
    read = read_all_metadata(files, settings or Preparation())
    return GeneratorRecord(
        name=name,
        links=dict(links or {}),
        clips=tuple(_describe(files[clip], read[clip]) for clip in sorted(files)),
        detectability=found,
    )


def _describe(path: Path, metadata: VideoMetadata | str) -> Clip:
    if isinstance(metadata, str):
        raise VideoDecodeError(f"{printable(path.name)} cannot be proposed: {metadata}")
    return Clip(
        name=path.name,
        sha256=digest_file(path),
        bytes=path.stat().st_size,
        seconds=metadata.seconds,
        fps=metadata.fps,
        width=metadata.width,
        height=metadata.height,
    )


def write_proposal(record: GeneratorRecord, root: Path, *, repo: str, revision: str) -> Path:
    """Write the folder of a proposal into a results repo.

    Args:
        record: The proposal.
        root: The results repo.
        repo: Who proposes what, ``org/name``.
        revision: The version of the generator: letters, digits, ``.``, ``_`` and ``-``.

    Returns:
        The manifest.

    Raises:
        SettingsError: A name is not accepted, or the folder exists: a proposal never changes.
        OSError: The file cannot be written.
    """
    fault = explain_model(repo, "0" * 40)
    if fault is not None:
        raise SettingsError(fault.replace("a model repo", "a generator"))
    if not _PLAIN.fullmatch(revision):
        raise SettingsError(f"{printable(revision)!r} cannot name a version of a generator")
    folder = root / PROPOSALS_FOLDER / repo.replace("/", "__") / revision
    if folder.exists():
        raise SettingsError(f"{folder} exists, and a proposal never changes: name a new version")
    write_json(folder / MANIFEST, to_json(record))
    return folder / MANIFEST
