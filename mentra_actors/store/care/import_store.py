"""Makes a store of JSON lines, and makes sure of every one of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from mentra_actors.errors import StoreCorrupted, StoreFormatError
from mentra_actors.store.care.build_store import StoreBuilder
from mentra_actors.store.care.export_lines import (
    AppendLine,
    ArchivedLine,
    BlobLine,
    FenceLine,
    Line,
    MarkLine,
    MetaLine,
    RequestLine,
    SideLine,
    SnapshotLine,
    record_of,
)
from mentra_actors.store.care.line_reader import LineReader, opened_lines
from mentra_actors.store.care.new_directory import made_directory
from mentra_actors.store.care.report import OnProgress
from mentra_actors.store.lmdb_layout import encode_archived_mark, encode_snapshot, rebuild_record
from mentra_actors.store.lmdb_requests import request_rows
from mentra_actors.store.lmdb_tables import STORE_ID, encode_epoch, mark_value
from mentra_actors.store.ports import Appended, StateSnapshot, blob_digest
from mentra_actors.store.store_directory import STORE_FORMAT, Manifest

__all__ = ["Imported", "import_store", "rows_of"]

_LINES_PER_PROGRESS = 256


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What was read. `sealing` is not empty if the store needs the keys of the one exported."""

    store_id: str
    last_position: int
    lines: int
    sealing: str = ""


def import_store(
    source: str | Path | BinaryIO, target: str | Path, *, on_progress: OnProgress | None = None
) -> Imported:
    """Make a new store at `target` of an export; it has the same id, positions and links.

    Nobody sees anything at `target` before all of it is checked and on disk.

    Raises:
        ConfigurationError: there is something at `target`.
        StoreFormatError: the source is no export, or a partial one; there is no store.
        StoreCorrupted: the message says which line is wrong; there is no store.
        StoreFull, StoreError: there is no store.
        OSError: the source cannot be read.
    """
    with opened_lines(source) as lines:
        header = lines.header
        if header.partial:
            what = f"{lines.name} is a part of a store ({header.partial}), made for reading"
            raise StoreFormatError(what)
        with made_directory(Path(target)) as new:
            manifest = Manifest(header.store_id, STORE_FORMAT, header.sealing)
            with StoreBuilder(new.path, manifest) as builder:
                _fill(builder, lines, on_progress)
                builder.finish()
            new.finish(manifest)
    return Imported(
        store_id=header.store_id,
        last_position=builder.last_position,
        lines=lines.lines,
        sealing=header.sealing,
    )


def _fill(builder: StoreBuilder, lines: LineReader, on_progress: OnProgress | None) -> None:
    before = ("", b"")
    for number, line in enumerate(lines):
        with lines.faults():
            if isinstance(line, AppendLine):
                link = bytes.fromhex(line.link)
                record = record_of(line)
                builder.add_record(line.position, record, rebuild_record(record, link))
            else:
                before = _put(builder, line, before)
        if on_progress is not None and number % _LINES_PER_PROGRESS == 0:
            on_progress(*lines.progress)
    lines.check_end(builder.last_position)


def _put(builder: StoreBuilder, line: Line, before: tuple[str, bytes]) -> tuple[str, bytes]:
    """The table and the key of its last row; `before` are those of the line before it.

    Raises:
        StoreCorrupted, ValueError: it cannot stand here.
    """
    _check_place(line, builder)
    for table, key, value in rows_of(line):
        if table == before[0] and table != "requests" and key <= before[1]:
            raise ValueError("it is not in the order of such lines")
        before = table, key
        builder.put(table, key, value)
    return before


def _check_place(line: Line, builder: StoreBuilder) -> None:
    """Nothing may tell of events that are not on the log.

    Raises:
        ValueError: it does.
    """
    match line:
        case SnapshotLine(stream=stream_id, version=version):
            has = builder.version(stream_id)
            if version > has:
                raise ValueError(f"a snapshot of version {version} of a stream with {has} events")
        case RequestLine(last_position=last_position):
            if last_position > builder.last_position:
                raise ValueError(f"an answer of position {last_position}, which is not there")
        case _:
            pass


def rows_of(line: Line) -> Iterator[tuple[str, bytes, bytes]]:
    """Tables, keys and values that a line stands for, but for the log.

    Raises:
        StoreCorrupted: a blob is not what its name says.
        ValueError: the line says something impossible.
    """
    if isinstance(line, RequestLine):
        answer = Appended(line.first_position, line.last_position, line.versions)
        for key, value in request_rows(line.number, line.request_id, answer):
            yield "requests", key, value
    else:
        yield _row(line)


def _row(line: Line) -> tuple[str, bytes, bytes]:
    match line:
        case SnapshotLine():
            snapshot = StateSnapshot(
                stream_id=line.stream,
                stream_version=line.version,
                fold_version=line.fold_version,
                payload=line.payload_b64,
            )
            return "snapshots", line.stream.encode(), encode_snapshot(snapshot)
        case ArchivedLine(stream=stream_id, archive=archive):
            return "snapshots", stream_id.encode(), encode_archived_mark(stream_id, archive)
        case BlobLine(digest=digest, content_b64=content):
            if blob_digest(content) != digest:
                raise StoreCorrupted(f"the blob is not {digest}")
            return "blobs", bytes.fromhex(digest), content
        case MarkLine(stream=stream_id):
            return "open", stream_id.encode(), mark_value(stream_id.encode())
        case FenceLine(resource=resource, epoch=epoch):
            return "fences", resource.encode(), encode_epoch(resource.encode(), epoch)
        case MetaLine(key=key, value_b64=value) if key.encode() != STORE_ID:
            return "meta", key.encode(), value
        case SideLine(key_b64=side_key, value_b64=value):
            return "side", side_key, value
        case _:
            raise ValueError("this line stands in the wrong place")
