"""Settings that a user names, checked and converted by the annotations of what they belong to."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterable, Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError, to_json

from detectors.recipes import Recipe
from thb_dataset.clip_spec import ClipSpec
from thb_dataset.errors import SettingsError
from thb_dataset.wording import suggest

if TYPE_CHECKING:
    from detectors.base import DetectorConfig

_RULES = ConfigDict(allow_inf_nan=False, arbitrary_types_allowed=True)
_WORDS: Final = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    NoneType: "null",
    dict: "an object",
    Mapping: "an object",
    list: "a list",
    tuple: "a list",
}


def convert_recipe(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return some settings of a recipe, each of the type that :class:`Recipe` annotates.

    A text is read as the type that the setting needs, so ``"False"`` is False.

    Args:
        given: The settings by name.

    Raises:
        SettingsError: A name is unknown, or a value is of another type; all of them are named.
    """
    return _convert(given, get_type_hints(Recipe), "training settings")


def convert_config(config_class: type[DetectorConfig], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return some settings of a detector, each of the type that its config class annotates.

    Args:
        config_class: The class of the config. Settings that it inherits from transformers are
            left as they are.
        given: The settings by name; ``clip`` holds those of a :class:`ClipSpec`.

    Raises:
        SettingsError: A name is unknown, or a value is of another type; all of them are named.
    """
    inherited = {field.name for field in fields(config_class)}
    types = _read_annotations(config_class)
    of_training = get_type_hints(Recipe)
    for name in sorted(set(given) - {*types, *inherited}):
        if name in of_training or (_suggest(name, of_training) and not _suggest(name, types)):
            raise SettingsError(
                f"{config_class.__name__}: no setting {name}{_suggest(name, of_training)}: it is"
                " one of the training and not of the detector, so give it to thb train with --set"
            )
    values = _convert(given, types, config_class.__name__, unchecked=inherited)
    if values.get("clip"):
        values["clip"] = _convert(values["clip"], get_type_hints(ClipSpec), "clip settings")
    return values


def _read_annotations(config_class: type[DetectorConfig]) -> dict[str, Any]:
    from detectors.base import DetectorConfig

    types: dict[str, Any] = {}
    for ancestor in reversed(config_class.__mro__):
        if issubclass(ancestor, DetectorConfig):
            try:
                types |= inspect.get_annotations(ancestor, eval_str=True)
            except NameError:  # a class of someone else may name types that only a checker imports
                types |= dict.fromkeys(inspect.get_annotations(ancestor), Any)
    return types


def _convert(
    given: Mapping[str, Any],
    types: Mapping[str, Any],
    what: str,
    *,
    unchecked: Collection[str] = (),
) -> dict[str, Any]:
    strange = sorted(set(given) - {*types, *unchecked})
    if strange:
        raise SettingsError(
            f"{what}: no setting {', '.join(name + _suggest(name, types) for name in strange)};"
            f" the settings are {', '.join(sorted(types))}"
        )
    values, faults = dict(given), []
    for name in filter(types.__contains__, given):
        value = given[name]
        try:
            # Recipe and ClipSpec name wrong choices themselves, with all impossible values.
            if get_origin(types[name]) is not Literal:
                values[name] = _convert_value(value, types[name])
        except (ValidationError, PydanticSerializationError) as error:
            faults.append(f"{name}={value!r} is not {_describe(types[name])}{_locate(error)}")
    if faults:
        raise SettingsError(f"{what}: {'; '.join(faults)}")
    return values


def _suggest(name: str, known: Iterable[str]) -> str:
    hint = suggest(name, known)
    return f" ({hint})" if hint else ""


def _convert_value(value: object, kind: Any) -> Any:  # noqa: ANN401 — any annotation
    adapter: TypeAdapter[Any] = TypeAdapter(kind, config=_RULES)
    try:
        # JSON's rules: a list can be a tuple and a whole number a number, but 1 is not true.
        return adapter.validate_json(to_json(value), strict=True)
    except ValidationError:
        if not isinstance(value, str):
            raise
    return adapter.validate_strings(value)


def _describe(kind: Any) -> str:  # noqa: ANN401 — any annotation
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(map(_describe, inner)))
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    return _WORDS.get(origin or kind, str(kind))


def _locate(error: ValidationError | PydanticSerializationError) -> str:
    """Return what is wrong inside a list or an object; "" if the value itself is."""
    if isinstance(error, PydanticSerializationError):
        return ""
    fault = error.errors(include_url=False, include_input=False)[0]
    places = [
        str(place) for place in fault["loc"] if not str(place).startswith(("tuple[", "list["))
    ]
    return f" as it should be: at {'.'.join(places)}, {fault['msg'].lower()}" if places else ""
