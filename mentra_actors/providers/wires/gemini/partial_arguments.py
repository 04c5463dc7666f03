"""Arguments of a call that come in fragments, each with the place where it belongs."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from mentra_actors.providers.json_access import Json, list_of, text_of

__all__ = ["PlaceError", "TextPieces", "assemble"]

_STEP = re.compile(
    r"\.(?P<name>[^.\[\]]+)"
    r"|\[(?P<index>[0-9]{1,6})\]"
    r"|\['(?P<single>(?:[^'\\]|\\.)*)'\]"
    r'|\["(?P<double>(?:[^"\\]|\\.)*)"\]'
)
_ESCAPED = re.compile(r"\\(.)", re.S)
_VALUES = ("numberValue", "boolValue")
_MOST_STEPS = 100
"""Arguments that are deeper could not be written as JSON."""


class PlaceError(ValueError):
    """A fragment names a place that there cannot be."""


class TextPieces:
    """A text in arguments that comes in pieces."""

    def __init__(self, *pieces: str) -> None:
        self.pieces = list(pieces)

    @property
    def text(self) -> str:
        """All pieces so far."""
        return "".join(self.pieces)


def assemble(arguments: dict[str, object], call: Json) -> None:
    """Put the fragments of one event into the arguments.

    Texts of one place are joined in order; any other value is whole in its fragment.

    Raises:
        PlaceError: nobody can tell where a fragment belongs.
    """
    for fragment in list_of(call, "partialArgs"):
        path = _steps(text_of(fragment, "jsonPath"))
        found = _value(fragment)
        if found is not None:
            _put(arguments, path, found[0])


def _value(fragment: Json) -> tuple[object] | None:
    """The value that a fragment holds; None where it holds none."""
    if isinstance(fragment.get("stringValue"), str):
        return (fragment["stringValue"],)
    for key in _VALUES:
        if fragment.get(key) is not None:
            return (fragment[key],)
    return (None,) if "nullValue" in fragment else None


def _steps(path: str) -> list[str | int]:
    """The names and indexes of a JSONPath like `$.places[0]['post code']`."""
    steps: list[str | int] = []
    at = 1 if path.startswith("$") else 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None or len(steps) == _MOST_STEPS:
            raise PlaceError(f"no place in arguments: {path[:200]!r}")
        steps.append(_step(step.groupdict()))
        at = step.end()
    if not steps or isinstance(steps[0], int):
        raise PlaceError(f"no place in arguments: {path[:200]!r}")
    return steps


def _step(found: Mapping[str, str | None]) -> str | int:
    if found["index"] is not None:
        return int(found["index"])
    if found["name"] is not None:
        return found["name"]
    return _ESCAPED.sub(r"\1", found["single"] or found["double"] or "")


def _put(arguments: dict[str, object], path: list[str | int], value: object) -> None:
    place: object = arguments
    for step, following in pairwise(path):
        empty: object = [] if isinstance(following, int) else {}
        found = _at(place, step)
        if found is None:
            _set(place, step, empty)
            found = empty
        place = found
    before = _at(place, path[-1])
    if isinstance(before, TextPieces) and isinstance(value, str):
        before.pieces.append(value)
    elif isinstance(before, str) and isinstance(value, str):
        _set(place, path[-1], TextPieces(before, value))
    else:
        _set(place, path[-1], value)


def _at(place: object, step: str | int) -> object:
    if isinstance(step, int) and isinstance(place, list):
        return place[step] if step < len(place) else None
    if isinstance(step, str) and isinstance(place, dict):
        return place.get(step)
    raise PlaceError(f"no place in arguments: {step!r} of {type(place).__name__}")


def _set(place: Any, step: Any, value: Any) -> None:
    """Put a value in its place; a list grows by one at most, for its parts come in order."""
    if not isinstance(place, list) or step < len(place):
        place[step] = value
    elif step == len(place):
        place.append(value)
    else:
        raise PlaceError(f"index {step} of arguments came before the one ahead of it")
