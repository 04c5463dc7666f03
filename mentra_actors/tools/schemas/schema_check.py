"""A JSON Schema that is checked once, and then finds all that is wrong with arguments."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from mentra_actors.json_types import Json, JsonObject
from mentra_actors.tools.functions.argument_faults import (
    MAX_FAULTS,
    Fault,
    cut,
    missing_field,
    other_fault,
    path_text,
    unexpected_choice,
    unexpected_value,
    unknown_field,
)
from mentra_actors.tools.schemas.jsonschema_library import jsonschema_library, library_failures
from mentra_actors.tools.schemas.schema_keywords import (
    OWN_WORDS,
    TooManySteps,
    checking,
    validator_class,
)
from mentra_actors.tools.schemas.schema_words import expectation, kind

__all__ = ["Found", "SchemaCheck", "decoded_schema", "schema_check"]

_REASON_CHARS = 300
_CHECKS = 256
"""Schemas whose checks are kept, by their text."""
_REFERENCE_HOPS = 20
_SCHEMA_LEVELS = 64
"""A schema that is nested deeper is refused: the library's stack would end."""

_SIZES = frozenset(
    {"minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"}
)
_OF_VALUES = _SIZES | {
    "type",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "pattern",
    "uniqueItems",
    "anyOf",
    "oneOf",
}
"""Keywords whose errors are told as what is expected of the value and what it is."""


class _Unusable(ValueError):
    """A schema that cannot be applied, in words that go on after "input_schema"."""


class Found(NamedTuple):
    """What a check has found, at most `MAX_FAULTS` and one more.

    `gave_up` says why it ended early; "" if it did not.
    """

    faults: Sequence[Fault]
    gave_up: str = ""


@dataclass(frozen=True, slots=True)
class SchemaCheck:
    """Made by `schema_check`. Immutable: any number of threads may use one."""

    schema: Json
    validator: Any

    def found_in(self, arguments: JsonObject) -> Found:
        """All that is wrong with these arguments. Never raises."""
        errors = self.validator.iter_errors(arguments)
        return self._collected(errors, arguments, lambda _error: True)

    def found_in_property(self, name: str, value: Any, counts: Callable[[Any], bool]) -> Found:
        """The errors that count in the value of a property. Never raises if `counts` does not."""
        part = self.schema["properties"][name]
        errors = self.validator.descend(value, part, path=name)
        return self._collected(errors, value, counts)

    def allows(self, value: Any, part: Any) -> bool:
        """Whether a value fits a part of the schema; to be asked by `counts`."""
        return bool(self.validator.evolve(schema=part).is_valid(value))

    def _collected(
        self, errors: Iterator[object], value: object, counts: Callable[[Any], bool]
    ) -> Found:
        faults: dict[Fault, None] = {}
        try:
            with library_failures(), checking(value, self.schema):
                counted = (self._fault(error) for error in errors if counts(error))
                for fault in islice(counted, 2 * MAX_FAULTS):
                    faults[fault] = None
        except RecursionError:
            return Found(list(faults), "nested too deeply")
        except TooManySteps:
            return Found(list(faults), "too much to compare them with")
        except Exception as error:  # noqa: BLE001 - arguments that defeat the library are refused
            return Found(list(faults), f"{type(error).__name__}: {error}")
        return Found(list(faults)[: MAX_FAULTS + 1])

    def _fault(self, error: Any) -> Fault:
        steps = list(error.absolute_path)
        path = path_text(steps)
        match error.validator:
            case "required":
                part = error.schema.get("properties", {}).get(steps[-1], {})
                return missing_field(path, kind(part, self.schema))
            case "additionalProperties":
                known = list(error.schema.get("properties", {}))
                return unknown_field(path, steps[-1], known=known, given=error.instance)
            case "enum":
                allowed = kind(error.schema, self.schema)
                return unexpected_choice(path, allowed, error.instance, error.validator_value)
            case keyword if keyword in _OF_VALUES and error.message not in OWN_WORDS:
                expected = expectation(error.schema, self.schema)
                return unexpected_value(path, expected, error.instance, _size(error))
            case _:
                return other_fault(path, cut(error.message, _REASON_CHARS))


