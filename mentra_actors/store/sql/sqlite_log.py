"""The library's SQLite recorder, extended, as a log.

What the library leaves open is settled here: a writing transaction begins as one (the library
begins each as a reading one, which may find the log changed under it), it is rolled back if its
commit fails, and every connection is told how far to flush.
"""

import contextlib
import itertools
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from eventsourcing.persistence import (
    ConnectionPoolClosedError,
    PersistenceError,
    StoredEvent,
)
from eventsourcing.sqlite import (
    SQLiteApplicationRecorder,
    SQLiteConnection,
    SQLiteConnectionPool,
    SQLiteCursor,
    SQLiteDatastore,
    SQLiteTransaction,
)

from mentra_actors.errors import (
    CommitOutcomeUnknown,
    StoreBusy,
    StoreClosed,
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    StoreFull,
)
from mentra_actors.store.sql.database import (
    GroupRows,
    Question,
    Row,
    TableChange,
    with_positions,
    written_for,
)
from mentra_actors.store.sql.position_watch import PositionWatch
from mentra_actors.store.sql.side_tables import SIDE_TABLES

__all__ = ["LOCK_TIMEOUT_S", "SqliteLog", "SqliteLogRecorder", "open_recorder", "sqlite_error"]

LOCK_TIMEOUT_S = 5
_POOL_TIMEOUT_S = 60.0
_EVENTS_TABLE = "stored_events"
_TYPES = {"name": "TEXT NOT NULL", "number": "INTEGER NOT NULL", "bytes": "BLOB NOT NULL"}
_FIRST_LOOK_S = 0.005
_RAREST_LOOK_S = 0.1
_WRITER_LOOK_S = 1.0

_OUT_OF_ROOM = {"SQLITE_FULL"}
_LOCKED = {"SQLITE_BUSY", "SQLITE_LOCKED"}
_DAMAGED = {"SQLITE_CORRUPT"}
_FOREIGN = {"SQLITE_NOTADB"}
_SURELY_NOT_COMMITTED = _OUT_OF_ROOM | _LOCKED | {"SQLITE_IOERR_WRITE", "SQLITE_READONLY"}


class _CommitFailed(Exception):
    """SQLite refused a COMMIT; the cause says why."""


class _WritingTransaction(SQLiteTransaction):
    """Has the right to write from its beginning."""

    def __enter__(self) -> SQLiteCursor:
        cursor = self.connection.cursor()
        cursor.execute("BEGIN IMMEDIATE" if self.commit else "BEGIN")
        return cursor


class _LogConnection(SQLiteConnection):
    @contextlib.contextmanager
    def transaction(self, *, commit: bool) -> Iterator[SQLiteCursor]:
        with _WritingTransaction(self, commit=commit) as cursor, cursor:
            yield cursor

    def commit(self) -> None:
        try:
            super().commit()
        except sqlite3.Error as error:
            self.rollback()
            raise _CommitFailed from error


class _LogConnectionPool(SQLiteConnectionPool):
    def __init__(self, uri: str, pragmas: Mapping[str, str]) -> None:
        self._pragmas = pragmas
        super().__init__(db_name=uri, pool_timeout=_POOL_TIMEOUT_S)

    def _create_connection(self) -> SQLiteConnection:
        connection = sqlite3.connect(
            self.db_name,
            uri=True,
            check_same_thread=False,
            isolation_level=None,
            timeout=LOCK_TIMEOUT_S,
        )
        try:
            connection.row_factory = sqlite3.Row
            for name, value in self._pragmas.items():
                connection.execute(f"PRAGMA {name}={value}").close()
        except BaseException:
            connection.close()
            raise
        return _LogConnection(connection, max_age=self.max_age)


class SqliteLogRecorder(SQLiteApplicationRecorder):
    """Keeps events at the positions that they were given, and the side tables."""

    def construct_create_table_statements(self) -> list[str]:
        """See `SQLiteRecorder`."""
        statements = super().construct_create_table_statements()
        for table in SIDE_TABLES:
            columns = ", ".join(f"{name} {_TYPES[kind]}" for name, kind in table.columns.items())
            statements.append(
                f"CREATE TABLE IF NOT EXISTS {table.name} ({columns}, PRIMARY KEY ({table.key}))"
            )
            if table.indexed:
                statements.append(
                    f"CREATE INDEX IF NOT EXISTS {table.name}_{table.indexed}_idx "
                    f"ON {table.name} ({table.indexed})"
                )
        return statements

    def insert_group(self, cursor: SQLiteCursor, group: GroupRows) -> None:
        """Write a group inside of a transaction."""
        self._insert_events(cursor, group.events)
        for statement, parameters in group.cleanings:
            cursor.execute(_written(statement), parameters)
        for change in group.changes:
            cursor.executemany(_changing(change), change.rows)

    def _insert_events(
        self, c: SQLiteCursor, stored_events: Sequence[StoredEvent], **_: object
    ) -> Sequence[int] | None:
        rows = [
            (one.id, one.originator_id, one.originator_version, one.topic, one.state)
            for one in with_positions(stored_events)
        ]
        columns = "rowid, originator_id, originator_version, topic, state"
        c.executemany(
            f"INSERT INTO {self.events_table_name} ({columns}) VALUES (?, ?, ?, ?, ?)", rows
        )
        return [row[0] for row in rows]


