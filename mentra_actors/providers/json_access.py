"""Safe access to the JSON of servers: a field of a wrong type counts as missing."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec

__all__ = ["Json", "decoded_json", "list_of", "number_of", "object_of", "text_of", "whole_of"]

Json: TypeAlias = Mapping[str, Any]


def decoded_json(text: str | bytes) -> Any:
    """The value that a text of JSON says; None if it is none."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def text_of(value: Json, key: str) -> str:
    """A text field, or `""` where it is missing, null or of another type."""
    found = value.get(key)
    return found if isinstance(found, str) else ""


def whole_of(value: Json, key: str) -> int:
    """A field that is a whole number, or 0."""
    found = value.get(key)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def object_of(value: Json, key: str) -> Json:
    """A field that is an object, or an empty one."""
    found = value.get(key)
    return found if isinstance(found, dict) else {}


def list_of(value: Json, key: str) -> list[Json]:
    """The objects in a field that is a list, or none."""
    found = value.get(key)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def number_of(value: Json, key: str) -> float | None:
    """A field that is a number, or None; a whole number that no float can hold is none."""
    found = value.get(key)
    if isinstance(found, bool) or not isinstance(found, int | float):
        return None
    try:
        return float(found)
    except OverflowError:
        return None
