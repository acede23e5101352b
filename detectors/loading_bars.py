"""No progress bars of transformers where weights are read or written, which takes a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def without_loading_bars() -> Iterator[None]:
    """Hide the bars of transformers; those of a download from the Hub are shown all the same."""
    from transformers.utils import logging

    before = logging.set_tqdm_hook(_make_hidden)
    try:
        yield
    finally:
        logging.set_tqdm_hook(before)


def _make_hidden(
    factory: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> object:
    return factory(*args, **{**kwargs, "disable": True})
