"""The library's PostgreSQL recorder, extended, as a log.

Whoever writes takes an advisory lock first and holds it until the transaction has ended. Under
it, heads and fences are read and positions are given, so positions have no gaps, and no reader
sees one before those that come before it. (A sequence would leave gaps after a rollback; the
library's lock of the table would stand in the way of VACUUM. Its retries of a lost INSERT are not
used: an insert whose COMMIT was lost may have happened.)
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import psycopg
from eventsourcing.persistence import PersistenceError, StoredEvent
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow
from psycopg.sql import SQL, Composed, Identifier

from mentra_actors.store.embedded.tables import Durability
from mentra_actors.store.sql.database import (
    CommitInterrupted,
    GroupRows,
    Question,
    Row,
    TableChange,
    with_positions,
    written_for,
)
from mentra_actors.store.sql.position_watch import PositionWatch
from mentra_actors.store.sql.postgres_address import PostgresAddress
from mentra_actors.store.sql.postgres_connections import DirectConnections
from mentra_actors.store.sql.postgres_errors import is_connection_lost, postgres_error
from mentra_actors.store.sql.postgres_listener import PostgresListener
from mentra_actors.store.sql.side_tables import SIDE_TABLES, SideTable

__all__ = [
    "EVENTS_TABLE",
    "FLUSHING",
    "PostgresLog",
    "PostgresLogRecorder",
    "creating",
    "open_recorder",
]

EVENTS_TABLE = "stored_events"
LOCK_TIMEOUT_S = 30
"""How long an append waits for other writers."""
_SILENT_WRITER_S = 10
"""After so long in a transaction without a word, the server takes the lock from a writer."""
_STATEMENT_BYTES = 16 << 20
_LOOK_S = 2.0
_BEGIN_ALONE = SQL("BEGIN; SELECT pg_advisory_xact_lock({})")
FLUSHING = (
    "SELECT set_config('synchronous_commit', 'on', false) "
    "WHERE current_setting('synchronous_commit') = 'off'"
)
"""What waits for more than the disk of the server, as its owner chose, is left as it is."""
_TYPES = {"name": 'text COLLATE "C"', "number": "bigint", "bytes": "bytea"}
_CASTS = {"name": "text[]", "number": "bigint[]", "bytes": "bytea[]"}


class PostgresLogDatastore(PostgresDatastore):
    """Connections as the library makes them, told how far to flush and how long to wait."""

    def __init__(self, address: PostgresAddress, durability: Durability) -> None:
        self._durability = durability
        super().__init__(
            dbname="",
            host="",
            port="",
            user="",
            password="",
            schema=address.schema,
            originator_id_type="text",
            idle_in_transaction_session_timeout=_SILENT_WRITER_S,
        )
        self.pool = DirectConnections(address.conninfo, self.after_connect_func())

    def after_connect_func(self) -> Callable[[Connection[Any]], None]:
        """See `PostgresDatastore`."""
        as_library = super().after_connect_func()
        is_flushed = self._durability == "sync"

        def after_connect(connection: Connection[Any]) -> None:
            as_library(connection)
            connection.execute(SQL("SET lock_timeout = '{}s'").format(LOCK_TIMEOUT_S))
            # A snapshot that is older than the lock would show heads that are no more.
            connection.execute("SET default_transaction_isolation = 'read committed'")
            connection.execute(FLUSHING if is_flushed else "SET synchronous_commit = off")

        return after_connect

    def register_type_adapters(self) -> None:
        """Nothing: only the library's INSERT, which is not used, sends rows as such types."""

    def drop_broken(self) -> None:
        """Close what is idle; other connections are made when they are needed."""
        self.pool.check()

    @contextlib.contextmanager
    def alone(self, lock_number: int) -> Iterator[Cursor[DictRow]]:
        """A transaction that holds an advisory lock from its beginning to after its end.

        Raises:
            CommitInterrupted: the server did not answer to the commit.
        """
        with self.get_connection() as connection:  # which rolls back what raises
            connection.execute(_BEGIN_ALONE.format(lock_number), prepare=False)
            yield connection.cursor(binary=True)
            if connection.pgconn.transaction_status != TransactionStatus.INTRANS:
                raise psycopg.InternalError("the transaction had failed before its end")
            try:
                connection.execute("COMMIT", prepare=False)
            except psycopg.Error as error:
                is_over = connection.pgconn.transaction_status == TransactionStatus.IDLE
                if is_connection_lost(error) or not is_over:
                    raise CommitInterrupted(f"{_first_line(error)} during a commit") from error
                raise


