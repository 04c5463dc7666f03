"""Reads of an LMDB store: streams, the journal, blobs, and waiting for what comes."""

import logging
import sys
import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from mentra_actors.errors import StoreClosed, StoreCorrupted, StoreFormatError
from mentra_actors.ids import StreamId, category_of
from mentra_actors.store.embedded.data_file import check_structure
from mentra_actors.store.embedded.environments import SharedEnv, open_shared_env
from mentra_actors.store.embedded.layout import (
    RECORD_HEADER_BYTES,
    decode_record,
    decode_snapshot,
    key_position,
    position_key,
    record_event_count,
    stored_events,
    stream_payloads,
)
from mentra_actors.store.embedded.milestones import milestone_through
from mentra_actors.store.embedded.stream_index import IndexEntry, unpack_entry
from mentra_actors.store.embedded.tables import DEFAULT_MAP_BYTES
from mentra_actors.store.ownership.change_signal import FIRST_POLL_S, LAST_POLL_S
from mentra_actors.store.ports import StateSnapshot, StoredEvent, blob_digest
from mentra_actors.store.store_directory import UnsyncedMark, require_manifest

if TYPE_CHECKING:
    import lmdb

__all__ = ["LmdbJournalReader", "last_position", "scan_log", "stream_head"]

# What one read transaction may take: an open one keeps the writer from reusing pages.
_TXN_RECORDS = 512
_TXN_BYTES = 8 << 20
_SCAN_EVENTS = 1000
_LOG = logging.getLogger(__name__)
_DIGEST_BYTES = 16

_PAYLOADS = 512
"""Events of one page for a fold: so few that they stay in the processor's cache."""
_TXN_EVENTS = 1 << 20
_Row = tuple[int, bytes]
_StreamRow = tuple[int, int, int, bytes]
"""An index entry, which is first version, position, number of events; and the record."""


def last_position(txn: "lmdb.Transaction", env: SharedEnv) -> int:
    """Position of the last event; needs a transaction with buffers to cost the same always."""
    with txn.cursor(env.tables.log) as cursor:
        if not cursor.last():
            return 0
        count = record_event_count(bytes(cursor.value()[:RECORD_HEADER_BYTES]))
        return key_position(bytes(cursor.key())) + count - 1


def stream_head(txn: "lmdb.Transaction", env: SharedEnv, stream_id: StreamId) -> IndexEntry | None:
    """Where the last events of a stream are; None if there are none."""
    with txn.cursor(env.tables.streams) as cursor:
        if not cursor.set_key(stream_id.encode()) or not cursor.last_dup():
            return None
        return IndexEntry.decode(bytes(cursor.value()))


def scan_log(reader: "LmdbJournalReader") -> None:
    """Read every record and check that none is damaged and none is missing.

    Raises:
        StoreCorrupted: says where.
    """
    position = 0
    while events := reader.read_journal(after=position, limit=_SCAN_EVENTS):
        position = events[-1].global_position


