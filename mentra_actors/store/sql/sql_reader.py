"""Reads of a log in a database: streams, the journal, blobs, and waiting for what comes."""

import logging
import os
import threading
import time
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from mentra_actors.errors import StoreClosed, StoreCorrupted, StoreError
from mentra_actors.ids import StreamId
from mentra_actors.store.embedded.layout import decode_snapshot
from mentra_actors.store.embedded.transaction_gate import TransactionGate
from mentra_actors.store.ports import StateSnapshot, StoredEvent, blob_digest
from mentra_actors.store.sql.database import Row, SqlLog
from mentra_actors.store.sql.event_state import ReadEvent, StoredRow, decode_event

__all__ = ["SqlJournalReader"]

_LAST_POSITION = "SELECT MAX({position}) AS last FROM {events}"
_EVENTS = (
    "SELECT {position} AS position, originator_id, originator_version, topic, state "
    "FROM {events} WHERE "
)
_OF_STREAM = _EVENTS + "originator_id = ? AND originator_version > ?"
_THROUGH = " AND originator_version <= ?"
_OF_JOURNAL = _EVENTS + "{position} > ?"
_NOT_AFTER = " AND {position} <= ?"
_OF_TYPES = " AND topic IN (SELECT value FROM {each})"
# Not `originator_id IN (…)`: that would be looked up by stream, and sorted by position after.
_OF_CATEGORIES = (
    " AND EXISTS (SELECT 1 FROM {mentra_streams} WHERE stream_id = originator_id"
    " AND category IN (SELECT value FROM {each}))"
)
_HEAD = (
    "SELECT originator_version AS version FROM {events} WHERE originator_id = ? "
    "ORDER BY originator_version DESC LIMIT 1"
)
_SNAPSHOT = "SELECT snapshot FROM {mentra_snapshots} WHERE stream_id = ?"
_MILESTONE = (
    "SELECT snapshot FROM {mentra_milestones} WHERE stream_id = ? AND stream_version <= ? "
    "ORDER BY stream_version DESC LIMIT 1"
)
_SCAN_EVENTS = 1000
_LOG = logging.getLogger(__name__)


