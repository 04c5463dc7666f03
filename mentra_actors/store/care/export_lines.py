"""The lines of an export: JSON objects, one to a line, that together are a store.

    {"kind":"mentra-export", ...}                   which store, in which format
    {"kind":"append", ...}                          one append, with all of its events
    {"kind":"snapshot" | "archived" | "blob" | "open" | "fence" | "request" | "meta" | "side", ...}
    {"kind":"end", ...}                             how many lines, and their BLAKE2b digest

Sections come in this order, and rows in each in the order of their keys. So a store has exactly
one export, and what is imported gives the same export again, byte for byte. Bytes are in base64.
"""

import hashlib
from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from mentra_actors.ids import StreamId
from mentra_actors.store.archived_parts import ArchiveName, RemovedPart
from mentra_actors.store.embedded.layout import LogRecord, RecordBody

__all__ = [
    "EXPORT_FORMAT",
    "AppendLine",
    "ArchivedLine",
    "BlobLine",
    "EndLine",
    "EventLine",
    "FenceLine",
    "Header",
    "Line",
    "LineDigest",
    "MarkLine",
    "MetaLine",
    "RemovedLine",
    "RequestLine",
    "SideLine",
    "SnapshotLine",
    "append_line",
    "decode_line",
    "encode_line",
    "record_of",
    "section_of",
]

EXPORT_FORMAT = 1
_DIGEST_BYTES = 16


