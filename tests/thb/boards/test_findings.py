"""Comments: whatever strangers write stands in a code span, as a renderer of Markdown reads it."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from thb.boards.findings import Finding, FindingKind, SubmissionsCheck, quote

renderer = MarkdownIt("commonmark", {"html": True}).enable("table")


@given(st.text(max_size=400))
@example("`")
@example("``` x\n\n# title")
@example(" ` ")
@example("\u2028<b>\u202e")
@example("")
def test_a_quoted_text_is_one_code_span(text: str) -> None:
    tokens = renderer.parse(f"- {quote(text)}: {quote(text)}\n")
    (inline,) = [token for token in tokens if token.type == "inline"]
    kinds = [child.type for child in inline.children or ()]
    assert kinds == ["code_inline", "text", "code_inline"]


@pytest.mark.parametrize("count", [1, 250])
def test_every_finding_is_in_the_json_and_many_are_counted_in_the_comment(count: int) -> None:
    findings = tuple(
        Finding(kind=FindingKind.ROWS, place=f"p{at}", message="x") for at in range(count)
    )
    check = SubmissionsCheck(checked=("a",), unchanged=3, findings=findings, notes=("n",))
    assert len(check.to_dict()["findings"]) == count
    comment = check.to_markdown()
    assert f"**rows** ({count})" in comment
    assert ("and 240 more" in comment) is (count == 250)
    wrong = "1 thing is wrong" if count == 1 else "250 things are wrong"
    assert check.summary == f"1 submission checked (3 merged before): {wrong}"


def test_a_comment_is_cut_between_lines_and_says_so() -> None:
    folders = tuple(f"results/{at}" for at in range(40))
    findings = tuple(
        Finding(kind=kind, place=f"{folder}/x", message="`" * 299)
        for folder in folders
        for kind in FindingKind
    )
    check = SubmissionsCheck(checked=folders, unchanged=0, findings=findings, notes=())
    comment = check.to_markdown()
    assert len(comment.encode()) < 60_000
    assert "more than a comment can hold" in comment
    tokens = [child for token in renderer.parse(comment) for child in token.children or ()]
    texts = [token.content for token in tokens if token.type == "text"]
    assert not any("`" in text for text in texts), "no code span is left open"