class SqlJournalReader:
    """Reads a log that this or another process may be writing; see `JournalReader`."""

    def __init__(self, log: SqlLog) -> None:
        """Use the `open` of a subclass; the reader owns `log`."""
        self._log = log
        self._gate = TransactionGate()
        self._pid = os.getpid()
        self._closing = threading.Lock()
        self._is_closed = False

    def read_stream(
        self, stream_id: StreamId, *, after: int = 0, through: int | None = None
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_stream`.

        Raises:
            StoreCorrupted, StoreFormatError: an event is missing or damaged.
        """
        version = max(after, 0)
        statement, wanted = _OF_STREAM, [stream_id, version]
        if through is not None:
            statement, wanted = statement + _THROUGH, [*wanted, through]
        found: list[StoredEvent] = []
        for row in self._rows(f"{statement} ORDER BY originator_version", *wanted):
            version += 1
            if row["originator_version"] != version:
                raise StoreCorrupted(f"{stream_id}: version {version} is missing")
            found.append(_read(row).event)
        return found

    def read_journal(
        self,
        *,
        after: int = 0,
        limit: int = 1000,
        through: int | None = None,
        categories: Collection[str] = (),
        event_types: Collection[str] = (),
    ) -> Sequence[StoredEvent]:
        """See `JournalReader.read_journal`.

        Raises:
            StoreCorrupted, StoreFormatError: an event is missing or damaged.
        """
        start = max(after, 0)
        asked = ((_OF_TYPES, list(event_types)), (_OF_CATEGORIES, list(categories)))
        filters = "".join(text for text, names in asked if names)
        wanted: list[Any] = [names for _, names in asked if names]
        if through is not None:
            filters, wanted = filters + _NOT_AFTER, [*wanted, through]
        found = self._journal_page(start, max(limit, 1), filters, wanted)
        if found and found[-1].following:
            last = found[-1].event.global_position
            rest = _NOT_AFTER + filters
            end = [last + found[-1].following, *wanted]
            found += self._journal_page(last, found[-1].following, rest, end)
        events = [one.event for one in found]
        if not categories and not event_types:
            _check_positions(events, start + 1)
        return events

    def stream_version(self, stream_id: StreamId) -> int:
        """See `JournalReader.stream_version`."""
        rows = self._rows(_HEAD, stream_id)
        return int(rows[0]["version"]) if rows else 0

    def stream_ids(self, category: str) -> Sequence[StreamId]:
        """See `JournalReader.stream_ids`."""
        rows = self._rows("SELECT stream_id FROM {mentra_streams} WHERE category = ?", category)
        return sorted(StreamId(row["stream_id"]) for row in rows)

    def last_position(self) -> int:
        """See `JournalReader.last_position`."""
        return int(self._rows(_LAST_POSITION)[0]["last"] or 0)

    def wait_for_position(self, position: int, *, timeout_s: float) -> int:
        """See `JournalReader.wait_for_position`.

        Raises:
            StoreClosed: the reader was closed meanwhile.
        """
        deadline = time.monotonic() + timeout_s
        watch = self._log.watch
        for pause_s in self._log.pauses():
            announced = watch.announced
            last = self.last_position()
            remaining = deadline - time.monotonic()
            if last >= position or remaining <= 0:
                return last
            watch.wait(announced, min(remaining, pause_s))
        return self.last_position()

    def read_blob(self, digest: str) -> bytes | None:
        """See `JournalReader.read_blob`.

        Raises:
            StoreCorrupted: the bytes are not those that were stored.
        """
        try:
            name = bytes.fromhex(digest).hex()
        except ValueError:
            return None
        rows = self._rows("SELECT content FROM {mentra_blobs} WHERE digest = ?", name)
        if not rows:
            return None
        content = bytes(rows[0]["content"])
        if blob_digest(content) != name:
            raise StoreCorrupted(f"blob {digest}: bytes on disk have changed; restore a backup")
        return content

    def snapshot_through(self, stream_id: StreamId, version: int) -> StateSnapshot | None:
        """See `SnapshotReader.snapshot_through`; a damaged one is as good as none."""
        newest = self._snapshot(stream_id, _SNAPSHOT, stream_id)
        if newest is not None and newest.stream_version <= version:
            return newest
        found = self._snapshot(stream_id, _MILESTONE, stream_id, version)
        return None if found is None else msgspec.structs.replace(found, is_milestone=True)

    def close(self) -> None:
        """See `JournalReader.close`."""
        if self._is_forked():
            return
        with self._closing:
            if self._is_closed:
                return
            self._before_closing()
            self._is_closed = True
            self._log.watch.announce()
            with self._gate.alone():
                self._let_go()

    def check_or_close(self) -> None:
        """Read the whole log; a reader that finds damage is closed.

        Raises:
            StoreCorrupted: says where.
        """
        position = 0
        try:
            while events := self.read_journal(after=position, limit=_SCAN_EVENTS):
                position = events[-1].global_position
        except BaseException:
            self.close()
            raise

    def _snapshot(
        self, stream_id: StreamId, statement: str, *parameters: object
    ) -> StateSnapshot | None:
        try:
            rows = self._rows(statement, *parameters)
            return decode_snapshot(stream_id, bytes(rows[0]["snapshot"])) if rows else None
        except StoreClosed:
            raise
        except StoreError as error:  # also where no writer of this release has made the table
            _LOG.info("no snapshot of %s: %s", stream_id, error)
            return None

    def _before_closing(self) -> None:
        """The last use of the log."""

    def _let_go(self) -> None:
        """Nobody reads any more."""
        self._log.close()

    def _is_forked(self) -> bool:
        return os.getpid() != self._pid

    def _journal_page(
        self, after: int, limit: int, filters: str, wanted: Sequence[Any]
    ) -> list[ReadEvent]:
        statement = f"{_OF_JOURNAL}{filters} ORDER BY {{position}} LIMIT ?"
        return [_read(row) for row in self._rows(statement, after, *wanted, limit)]

    def _rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        self._gate.enter()
        try:
            if self._is_closed or self._is_forked():
                raise StoreClosed(f"{self._log.name} is closed, or was opened before a fork")
            return self._log.rows(statement, *parameters)
        finally:
            self._gate.leave()


def _read(row: Row) -> ReadEvent:
    return decode_event(
        StoredRow(
            row["position"],
            StreamId(row["originator_id"]),
            row["originator_version"],
            row["topic"],
            row["state"],
        )
    )


def _check_positions(events: Sequence[StoredEvent], first: int) -> None:
    for position, event in enumerate(events, start=first):
        if event.global_position != position:
            raise StoreCorrupted(f"position {position} is missing from the log")
