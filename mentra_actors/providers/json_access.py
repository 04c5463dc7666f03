"""Safe access to the JSON of servers: a field of a wrong type counts as missing."""

from collections.abc import Iterable
from typing import Any

import msgspec

from mentra_actors.json_types import Json

__all__ = ["Json", "decoded_json", "list_of", "number_of", "object_of", "text_of", "whole_of"]

_MOST_LEVELS = 200


def decoded_json(text: str | bytes) -> Any:
    """The value that a text of JSON says; None if it is none.

    One of more than 200 levels counts as none: what is stored is written again from a deeper
    stack, and must not fail there.
    """
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if _brackets(text) > _MOST_LEVELS and _is_too_deep(value) else value


def _brackets(text: str | bytes) -> int:
    """How many levels a text may have at most; cheaper than to look."""
    if isinstance(text, str):
        return text.count("[") + text.count("{")
    return text.count(b"[") + text.count(b"{")


def _is_too_deep(value: object) -> bool:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(_MOST_LEVELS):
        level = [below for above in level for below in _below(above)]
        if not level:
            return False
    return True


def _below(value: Any) -> Iterable[Any]:
    """The lists and objects that lie in one of them."""
    entries = value.values() if isinstance(value, dict) else value
    return (one for one in entries if isinstance(one, dict | list))


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
