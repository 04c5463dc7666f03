"""What a change of a text is, for people: a diff with line numbers, and a patch."""

import difflib
from collections.abc import Sequence
from typing import Literal, TypeAlias

__all__ = ["change_details"]

_CONTEXT = 3
_MAX_COMPARED = 4_000_000
"""Pairs of lines that are compared; what is larger is told as one block that was replaced."""
_MAX_TOLD_CHARS = 64 * 1024


def change_details(told: str, before: str, after: str) -> dict[str, object]:
    """`diff`, `patch` and `first_changed_line` (from 1) of a change.

    A patch that would be longer than 64 KiB is left out, and such a diff is cut.
    """
    old, new = _lines(before), _lines(after)
    first, last = _same_ends(old, new)
    groups = _grouped(old, new, first, last)
    patch = "".join(_patch(told, old, new, groups))
    diff = "\n".join(_numbered(old, new, groups))
    is_long = len(diff) > _MAX_TOLD_CHARS
    return {
        "diff": f"{diff[:_MAX_TOLD_CHARS]}\n[the diff is longer]" if is_long else diff,
        "patch": "" if len(patch) > _MAX_TOLD_CHARS else patch,
        "first_changed_line": first + 1,
    }


_Code: TypeAlias = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]
_Group: TypeAlias = Sequence[tuple[str, int, int, int, int]]


class _Known(difflib.SequenceMatcher[str]):
    """Groups changes that were found otherwise."""

    def __init__(self, codes: list[_Code]) -> None:
        super().__init__(autojunk=False)
        self._codes = codes

    def get_opcodes(self) -> list[_Code]:
        return self._codes


def _lines(text: str) -> list[str]:
    """Lines with their newlines; other characters that end a line somewhere do not here."""
    *whole, last = text.split("\n")
    return [f"{line}\n" for line in whole] + ([last] if last else [])


def _same_ends(old: Sequence[str], new: Sequence[str]) -> tuple[int, int]:
    """How many lines are the same at the beginning, and at the end."""
    limit = min(len(old), len(new))
    first = next((n for n in range(limit) if old[n] != new[n]), limit)
    rest = limit - first
    last = next((n for n in range(rest) if old[-1 - n] != new[-1 - n]), rest)
    return first, last


def _grouped(old: Sequence[str], new: Sequence[str], first: int, last: int) -> Sequence[_Group]:
    """Changes that are near to each other, with three lines around them."""
    a, b = old[first : len(old) - last], new[first : len(new) - last]
    codes: list[_Code] = [("equal", 0, first, 0, first)]
    inner: Sequence[_Code] = [("replace", 0, len(a), 0, len(b))]
    if len(a) * len(b) <= _MAX_COMPARED:
        inner = difflib.SequenceMatcher(a=a, b=b, autojunk=False).get_opcodes()
    codes.extend((kind, i + first, j + first, k + first, m + first) for kind, i, j, k, m in inner)
    codes.append(("equal", len(old) - last, len(old), len(new) - last, len(new)))
    codes = [code for code in codes if code[1] < code[2] or code[3] < code[4]]
    return list(_Known(codes).get_grouped_opcodes(_CONTEXT))


def _patch(
    told: str, old: Sequence[str], new: Sequence[str], groups: Sequence[_Group]
) -> list[str]:
    lines = [f"--- a/{told}\n", f"+++ b/{told}\n"]
    for group in groups:
        _, a_start, _, b_start, _ = group[0]
        _, _, a_end, _, b_end = group[-1]
        lines.append(f"@@ -{_span(a_start, a_end)} +{_span(b_start, b_end)} @@\n")
        for mark, line, _ in _marked(old, new, group):
            end = "" if line.endswith("\n") else "\n\\ No newline at end of file\n"
            lines.append(f"{mark}{line}{end}")
    return lines


def _numbered(old: Sequence[str], new: Sequence[str], groups: Sequence[_Group]) -> list[str]:
    width = len(str(max(len(old), len(new))))
    told: list[str] = []
    for group in groups:
        if told:
            told.append("...")
        told += [
            f"{mark}{number:>{width}} {line.rstrip(chr(10)).rstrip(chr(13))}"
            for mark, line, number in _marked(old, new, group)
        ]
    return told


def _marked(old: Sequence[str], new: Sequence[str], group: _Group) -> list[tuple[str, str, int]]:
    """Lines with their mark and number; a line that is the same has its new number."""
    told: list[tuple[str, str, int]] = []
    for kind, a_start, a_end, b_start, b_end in group:
        if kind == "equal":
            told += [(" ", new[n], n + 1) for n in range(b_start, b_end)]
        else:
            told += [("-", old[n], n + 1) for n in range(a_start, a_end)]
            told += [("+", new[n], n + 1) for n in range(b_start, b_end)]
    return told


def _span(start: int, end: int) -> str:
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"
