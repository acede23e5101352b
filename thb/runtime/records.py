"""Records in files: JSON read into frozen dataclasses, and dataclasses written as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

Record = TypeVar("Record")
FINITE = ConfigDict(allow_inf_nan=False)
"""For ``__pydantic_config__`` of records whose numbers are all finite."""

_adapters: Callable[[type], TypeAdapter[Any]] = lru_cache(TypeAdapter)


def read_json(kind: type[Record], text: str | bytes) -> Record:
    """Return the record that a JSON text holds.

    Keys that the record does not have are ignored, so that a newer version's file can be read.

    Args:
        kind: A dataclass; its annotations say which types and nested records are accepted.
        text: JSON.

    Raises:
        ValueError: The text is not JSON, or a field is missing or of another type. The message is
            one line and names every such field.
    """
    try:
        record: Record = _adapters(kind).validate_json(text, strict=True)
    except ValidationError as error:
        faults = (
            f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}".removeprefix(": ")
            for fault in error.errors(include_url=False, include_input=False)
        )
        raise ValueError("; ".join(faults)) from error
    return record


def to_json(record: object) -> dict[str, Any]:
    """Return plain JSON values of a dataclass."""
    values: dict[str, Any] = _adapters(type(record)).dump_python(record, mode="json", by_alias=True)
    return values


def write_text(record: object) -> str:
    """Return a record as the JSON text that is kept beside weights and results."""
    return json.dumps(to_json(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