class PostgresLogRecorder(PostgresApplicationRecorder):
    """Keeps events at the positions that they were given, and the side tables."""

    def __init__(self, datastore: PostgresLogDatastore, address: PostgresAddress) -> None:
        super().__init__(datastore, events_table_name=EVENTS_TABLE)
        self.connections = datastore
        self._address = address
        for table in SIDE_TABLES:
            self.sql_create_statements.extend(creating(table, datastore.schema))
        names = {table.name: self._named(table.name) for table in SIDE_TABLES}
        self._names = {
            **names,
            "events": self._named(EVENTS_TABLE),
            "position": "notification_id",
            "each": "unnest(%b::text[]) AS each(value)",
        }
        self._statements: dict[str, bytes] = {}

    def written(self, statement: str) -> bytes:
        """A statement as the driver takes it."""
        if statement not in self._statements:
            text = written_for(statement.replace("?", "%b"), self._names)
            self._statements[statement] = text.encode()
        return self._statements[statement]

    def insert_group(self, cursor: Cursor[DictRow], group: GroupRows) -> None:
        """Write a group inside of a transaction."""
        self._insert_stored_events(cursor, group.events)
        for statement, parameters in group.cleanings:
            cursor.execute(self.written(statement), parameters)
        for change in group.changes:
            for rows in _statement_sized(change.rows):
                cursor.execute(*self._changing(change, rows))
        if group.events:
            notice = [self.channel_name, self._address.schema]
            cursor.execute("SELECT pg_notify(%s, %s)", notice)

    def _insert_stored_events(
        self, curs: Cursor[DictRow], stored_events: Sequence[StoredEvent], **_: object
    ) -> None:
        statement = self.written(
            "INSERT INTO {events} "
            "({position}, originator_id, originator_version, topic, state) SELECT * FROM "
            "unnest(?::bigint[], ?::text[], ?::bigint[], ?::text[], ?::bytea[])"
        )
        rows = [
            (one.id, one.originator_id, one.originator_version, one.topic, one.state)
            for one in with_positions(stored_events)
        ]
        for some in _statement_sized(rows):
            curs.execute(statement, _columns(some))

    def _changing(
        self, change: TableChange, rows: Sequence[tuple[object, ...]]
    ) -> tuple[bytes, list[list[object]]]:
        table, key = change.table, change.table.key
        if change.how == "drop":
            statement = f"DELETE FROM {{{table.name}}} WHERE {key} IN (SELECT value FROM {{each}})"
            return self.written(statement), _columns(rows)
        columns = ", ".join(table.columns)
        values = ", ".join(f"?::{_CASTS[kind]}" for kind in table.columns.values())
        news = ", ".join(f"{name} = excluded.{name}" for name in table.columns)
        instead = f"UPDATE SET {news}" if change.how == "put" else "NOTHING"
        statement = (
            f"INSERT INTO {{{table.name}}} ({columns}) SELECT * FROM unnest({values}) "
            f"ON CONFLICT ({key}) DO {instead}"
        )
        return self.written(statement), _columns(rows)

    def _named(self, table: str) -> str:
        return Identifier(self.datastore.schema, table).as_string()


def open_recorder(address: PostgresAddress, durability: Durability) -> PostgresLogRecorder:
    """A recorder of the tables at `address`, which need not exist."""
    return PostgresLogRecorder(PostgresLogDatastore(address, durability), address)


