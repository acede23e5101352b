"""The cards of everything that we publish: their YAML is whole, and claims nothing untrue."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest
import yaml

from tests.support.sources import ROOT

KINDS = ("detectors", "metrics", "spaces")
CARDS = [
    path.relative_to(ROOT).as_posix()
    for pattern in ("dataset_card.md", *(f"{kind}/*/README.md" for kind in KINDS))
    for path in sorted(ROOT.glob(pattern))
]


def read_head(card: str) -> dict[str, Any]:
    text = (ROOT / card).read_text(encoding="utf-8")
    found = re.match(r"---\n(?P<head>.*?)\n---\n", text, re.DOTALL)
    assert found, f"{card} does not begin with YAML"
    head = yaml.safe_load(found["head"])
    assert isinstance(head, dict)
    return head


def test_every_detector_the_metric_and_every_space_have_a_card() -> None:
    folders = {
        *(path.parent for path in ROOT.glob("detectors/*/modeling.py")),
        *(path.parent for path in ROOT.glob("metrics/*/app.py")),
        *(path.parent for path in ROOT.glob("spaces/*/app.py")),
    }
    assert folders == {(ROOT / card).parent for card in CARDS} - {ROOT}


@pytest.mark.parametrize("card", CARDS)
def test_a_card_names_its_licence(card: str) -> None:
    head = read_head(card)
    assert head["license"] in ("apache-2.0", "other")
    assert head["license"] != "other" or head["license_name"]


@pytest.mark.parametrize("card", CARDS)
def test_no_card_declares_a_base_model(card: str) -> None:
    """The Hub's leaderboards hide the models that do, unless a visitor asks for them."""
    assert "base_model" not in read_head(card)


@pytest.mark.parametrize("card", [card for card in CARDS if card.startswith("detectors/")])
def test_the_cards_of_detectors_answer_the_same_questions_in_the_same_order(card: str) -> None:
    titles = re.findall(r"^## (.+)$", (ROOT / card).read_text(encoding="utf-8"), re.MULTILINE)
    asked = ["Input", "Output", "Training", "Licences and data", "Limits"]
    assert [title for title in titles if title in asked] == asked


def test_the_citation_names_the_version_and_the_paper() -> None:
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert cited["cff-version"] == "1.2.0"
    assert cited["version"] == project["version"]
    assert cited["license"] == project["license"]
    (paper,) = cited["references"]
    assert paper["identifiers"][0]["value"] == "arXiv:2505.24866"
    assert {"message", "title", "authors"} <= set(cited)
