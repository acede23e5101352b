"""Names and links: what a board may show as it is, and what it may not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from thb.boards.names import SubmissionName, explain_link, explain_model, explain_text
from thb.runtime.csv_text import write_cell


@pytest.mark.parametrize(
    "name", ["TALL", "Xception (c23)", "TALL++", "Détecteur 2", "检测器", "a_b-c.d", "ORG/NAME, v2"]
)
def test_ordinary_names_are_accepted(name: str) -> None:
    assert explain_text(name) is None


@given(st.text(max_size=100))
def test_an_accepted_name_is_shown_everywhere_as_it_is(name: str) -> None:
    if explain_text(name) is None:
        assert name.isprintable()
        assert not set(name) & set("<>&\"'`*[]|@#\\~!$:;=")
        assert write_cell(name) == name, "a spreadsheet takes it for a text"


@pytest.mark.parametrize(
    ("model", "revision", "says"),
    [
        ("detector", "a" * 40, "must be ORG/NAME"),
        ("../x", "a" * 40, "must be ORG/NAME"),
        ("a/b/c", "a" * 40, "must be ORG/NAME"),
        ("a/b__c", "a" * 40, "two of them part"),
        ("a_/b", "a" * 40, "two of them part"),
        ("a/b", "main", "40 hex digits"),
        ("a/b", "A" * 40, "40 hex digits"),
        ("a/b", "a" * 40 + "\n", "40 hex digits"),
    ],
)
def test_other_models_and_revisions_are_refused(model: str, revision: str, says: str) -> None:
    assert says in (explain_model(model, revision) or "")


def test_the_folder_follows_from_model_and_revision() -> None:
    assert explain_model("org/name", "a" * 40) is None
    folder = SubmissionName(model="org/name", revision="a" * 40).folder
    assert folder == f"results/org__name/{'a' * 40}"


def test_links_are_plain() -> None:
    assert explain_link("https://arxiv.org/abs/2505.24866") is None
    assert explain_link("https://github.com/a/b#readme") is None
    for link in ("http://x.org", "https://u@x.org", "https://x.org/<b>", "data:x", "https://x y"):
        assert explain_link(link)
    assert explain_link("https://x.org/" + "a" * 300)
