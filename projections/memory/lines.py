"""A memory as lines of JSON: to be kept, read by others, and taken in again."""

import json
from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from mentra_actors.domain.memory import MemoryKind, MemoryRecord, MemoryScope
from projections.memory.ranking import why_of

__all__ = ["facts_in", "memory_lines", "record_fields"]


_LINE_ENDS = {ord(end): f"\\u{ord(end):04x}" for end in "\x85\u2028\u2029"}
"""JSON may have them as they are, but many readers of lines would end one there."""


def record_fields(record: MemoryRecord) -> dict[str, object]:
    """A record for programs; `recorded_at` is Unix seconds."""
    return {
        "id": record.record_id,
        "kind": record.kind,
        "scope": record.scope,
        "content": record.content,
        "source": record.source,
        "pinned": record.pinned,
        "recorded_at": record.recorded_at,
        "by": record.by,
    }


def memory_lines(records: Iterable[MemoryRecord]) -> Iterator[str]:
    """Each record as a line with its end; `why` says what kind of thing it is."""
    for one in records:
        fields = {**record_fields(one), "why": why_of((), one.kind, one.source)}
        yield f"{json.dumps(fields, ensure_ascii=False).translate(_LINE_ENDS)}\n"


_BYTE_ORDER_MARK = "\ufeff"
"""What some editors put in front of a file of UTF-8."""
_END_OF_9999 = 253_402_300_799
"""No calendar goes further. Milliseconds taken for seconds do."""
_UnixSeconds = Annotated[float, msgspec.Meta(ge=0, le=_END_OF_9999)]
_Name = Annotated[str, msgspec.Meta(max_length=255)]


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    kind: MemoryKind
    content: str
    scope: MemoryScope = "agent"
    recorded_at: _UnixSeconds = 0.0
    by: _Name = ""


def facts_in(lines: Iterable[str]) -> list[MemoryRecord]:
    """The facts among the lines of an export; episodes and summaries are on a log, or nowhere.

    The export as one text will do as well.

    Raises:
        ValueError: a line is none of an export; the message says which.
        TypeError: it is neither a text nor texts.
    """
    facts: list[MemoryRecord] = []
    for number, line in enumerate(_lines_of(lines), 1):
        if not isinstance(line, str):
            raise TypeError(f"line {number} of an export is a text, not {type(line).__name__}")
        if not line.strip():
            continue
        try:
            read = msgspec.json.decode(line, type=_Line)
            if read.kind == "fact":
                facts.append(_fact(read))
        except (msgspec.MsgspecError, UnicodeEncodeError) as error:
            raise ValueError(f"line {number} is no record of a memory: {error}") from error
    return facts


def _lines_of(lines: object) -> Iterable[object]:
    if isinstance(lines, str):
        return lines.removeprefix(_BYTE_ORDER_MARK).split("\n")
    if isinstance(lines, bytes) or not isinstance(lines, Iterable):
        raise TypeError(f"an export is a text or its lines, not {type(lines).__name__}")
    return lines


def _fact(read: _Line) -> MemoryRecord:
    fields = {
        "record_id": read.id,
        "kind": "fact",
        "content": read.content,
        "source": "manual_pin",
        "recorded_at": read.recorded_at,
        "by": read.by,
        "pinned": True,
        "scope": read.scope,
    }
    return msgspec.convert(fields, type=MemoryRecord)
