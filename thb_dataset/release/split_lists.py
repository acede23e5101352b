"""Read the release's lists of real videos and their blocks: ``real/*.json``."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from thb_dataset.errors import ReleaseError
from thb_dataset.records import RealDataset, Split
from thb_dataset.release.names import leaves_root
from thb_dataset.wording import spell_out


class SplitList(StrEnum):
    """The two lists of real videos, by the names that users type."""

    DEFAULT = "default"
    OFFICIAL_FF = "official_ff++"

    @property
    def path(self) -> str:
        """The path of the list in the release."""
        tail = "" if self is SplitList.DEFAULT else f"_{self.value}"
        return f"real/real_dataset_split{tail}.json"

    @classmethod
    def named(cls, name: str) -> SplitList:
        """Return the list of a name.

        Raises:
            ReleaseError: There is no such list; the message names those that exist.
        """
        try:
            return cls(name)
        except ValueError:
            raise ReleaseError(f"no split list {name!r}; known: {', '.join(cls)}") from None


_BLOCKS = {"Train": Split.TRAIN, "Val": Split.VALIDATION, "Test": Split.TEST}
_SHAPE = (
    '{"Train": {"FaceForensics++": ["001.mp4", …], "CelebV-HQ": ["<id>_<n>.mp4", …]}, '
    '"Val": {…}, "Test": {…}}'
)


@dataclass(frozen=True, kw_only=True)
class RealClips:
    """The content of a split list.

    Attributes:
        split: The block of each clip; a clip that several blocks list is in the last of them.
        in_two_blocks: The clips that more than one block lists.
        listed_twice: The clips that one block lists more than once.
    """

    split: Mapping[tuple[RealDataset, str], Split]
    in_two_blocks: tuple[tuple[RealDataset, str], ...] = ()
    listed_twice: tuple[tuple[RealDataset, str], ...] = ()

    def stems(self, dataset: RealDataset) -> frozenset[str]:
        """Return the stems of the clips of a real dataset."""
        return frozenset(stem for name, stem in self.split if name is dataset)


def read_split_list(text: str | bytes, path: str) -> RealClips:
    """Read a split list from its JSON text.

    A block or a dataset may be absent, null or empty.

    Args:
        text: The content of the file.
        path: The path of the file, for messages.

    Raises:
        ReleaseError: The text is not JSON or has another shape; the message names every fault.
    """
    try:
        content = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise ReleaseError(f"{path} is not JSON: {error}") from error
    problems: list[str] = []
    listed: list[tuple[Split, RealDataset, str]] = []
    for block, datasets in _members(content, "the list", set(_BLOCKS), problems):
        for dataset, names in _members(datasets, block, set(RealDataset), problems):
            where = f"{block}/{dataset}"
            for stem in _stems(names, where, problems):
                listed.append((_BLOCKS[block], RealDataset(dataset), stem))
    if problems:
        raise ReleaseError(f"{path} must be {_SHAPE}, but " + "; ".join(problems))
    return _settle(listed)


class _Twice(dict[str, Any]):
    """A JSON object that remembers the keys that it names more than once."""

    keys_twice: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = _Twice(pairs)
    count = Counter(key for key, _ in pairs)
    members.keys_twice = tuple(key for key, times in count.items() if times > 1)
    return members


def _members(
    value: object, where: str, allowed: set[str], problems: list[str]
) -> list[tuple[str, object]]:
    if value is None:
        return []
    if not isinstance(value, dict):
        problems.append(f"{where} is {_kind(value)}, not an object")
        return []
    # Some writers use a list for an empty block.
    members = []
    if isinstance(value, _Twice):
        problems.extend(f"{where} has {key!r} twice" for key in value.keys_twice)
    for key, member in value.items():
        if key not in allowed:
            problems.append(f"{where} has {key!r}; known: {', '.join(sorted(allowed))}")
        elif member is not None and member != []:
            members.append((key, member))
    return members


def _stems(names: object, where: str, problems: list[str]) -> list[str]:
    if not isinstance(names, list):
        problems.append(f"{where} is {_kind(names)}, not a list")
        return []
    stems = []
    for number, name in enumerate(names):
        if not isinstance(name, str):
            problems.append(f"{where}[{number}] is {_kind(name)}, not a file name")
            continue
        name = name.strip()  # noqa: PLW2901 — a slip of the pen, which no file's name shares
        stem = name[: -len(".mp4")] if name.lower().endswith(".mp4") else name
        is_text = name == spell_out(name)
        if not (is_text and stem.strip(". ")) or "/" in name or leaves_root(name):
            problems.append(f"{where}[{number}] is {name!r}, not the plain name of a file")
            continue
        stems.append(stem)
    return stems


def _settle(listed: list[tuple[Split, RealDataset, str]]) -> RealClips:
    split: dict[tuple[RealDataset, str], Split] = {}
    blocks: dict[tuple[RealDataset, str], set[Split]] = {}
    # In any order of the file's keys, Val overrules Train, and Test overrules Val.
    for block in _BLOCKS.values():
        for where, dataset, stem in listed:
            if where is block:
                split[dataset, stem] = block
                blocks.setdefault((dataset, stem), set()).add(block)
    times = Counter(listed)
    twice = {(dataset, stem) for (_, dataset, stem), count in times.items() if count > 1}
    return RealClips(
        split=split,
        in_two_blocks=tuple(sorted(clip for clip, where in blocks.items() if len(where) > 1)),
        listed_twice=tuple(sorted(twice)),
    )


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "a string", bool: "a boolean"}
    if value is None:
        return "null"
    return next((name for kind, name in names.items() if isinstance(value, kind)), "a number")