def _size(error: Any) -> str:
    if error.validator not in _SIZES:
        return ""
    noun = {"Length": "characters", "Items": "items"}.get(error.validator[3:], "fields")
    return f"{len(error.instance)} {noun}"


@lru_cache(_CHECKS)
def schema_check(input_schema: str) -> SchemaCheck:
    """The check by a schema (Draft 2020-12) that is given as JSON text. Nothing is ever fetched.

    Raises:
        ValueError: it is no schema that can be applied; the words go on after "input_schema".
    """
    schema = decoded_schema(input_schema)
    try:
        with library_failures():
            return _checked(schema)
    except RecursionError as error:
        raise _Unusable("refers to itself without end") from error
    except _Unusable:
        raise
    except Exception as error:
        raise _Unusable(f"cannot be applied: {type(error).__name__}: {error}") from error


def decoded_schema(input_schema: str) -> JsonObject:
    """A schema as a mapping; not whether it is a valid one.

    Raises:
        ValueError: it is no JSON object; the words go on after "input_schema".
    """
    try:
        schema = msgspec.json.decode(input_schema)
    except (msgspec.DecodeError, UnicodeError, TypeError, RecursionError) as error:
        raise _Unusable(f"is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise _Unusable("is not a JSON object")
    _require_shallow(schema)
    return schema


def _require_shallow(schema: JsonObject) -> None:
    level: list[Any] = [schema]
    for _ in range(_SCHEMA_LEVELS):
        inner = (part.values() if isinstance(part, dict) else part for part in level)
        level = [part for parts in inner for part in parts if isinstance(part, dict | list)]
        if not level:
            return
    raise _Unusable(f"is nested too deeply, more than {_SCHEMA_LEVELS} levels")


def _checked(schema: JsonObject) -> SchemaCheck:
    _require_valid(schema)
    # a `$schema` would bring back the library's own keywords wherever the schema refers to itself
    schema.pop("$schema", None)
    _require_references(schema)
    registry = jsonschema_library("referencing").Registry()
    check = SchemaCheck(schema, validator_class()(schema, registry=registry))
    with checking({}, schema):
        check.validator.is_valid({})
    return check


def _require_valid(schema: JsonObject) -> None:
    refused = jsonschema_library("jsonschema.exceptions").SchemaError
    try:
        validator_class().check_schema(schema)
    except refused as error:
        reason = cut(error.message, _REASON_CHARS)
        raise _Unusable(f"is no valid JSON Schema: at {error.json_path}: {reason}") from error


def _require_references(schema: JsonObject) -> None:
    """Each `$ref` leads to a place in the schema itself, or in the specification of schemas."""
    drafts = jsonschema_library("referencing.jsonschema")
    known = jsonschema_library("jsonschema_specifications").REGISTRY
    unresolvable = jsonschema_library("referencing.exceptions").Unresolvable
    root = drafts.DRAFT202012.create_resource(schema)
    waiting = [(root, known.resolver_with_root(root))]
    seen: set[int] = set()
    while waiting:
        resource, resolver = waiting.pop()
        if id(resource.contents) in seen:
            continue
        seen.add(id(resource.contents))
        for reference in _references(resource.contents):
            try:
                target = _target(reference, resolver)
            except unresolvable as error:
                told = f"refers to {reference!r}, which is not in it; nothing is fetched"
                raise _Unusable(told) from error
            waiting.append((drafts.DRAFT202012.create_resource(target.contents), target.resolver))
        waiting += [(part, resolver.in_subresource(part)) for part in resource.subresources()]


def _target(reference: str, resolver: Any) -> Any:
    """Where a reference leads to, which must be more than references."""
    target = resolver.lookup(reference)
    final = target
    for _ in range(_REFERENCE_HOPS):
        if not isinstance(final.contents, dict) or "$ref" not in final.contents:
            return target
        final = final.resolver.lookup(final.contents["$ref"])
    raise _Unusable(f"refers to itself without end: {reference!r}")


def _references(contents: object) -> list[str]:
    if not isinstance(contents, dict):
        return []
    return [contents[name] for name in ("$ref", "$dynamicRef") if name in contents]
