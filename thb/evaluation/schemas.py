"""JSON Schemas of the files that the toolkit writes, made from the dataclasses that they hold.

The schemas lie in ``thb/schemas``; ``python scripts/write_schemas.py`` writes them again, and a
test compares them with the dataclasses. What a field means is its line in the class's docstring.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

from pydantic import TypeAdapter

from thb.evaluation.result import READ_VERSIONS, SCHEMA_VERSION, Result
from thb.prediction.calibration import Calibration
from thb.prediction.predictions import Prediction
from thb.prediction.row_files import list_columns
from thb.runs.provenance import FoldScoringRecord, ScoringRecord
from thb.runs.record import RunRecord
from thb_dataset.errors import ResultError
from thb_dataset.files import parse_json, write_json

FOLDER: Final = "schemas"
ENDING: Final = ".schema.json"
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
NAMES: Final = ("predictions", "result", "run", "thresholds")
_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.+(?:\n        .+)*)", re.MULTILINE)
_EXAMPLES = "\n\nExamples:"


def read_schema(name: str) -> dict[str, Any]:
    """Return a schema that ships with the package.

    Args:
        name: ``predictions``, ``result``, ``run`` or ``thresholds``.

    Raises:
        ResultError: There is no such schema.
    """
    if name not in NAMES:
        raise ResultError(f"there is no schema {name!r}; there are {', '.join(NAMES)}")
    schema: dict[str, Any] = parse_json(files("thb").joinpath(FOLDER, name + ENDING).read_bytes())
    return schema


def write_schemas(folder: Path) -> None:
    """Write all schemas into a folder.

    Raises:
        OSError: A file cannot be written.
    """
    for name in NAMES:
        write_json(folder / (name + ENDING), make_schema(name))


def make_schema(name: str) -> dict[str, Any]:
    """Return a schema as the dataclasses of today give it.

    Args:
        name: One of :data:`NAMES`.
    """
    makers: dict[str, Callable[[], dict[str, Any]]] = {
        "predictions": _make_predictions_schema,
        "result": _make_result_schema,
        "run": lambda: _describe(RunRecord),
        "thresholds": lambda: _describe(Calibration),
    }
    head = {"$schema": DRAFT, "$id": f"urn:talkingheadbench:schema:{name}"}
    schema: dict[str, Any] = json.loads(json.dumps({**head, **makers[name]()}))
    return schema


def _make_result_schema() -> dict[str, Any]:
    schema = _describe(Result)
    schema["properties"] = {
        "schema_version": {
            "enum": list(READ_VERSIONS),
            "description": f"The version of the record; {SCHEMA_VERSION} is written today.",
        },
        "notes": {
            "type": "array",
            "items": {"type": "string"},
            "description": "The sentences that stand below the result's table.",
        },
        **schema["properties"],
    }
    schema["required"] = ["schema_version", *schema["required"]]
    return schema


def _make_predictions_schema() -> dict[str, Any]:
    row, loose, fold = map(_describe, (Prediction, ScoringRecord, FoldScoringRecord))
    for name, column in list_columns(Prediction):
        row["properties"][name]["x-parquet-type"] = column
    row["properties"]["label"]["anyOf"] = [{"enum": [0, 1]}, {"type": "null"}]
    row["properties"]["score"]["anyOf"] = [
        {"type": "number", "minimum": 0, "maximum": 1},
        {"type": "null"},
    ]
    definitions = {
        key: value for part in (row, loose, fold) for key, value in part.pop("$defs", {}).items()
    }
    return {
        "title": "Predictions",
        "description": (
            "predictions.parquet: a row for each video, and the metadata thb.run, whose value is"
            " the JSON of the run."
        ),
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": {"$ref": "#/$defs/Prediction"}},
            "run": {
                "anyOf": [
                    {"$ref": "#/$defs/FoldScoringRecord"},
                    {"$ref": "#/$defs/ScoringRecord"},
                ],
                "description": "The provenance of the scores: of a fold, or of loose files.",
            },
        },
        "required": ["rows", "run"],
        "$defs": {
            **definitions,
            "Prediction": row,
            "FoldScoringRecord": fold,
            "ScoringRecord": loose,
        },
    }


def _describe(kind: type) -> dict[str, Any]:
    """Return the schema of a dataclass, with the words of the docstrings."""
    schema = TypeAdapter(kind).json_schema(by_alias=True, mode="validation")
    classes = {found.__name__: found for found in _find_dataclasses(kind, {kind})}
    for name, part in {kind.__name__: schema, **schema.get("$defs", {})}.items():
        if name in classes:
            _add_words(part, classes[name])
        elif "description" in part:  # an enumeration, whose whole docstring pydantic takes
            part["description"] = part["description"].partition(_EXAMPLES)[0]
    return schema


def _find_dataclasses(kind: type, seen: set[type]) -> Iterator[type]:
    """Yield a dataclass and all that its fields hold."""
    yield kind
    for hint in get_type_hints(kind).values():
        for part in _flatten(hint):
            if isinstance(part, type) and is_dataclass(part) and part not in seen:
                seen.add(part)
                yield from _find_dataclasses(part, seen)


def _flatten(hint: Any) -> Iterator[Any]:  # noqa: ANN401 — a type, or a form of typing
    yield hint
    for part in get_args(hint):
        yield from _flatten(part)


def _add_words(schema: dict[str, Any], kind: type) -> None:
    words = _read_attributes(kind)
    schema["description"] = " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
    hints = get_type_hints(kind, include_extras=True)
    for field in fields(kind):
        aliases = [part.alias for part in get_args(hints[field.name]) if hasattr(part, "alias")]
        name = next(iter(aliases), field.name)
        if field.name in words and name in schema["properties"]:
            schema["properties"][name]["description"] = words[field.name]


def _read_attributes(kind: type) -> Mapping[str, str]:
    """Return what the docstrings of a class and of its bases say of each attribute."""
    words: dict[str, str] = {}
    for base in reversed(kind.__mro__[:-1]):
        _, _, text = (inspect.cleandoc(base.__doc__ or "")).partition("Attributes:\n")
        for name, meaning in _ATTRIBUTE.findall(text.partition(_EXAMPLES)[0]):
            words[name] = " ".join(meaning.replace("``", "").split())
    return words