class _Line(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", omit_defaults=True):
    """Any line."""


class Header(_Line, frozen=True, kw_only=True, tag="mentra-export"):
    """The first line. `partial` says of which part of a store this is; empty for a whole one.

    `through` is the last position of a store that was exported up to there. `archived` are the
    streams of an archive, which is a part too.
    """

    format: int
    store_id: str
    schema: int
    sealing: str = ""
    through: int | None = None
    partial: str = ""
    archived: tuple[StreamId, ...] = ()


class EventLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One event. `begins_part` is said where the event before it is of the same stream.

    `position` is said where events are left out, and `event` where it was asked for.
    """

    stream: StreamId
    version: int
    tag: str
    payload_b64: bytes
    begins_part: bool = False
    position: int = 0
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class RemovedLine(msgspec.Struct, frozen=True, kw_only=True):
    """A part of an append, counted from 0, whose payloads are in the archive with this number."""

    part: int
    archive: int
    digest: str


class AppendLine(_Line, frozen=True, kw_only=True, tag="append"):
    """One append. `link` is its link in the chains of its streams, in hex."""

    position: int
    recorded_at_ns: int
    epoch: int
    causation: str = ""
    correlation: str = ""
    link: str
    events: tuple[EventLine, ...]
    removed: tuple[RemovedLine, ...] = ()
    archives: tuple[ArchiveName, ...] = ()


class SnapshotLine(_Line, frozen=True, kw_only=True, tag="snapshot"):
    """The state snapshot of a stream."""

    stream: StreamId
    version: int
    fold_version: int
    payload_b64: bytes


class ArchivedLine(_Line, frozen=True, kw_only=True, tag="archived"):
    """The mark of a stream whose events were moved to an archive."""

    stream: StreamId
    archive: str


class BlobLine(_Line, frozen=True, kw_only=True, tag="blob"):
    """A blob."""

    digest: str
    content_b64: bytes


class MarkLine(_Line, frozen=True, kw_only=True, tag="open"):
    """A stream that has work."""

    stream: StreamId


class FenceLine(_Line, frozen=True, kw_only=True, tag="fence"):
    """The lowest epoch that may append for a resource."""

    resource: str
    epoch: int


class RequestLine(_Line, frozen=True, kw_only=True, tag="request"):
    """What was answered to a request id; `number` says how young it is."""

    number: int
    request_id: str
    first_position: int
    last_position: int
    versions: tuple[int, ...]


class MetaLine(_Line, frozen=True, kw_only=True, tag="meta"):
    """A value of the store itself, such as the number of its last writer."""

    key: str
    value_b64: bytes


class SideLine(_Line, frozen=True, kw_only=True, tag="side"):
    """A row that belongs to a face of the store for another library."""

    key_b64: bytes
    value_b64: bytes


class EndLine(_Line, frozen=True, kw_only=True, tag="end"):
    """The last line: what came before it."""

    last_position: int
    lines: int
    digest: str


Line: TypeAlias = (
    Header
    | AppendLine
    | SnapshotLine
    | ArchivedLine
    | BlobLine
    | MarkLine
    | FenceLine
    | RequestLine
    | MetaLine
    | SideLine
    | EndLine
)
_SECTIONS: Mapping[type[Line], int] = {
    Header: 0,
    AppendLine: 1,
    SnapshotLine: 2,
    ArchivedLine: 2,
    BlobLine: 3,
    MarkLine: 4,
    FenceLine: 5,
    RequestLine: 6,
    MetaLine: 7,
    SideLine: 8,
    EndLine: 9,
}
_ENCODER = msgspec.json.Encoder()
_DECODER: msgspec.json.Decoder[Line] = msgspec.json.Decoder(Line)


class LineDigest:
    """Counts lines and hashes them."""

    def __init__(self) -> None:
        self.lines = 0
        self._hash = hashlib.blake2b(digest_size=_DIGEST_BYTES)

    def add(self, line: bytes) -> None:
        """Take a line, with its end."""
        self.lines += 1
        self._hash.update(line)

    @property
    def digest(self) -> str:
        """The digest of all lines so far."""
        return self._hash.hexdigest()


def encode_line(line: Line) -> bytes:
    """A line as it stands in the file."""
    return _ENCODER.encode(line) + b"\n"


def decode_line(line: bytes) -> Line:
    """The line that `encode_line` wrote.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _DECODER.decode(line)


def section_of(line: Line) -> int:
    """Sections come in the order of these numbers."""
    return _SECTIONS[type(line)]


def append_line(position: int, record: LogRecord, link: bytes) -> AppendLine:
    """The line of a whole record."""
    return AppendLine(
        position=position,
        recorded_at_ns=record.body.recorded_at_ns,
        epoch=record.body.epoch,
        causation=record.body.causation,
        correlation=record.body.correlation,
        link=link.hex(),
        events=tuple(_events(record)),
        removed=tuple(
            RemovedLine(part=one.part, archive=one.archive, digest=one.digest.hex())
            for one in record.removed
        ),
        archives=record.archives,
    )


def record_of(line: AppendLine) -> LogRecord:
    """The record of the line of a whole append.

    Raises:
        ValueError: versions do not follow, or a digest is none.
    """
    versions: list[int] = []
    parts: list[tuple[StreamId, list[tuple[str, bytes]]]] = []
    for event in line.events:
        if not parts or parts[-1][0] != event.stream or event.begins_part:
            versions.append(event.version)
            parts.append((event.stream, []))
        if event.version != versions[-1] + len(parts[-1][1]):
            raise ValueError(f"version {event.version} of {event.stream} is out of order")
        parts[-1][1].append((event.tag, event.payload_b64))
    body = RecordBody(
        line.recorded_at_ns,
        line.epoch,
        line.causation,
        line.correlation,
        tuple((stream_id, tuple(events)) for stream_id, events in parts),
    )
    removed = tuple(
        RemovedPart(one.part, one.archive, bytes.fromhex(one.digest)) for one in line.removed
    )
    return LogRecord(tuple(versions), body, removed, line.archives)


def _events(record: LogRecord) -> Iterator[EventLine]:
    before: StreamId | None = None
    for first, (stream_id, events) in zip(record.first_versions, record.body.parts, strict=True):
        for offset, (tag, payload) in enumerate(events):
            yield EventLine(
                stream=stream_id,
                version=first + offset,
                tag=tag,
                payload_b64=payload,
                begins_part=offset == 0 and stream_id == before,
            )
        before = stream_id