def open_recorder(uri: str, pragmas: Mapping[str, str]) -> SqliteLogRecorder:
    """A recorder of the database at `uri`; each connection begins with `pragmas`."""
    datastore = SQLiteDatastore(uri, originator_id_type="text")
    datastore.pool = _LogConnectionPool(uri, pragmas)
    return SqliteLogRecorder(datastore, events_table_name=_EVENTS_TABLE)


class SqliteLog:
    """See `SqlLog`."""

    marks_groups = False

    def __init__(self, recorder: SqliteLogRecorder, path: Path, *, is_writer: bool) -> None:
        self.name = f"the store at {path}"
        self.watch = PositionWatch()
        self._recorder = recorder
        self._is_writer = is_writer

    def rows(self, statement: str, *parameters: object) -> Sequence[Row]:
        """See `SqlLog.rows`."""
        with (
            self._errors(""),
            self._recorder.datastore.get_connection(commit=False) as connection,
            connection.cursor() as cursor,
        ):
            return cursor.execute(_written(statement), _parameters(parameters)).fetchall()

    @contextlib.contextmanager
    def writing(self) -> Iterator["SqliteTransaction"]:
        """See `SqlLog.writing`."""
        with (
            self._errors("; nothing was written"),
            self._recorder.datastore.transaction(commit=True) as cursor,
        ):
            yield SqliteTransaction(self._recorder, cursor)

    def pauses(self) -> Iterator[float]:
        """Every append of this process is announced; another process can only be looked at."""
        if self._is_writer:
            return itertools.repeat(_WRITER_LOOK_S)
        return _rarer_and_rarer()

    def close(self) -> None:
        """See `SqlLog.close`."""
        self._recorder.datastore.close()

    @contextlib.contextmanager
    def _errors(self, consequence: str) -> Iterator[None]:
        try:
            yield
        except _CommitFailed as failed:
            cause = _cause(failed)
            if _code(cause) in _SURELY_NOT_COMMITTED:
                raise sqlite_error(failed, self.name, consequence) from failed
            raise CommitOutcomeUnknown(
                f"{self.name}: {cause} during a commit: the append may or may not be on the disk; "
                "open the store again and look"
            ) from failed
        except (sqlite3.Error, PersistenceError, ConnectionPoolClosedError) as error:
            raise sqlite_error(error, self.name, consequence) from error


class SqliteTransaction:
    """See `SqlTransaction`."""

    def __init__(self, recorder: SqliteLogRecorder, cursor: SQLiteCursor) -> None:
        self._recorder = recorder
        self._cursor = cursor

    def rows(self, *questions: Question) -> Sequence[Sequence[Row]]:
        """See `SqlTransaction.rows`."""
        found: list[Sequence[Row]] = []
        for statement, parameters in questions:
            self._cursor.execute(_written(statement), _parameters(parameters))
            found.append(self._cursor.fetchall())
        return found

    def write(self, group: GroupRows) -> None:
        """See `SqlTransaction.write`."""
        self._recorder.insert_group(self._cursor, group)


def sqlite_error(error: BaseException, name: str, consequence: str = "") -> StoreError:
    """What an error of SQLite, or of the library around it, means for us."""
    cause = _cause(error)
    code = _code(cause)
    said = f"{name}: {cause}{consequence}"
    if isinstance(cause, ConnectionPoolClosedError):
        return StoreClosed(f"{name} is closed")
    if code in _OUT_OF_ROOM:
        return StoreFull(f"{said}; free some space and repeat")
    if code in _LOCKED:
        return StoreBusy(f"{said}; another program has held it for {LOCK_TIMEOUT_S} s")
    if code in _DAMAGED:
        return StoreCorrupted(f"{said}; restore a backup")
    if code in _FOREIGN:
        return StoreFormatError(said)
    return StoreError(said)


def _cause(error: BaseException) -> BaseException:
    """The error of SQLite inside of one of the library or of ours."""
    while not isinstance(error, sqlite3.Error) and error.__cause__ is not None:
        error = error.__cause__
    return error


def _code(error: BaseException) -> str:
    """Its symbolic name, as SQLite writes it, without what only narrows it down."""
    name = str(getattr(error, "sqlite_errorname", ""))
    return name if name.startswith("SQLITE_IOERR") else "_".join(name.split("_")[:2])


def _written(statement: str) -> str:
    return written_for(
        statement, {"events": _EVENTS_TABLE, "position": "rowid", "each": "json_each(?)"}
    )


def _parameters(parameters: Sequence[object]) -> list[Any]:
    return [json.dumps(one) if isinstance(one, list) else one for one in parameters]


def _changing(change: TableChange) -> str:
    table = change.table
    if change.how == "drop":
        return f"DELETE FROM {table.name} WHERE {table.key} = ?"
    instead = "REPLACE" if change.how == "put" else "IGNORE"
    values = ", ".join("?" * len(table.columns))
    return f"INSERT OR {instead} INTO {table.name} VALUES ({values})"


def _rarer_and_rarer() -> Iterator[float]:
    pause_s = _FIRST_LOOK_S
    while True:
        yield pause_s
        pause_s = min(1.5 * pause_s, _RAREST_LOOK_S)
