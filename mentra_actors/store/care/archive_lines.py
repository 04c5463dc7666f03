"""The lines of an archive: streams on their way out of the log, with all that is only theirs."""

from collections.abc import Collection, Iterator
from pathlib import Path

import msgspec

from mentra_actors.errors import ConfigurationError, StoreCorrupted, StoreFormatError
from mentra_actors.ids import StreamId
from mentra_actors.store.archived_parts import ArchiveName
from mentra_actors.store.care.export_lines import (
    EXPORT_FORMAT,
    AppendLine,
    BlobLine,
    EndLine,
    Header,
    Line,
    LineDigest,
    SnapshotLine,
    append_line,
    encode_line,
)
from mentra_actors.store.care.export_store import new_lines_file
from mentra_actors.store.care.line_reader import opened_lines
from mentra_actors.store.care.store_image import opened_image
from mentra_actors.store.care.table_lines import snapshot_line
from mentra_actors.store.embedded.layout import (
    LogRecord,
    decode_record,
    key_position,
    split_record,
)
from mentra_actors.store.store_directory import Manifest, require_manifest

__all__ = ["parts_to_archive", "read_archive", "write_archive"]


def parts_to_archive(record: LogRecord, streams: Collection[StreamId]) -> frozenset[int]:
    """Which parts of a record are of these streams and still in the log; they count from 0."""
    removed = {one.part for one in record.removed}
    return frozenset(
        number
        for number, (stream_id, _) in enumerate(record.body.parts)
        if stream_id in streams and number not in removed
    )


def write_archive(
    path: Path, file: Path, streams: Collection[StreamId], blobs: Collection[bytes]
) -> ArchiveName:
    """Write streams of a store, and some blobs, to a new file; it is on disk and was read back.

    An archive with the same content that is there already is as good.

    Raises:
        ConfigurationError: something else is there.
        StoreFull, StoreError: no file was made.
    """
    if file.exists():
        digest = LineDigest()
        for line in _lines(path, streams, blobs):
            digest.add(encode_line(line))
        if digest.digest != read_archive(file)[1]:
            raise ConfigurationError(f"{file} exists already; name another file")
        return ArchiveName(file.name, digest.digest)
    digest = LineDigest()
    last = 0
    with new_lines_file(file) as target:
        for line in _lines(path, streams, blobs):
            encoded = encode_line(line)
            digest.add(encoded)
            target.write(encoded)
            if isinstance(line, AppendLine):
                last = line.position
        end = EndLine(last_position=last, lines=digest.lines, digest=digest.digest)
        target.write(encode_line(end))
    if read_archive(file)[1] != digest.digest:
        what = f"{file} does not hold what was written to it; is the disk sound?"
        raise StoreCorrupted(what)
    return ArchiveName(file.name, digest.digest)


def read_archive(file: Path) -> tuple[Header, str]:
    """The header and the digest of an archive, all of which was read.

    Raises:
        StoreFormatError: it is none.
        StoreCorrupted: it is not what was written.
        OSError: it cannot be read.
    """
    with opened_lines(file) as lines:
        if not lines.header.archived:
            raise StoreFormatError(f"{file} is no archive of streams")
        last = 0
        for line in lines:
            if isinstance(line, AppendLine):
                last = line.position
        lines.check_end(last)
        return lines.header, lines.digest


def _lines(path: Path, streams: Collection[StreamId], blobs: Collection[bytes]) -> Iterator[Line]:
    manifest = require_manifest(path)
    yield _header(manifest, streams)
    with opened_image(path, is_alone=True) as image:
        for key, value in image.rows("log"):
            position = key_position(key)
            record = decode_record(position, value)
            parts = parts_to_archive(record, streams)
            if parts:
                yield _only(append_line(position, record, split_record(value).link), record, parts)
        for key, value in image.rows("snapshots"):
            line = snapshot_line(key, value)
            if isinstance(line, SnapshotLine) and line.stream in streams:
                yield line
        for key, value in image.rows("blobs"):
            if key in blobs:
                yield BlobLine(digest=key.hex(), content_b64=value)


def _header(manifest: Manifest, streams: Collection[StreamId]) -> Header:
    names = tuple(sorted(streams))
    return Header(
        format=EXPORT_FORMAT,
        store_id=manifest.store_id,
        schema=manifest.format,
        sealing=manifest.sealing,
        partial=f"archive of {len(names)} streams",
        archived=names,
    )


def _only(line: AppendLine, record: LogRecord, parts: frozenset[int]) -> AppendLine:
    """The events of some parts of a record, each with its position."""
    numbers = [number for number, (_, events) in enumerate(record.body.parts) for _ in events]
    events = tuple(
        msgspec.structs.replace(event, position=line.position + place)
        for place, (event, number) in enumerate(zip(line.events, numbers, strict=True))
        if number in parts
    )
    return msgspec.structs.replace(line, events=events, removed=(), archives=())
