"""Glob patterns: `*` and `?` stay in one name, `**` crosses directories, `{a,b}` is a choice.

Matching takes no more steps than the pattern is long times the path: the model writes the one and
a repository the other.
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeAlias

from mentra_actors.tools.tool_errors import ToolError

__all__ = ["glob_matcher"]

_MAX_CHOICES = 64
_MAX_PATTERN_CHARS = 1_000
_Part: TypeAlias = Callable[[str], object] | None
"""Matches one name; None stands for any number of names."""


def glob_matcher(pattern: str) -> Callable[[str], bool]:
    """Tells of relative paths whether they match. A pattern without `/` is held against names.

    Raises:
        ToolError: it is no pattern.
    """
    if not pattern or len(pattern) > _MAX_PATTERN_CHARS:
        raise ToolError(f"A glob pattern has 1 to {_MAX_PATTERN_CHARS} characters.")
    plain = pattern.removeprefix("./")
    choices = [one.removeprefix("/").split("/") for one in _choices(plain)]
    try:
        parts = [[None if name == "**" else _name_matcher(name) for name in c] for c in choices]
    except re.error as error:
        raise ToolError(f"'{pattern}' is not a valid glob pattern: {error}.") from error
    if "/" not in plain:
        return lambda path: any(_matches(one, [path.rpartition("/")[2]]) for one in parts)
    return lambda path: any(map(partial(_matches, names=path.split("/")), parts))


def _choices(pattern: str) -> list[str]:
    """All patterns that the braces of one stand for."""
    whole, waiting = list[str](), [pattern]
    while waiting:
        found = re.search(r"\{([^{}]*,[^{}]*)\}", one := waiting.pop())
        if found is None:
            whole.append(one)
        else:
            before, after = one[: found.start()], one[found.end() :]
            waiting.extend(f"{before}{part}{after}" for part in found[1].split(","))
        if len(whole) + len(waiting) > _MAX_CHOICES:
            raise ToolError(f"The braces of a glob stand for {_MAX_CHOICES} patterns at most.")
    return whole


def _matches(parts: Sequence[_Part], names: Sequence[str]) -> bool:
    """Whether all names are taken by all parts; only the last `**` is ever tried again."""
    part = name = 0
    again: tuple[int, int] | None = None
    while name < len(names):
        if part < len(parts) and (match := parts[part]) is None:
            again, part = (part + 1, name), part + 1
        elif part < len(parts) and match is not None and match(names[name]):
            part, name = part + 1, name + 1
        elif again is not None:
            again = (again[0], again[1] + 1)
            part, name = again
        else:
            return False
    return all(rest is None for rest in parts[part:])


def _name_matcher(pattern: str) -> Callable[[str], object]:
    """Matches a whole name. Each `*` but the last takes as little as it can, once and for all."""
    pieces = [""]
    index = 0
    while index < len(pattern):
        if pattern[index] == "*":
            index += 1
            pieces.append("")
        else:
            index, part = _one_part(pattern, index)
            pieces[-1] += part
    first, *middle = pieces
    if not middle:
        return re.compile(first, re.DOTALL).fullmatch
    atoms = "".join(f"(?>.*?{piece})" for piece in middle[:-1] if piece)
    return re.compile(f"{first}{atoms}.*{middle[-1]}", re.DOTALL).fullmatch


def _one_part(pattern: str, index: int) -> tuple[int, str]:
    """The index after one element of a pattern, and its expression."""
    char = pattern[index]
    if char == "?":
        return index + 1, "."
    if char == "\\" and index + 1 < len(pattern):
        return index + 2, re.escape(pattern[index + 1])
    is_negated = pattern[index + 1 : index + 2] in ("!", "^")
    if char == "[" and (end := pattern.find("]", index + 2 + is_negated)) > 0:
        inside = pattern[index + 1 : end]
        chars = re.sub(r"([\\\[\]&~|^])", r"\\\1", inside[1:] if is_negated else inside)
        return end + 1, f"[{'^' if is_negated else ''}{chars}]"
    return index + 1, re.escape(char)
