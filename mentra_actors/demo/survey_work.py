"""How each task of a survey is done: the calls that it needs, and the finding they give."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from mentra_actors.demo.conversation import Conversation, Step
from mentra_actors.demo.findings import (
    Check,
    CrossCheck,
    Finding,
    Heading,
    Matches,
    NotFound,
    Parts,
    SelfDescription,
    Totals,
)
from mentra_actors.demo.survey_plan import LINK_TEXTS, NOTE_TEXTS, readme_in
from mentra_actors.demo.survey_tools import Count, FileCounts, MatchCounts
from mentra_actors.json_types import Json

__all__ = ["Need", "next_of_work"]

_FIRST_LINES = 40
_OPENING_CHARS = 200
_HEADINGS = 8
_NUMBERED = re.compile(r"^L(\d+): ?(.*)$")
_HIT = re.compile(r"^(?:.*):(\d+): (.*)$")


class Need(msgspec.Struct, frozen=True, kw_only=True):
    """A call whose result the work waits for."""

    tool: str
    arguments: Json


_Next: TypeAlias = Sequence[Need] | Finding


class _Desk:
    """The results that belong to one task: those of calls made since it was claimed."""

    def __init__(self, conversation: Conversation, claimed_at: int) -> None:
        self._conversation = conversation
        self._claimed_at = claimed_at

    def result(self, need: Need, *, earlier: bool = False) -> Step | None:
        """The last settled result of this call; one of unknown outcome counts after two tries."""
        after = -1 if earlier else self._claimed_at
        steps = self._conversation.of(need.tool, after=after, **need.arguments)
        settled = [step for step in steps if not step.is_unknown]
        if settled:
            return settled[0] if earlier else settled[-1]
        return steps[-1] if len(steps) > 1 else None

    def missing(self, needs: Sequence[Need]) -> Sequence[Need]:
        """The calls without a result."""
        return [need for need in needs if self.result(need) is None]


def next_of_work(name: str, conversation: Conversation, *, claimed_at: int) -> _Next:
    """The calls to make next for the work of this name, or what it has found."""
    way = _WAYS.get(name)
    if way is None:
        return NotFound(reason=f"I do not know the work {name!r}")
    return way(_Desk(conversation, claimed_at))


def _totals(desk: _Desk) -> _Next:
    step = desk.result(_COUNT)
    if step is None:
        return [_COUNT]
    counts = _read(step, FileCounts)
    if not isinstance(counts, FileCounts):
        return _failed(step)
    return Totals(
        root=counts.root,
        listing=counts.listing,
        files=counts.files,
        lines=counts.lines,
        bytes=counts.bytes,
        suffixes=counts.groups,
        unreadable_files=counts.unreadable_files,
        unreadable_directories=counts.unreadable_directories,
        large_files=counts.large_files,
        is_bounded=counts.is_bounded,
    )


def _parts(desk: _Desk) -> _Next:
    step = desk.result(_COUNT_PARTS)
    if step is None:
        return [_COUNT_PARTS]
    counts = _read(step, FileCounts)
    return Parts(parts=counts.groups) if isinstance(counts, FileCounts) else _failed(step)


def _matches(subject: str, texts: Sequence[str]) -> "_Way":
    needs = [Need(tool="count_matches", arguments={"text": text, "path": "."}) for text in texts]

    def way(desk: _Desk) -> _Next:
        missing = desk.missing(needs)
        if missing:
            return missing
        steps = [step for need in needs if (step := desk.result(need)) is not None]
        found = [_read(step, MatchCounts) for step in steps]
        counts = tuple(one for one in found if isinstance(one, MatchCounts))
        if len(counts) < len(needs):
            return _failed(next(s for s, f in zip(steps, found, strict=True) if f is None))
        return Matches(subject=subject, texts=counts)

    return way


def _readme(desk: _Desk) -> _Next:
    listed = desk.result(_LIST)
    if listed is None:
        return [_LIST]
    file = readme_in(listed.content)
    if listed.is_error or not file:
        return _failed(listed) if listed.is_error else NotFound(reason="there is no README")
    read = _files({"op": "read", "path": file, "limit": _FIRST_LINES})
    search = _files({"op": "search", "path": file, "pattern": "^#{1,6} ", "limit": _HEADINGS})
    missing = desk.missing([read, search])
    if missing:
        return missing
    opening, headings = desk.result(read), desk.result(search)
    if opening is None or opening.is_error:
        return _failed(opening)
    return SelfDescription(
        file=file,
        opening=_opening(opening.content),
        headings=_headings(headings.content if headings and headings.is_ok else ""),
    )


def _check(desk: _Desk) -> _Next:
    again = desk.result(_COUNT)
    if again is None:
        return [_COUNT]
    before, parts = desk.result(_COUNT, earlier=True), desk.result(_COUNT_PARTS, earlier=True)
    figures = [_read(step, FileCounts) for step in (again, before, parts)]
    if not all(isinstance(one, FileCounts) for one in figures):
        return _failed(again if again.is_error else None)
    now, first, by_part = (_sum(one) for one in figures)
    return CrossCheck(
        checks=(
            Check(what="the suffixes add up to the totals", holds=first == _whole(figures[1])),
            Check(what="the parts add up to the totals", holds=by_part == first),
            Check(what="a second count gives the same totals", holds=now == first),
        )
    )


_Way: TypeAlias = Callable[[_Desk], _Next]

_COUNT = Need(tool="count_files", arguments={"path": ".", "per": "suffix"})
_COUNT_PARTS = Need(tool="count_files", arguments={"path": ".", "per": "part"})


def _files(operation: Json) -> Need:
    return Need(tool="files", arguments={"operations": [operation]})


_LIST = _files({"op": "list", "path": ".", "limit": 1000})
_WAYS: Mapping[str, _Way] = {
    "totals": _totals,
    "parts": _parts,
    "notes": _matches("open notes", NOTE_TEXTS),
    "links": _matches("web links", LINK_TEXTS),
    "readme": _readme,
    "check": _check,
}


def _read(step: Step | None, kind: type[object]) -> Any:
    if step is None or step.is_error:
        return None
    try:
        return msgspec.json.decode(step.content, type=kind)
    except (msgspec.DecodeError, UnicodeError):
        return None


def _failed(step: Step | None) -> NotFound:
    reason = " ".join(step.content.split()) if step is not None else "a figure is missing"
    return NotFound(reason=reason[:_OPENING_CHARS])


def _sum(counts: FileCounts) -> tuple[int, int, int]:
    return _added(counts.groups)


def _whole(counts: FileCounts) -> tuple[int, int, int]:
    return counts.files, counts.lines, counts.bytes


def _added(groups: Sequence[Count]) -> tuple[int, int, int]:
    return (
        sum(one.files for one in groups),
        sum(one.lines for one in groups),
        sum(one.bytes for one in groups),
    )


def _opening(content: str) -> str:
    """The first line with words that is not a heading, a badge or a rule."""
    lines = [found[2].strip() for line in content.splitlines() if (found := _NUMBERED.match(line))]
    texts = [line for line in lines if line[:1].isalpha()]
    titles = [line.lstrip("# ") for line in lines if line.startswith("#")]
    return next(iter([*texts, *titles]), "")[:_OPENING_CHARS]


def _headings(content: str) -> tuple[Heading, ...]:
    found = (_HIT.match(line) for line in content.splitlines()[1:])
    return tuple(
        Heading(line=int(hit[1]), text=hit[2].lstrip("# ").strip()) for hit in found if hit
    )
