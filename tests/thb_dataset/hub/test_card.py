"""The card keeps the rules of the Hub's viewer, and its figures are counted."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.full_size import full_size_text
from thb_dataset.errors import ReleaseError
from thb_dataset.hub.card import (
    check_configs,
    read_configs,
    read_metadata,
    write_card,
    write_eval_yaml,
)
from thb_dataset.hub.index import HubIndex, VideoStore, build_index, index_table
from thb_dataset.mini.plan import MiniSize, make_plan
from thb_dataset.records import Generator
from thb_dataset.release.audit import Audit
from thb_dataset.release.scan import audit_release, make_release

REPO = "luchaoqi/TalkingHeadBench"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def made() -> tuple[HubIndex, Audit]:
    paths, text = full_size_text()
    release = make_release(root=Path(), name="x", revision=None, paths=paths, split_text=text)
    return build_index(release.videos), audit_release(release)


@pytest.fixture(scope="module")
def card(made: tuple[HubIndex, Audit]) -> str:
    return write_card(*made, repo=REPO)


def test_the_yaml_is_the_index(made: tuple[HubIndex, Audit], card: str) -> None:
    configs = read_configs(card, REPO)
    assert configs == {name: dict(splits) for name, splits in made[0].configs.items()}
    head = read_metadata(card, REPO)
    defaults = [config["config_name"] for config in head["configs"] if config.get("default")]
    assert defaults == ["p1"]
    assert head["size_categories"] == ["1K<n<10K"]
    assert head["task_categories"] == ["video-classification"]


def test_the_viewers_rules_are_kept(made: tuple[HubIndex, Audit], card: str) -> None:
    for config, splits in read_configs(card, REPO).items():
        assert re.fullmatch(r"[^<>:/\\|?*]+", config)
        assert len(splits) <= 30
        assert all(re.fullmatch(r"\w+(\.\w+)*", split) for split in splits)
    store = VideoStore(repo=REPO, revision="0" * 40)
    for videos in made[0].files.values():
        table = index_table(videos[:5], store)
        for row in table["video"].to_pylist():
            assert row is None or row["path"].startswith(f"hf://datasets/{REPO}@{'0' * 40}/fake/")


def test_figures_are_counted_and_every_section_is_there(card: str) -> None:
    assert "2,994 fake videos of 8 generators and names 2,312 real" in card
    assert "| `p3-hallo` | 1,520 + 1,520 | 250 + 250 | 117 + 400 | 76 + 0 |" in card
    assert "| `p1` | 1,773 + 1,650 | 50 + 50 | 845 + 400 | 76 + 0 |" in card
    assert "| `p2-hallo` | 2,248 + 1,650 | 250 + 250 | 420 + 400 | – |" in card
    assert "| Hallo | 253 | 50 | 117 | 420 | 420 | 303 | 117 |" in card
    assert "| AniPortraitVideo | 80 % |" in card
    for section in (
        "Protocols",
        "Collection",
        "Curation",
        "Personal and sensitive information",
        "Licences",
        "Out-of-scope use",
        "Known flaws",
        "Citation",
    ):
        assert f"\n## {section}\n" in card
    for source in ("FFHQ", "CelebV-HQ", "FaceForensics++"):
        assert f"\n| {source} | " in card
    assert "$" not in card, "a placeholder was left"


def test_what_the_owner_declared_is_kept(made: tuple[HubIndex, Audit]) -> None:
    theirs = {
        "license": "mit",
        "tags": ["video", "their-own"],
        "extra_gated_prompt": "Research only.",
        "dataset_info": {"features": []},
        "configs": [{"config_name": "default", "data_files": "*.wav"}],
    }
    card = write_card(*made, repo=REPO, owner=theirs)
    head = read_metadata(card, REPO)
    assert head["license"] == "mit"
    assert "license_name" not in head
    assert head["extra_gated_prompt"] == "Research only."
    assert head["tags"][-1] == "their-own"
    assert len(head["tags"]) == len(set(head["tags"]))
    assert "dataset_info" not in head, "of another table than the index"
    assert set(read_configs(card, REPO)) == set(made[0].configs)
    for first in (card, write_card(*made, repo=REPO)):
        again = write_card(*made, repo=REPO, owner=read_metadata(first, REPO))
        assert again == first, "publishing twice changes nothing"


def test_eval_yaml_points_at_configs_that_exist(made: tuple[HubIndex, Audit]) -> None:
    content = yaml.safe_load(write_eval_yaml(made[0]))
    assert {"name", "description", "evaluation_framework", "tasks"} == set(content)
    ids = [task["id"] for task in content["tasks"]]
    assert len(ids) == len(set(ids)) == 29
    assert {"p1_mean_t1", "p2_mean_t1", "p3_mean_t1", "p3_mean_t01", "p3_hallo_t1"} <= set(ids)
    assert all(task["split"] in made[0].configs[task["config"]] for task in content["tasks"])
    assert "p3_aniportraitaudio" in ids


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ("# Hello\n", "does not begin with YAML"),
        ("", "does not begin with YAML"),
        ("---\nconfigs: [\n---\n", "is malformed"),
        ("---\n- a\n---\n", "is not a mapping"),
        ("---\nlicense: mit\n---\n", "it has no configs; run thb publish dataset again"),
        ("---\nconfigs: 3\n---\n", "does not list the files"),
        ("---\nconfigs:\n- config_name: p1\n---\n", "does not list the files"),
        ("---\nconfigs:\n- data_files: []\n---\n", "does not list the files"),
    ],
)
def test_a_card_that_lost_its_yaml_is_named(card: str, says: str) -> None:
    with pytest.raises(ReleaseError, match=says):
        read_configs(card, REPO)


def test_configs_that_the_viewer_cannot_show_are_refused() -> None:
    configs: dict[str, dict[str, Any]] = {
        "p3": {f"train.{number}": ["a"] for number in range(31)},
        "p2": {"train-hallo": ["a"], "test": ["gone"], "extra": []},
    }
    with pytest.raises(ReleaseError) as caught:
        check_configs(configs, {"a"})
    for part in ("no config p1", "p3 has 31 splits", "p2/train-hallo", "['gone']", "p2/extra"):
        assert part in str(caught.value)


def test_the_card_at_the_root_is_the_generated_one() -> None:
    """Generate the card from the plan of the mini release, which draws no video."""
    plan = make_plan(0, MiniSize())
    media = [path for clip in plan.clips for path in (clip.path, clip.audio) if path]
    paths = [path.removeprefix("hub/") for path in media if path.startswith("hub/")]
    release = make_release(
        root=Path(),
        name="mini",
        revision=None,
        paths=paths,
        split_text=json.dumps(plan.split_list),
        synthetic=True,
        other_lists={"official": json.dumps(plan.official_list)},
    )
    card = write_card(build_index(release.videos), audit_release(release), repo=REPO)
    assert (ROOT / "dataset_card.md").read_text(encoding="utf-8") == card, (
        "run: thb publish dataset --release mini --repo luchaoqi/TalkingHeadBench --dry-run "
        "--videos-at main --out OUT && cp OUT/README.md dataset_card.md"
    )
    assert "**Synthetic.**" in card
    assert len({v.generator for v in release.videos} - {None}) == len(Generator)
