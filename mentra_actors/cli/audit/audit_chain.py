"""Lines of which each names the one before by its checksum: a change in one is seen in all after.

Each line is a JSON object: `sequence` counts from 0, `previous` is the checksum of the line before
(64 zeros in the first), one of `header`, `event` and `end` is what it says, and `sha256` is the
SHA-256 of the line without it (so `{…}` with the last field left out). The first line is a header,
the last one an end, with the number of events so far and the root: the checksum of the line before
it. Whoever can write the file can make a whole chain anew; whoever knows the root sees that too.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import BinaryIO

import msgspec

__all__ = ["FORMAT", "Chain", "ChainEnd", "ChainHeader", "ChainLook", "look_at_chain"]

FORMAT = "mentra-audit-1"
_NO_LINE = "0" * 64
_MOST_LINE_BYTES = 64 * 1024 * 1024
_CUT_OFF = "was cut off: the file was truncated"
_TOO_LONG = "is no line of an audit: it is too long, so it was edited, or inserted"
_CHECKSUM = re.compile(rb',"sha256":"([0-9a-f]{64})"}\n')
_CHECKSUM_BYTES = len(',"sha256":""}\n') + 64


class ChainHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a file is of: a log, known by the fingerprint of its first event, after a position."""

    format: str
    log: str
    after: int


class ChainEnd(msgspec.Struct, frozen=True, kw_only=True):
    """The last line: how many events there are, through which position, and the root."""

    count: int
    root: str
    through: int


class _EventPlace(msgspec.Struct, frozen=True):
    position: int


class _Line(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    previous: str
    header: ChainHeader | None = None
    event: _EventPlace | None = None
    end: ChainEnd | None = None


_DECODER = msgspec.json.Decoder(_Line)


class Chain:
    """Where a chain goes on: the number of the next line, and the checksum of the last one."""

    def __init__(self, sequence: int = 0, head: str = _NO_LINE) -> None:
        self.sequence = sequence
        self.head = head

    def line(self, kind: str, content: Mapping[str, object]) -> bytes:
        """The next line, which says this."""
        fields = {"sequence": self.sequence, "previous": self.head, kind: content}
        body = msgspec.json.encode(fields)
        self.head = hashlib.sha256(body).hexdigest()
        self.sequence += 1
        return body[:-1] + f',"sha256":"{self.head}"}}\n'.encode()

    def fault_of(self, raw: bytes) -> tuple[_Line | None, str]:
        """What the next line says; or what is wrong with it, and with the chain up to it."""
        found = _CHECKSUM.fullmatch(raw[-_CHECKSUM_BYTES:])
        body = raw[:-_CHECKSUM_BYTES] + b"}"
        if found is None:
            return None, "is no line of an audit: it was edited, or inserted"
        checksum = hashlib.sha256(body).hexdigest()
        if checksum != found[1].decode():
            return None, "was edited: its checksum is that of another text"
        try:
            line = _DECODER.decode(body)
        except msgspec.MsgspecError as error:
            return None, f"is no line of an audit ({error})"
        if fault := self._link_fault(line):
            return None, fault
        self.sequence, self.head = line.sequence + 1, checksum
        return line, ""

    def _link_fault(self, line: _Line) -> str:
        if line.sequence > self.sequence:
            missing = line.sequence - self.sequence
            return f"is number {line.sequence}: {missing} before it were deleted, or moved"
        if line.sequence < self.sequence:
            return f"is number {line.sequence}, which was there before: it was inserted, or moved"
        if line.previous != self.head:
            return "does not follow from the line before: one of them was replaced"
        if (line.header is not None) != (line.sequence == 0):
            return "is a header in the wrong place" if line.header else "should be the header"
        return ""


class ChainLook(msgspec.Struct, kw_only=True):
    """What a file is, as far as it is sound: `sound_bytes` of it.

    `fault` says what is wrong with `line` (from 1); empty if nothing is. With `is_cut` only its
    end is missing. `events_at_last` counts those of the `last_position`.
    """

    line: int = 0
    fault: str = ""
    is_cut: bool = False
    header: ChainHeader | None = None
    end: ChainEnd | None = None
    events: int = 0
    last_position: int = 0
    events_at_last: int = 0
    sound_bytes: int = 0
    sequence: int = 0
    head: str = _NO_LINE


def look_at_chain(file: BinaryIO) -> ChainLook:
    """Read a file up to its end or its first fault; one line at a time."""
    look, chain = ChainLook(), Chain()
    while raw := file.readline(_MOST_LINE_BYTES):
        look.line += 1
        if not raw.endswith(b"\n"):
            look.is_cut = not file.read(1)
            look.fault = _CUT_OFF if look.is_cut else _TOO_LONG
            break
        line, look.fault = chain.fault_of(raw)
        look.fault = look.fault or _end_fault(look, line)
        if line is None or look.fault:
            break
        _take(look, line)
        look.sound_bytes += len(raw)
        look.sequence, look.head = chain.sequence, chain.head
    if not look.fault and look.end is None:
        look.line += 1
        look.is_cut, look.fault = True, "is missing: the file was truncated, and has no end"
    return look


def _end_fault(look: ChainLook, line: _Line | None) -> str:
    if line is None or line.end is None:
        return ""
    if line.end.count != look.events:
        return f"counts {line.end.count} events, and there are {look.events}"
    return "" if line.end.root == line.previous else "has another root than the chain"


def _take(look: ChainLook, line: _Line) -> None:
    look.end = line.end
    look.header = look.header or line.header
    if line.event is not None:
        position = line.event.position
        look.events_at_last = look.events_at_last + 1 if position == look.last_position else 1
        look.last_position = position
        look.events += 1