class LmdbJournalReader:
    """Reads a store that this or another process may be writing; see `JournalReader`."""

    def __init__(self, env: SharedEnv) -> None:
        """Use `open`; the reader owns one use of `env`."""
        self._env = env
        self._is_closed = False
        self._closing = threading.Lock()

    @classmethod
    def open(cls, path: str | Path, *, map_size: int = DEFAULT_MAP_BYTES) -> Self:
        """A reader of the store at `path`, which must exist.

        Raises:
            StoreNotFound, StoreFormatError, StoreCorrupted, StoreError: nothing is open.
        """
        path = Path(path).absolute()  # the process may change its directory
        manifest = require_manifest(path)
        is_doubtful = UnsyncedMark(path).is_doubtful()
        if is_doubtful:
            check_structure(path)
        reader = cls(open_shared_env(path, manifest, map_size=map_size))
        if is_doubtful:
            reader.check_or_close()
        return reader

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_stream`."""
        found: list[StoredEvent] = []
        version = max(after, 0)
        is_end = False
        while not is_end and (through is None or version < through):
            rows, is_end = self._stream_rows(stream_id, version, through)
            for row in rows:
                found += _stream_events(stream_id, row, version)
                version = row[0] + row[2] - 1
        if through is not None:
            while found and found[-1].stream_version > through:
                found.pop()
        return found

    def read_payloads(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> tuple[list[tuple[str, bytes]], bool]:
        """See `PayloadReader.read_payloads`."""
        found: list[tuple[str, bytes]] = []
        version = max(after, 0)
        rows, is_end = self._stream_rows(stream_id, version, through, _PAYLOADS)
        for row in rows:
            first_version, position, count, value = row
            begin, events = stream_payloads(decode_record(position, value), stream_id)
            if len(events) != count or begin != first_version:
                raise _differs(stream_id, position)
            if first_version == version + 1:
                found += events
            elif first_version <= version:
                found += events[version + 1 - first_version :]
            else:
                raise _missing(stream_id, version + 1, position)
            version = first_version + count - 1
        if through is not None and version > through:
            del found[max(through - max(after, 0), 0) :]
        return found, is_end

    def read_journal(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        through: int | None = None,
        categories: Collection[str] = (),
        event_types: Collection[str] = (),
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_journal`."""
        found: list[StoredEvent] = []
        position = max(after, 0)
        wanted = max(limit, 1)
        is_filtered = bool(categories or event_types)
        end = sys.maxsize if through is None else through
        while len(found) < wanted and position < end:
            # What a filter leaves of a page cannot be known before.
            size = _SCAN_EVENTS if is_filtered else wanted - len(found)
            rows = self._journal_rows(position, min(size, end - position))
            if not rows:
                break
            for first_position, value in rows:
                if first_position > position + 1:
                    raise StoreCorrupted(f"position {position + 1} is missing from the log")
                record = decode_record(first_position, value)
                events = stored_events(first_position, record, event_types=event_types)
                count = record_event_count(value)
                if first_position <= position or first_position + count - 1 > end:
                    events = [one for one in events if position < one.global_position <= end]
                if categories:
                    events = [one for one in events if category_of(one.stream_id) in categories]
                found += events
                position = first_position + count - 1
                if is_filtered and len(found) >= wanted:
                    break
        return found

    def stream_version(self, stream_id: StreamId) -> int:
        """See `JournalReader.stream_version`."""
        with self._open_env().reading() as txn:
            head = stream_head(txn, self._env, stream_id)
        return 0 if head is None else head.last_version

    def stream_ids(self, category: str) -> Sequence[StreamId]:
        """See `JournalReader.stream_ids`."""
        found: list[StreamId] = []
        start = category.encode()
        while names := self._stream_names(start):
            inside = [name for name in names if category_of(name) == category]
            found.extend(inside)
            # Names that start like the category but do not belong to it may lie in between.
            if not names[-1].startswith(category):
                break
            start = names[-1].encode() + b"\0"
        return found

    def snapshot_through(self, stream_id: StreamId, version: int) -> StateSnapshot | None:
        """See `SnapshotReader.snapshot_through`; a damaged one is as good as none."""
        with self._open_env().reading() as txn:
            value = txn.get(stream_id.encode(), db=self._env.tables.snapshots)
            try:
                newest = None if value is None else decode_snapshot(stream_id, value)
                if newest is not None and newest.stream_version <= version:
                    return newest
                side = self._env.side
                return None if side is None else milestone_through(txn, side, stream_id, version)
            except (StoreCorrupted, StoreFormatError) as error:
                _LOG.warning("ignored: %s", error)
                return None

    def last_position(self) -> int:
        """See `JournalReader.last_position`."""
        with self._open_env().reading(buffers=True) as txn:
            return last_position(txn, self._env)

    def wait_for_position(self, position: int, *, timeout_s: float) -> int:
        """See `JournalReader.wait_for_position`."""
        deadline = time.monotonic() + timeout_s
        seen, poll_s = -1, FIRST_POLL_S
        while True:
            env = self._open_env()
            heard = env.heard()
            # By a transaction: the number of the last commit is on the meta page, where it can be
            # seen before the commit itself can.
            last = self.last_position()
            remaining = deadline - time.monotonic()
            if last >= position or remaining <= 0:
                return last
            poll_s = FIRST_POLL_S if last != seen else min(2 * poll_s, LAST_POLL_S)
            seen = last
            env.wait(heard, remaining, poll_s=poll_s)

    def writer_epoch(self) -> int:
        """Number of the writer that opened the store last: it grows with each one."""
        return self._open_env().writer_epoch()

    def read_blob(self, digest: str) -> bytes | None:
        """See `JournalReader.read_blob`.

        Raises:
            StoreCorrupted: the bytes are not those that were stored.
        """
        try:
            key = bytes.fromhex(digest)
        except ValueError:
            return None
        if len(key) != _DIGEST_BYTES:
            return None
        with self._open_env().reading() as txn:
            content: bytes | None = txn.get(key, db=self._env.tables.blobs)
        if content is not None and blob_digest(content) != key.hex():
            raise StoreCorrupted(f"blob {digest}: bytes on disk have changed; restore a backup")
        return content

    def close(self) -> None:
        """See `JournalReader.close`."""
        with self._closing:
            if not self._is_closed:
                self._is_closed = True
                self._env.announce()
                self._env.leave()

    def check_or_close(self) -> None:
        """Scan the whole log; a reader that finds damage is closed.

        Raises:
            StoreCorrupted: says where.
        """
        try:
            scan_log(self)
        except BaseException:
            self.close()
            raise

    def _open_env(self) -> SharedEnv:
        if self._is_closed:
            raise StoreClosed(f"the store at {self._env.path} is closed")
        return self._env

    def _stream_rows(
        self, stream_id: StreamId, after: int, through: int | None, limit: int = _TXN_EVENTS
    ) -> tuple[list[_StreamRow], bool]:
        """Records past a version, about `limit` events and what one transaction takes.

        And whether they are all: then nobody needs to ask for the next ones.
        """
        rows: list[_StreamRow] = []
        size = events = 0
        with (
            self._open_env().reading() as txn,
            txn.cursor(self._env.tables.streams) as cursor,
            txn.cursor(self._env.tables.log) as log,
        ):
            if not _seek_version(cursor, stream_id.encode(), after + 1):
                return [], True
            for raw in cursor.iternext_dup(keys=False, values=True):
                first_version, position, count = unpack_entry(raw)
                if size > _TXN_BYTES or events >= limit or len(rows) == _TXN_RECORDS:
                    return rows, False
                if through is not None and first_version > through:
                    break
                value = log.get(position_key(position))
                if value is None:
                    raise StoreCorrupted(f"{stream_id}: position {position} is missing")
                rows.append((first_version, position, count, value))
                size += len(value)
                events += count
        return rows, True

    def _journal_rows(self, after: int, limit: int) -> list[_Row]:
        """Records past a position, about `limit` events and what one transaction takes."""
        rows: list[_Row] = []
        count = size = 0
        with self._open_env().reading() as txn, txn.cursor(self._env.tables.log) as cursor:
            if not _seek_position(cursor, after + 1):
                return []
            for key, value in cursor.iternext():
                rows.append((key_position(key), value))
                count += record_event_count(value)
                size += len(value)
                if count >= limit or size > _TXN_BYTES or len(rows) == _TXN_RECORDS:
                    break
        return rows

    def _stream_names(self, start: bytes) -> list[StreamId]:
        """Stream ids from `start` on, as many as one transaction takes."""
        names: list[StreamId] = []
        with self._open_env().reading() as txn, txn.cursor(self._env.tables.streams) as cursor:
            if cursor.set_range(start):
                for key in cursor.iternext_nodup(keys=True, values=False):
                    names.append(StreamId(key.decode()))
                    if len(names) == _TXN_RECORDS:
                        break
        return names


def _seek_version(cursor: "lmdb.Cursor[Any]", stream: bytes, version: int) -> bool:
    """Move to the entry that holds `version` of a stream; False if the stream ends before."""
    if not cursor.set_range_dup(stream, position_key(version)):
        cursor.set_key(stream)
        return (
            cursor.key() == stream
            and cursor.last_dup()
            and IndexEntry.decode(cursor.value()).last_version >= version
        )
    if IndexEntry.decode(cursor.value()).first_version > version and not cursor.prev_dup():
        cursor.set_key(stream)
    return True


def _seek_position(cursor: "lmdb.Cursor[Any]", position: int) -> bool:
    """Move to the record that holds `position`; False if the log ends before."""
    if cursor.set_range(position_key(position)):
        if key_position(cursor.key()) > position and not cursor.prev():
            cursor.first()
    elif not cursor.last():
        return False
    if key_position(cursor.key()) + record_event_count(cursor.value()) > position:
        return True
    return cursor.next()


def _stream_events(stream_id: StreamId, row: _StreamRow, after: int) -> Sequence[StoredEvent]:
    """Events of one index entry past a version; checks that they are the ones promised."""
    first_version, position, count, value = row
    events = stored_events(position, decode_record(position, value), only=stream_id)
    if (
        len(events) != count
        or events[0].stream_version != first_version
        or events[-1].stream_version != first_version + count - 1
    ):
        raise _differs(stream_id, position)
    if first_version > after + 1:
        raise _missing(stream_id, after + 1, position)
    return events if first_version == after + 1 else events[after + 1 - first_version :]


def _differs(stream_id: StreamId, position: int) -> StoreCorrupted:
    return StoreCorrupted(f"{stream_id}: the log at position {position} differs from its index")


def _missing(stream_id: StreamId, version: int, position: int) -> StoreCorrupted:
    return StoreCorrupted(f"{stream_id}: version {version} is missing before {position}")
