"""What can be said of a regular expression without matching: which text every match holds."""

import re
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Iterable, Iterator
from re import _constants  # type: ignore[attr-defined]
from typing import Any

__all__ = ["required_text", "stays_in_line"]

constants: Any = _constants  # what it has is written down nowhere

_LONE = frozenset({constants.AT, constants.ASSERT_NOT})
_LINE_PLACES = frozenset({constants.AT_BEGINNING, constants.AT_END})
_NEWLINE = ord("\n")
_ASCII = 128


def required_text(pattern: str, *, ignore_case: bool) -> str:
    """The longest text that is in whatever matches, lower case with `ignore_case`; "" if unknown.

    With `ignore_case` only ASCII text is given, which holds for ASCII texts.
    """
    parsed = _parsed(pattern, ignore_case=ignore_case)
    if parsed is None or (parsed.state.flags & re.IGNORECASE and not ignore_case):
        return ""
    found = max(_texts(parsed), key=len, default="")
    if not ignore_case:
        return found if found.isprintable() else ""
    return found.lower() if found.isascii() and found.isprintable() else ""


def stays_in_line(pattern: str) -> bool:
    """Whether nothing in a pattern can take or see a newline, or the ends of a text.

    Then a text of many lines has a match wherever one of its lines has one.
    """
    parsed = _parsed(pattern, ignore_case=False)
    return parsed is not None and not parsed.state.flags & re.DOTALL and _all_stay(parsed)


def _parsed(pattern: str, *, ignore_case: bool) -> Any:
    try:
        return parser.parse(pattern, re.IGNORECASE if ignore_case else 0)
    except (re.error, ValueError, OverflowError, RecursionError):
        return None


def _texts(parsed: Iterable[tuple[Any, Any]]) -> Iterator[str]:
    """Texts that are in every match, each in one piece."""
    piece = ""
    for operation, value in parsed:
        if operation is constants.LITERAL:
            piece += chr(value)
            continue
        if operation in _LONE:
            continue
        yield piece
        piece = ""
        if operation is constants.SUBPATTERN:
            _, added, removed, inside = value
            if not added and not removed:
                yield from _texts(inside)
        elif operation in (constants.MAX_REPEAT, constants.MIN_REPEAT) and value[0] > 0:
            yield from _texts(value[2])
    yield piece


def _all_stay(parsed: Iterable[tuple[object, object]]) -> bool:
    return all(_stays(operation, value) for operation, value in parsed)


def _stays(operation: Any, value: Any) -> bool:
    if operation is constants.LITERAL:
        return bool(value != _NEWLINE)
    if operation is constants.ANY:
        return True
    if operation is constants.AT:
        return value in _LINE_PLACES
    if operation is constants.IN:
        return all(_set_stays(*part) for part in value)
    if operation is constants.SUBPATTERN:
        _, added, removed, inside = value
        return not added and not removed and _all_stay(inside)
    if operation is constants.BRANCH:
        return all(map(_all_stay, value[1]))
    if operation in (constants.MAX_REPEAT, constants.MIN_REPEAT):
        return _all_stay(value[2])
    return False


def _set_stays(operation: object, value: Any) -> bool:
    if operation is constants.LITERAL:
        return bool(value != _NEWLINE)
    if operation is constants.RANGE:
        return not value[0] <= _NEWLINE <= value[1]
    if operation is constants.CATEGORY:
        return value in (constants.CATEGORY_DIGIT, constants.CATEGORY_WORD)
    return False
