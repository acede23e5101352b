"""Records in files: JSON read into frozen dataclasses, and dataclasses written as JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError

from thb_dataset.files import parse_json

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
        ValueError: The text is not JSON, a number is not finite, or a field is missing or of
            another type. The message is one line and names every such field.
    """
    parse_json(text)
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


def replace_not_finite(value: Any, faults: dict[str, str], place: str = "") -> Any:  # noqa: ANN401
    """Return JSON values in which numbers that are not finite are None.

    Args:
        value: Any JSON value.
        faults: Receives what such a number was (``nan``, ``inf``), by its place in the value.
        place: The place of the value itself: keys and indices with dots between them.
    """
    if isinstance(value, float) and not math.isfinite(value):
        faults[place] = str(float(value))
        return None
    if isinstance(value, Mapping):
        return {
            key: replace_not_finite(item, faults, f"{place}.{key}".lstrip("."))
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            replace_not_finite(item, faults, f"{place}.{index}".lstrip("."))
            for index, item in enumerate(value)
        ]
    return value


def write_text(record: object) -> str:
    """Return a record as the JSON text that is kept beside weights and results."""
    return json.dumps(to_json(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
