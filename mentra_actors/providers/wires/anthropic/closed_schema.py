"""JSON Schemas in the form to which this server can hold a model.

Every object has only the properties that it names; those that are not required may be left out.
Bounds that the server does not know become words of the description, for the model to keep.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from mentra_actors.json_types import JsonObject
from mentra_actors.providers.json_access import Json
from mentra_actors.providers.provider_faults import invalid_request

__all__ = ["closed_schema"]

_KEPT = frozenset({"type", "enum", "const", "default", "description", "title", "required", "$ref"})
_FORMATS = frozenset(
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"],
)
_WITH_REF = ("$ref", "$defs", "definitions")
_WRITTEN_ANEW = frozenset({"additionalProperties"})


def closed_schema(schema: Json, named: str, advice: str) -> JsonObject:
    """A schema that the server takes; what fits it and keeps the bounds in words fits `schema`.

    Raises:
        ProviderError: `invalid_request`: an object in it has any names, and closed it would be
            empty. The message says whose it is, and the `advice`.
    """
    try:
        closed: JsonObject = _closed(schema)
    except _OpenObjectError as error:
        raise invalid_request(
            f"{named} has an object whose properties have no names, to which the "
            f"model cannot be held: {advice}"
        ) from error
    return closed


class _OpenObjectError(Exception):
    """An object may have properties of any name, like a `dict`."""


def _closed(schema: object) -> Any:
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return {key: _part(key, schema[key]) for key in _WITH_REF if key in schema}
    if _is_open(schema):
        raise _OpenObjectError
    closed: JsonObject = {}
    said: JsonObject = {}
    for key, value in schema.items():
        if key in _WRITTEN_ANEW:
            continue
        if _is_known(key, value):
            closed["anyOf" if key == "oneOf" else key] = _part(key, value)
        else:
            said[key] = value
    if closed.get("type") == "object":
        closed.setdefault("properties", {})
        closed["additionalProperties"] = False
    if said:
        words = f"{{{', '.join(f'{key}: {_text(value)}' for key, value in said.items())}}}"
        closed["description"] = "\n\n".join(filter(None, (closed.get("description"), words)))
    return closed


def _is_open(schema: Json) -> bool:
    """Whether properties without a name are what the object is for.

    Where some have names, `additionalProperties: true` only allows more, which may be left out.
    """
    more = schema.get("additionalProperties")
    if isinstance(more, Mapping) or "patternProperties" in schema:
        return True
    if more is True:
        return not schema.get("properties")
    return schema.get("type") == "object" and "properties" not in schema and more is None


def _is_known(key: str, value: object) -> bool:
    if key == "format":
        return isinstance(value, str) and value in _FORMATS
    if key == "minItems":
        return value in (0, 1)
    return key in _KEPT or key in _PARTS


def _part(key: str, value: object) -> object:
    read = _PARTS.get(key)
    return value if read is None else read(value)


def _closed_values(value: object) -> object:
    if not isinstance(value, Mapping):
        return value
    return {name: _closed(one) for name, one in value.items()}


def _closed_list(value: object) -> object:
    return [_closed(one) for one in value] if isinstance(value, list) else value


_PARTS: Mapping[str, Callable[[Any], object]] = {
    "properties": _closed_values,
    "$defs": _closed_values,
    "definitions": _closed_values,
    "items": _closed,
    "anyOf": _closed_list,
    "oneOf": _closed_list,
    "allOf": _closed_list,
}


def _text(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
