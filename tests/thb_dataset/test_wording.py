"""Phrases that messages and cards share."""

from __future__ import annotations

import pytest

from thb_dataset.wording import shorten_list


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, ""), (1, "v0"), (3, "v0, v1, v2"), (4, "v0, v1, v2 and 1 more")],
)
def test_a_long_list_is_shortened(count: int, text: str) -> None:
    assert shorten_list([f"v{number}" for number in range(count)], shown=3) == text
