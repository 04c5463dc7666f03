"""What is wrong with the arguments of a call, in words by which a model can repair all of it."""

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from mentra_actors.domain.storable import encodable

__all__ = [
    "MAX_FAULTS",
    "MAX_TEXT_CHARS",
    "Fault",
    "cut",
    "missing_field",
    "other_fault",
    "path_text",
    "refusal",
    "shown",
    "unexpected_choice",
    "unexpected_value",
    "unknown_field",
]

MAX_TEXT_CHARS = 4_000
"""Of a whole refusal; what does not fit is counted."""
MAX_FAULTS = 1_000
"""More are not looked for: a model that sent so many repairs them by a look at the first ones."""

_FOUND_CHARS = 80
_EXPECTED_CHARS = 300
_REASON_CHARS = 600
_TAKES_CHARS = 1_200
_KEY_CHARS = 60
_PATH_CHARS = 160
_MEMBERS = 8
"""Members of a container that are shown, at most; the rest of it is not even looked at."""
_DEPTH = 3
_INTEGER_BITS = 256
_SIMILAR_CHARS = 64
_SIMILAR_NAMES = 200
_PLAIN_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*", re.ASCII)
_LINE_BREAKS = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")


class Fault(NamedTuple):
    """One thing that is wrong: `path` says where, `line` is all that the model is told of it.

    A long path is shortened in the line.
    """

    path: str
    line: str


def missing_field(path: str, expected: str) -> Fault:
    """A required field that is not there; `path` is where it belongs."""
    words = f"missing required field `{_short(path)}` ({cut(expected, _EXPECTED_CHARS)})"
    return Fault(path, words)


def unknown_field(
    path: str, name: str, *, known: Collection[str], given: Collection[object]
) -> Fault:
    """A field that nobody knows, with the name among `known` that was meant, if one is similar.

    Names that were not `given` are preferred.
    """
    absent = [each for each in known if each not in given]
    meant = _similar(name, absent) or _similar(name, known)
    words = f"unknown field `{_short(path)}`"
    return Fault(path, f"{words}, did you mean `{meant}`?" if meant else words)


def unexpected_value(path: str, expected: str, value: object, note: str = "") -> Fault:
    """A value that is not what is expected; `note` says more of the value."""
    words = f"expected {cut(expected, _EXPECTED_CHARS)}; got {shown(value)}"
    return other_fault(path, f"{words} ({note})" if note else words)


def unexpected_choice(path: str, expected: str, value: object, choices: Sequence[object]) -> Fault:
    """A value that is none of the choices, with the one that was meant, if one is similar."""
    fault = unexpected_value(path, expected, value)
    meant = _similar(value, [choice for choice in choices if isinstance(choice, str)])
    return Fault(path, f"{fault.line}, did you mean {shown(meant)}?") if meant else fault


def other_fault(path: str, reason: str) -> Fault:
    """Whatever else is wrong with a value."""
    return Fault(path, f"`{_short(path)}`: {cut(reason, _REASON_CHARS)}")


def path_text(steps: Iterable[object]) -> str:
    """Where a value is: `items[2].price`. The arguments as a whole are `arguments`."""
    return "".join(_step_text(step) for step in steps).removeprefix(".") or "arguments"


def shown(value: object) -> str:
    """The begin of a value as JSON, on one line of at most 80 characters, whatever it is."""
    return cut(_brief(value, _DEPTH), _FOUND_CHARS)


def cut(text: str, chars: int) -> str:
    """`text` with at most `chars` characters; the last one says that something is left out."""
    return text if len(text) <= chars else text[: chars - 1] + "…"


def refusal(tool_name: str, faults: Sequence[Fault], takes: str, *, has_more: bool = False) -> str:
    """What the model is told instead of a result, in at most 4,000 characters.

    One fault is told in a sentence, several are a list with one on each line. `has_more` means
    that there are more than `faults`, nobody knows how many. Without a `tool_name` it is told of
    an answer that should have a format.
    """
    lines = list(dict.fromkeys(_one_line(fault.line) for fault in faults))
    head, end = "", f"The format is {cut(_one_line(takes), _TAKES_CHARS)}."
    if tool_name:
        head = f"Invalid arguments for tool '{_one_line(cut(tool_name, 64))}': "
        end = f"The tool takes {cut(_one_line(takes), _TAKES_CHARS)}. Nothing was run."
    if len(lines) == 1 and not has_more:
        stop = "" if lines[0].endswith("?") else "."
        return encodable(f"{head}{lines[0]}{stop} {end}")
    count = f"{'more than ' if has_more else ''}{len(lines)} problems"
    listed = _listed(lines, MAX_TEXT_CHARS - len(head) - len(end) - 100, has_more=has_more)
    return encodable("\n".join([head + count, *listed, end]))


def _listed(lines: Sequence[str], room: int, *, has_more: bool) -> list[str]:
    listed: list[str] = []
    for line in lines:
        room -= len(line) + 3
        if room < 0:
            break
        listed.append(f"- {line}")
    left_out = len(lines) - len(listed)
    if left_out or has_more:
        at_least = "more than " if has_more else ""
        noun = "problem is" if left_out == 1 and not has_more else "problems are"
        listed.append(f"- … {at_least}{left_out} more {noun} left out here")
    return listed


def _one_line(text: str) -> str:
    return _LINE_BREAKS.sub(" ", text)


def _short(path: str) -> str:
    half = _PATH_CHARS // 2
    return path if len(path) <= _PATH_CHARS else f"{path[:half]}…{path[-half:]}"


def _step_text(step: object) -> str:
    if isinstance(step, int) and not isinstance(step, bool):
        return f"[{_brief(step, 0)}]"
    if isinstance(step, str) and len(step) <= _KEY_CHARS and _PLAIN_KEY.fullmatch(step):
        return f".{step}"
    return f"[{cut(_brief(step, 0), _KEY_CHARS)}]"


def _brief(value: object, depth: int) -> str:
    match value:
        case str():
            return json.dumps(cut(value, 2 * _FOUND_CHARS), ensure_ascii=False)
        case int() if not isinstance(value, bool) and value.bit_length() > _INTEGER_BITS:
            return f"an integer of {value.bit_length()} bits"
        case None | bool() | int() | float():
            return json.dumps(value)
        case Mapping():
            fields = (
                f"{_brief(key, 0)}: {_brief(part, depth - 1)}" for key, part in value.items()
            )
            return "{" + _members(fields, len(value), depth) + "}"
        case list() | tuple():
            parts = (_brief(part, depth - 1) for part in value)
            return "[" + _members(parts, len(value), depth) + "]"
        case _:
            return f"a {type(value).__name__}"


def _members(texts: Iterable[str], size: int, depth: int) -> str:
    if size and not depth:
        return "…"
    first = list(islice(texts, _MEMBERS))
    return ", ".join([*first, "…"] if size > len(first) else first)


def _similar(name: object, known: Collection[str]) -> str:
    """The one of `known` that is most like `name`; "" if none is."""
    if not isinstance(name, str) or len(name) > _SIMILAR_CHARS:
        return ""
    by_plain_form = {_plain_form(each): each for each in islice(known, _SIMILAR_NAMES)}
    found = difflib.get_close_matches(_plain_form(name), by_plain_form, n=1)
    return by_plain_form[found[0]] if found else ""


def _plain_form(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")