class PostgresLog:
    """See `SqlLog`."""

    marks_groups = True

    def __init__(self, recorder: PostgresLogRecorder, address: PostgresAddress) -> None:
        self.name = address.name
        self.watch = PositionWatch()
        self._recorder = recorder
        self._lock_number = address.lock_number
        self._listener = PostgresListener(address, recorder.channel_name, self.watch)

    def rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        """See `SqlLog.rows`; asked once more if the connection turns out to be broken."""
        try:
            return self._rows(statement, parameters)
        except PersistenceError as error:
            if not is_connection_lost(error):
                raise postgres_error(error, self.name) from error
            self._recorder.connections.drop_broken()
        try:
            return self._rows(statement, parameters)
        except PersistenceError as error:
            raise postgres_error(error, self.name) from error

    @contextlib.contextmanager
    def writing(self) -> Iterator["PostgresTransaction"]:
        """See `SqlLog.writing`."""
        try:
            with self._recorder.connections.alone(self._lock_number) as cursor:
                yield PostgresTransaction(self._recorder, cursor)
        except CommitInterrupted as interrupted:
            self._recorder.connections.drop_broken()
            raise CommitInterrupted(f"{self.name}: {interrupted}") from interrupted
        except PersistenceError as error:
            if is_connection_lost(error):
                self._recorder.connections.drop_broken()
            raise postgres_error(error, self.name, "; nothing was written") from error

    def pauses(self) -> Iterator[float]:
        """Every append is notified; a look now and then finds one whose notice got lost."""
        self._listener.start()
        return itertools.repeat(_LOOK_S)

    def close(self) -> None:
        """See `SqlLog.close`."""
        self._listener.stop()
        self._recorder.datastore.close()

    def _rows(self, statement: str, parameters: Sequence[object]) -> Sequence[Row]:
        with (
            self._recorder.datastore.get_connection() as connection,
            connection.cursor(binary=True) as cursor,
        ):
            return cursor.execute(self._recorder.written(statement), parameters).fetchall()


class PostgresTransaction:
    """See `SqlTransaction`."""

    def __init__(self, recorder: PostgresLogRecorder, cursor: Cursor[DictRow]) -> None:
        self._recorder = recorder
        self._cursor = cursor

    def rows(self, *questions: Question) -> Sequence[Sequence[Row]]:
        """See `SqlTransaction.rows`."""
        found: list[Sequence[Row]] = []
        for statement, parameters in questions:
            self._cursor.execute(self._recorder.written(statement), parameters)
            found.append(self._cursor.fetchall())
        return found

    def write(self, group: GroupRows) -> None:
        """See `SqlTransaction.write`."""
        with self._cursor.connection.pipeline():  # all at once: the way may be long
            self._recorder.insert_group(self._cursor, group)


def creating(table: SideTable, schema: str) -> Iterator[Composed]:
    """Statements that make a table where it is missing."""
    columns = ", ".join(f"{name} {_TYPES[kind]} NOT NULL" for name, kind in table.columns.items())
    text = f"CREATE TABLE IF NOT EXISTS {{}} ({columns}, PRIMARY KEY ({table.key}))"
    yield _sql(text).format(Identifier(schema, table.name))
    if table.indexed:
        text = f"CREATE INDEX IF NOT EXISTS {{}} ON {{}} ({table.indexed})"
        index = Identifier(f"{table.name}_{table.indexed}_idx")
        yield _sql(text).format(index, Identifier(schema, table.name))


def _sql(text: str) -> SQL:
    """Text of this module, never of a user."""
    return SQL(cast("Any", text))


def _columns(rows: Sequence[tuple[object, ...]]) -> list[list[object]]:
    return [list(column) for column in zip(*rows, strict=True)]


def _statement_sized(rows: Sequence[tuple[object, ...]]) -> Iterator[Sequence[tuple[object, ...]]]:
    """The rows in pieces that a statement may carry."""
    piece: list[tuple[object, ...]] = []
    size = 0
    for row in rows:
        piece.append(row)
        size += sum(len(value) for value in row if isinstance(value, bytes | str))
        if size > _STATEMENT_BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _first_line(error: psycopg.Error) -> str:
    return str(error).partition("\n")[0].strip()
