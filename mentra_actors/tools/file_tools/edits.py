"""Replacing parts of a text: each old part is found in the original, exactly or nearly.

Nearly means whole lines that are equal after NFKC, with plain quotes and dashes, and without
space at their ends: models write those for what they have read. Only lines that differ between
the old and the new part are replaced then, so all others keep their bytes. Line endings of what
is put in are those of the place where it goes.
"""

import difflib
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from mentra_actors.tools.tool_errors import ToolError

__all__ = ["Edit", "Splice", "applied", "insertion", "replacement", "splices_of"]

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u2032", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033", '"'),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-"),
        **dict.fromkeys("\u00a0\u2002\u2003\u2009\u202f\u205f\u3000", " "),
    }
)


@dataclass(frozen=True, slots=True)
class Edit:
    """A part of a text, and what shall be there."""

    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Splice:
    """From `start` to `end` of a text there shall be `new`."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class _Lines:
    """A text with plain newlines, and where its characters are in the text as it is."""

    raw: str
    plain: str
    returns: Sequence[int]
    """Places in `plain` of the newlines that have a carriage return before them in `raw`."""

    @classmethod
    def of(cls, raw: str) -> "_Lines":
        if "\r\n" not in raw:
            return cls(raw, raw, ())
        returns: list[int] = []
        place = raw.find("\r\n")
        while place >= 0:
            returns.append(place - len(returns))
            place = raw.find("\r\n", place + 2)
        return cls(raw, raw.replace("\r\n", "\n"), returns)

    def place(self, plain: int) -> int:
        """Where a place of `plain` is in `raw`: before the carriage return of a newline."""
        return plain + bisect_right(self.returns, plain - 1)

    def ending_near(self, plain: int) -> str:
        """The line ending of the line at a place; of the last line that of the one before."""
        end = self.plain.find("\n", plain)
        if end < 0:
            end = self.plain.rfind("\n", 0, plain)
        index = bisect_right(self.returns, end)
        return "\r\n" if index and self.returns[index - 1] == end else "\n"


def splices_of(text: str, edits: Sequence[Edit], *, replace_all: bool = False) -> list[Splice]:
    """What the edits change in a text, in order of place.

    Raises:
        ToolError: a part is not there, or more than once without `replace_all`; parts overlap; or
            nothing would change.
    """
    if not edits:
        raise ToolError("At least one edit is required.")
    lines = _Lines.of(text)
    taken: list[tuple[int, int, int, str]] = []
    for number, edit in enumerate(edits, start=1):
        name = f"edit {number}: " if len(edits) > 1 else ""
        places = _places(lines.plain, edit, name, replace_all=replace_all)
        taken += [(place.start, place.end, number, place.new) for place in places]
    _require_apart(taken)
    places = [Splice(start, end, new) for start, end, _, new in taken]
    return _changes(lines, places)


def replacement(text: str, edit: Edit, *, replace_all: bool, expected: int) -> list[Splice]:
    """What an exact replacement changes: in the first place, or in all.

    Raises:
        ToolError: the old part is not there so often, or nothing would change.
    """
    lines = _Lines.of(text)
    old, new = _plain(edit.old), _plain(edit.new)
    if not old:
        raise ToolError("The old text must not be empty.")
    found = list(_exact(lines.plain, old, apart=True))
    if len(found) != expected or not found:
        raise ToolError(
            f"The old text is there {len(found)} times, not {expected} as expected_replacements "
            "says; nothing was replaced."
        )
    places = [Splice(at, at + len(old), new) for at in found]
    return _changes(lines, places if replace_all else places[:1])


def insertion(
    text: str, anchor: str, content: str, *, after: bool, occurrence: int | None
) -> list[Splice]:
    """What an insertion beside a text changes.

    Raises:
        ToolError: the anchor is not there, or more than once and `occurrence` does not say which.
    """
    lines = _Lines.of(text)
    plain = _plain(anchor)
    if not plain:
        raise ToolError("The anchor must not be empty.")
    if not content:
        raise ToolError("No change: the content to insert is empty.")
    found = list(_exact(lines.plain, plain, apart=True))
    if not found:
        raise ToolError("The anchor was not found; read the file again.")
    if occurrence is None and len(found) > 1:
        raise ToolError(f"The anchor is ambiguous ({len(found)}): say which with occurrence.")
    if occurrence is not None and occurrence > len(found):
        raise ToolError(f"The anchor is there {len(found)} times; there is no {occurrence}.")
    place = found[(occurrence or 1) - 1] + (len(plain) if after else 0)
    return [_as_it_is(lines, place, place, _plain(content))]


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n")


def _changes(lines: _Lines, places: Sequence[Splice]) -> list[Splice]:
    found = [one for place in places for one in _narrowed(lines, place)]
    if not found:
        raise ToolError("No change: the new text is the old one.")
    return found


def applied(text: str, splices: Sequence[Splice]) -> str:
    """A text with all splices made."""
    parts: list[str] = []
    last = 0
    for one in splices:
        parts += [text[last : one.start], one.new]
        last = one.end
    return "".join([*parts, text[last:]])


def _places(plain: str, edit: Edit, name: str, *, replace_all: bool) -> list[Splice]:
    """Where the old part of one edit is, in the text with plain newlines."""
    old, new = _plain(edit.old), _plain(edit.new)
    if not old:
        raise ToolError(f"{name}The old text must not be empty.")
    if old == new:
        raise ToolError(f"{name}No change: the new text is the old one.")
    found = [Splice(at, at + len(old), new) for at in _exact(plain, old, apart=replace_all)]
    if not found:
        found = list(_nearly(plain, old, new, apart=replace_all))
    if not found:
        raise ToolError(
            f"{name}The old text was not found. It must be as it is in the file, with its space "
            "and line breaks; read the file again."
        )
    if len(found) > 1 and not replace_all:
        raise ToolError(
            f"{name}The old text is not unique ({len(found)} matches): give more of the text "
            "around it, or set replace_all."
        )
    return found


def _exact(plain: str, old: str, *, apart: bool) -> Iterator[int]:
    step = len(old) if apart else 1
    place = plain.find(old)
    while place >= 0:
        yield place
        place = plain.find(old, place + step)


def _nearly(plain: str, old: str, new: str, *, apart: bool) -> Iterator[Splice]:
    """Whole lines that are nearly those of the old part."""
    old_lines, new_lines = old.split("\n"), new.split("\n")
    if old_lines[-1] == "" and new_lines[-1] == "" and len(old_lines) > 1:
        old_lines, new_lines = old_lines[:-1], new_lines[:-1]
    wanted = "\n".join(map(_near_form, old_lines))
    if not wanted.strip():
        return
    lines = plain.split("\n")
    near = "\n" + "\n".join(map(_near_form, lines)) + "\n"
    starts = _starts(lines)
    place = near.find(f"\n{wanted}\n")
    while place >= 0:
        first = near.count("\n", 0, place)
        last = first + len(old_lines)
        changed = _unchanged_kept(lines[first:last], old_lines, new_lines)
        yield Splice(starts[first], starts[last - 1] + len(lines[last - 1]), "\n".join(changed))
        step = len(wanted) + 1 if apart else 1
        place = near.find(f"\n{wanted}\n", place + step)


def _near_form(line: str) -> str:
    if line.isascii():
        return line.rstrip()
    return unicodedata.normalize("NFKC", line.translate(_PLAIN)).translate(_PLAIN).rstrip()


def _starts(lines: Sequence[str]) -> list[int]:
    starts, place = [], 0
    for line in lines:
        starts.append(place)
        place += len(line) + 1
    return starts


def _unchanged_kept(lines: Sequence[str], old: Sequence[str], new: Sequence[str]) -> Iterator[str]:
    """The new lines, where old and new are equal as they are in the text."""
    matcher = difflib.SequenceMatcher(a=old, b=new, autojunk=False)
    for kind, a_start, a_end, b_start, b_end in matcher.get_opcodes():
        yield from lines[a_start:a_end] if kind == "equal" else new[b_start:b_end]


def _narrowed(lines: _Lines, place: Splice) -> Iterator[Splice]:
    """A splice in the text as it is, without what it would leave as it is at its ends."""
    old, new = lines.plain[place.start : place.end], place.new
    if old == new:
        return
    before = _common(old, new)
    after = _common(old[before:][::-1], new[before:][::-1])
    start, end = place.start + before, place.end - after
    yield _as_it_is(lines, start, end, new[before : len(new) - after])


def _as_it_is(lines: _Lines, start: int, end: int, new: str) -> Splice:
    """A splice of the text with plain newlines as one of the text as it is."""
    text = new.replace("\n", lines.ending_near(start))
    return Splice(lines.place(start), lines.place(end), text)


def _common(one: str, other: str) -> int:
    """How many characters are the same at the beginning."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _require_apart(taken: list[tuple[int, int, int, str]]) -> None:
    taken.sort()
    for (_, end, one, _), (start, _, other, _) in pairwise(taken):
        if start < end:
            raise ToolError(
                f"edit {min(one, other)} and edit {max(one, other)} overlap: make them one edit."
            )
