"""Changes of rows in a copy of a data file: parts taken out of the log, and put back."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mentra_actors.errors import ConfigurationError, StoreCorrupted
from mentra_actors.ids import StreamId
from mentra_actors.store.archived_parts import ArchiveName, RemovedPart, part_digest
from mentra_actors.store.care.archive_lines import parts_to_archive
from mentra_actors.store.care.export_lines import AppendLine, BlobLine, SnapshotLine
from mentra_actors.store.care.import_store import rows_of
from mentra_actors.store.care.line_reader import opened_lines
from mentra_actors.store.embedded.layout import (
    LogRecord,
    decode_record,
    encode_archived_mark,
    join_record,
    position_key,
    rebuild_record,
    split_record,
)
from mentra_actors.store.embedded.milestones import drop_milestones
from mentra_actors.store.embedded.stream_index import IndexEntry
from mentra_actors.store.embedded.tables import Tables

if TYPE_CHECKING:
    import lmdb

    _Txn = lmdb.Transaction[bytes]

__all__ = ["Restoring", "TakingOut"]


class TakingOut:
    """An edit: payloads of streams go, tombstones come; and some blobs go."""

    def __init__(
        self, streams: Collection[StreamId], archive: ArchiveName | None, blobs: Collection[bytes]
    ) -> None:
        self.events = 0
        """How many events were archived."""
        self._streams = streams
        self._archive = archive
        self._blobs = blobs

    def __call__(self, txn: "_Txn", tables: Tables) -> None:
        """Do it in one transaction."""
        for digest in self._blobs:
            txn.delete(digest, db=tables.blobs)
        if self._archive is None:
            return
        for stream_id in self._streams:
            for position in _record_positions(txn, tables, stream_id):
                self._take_out(txn, tables, position, self._archive)
            mark = encode_archived_mark(stream_id, self._archive.name)
            txn.put(stream_id.encode(), mark, db=tables.snapshots)
            if tables.side is not None:
                drop_milestones(txn, tables.side, stream_id)

    def _take_out(self, txn: "_Txn", tables: Tables, position: int, archive: ArchiveName) -> None:
        record, link = _record(txn, tables, position)
        parts = parts_to_archive(record, self._streams)
        if not parts:
            return  # another stream of the same append was here before
        archives = (*record.archives, archive)
        bodies = list(record.body.parts)
        removed = list(record.removed)
        for number in sorted(parts):
            stream_id, events = bodies[number]
            bodies[number] = (stream_id, tuple((tag, b"") for tag, _ in events))
            removed.append(RemovedPart(number, len(archives) - 1, part_digest(events)))
            self.events += len(events)
        taken = _with_parts(record, bodies, removed, archives)
        _put_record(txn, tables, position, taken, link)


class Restoring:
    """An edit: what an archive holds comes back to where it was."""

    def __init__(self, file: Path, archive: ArchiveName, streams: Collection[StreamId]) -> None:
        self.events = 0
        """How many events came back."""
        self._file = file
        self._digest = archive.digest
        self._streams = streams

    def __call__(self, txn: "_Txn", tables: Tables) -> None:
        """Do it in one transaction.

        Raises:
            StoreCorrupted: the archive is not what was taken out.
            ConfigurationError: nothing of it is missing.
        """
        snapshots: dict[StreamId, bytes] = {}
        with opened_lines(self._file) as lines:
            for line in lines:
                if isinstance(line, AppendLine):
                    with lines.faults():
                        self._put_back(txn, tables, line)
                elif isinstance(line, SnapshotLine):
                    snapshots[line.stream] = next(rows_of(line))[2]
                elif isinstance(line, BlobLine):
                    _, key, content = next(rows_of(line))
                    txn.put(key, content, overwrite=False, db=tables.blobs)
        if not self.events:
            raise ConfigurationError(f"the store lacks nothing that {self._file} holds")
        for stream_id in self._streams:
            self._settle(txn, tables, stream_id, snapshots.get(stream_id))

    def _put_back(self, txn: "_Txn", tables: Tables, line: AppendLine) -> None:
        record, link = _record(txn, tables, line.position)
        payloads = {event.position: event.payload_b64 for event in line.events}
        bodies = list(record.body.parts)
        missing = []
        for one in record.removed:
            if record.archives[one.archive].digest != self._digest:
                missing.append(one)
                continue
            stream_id, events = bodies[one.part]
            first = line.position + sum(len(others) for _, others in bodies[: one.part])
            restored = tuple(
                (tag, payloads.get(first + place, b"")) for place, (tag, _) in enumerate(events)
            )
            if part_digest(restored) != one.digest:
                raise StoreCorrupted(f"the events of {stream_id} are not those taken out")
            bodies[one.part] = (stream_id, restored)
            self.events += len(events)
        if len(missing) < len(record.removed):
            whole = _with_parts(record, bodies, missing, record.archives)
            _put_record(txn, tables, line.position, whole, link)

    def _settle(
        self, txn: "_Txn", tables: Tables, stream_id: StreamId, snapshot: bytes | None
    ) -> None:
        """Put a snapshot or nothing in place of the mark, unless more of the stream is missing."""
        key = stream_id.encode()
        for position in _record_positions(txn, tables, stream_id):
            record, _ = _record(txn, tables, position)
            for one in record.removed:
                if record.body.parts[one.part][0] == stream_id:
                    name = record.archives[one.archive].name
                    txn.put(key, encode_archived_mark(stream_id, name), db=tables.snapshots)
                    return
        if snapshot is None:
            txn.delete(key, db=tables.snapshots)
        else:
            txn.put(key, snapshot, db=tables.snapshots)


def _with_parts(
    record: LogRecord,
    parts: "list[tuple[StreamId, tuple[tuple[str, bytes], ...]]]",
    removed: list[RemovedPart],
    archives: tuple[ArchiveName, ...],
) -> LogRecord:
    """The record with other parts; archives of which it lacks nothing are forgotten."""
    body = record.body
    used = sorted({one.archive for one in removed})
    return LogRecord(
        record.first_versions,
        type(body)(
            body.recorded_at_ns, body.epoch, body.causation, body.correlation, tuple(parts)
        ),
        tuple(
            RemovedPart(one.part, used.index(one.archive), one.digest)
            for one in sorted(removed, key=lambda one: one.part)
        ),
        tuple(archives[number] for number in used),
    )


def _record_positions(txn: "_Txn", tables: Tables, stream_id: StreamId) -> Iterator[int]:
    with txn.cursor(tables.streams) as cursor:
        if cursor.set_key(stream_id.encode()):
            for value in cursor.iternext_dup(keys=False, values=True):
                yield IndexEntry.decode(value).record_position


def _record(txn: "_Txn", tables: Tables, position: int) -> tuple[LogRecord, bytes]:
    value = txn.get(position_key(position), db=tables.log)
    if value is None:
        raise StoreCorrupted(f"no record begins at position {position}")
    return decode_record(position, value), split_record(value).link


def _put_record(
    txn: "_Txn", tables: Tables, position: int, record: LogRecord, link: bytes
) -> None:
    value = join_record(position, rebuild_record(record, link))
    txn.put(position_key(position), value, db=tables.log)
