"""JSON Schemas in the strict form in which a provider can promise to keep them."""

from collections.abc import Mapping
from typing import Any

from mentra_actors.json_types import JsonObject

__all__ = ["strict_schema"]

_SAID_ANEW = frozenset({"default", "title", "examples", "required", "additionalProperties"})
"""Left out, or written by what a strict schema has in any case."""
_KEPT = frozenset(
    {
        "$ref",
        "anyOf",
        "const",
        "description",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxItems",
        "maximum",
        "minItems",
        "minimum",
        "multipleOf",
        "pattern",
        "type",
    }
)


def strict_schema(schema: Mapping[str, object]) -> JsonObject | None:
    """A stricter schema: every object has just the properties that it names, and all of them.

    What fits it fits `schema`. None if that cannot be said, as of objects with any names.
    """
    try:
        return _strict(schema)
    except _NotStrictError:
        return None


class _NotStrictError(Exception):
    """A schema uses what a strict one may not have."""


def _strict(schema: Any) -> JsonObject:
    if not isinstance(schema, Mapping) or schema.get("additionalProperties", False) is not False:
        raise _NotStrictError
    strict = {key: _part(key, value) for key, value in schema.items() if key not in _SAID_ANEW}
    if not strict:
        raise _NotStrictError  # anything at all
    if strict.get("type") == "object":
        properties = strict.setdefault("properties", {})
        strict["required"] = list(properties)
        strict["additionalProperties"] = False
    return strict


def _part(key: str, value: Any) -> Any:
    if key in ("properties", "$defs"):
        return {name: _strict(one) for name, one in value.items()}
    if key == "anyOf":
        return [_strict(one) for one in value]
    if key == "items":
        return _strict(value)
    if key not in _KEPT:
        raise _NotStrictError
    return value
