"""Generate the card of the dataset and ``eval.yaml``, with figures counted from the release."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from string import Template
from types import MappingProxyType
from typing import Any

import yaml

from thb_dataset.errors import ReleaseError
from thb_dataset.hub.index import DEFAULT_CONFIG, EXTRA, HubIndex, parse_config
from thb_dataset.protocols import Protocol
from thb_dataset.records import Label, RealDataset, Split, Video
from thb_dataset.release.audit import Audit
from thb_dataset.release.published_counts import PUBLISHED_FAKES
from thb_dataset.wording import shorten_list

CARD = "README.md"
SPLITS_PER_CONFIG = 30
"""The largest number of splits in a config that the viewer shows."""

EVALUATION_FRAMEWORK = "talkingheadbench"
"""Our name in ``eval.yaml``; the Hub may refuse the file until its list of frameworks has it."""

MEAN_TASKS = {Protocol.P1: ("t1",), Protocol.P2: ("t1",), Protocol.P3: ("t1", "t01")}
"""The metrics whose mean over the generators has a task in ``eval.yaml``."""

SUBJECTS_SHOWN = 3
TAGS = ("deepfake-detection", "talking-head", "benchmark", "video", "audio")
_INDEX_KEYS = ("configs", "dataset_info")
_FRONT_MATTER = re.compile(r"\A---\r?\n(?P<yaml>.*?)\r?\n---\r?\n", re.DOTALL)
_SPLIT_NAME = re.compile(r"\w+(\.\w+)*", re.A)
_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"))


def write_card(
    index: HubIndex, audit: Audit, *, repo: str, owner: Mapping[str, Any] = MappingProxyType({})
) -> str:
    """Return the card: YAML that names the files of every config, then the text.

    Args:
        index: The files and configs.
        audit: The counts and faults of the release.
        repo: The repo of the card, ``org/name``.
        owner: The YAML of the repo's present card. What the index does not determine is kept: the
            owner's licence, terms of access and further tags.

    Raises:
        ReleaseError: The viewer could not show a config.
    """
    check_configs(index.configs, index.files)
    videos = [video for part in index.files.values() for video in part]
    head = yaml.safe_dump(
        _metadata(index, len(videos), owner), sort_keys=False, allow_unicode=True, width=10_000
    )
    count = Counter(video.label for video in videos)
    text = files("thb_dataset.hub").joinpath("dataset_card_template.md").read_text(encoding="utf-8")
    body = Template(text).substitute(
        banner=_banner(audit),
        repo=repo,
        n_fakes=f"{count[Label.FAKE]:,}",
        n_reals=f"{count[Label.REAL]:,}",
        n_generators=len({video.generator for video in videos if video.generator}),
        n_files=len(index.files),
        protocol_table=_protocol_table(index),
        count_table=_count_table(audit),
        curation_table=_curation_table(),
        flaws=_flaws(audit),
        n_test_reals=f"{_count_test_reals(videos):,}",
    )
    return f"---\n{head}---\n\n{body}"


def write_eval_yaml(index: HubIndex) -> str:
    """Return ``eval.yaml``, which makes a Hub dataset a benchmark with a leaderboard per task.

    The AUC saturates, so each fold has a task for T1 as well, and each protocol one for the mean
    of T1 over its generators. A task names one split; a mean names the first of its config.
    """
    tasks = [{"id": "p1_overall", "config": DEFAULT_CONFIG, "split": "test"}]
    for config, splits in index.configs.items():
        protocol, held_out = parse_config(config)
        if held_out is not None:
            task = f"{protocol.value}_{held_out.slug}"
            tasks.append({"id": task, "config": config, "split": "test"})
            tasks.append({"id": f"{task}_t1", "config": config, "split": "test"})
            continue
        first = next(name for name in splits if name.startswith("test"))
        for metric in MEAN_TASKS[protocol]:
            task = f"{protocol.value}_mean_{metric}"
            tasks.append({"id": task, "config": config, "split": first})
    content = {
        "name": "TalkingHeadBench",
        "description": "Detection of talking-head deepfakes under shifts of identity and of "
        "generator. P2 and P3 train one model for each held-out generator.",
        "evaluation_framework": EVALUATION_FRAMEWORK,
        "tasks": tasks,
    }
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def read_metadata(card: str, where: str) -> dict[str, Any]:
    """Return the YAML at the head of a card.

    Args:
        card: The text of a README.md.
        where: The repo of the card, for messages.

    Raises:
        ReleaseError: There is no YAML, or it is malformed.
    """
    match = _FRONT_MATTER.match(card)
    if match is None:
        raise ReleaseError(
            f"README.md of {where} does not begin with YAML, so load_dataset finds no config: "
            "run thb publish dataset again"
        )
    try:
        content = yaml.safe_load(match["yaml"])
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        problem = " ".join(str(error).split())
        raise ReleaseError(f"the YAML of README.md of {where} is malformed: {problem}") from error
    if not isinstance(content, dict):
        raise ReleaseError(f"the YAML of README.md of {where} is not a mapping")
    return content


def read_configs(card: str, where: str) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return the files of each split of each config that a card names.

    Args:
        card: The text of a README.md.
        where: The repo of the card, for messages.

    Raises:
        ReleaseError: The card has no YAML, or its ``configs`` do not have the shape of ours.
    """
    configs = read_metadata(card, where).get("configs")
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    try:
        if not configs:
            raise TypeError("it has no configs")
        for config in configs:
            splits = {entry["split"]: tuple(entry["path"]) for entry in config["data_files"]}
            found[config["config_name"]] = splits
    except (TypeError, KeyError) as error:
        raise ReleaseError(
            f"the YAML of README.md of {where} does not list the files of each config: {error}; "
            "run thb publish dataset again"
        ) from error
    return found


