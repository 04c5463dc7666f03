"""The event store in a database; it is a reader of its log as well."""

import logging
from collections.abc import Sequence

from mentra_actors.errors import StoreCorrupted, StoreError, StoreFormatError
from mentra_actors.ids import StreamId
from mentra_actors.store.append_plan import streams_of
from mentra_actors.store.embedded.layout import decode_snapshot
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    OnAppended,
    StateSnapshot,
    Tick,
)
from mentra_actors.store.sql.database import SqlLog
from mentra_actors.store.sql.event_state import encode_states
from mentra_actors.store.sql.sql_commit import SqlGroupCommit
from mentra_actors.store.sql.sql_reader import SqlJournalReader
from mentra_actors.store.tick_rows import readable_ticks
from mentra_actors.store.writer import GroupWriter

__all__ = ["MAX_VALUE_BYTES", "SqlEventStore"]

_LOG = logging.getLogger(__name__)

MAX_VALUE_BYTES = 256 << 20
"""The largest payload, snapshot or blob; databases take about four times as much."""
PATIENCE_S = 60.0


class SqlEventStore(SqlJournalReader):
    """A writer of a log; see `EventStore`."""

    def __init__(self, log: SqlLog, *, patience_s: float = PATIENCE_S) -> None:
        """Use the `open` of a subclass; the store owns `log`."""
        super().__init__(log)
        self._commit = SqlGroupCommit(log, patience_s=patience_s)
        self._writer = GroupWriter(self._commit.write, name=log.name, encode=_encode)

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """See `EventStore.submit`. After `close`, the refusal comes on the calling thread.

        Raises:
            TypeError, ValueError: the request is malformed, or a database cannot hold it (a name
                with a zero byte, a payload above `MAX_VALUE_BYTES`); nothing was queued.
        """
        self._writer.submit(request, on_appended)

    def append(self, request: AppendRequest) -> Appended:
        """See `EventStore.append`.

        Raises:
            CommitOutcomeUnknown: nobody knows whether it was written; see there.
            StoreError: nothing was written.
            TypeError, ValueError: see `submit`.
            RuntimeError: called by an `on_appended`, on the writer thread.
        """
        return self._writer.append(request)

    def put_blob(self, content: bytes) -> str:
        """See `BlobStore.put_blob`.

        Raises:
            StoreClosed, ValueError: the blob is not stored.
        """
        _check_size(content, what="a blob")
        return self._writer.put_blob(content)

    def save_snapshot(self, snapshot: StateSnapshot) -> None:
        """See `EventStore.save_snapshot`. Failures are logged: a snapshot only saves time."""
        try:
            _check_storable(snapshot.stream_id, what="stream id")
            _check_size(snapshot.payload, what="a snapshot")
        except ValueError as error:
            _LOG.warning("no snapshot of %s was saved: %s", snapshot.stream_id, error)
            return
        self._writer.save_snapshot(snapshot)

    def load_snapshot(self, stream_id: StreamId) -> StateSnapshot | None:
        """See `EventStore.load_snapshot`; a damaged snapshot is as good as none."""
        statement = "SELECT snapshot FROM {mentra_snapshots} WHERE stream_id = ?"
        rows = self._rows(statement, stream_id)
        if not rows:
            return None
        try:
            return decode_snapshot(stream_id, bytes(rows[0]["snapshot"]))
        except (StoreCorrupted, StoreFormatError) as error:
            _LOG.warning("ignored: %s", error)
            return None

    def save_tick(self, tick: Tick, *, drop_below: int = 0) -> None:
        """See `EventStore.save_tick`. The row is made on the calling thread.

        Raises:
            TypeError, ValueError: the tick is malformed, or above `MAX_VALUE_BYTES`; nothing was
                queued.
        """
        size = sum(len(piece.payload) for piece in tick.pieces)
        if size > MAX_VALUE_BYTES:
            raise ValueError(f"a tick must take at most {MAX_VALUE_BYTES} bytes, not {size}")
        self._writer.save_tick(tick, drop_below)

    def load_ticks(self) -> Sequence[Tick]:
        """See `EventStore.load_ticks`."""
        rows = self._rows("SELECT number, tick FROM {mentra_ticks} ORDER BY number")
        return readable_ticks((int(row["number"]), bytes(row["tick"])) for row in rows)

    def open_streams(self) -> Sequence[StreamId]:
        """See `EventStore.open_streams`."""
        rows = self._rows("SELECT stream_id FROM {mentra_open_streams}")
        return sorted(StreamId(row["stream_id"]) for row in rows)

    def fence_epoch(self, resource: str) -> int:
        """See `EventStore.fence_epoch`."""
        rows = self._rows("SELECT epoch FROM {mentra_fences} WHERE resource = ?", resource)
        return int(rows[0]["epoch"]) if rows else 0

    def close(self) -> None:
        """Write what is queued and let go of the database. Calling it twice is allowed.

        Raises:
            RuntimeError: called by an `on_appended`, on the writer thread.
        """
        self._commit.stop_waiting()
        self._writer.close()
        super().close()

    def _before_closing(self) -> None:
        try:
            self._commit.leave()
        except StoreError as error:
            _LOG.info("%s: the mark of this writer stays: %s", self._log.name, error)


def _encode(request: AppendRequest) -> bytes:
    for name in (*streams_of(request), *request.open_streams):
        _check_storable(name, what="stream id")
    if request.fence is not None:
        _check_storable(request.fence.resource, what="fence resource")
    _check_storable(request.request_id, what="request id")
    for stream in request.streams:
        for event in stream.events:
            _check_storable(event.event_type, what="event type")
            _check_size(event.payload, what="a payload")
    return encode_states(request)


def _check_storable(name: str, *, what: str) -> None:
    if "\0" in name:
        raise ValueError(f"{what} must have no zero byte in a database: {name!r}")


def _check_size(content: bytes, *, what: str) -> None:
    if len(content) > MAX_VALUE_BYTES:
        raise ValueError(f"{what} must take at most {MAX_VALUE_BYTES} bytes, not {len(content)}")
