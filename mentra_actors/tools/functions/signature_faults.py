"""All that is wrong with arguments that the types of a signature have refused."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import NoneType
from typing import Any

import msgspec

from mentra_actors.tools.functions.argument_faults import (
    MAX_FAULTS,
    Fault,
    cut,
    missing_field,
    other_fault,
    path_text,
    unexpected_value,
    unknown_field,
)
from mentra_actors.tools.results.rendering import error_words, named_words_of
from mentra_actors.tools.schemas.schema_check import SchemaCheck
from mentra_actors.tools.schemas.schema_words import expectation, kind

__all__ = ["convert", "faults_of_fields"]

_REASON_CHARS = 300
_PLACE = re.compile(r"(?P<reason>.*) - at (?P<name>`key` in )?`\$(?P<rest>.*)`", re.DOTALL)


def convert(value: object, wanted: object) -> Any:
    """A value of the wanted type, taken from what a model wrote, leniently.

    Raises:
        msgspec.ValidationError: it is none. A type's own code may raise anything.
    """
    return msgspec.convert(value, wanted, strict=False, str_keys=True)


def faults_of_fields(
    arguments: Mapping[Any, object], arguments_type: type[msgspec.Struct], check: SchemaCheck
) -> list[Fault]:
    """What is missing, what is of the wrong kind, and what is unknown: all, up to some thousand.

    A field is accused only if its type refuses it. What is wrong inside it is then said by the
    schema, and by the type where the schema allows what the type does not.
    """
    fields = {field.encode_name: field for field in msgspec.structs.fields(arguments_type)}
    properties = check.schema["properties"]
    faults = [
        missing_field(path_text([name]), kind(properties[name], check.schema))
        for name, field in fields.items()
        if field.required and name not in arguments
    ]
    for name, field in fields.items():
        if name in arguments and len(faults) <= MAX_FAULTS:
            faults += _faults_of_field(name, arguments[name], field.type, check)
    return [*faults, *islice(_unknown(arguments, list(fields)), MAX_FAULTS + 1)]


def _unknown(arguments: Mapping[Any, object], known: Sequence[str]) -> Iterator[Fault]:
    for name in arguments:
        if name not in known:
            yield unknown_field(path_text([name]), name, known=known, given=arguments)


def _faults_of_field(
    name: str, value: object, wanted: object, check: SchemaCheck
) -> Sequence[Fault]:
    try:
        convert(value, wanted)
    except Exception as error:  # noqa: BLE001 - a type's own code may raise anything
        told = _fault_by_type(name, value, error, check)
    else:
        return []
    found = check.found_in_property(name, value, lambda error: not _is_taken(error, check))
    place = told.path.partition("[...]")[0]
    for fault in found.faults:
        if fault.path.startswith(place) or place.startswith(fault.path):
            return found.faults
    return [*found.faults, told]


def _fault_by_type(name: str, value: object, error: Exception, check: SchemaCheck) -> Fault:
    """The first thing that a type refuses, in the words of the type."""
    words = _words(error)
    match = _PLACE.fullmatch(words)
    reason = cut(words if match is None else match["reason"], _REASON_CHARS)
    path = path_text([name]) + ("" if match is None else match["rest"])
    if match is not None and match["name"]:
        return other_fault(path, f"the name of a field in it is wrong: {reason}")
    if match is not None and match["rest"]:
        return other_fault(path, reason)
    expected = expectation(check.schema["properties"][name], check.schema)
    return unexpected_value(path, expected, value, reason)


def _words(error: Exception) -> str:
    if isinstance(error, msgspec.ValidationError):
        return error_words(error)
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return named_words_of(error)


def _is_taken(error: Any, check: SchemaCheck) -> bool:
    """Whether the schema refuses what a type takes leniently: `"5"` for an integer."""
    value = error.instance
    if not isinstance(value, str | int | float):
        return False
    return any(check.allows(meant, error.schema) for meant in _lenient_meanings(value))


def _lenient_meanings(value: object) -> Iterator[object]:
    for wanted in (int, float, bool, NoneType):
        try:
            meant = convert(value, wanted)
        except (ValueError, OverflowError):
            continue
        if type(meant) is not type(value):
            yield meant