def check_configs(
    configs: Mapping[str, Mapping[str, Sequence[str]]], files_there: Iterable[str]
) -> None:
    """Check what the viewer and ``load_dataset`` demand of a card.

    Args:
        configs: The files of each split of each config.
        files_there: The paths of all files of the repo.

    Raises:
        ReleaseError: A config has too many splits, or a split whose name or files cannot be used;
            the message names all of them.
    """
    there = set(files_there)
    problems = []
    if DEFAULT_CONFIG not in configs:
        problems.append(f"there is no config {DEFAULT_CONFIG}")
    for config, splits in configs.items():
        if len(splits) > SPLITS_PER_CONFIG:
            problems.append(
                f"{config} has {len(splits)} splits, but the viewer shows {SPLITS_PER_CONFIG}"
            )
        for split, paths in splits.items():
            if not _SPLIT_NAME.fullmatch(split):
                problems.append(f"{config}/{split} is not a valid name of a split")
            lost = [path for path in paths if path not in there]
            if lost or not paths:
                problems.append(f"{config}/{split} lists files that do not exist: {lost or 'none'}")
    if problems:
        raise ReleaseError("the card's configs cannot be used: " + "; ".join(problems))


def _metadata(index: HubIndex, n_videos: int, owner: Mapping[str, Any]) -> dict[str, Any]:
    configs = []
    for config, splits in index.configs.items():
        entry: dict[str, Any] = {"config_name": config}
        if config == DEFAULT_CONFIG:
            entry["default"] = True
        entry["data_files"] = [
            {"split": split, "path": list(paths)} for split, paths in splits.items()
        ]
        configs.append(entry)
    licence = {key: value for key, value in owner.items() if key.startswith("license")}
    tags = owner.get("tags")
    more_tags = tags if isinstance(tags, list) else []
    ours = {
        "pretty_name": "TalkingHeadBench",
        **(licence or {"license": "other", "license_name": "mixed"}),
        "task_categories": ["video-classification"],
        "tags": list(dict.fromkeys((*TAGS, *more_tags))),
        "size_categories": [next((s for limit, s in _SIZES if n_videos < limit), "100K<n<1M")],
    }
    theirs = {key: value for key, value in owner.items() if key not in (*ours, *_INDEX_KEYS)}
    return {**ours, **theirs, "configs": configs}


def _banner(audit: Audit) -> str:
    if not audit.synthetic:
        return ""
    return (
        "\n> **Synthetic.** This card describes the toolkit's synthetic mini release, not the "
        "benchmark: a program drew its videos from random numbers. No photograph was used, nobody "
        "who exists is shown, and scores on these drawings say nothing about detectors.\n"
    )


def _protocol_table(index: HubIndex) -> str:
    lines = ["| config | train | validation | test | extra |", "|---|---|---|---|---|"]
    for config, splits in index.configs.items():
        if parse_config(config)[1] is None and config != Protocol.P1:
            continue
        cells = [_cell(index, splits.get(name, ())) for name in (*Split, EXTRA)]
        lines.append(f"| `{config}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(index: HubIndex, paths: Iterable[str]) -> str:
    count = Counter(video.label for path in paths for video in index.files[path])
    if not count:
        return "–"
    return f"{count[Label.FAKE]:,} + {count[Label.REAL]:,}"


def _count_table(audit: Audit) -> str:
    heads = ["", "train", "val", "test", "all", "published", "of these, train", "of these, test"]
    lines = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for row in audit.counts:
        published = (row.published_total, row.published_train, row.published_test)
        cells = [*map(str, (row.train, row.validation, row.test, row.total))]
        cells += ["–" if value is None else str(value) for value in published]
        lines.append(f"| {row.name} | {' | '.join(cells)} |")
    lines.append("")
    lines.append("The published table has no `val`: it counts these videos as train or as test.")
    return "\n".join(lines)


def _curation_table() -> str:
    lines = ["| generator | removed | main artifacts |", "|---|---|---|"]
    for generator, published in PUBLISHED_FAKES.items():
        if published.removed is not None:
            share = f"{100 * published.removed:.0f} %"
            lines.append(f"| {generator} | {share} | {', '.join(published.artifacts)} |")
    return "\n".join(lines)


def _flaws(audit: Audit) -> str:
    lines = []
    for kind, found in audit.findings_by_kind.items():
        subjects = sorted({subject for finding in found for subject in finding.subjects})
        named = shorten_list([f"`{subject}`" for subject in subjects], SUBJECTS_SHOWN)
        lines.append(f"- The audit found {len(found)} × “{kind.value}”: {named}.")
    lines.append(
        f"- {len(audit.moved_by_driver)} fakes are in another split than the real video of their "
        f"driver; {audit.drivers_not_listed} fakes have a driver that no block lists."
    )
    if audit.restored_drivers:
        lines.append(
            f"- The names of {len(audit.restored_drivers)} fakes have lost the leading `-` of "
            "their driver; the column `driver` has it restored."
        )
    return "\n".join(lines)


def _count_test_reals(videos: Iterable[Video]) -> int:
    return sum(
        video.real_dataset in tuple(RealDataset) and video.release_split is Split.TEST
        for video in videos
    )
