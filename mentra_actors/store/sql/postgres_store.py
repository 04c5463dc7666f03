"""How a log in PostgreSQL is opened: by any number of processes, for writing too."""

import contextlib
from collections.abc import Iterator
from typing import Self, get_args

import psycopg
from eventsourcing.persistence import PersistenceError
from psycopg.sql import SQL, Identifier

from mentra_actors.errors import ConfigurationError, StoreFormatError, StoreNotFound
from mentra_actors.store.embedded.tables import Durability
from mentra_actors.store.sql.postgres_address import PostgresAddress
from mentra_actors.store.sql.postgres_errors import postgres_error
from mentra_actors.store.sql.postgres_log import (
    EVENTS_TABLE,
    LOCK_TIMEOUT_S,
    PostgresLog,
    creating,
    open_recorder,
)
from mentra_actors.store.sql.side_tables import META, SERVER_TABLES, TABLE_FORMAT, SideTable
from mentra_actors.store.sql.sql_reader import SqlJournalReader
from mentra_actors.store.sql.sql_store import PATIENCE_S, SqlEventStore

__all__ = ["PostgresEventStore", "PostgresJournalReader", "create_missing_tables", "table_exists"]

_OLDEST_SERVER = 120_000
_FORMAT = "format"


class PostgresJournalReader(SqlJournalReader):
    """Reads a log that others may be writing; see `JournalReader`."""

    @classmethod
    def open(cls, address: str, *, schema: str | None = None) -> Self:
        """A reader of the log at `address`, which must exist.

        Raises:
            ConfigurationError: this address, or this server, cannot be used.
            StoreNotFound, StoreFormatError, StoreError: nothing is open.
        """
        place = PostgresAddress.parse(address, schema)
        with _connected(place) as connection:
            _check_server(connection, place)
            if not _is_complete(connection, place):
                raise StoreNotFound(f"there is no store at {place.name}")
        return cls(_open_log(place, "sync"))


class PostgresEventStore(SqlEventStore):
    """A writer of a log; others may write it at the same time. See `EventStore`."""

    @classmethod
    def open(
        cls,
        address: str,
        *,
        schema: str | None = None,
        durability: Durability = "sync",
        create: bool = True,
        patience_s: float = PATIENCE_S,
    ) -> Self:
        """The store at `address`, a URL or `key=value` pairs; it is made, if `create`.

        The tables are in `schema` (else in that of the URL, `?schema=…`, else in `public`).
        `relaxed` and `volatile` may lose the last commits when the server goes down. When the
        server goes away during a commit it is asked for `patience_s` seconds what became of it.

        Raises:
            ConfigurationError: this address, or this server, cannot be used.
            StoreNotFound, StoreFormatError, StoreError: nothing is open.
        """
        if durability not in get_args(Durability):
            names = ", ".join(get_args(Durability))
            raise ValueError(f"durability is one of {names}, not {durability!r}")
        place = PostgresAddress.parse(address, schema)
        with _connected(place) as connection:
            _check_server(connection, place)
            if not _is_complete(connection, place):
                if not create:
                    raise StoreNotFound(f"there is no store at {place.name}")
                _create(connection, place)
            create_missing_tables(connection, place)
        return cls(_open_log(place, durability), patience_s=patience_s)


def _open_log(place: PostgresAddress, durability: Durability) -> PostgresLog:
    recorder = open_recorder(place, durability)
    return PostgresLog(recorder, place)


@contextlib.contextmanager
def _connected(place: PostgresAddress) -> "Iterator[psycopg.Connection]":
    """A connection of its own: it says what is wrong, where a pool would try again and again."""
    try:
        with psycopg.connect(place.conninfo, autocommit=True) as connection:
            connection.execute(SQL("SET lock_timeout = '{}s'").format(LOCK_TIMEOUT_S))
            yield connection
    except (psycopg.Error, PersistenceError) as error:
        raise postgres_error(error, place.name) from error


def _check_server(connection: "psycopg.Connection", place: PostgresAddress) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise ConfigurationError(f"{place.name} is encoded as {encoding}; a log needs UTF8")
    if connection.info.server_version < _OLDEST_SERVER:
        version = connection.info.server_version // 10_000
        raise ConfigurationError(
            f"{place.name}: a log needs PostgreSQL 12 or later, not {version}"
        )


def _is_complete(connection: "psycopg.Connection", place: PostgresAddress) -> bool:
    """Whether the tables are there. The format is written last.

    Raises:
        StoreFormatError: a newer release or another program made them.
    """
    meta = Identifier(place.schema, META.name)
    row = None
    if table_exists(connection, meta):
        statement = SQL("SELECT value FROM {} WHERE name = %s").format(meta)
        row = connection.execute(statement, [_FORMAT]).fetchone()
    if row is None:
        events = Identifier(place.schema, EVENTS_TABLE)
        if table_exists(connection, events):
            found = connection.execute(SQL("SELECT 1 FROM {} LIMIT 1").format(events))
            if found.fetchone() is not None:
                raise StoreFormatError(f"{place.name} holds events of another program")
        return False
    if int(row[0]) > TABLE_FORMAT:
        raise StoreFormatError(
            f"{place.name} was made by a newer release (format {row[0]}, this release reads up to "
            f"{TABLE_FORMAT}); upgrade to open it"
        )
    return True


def table_exists(connection: "psycopg.Connection", table: Identifier) -> bool:
    """Whether a table of this name, with its schema, is there.

    Raises:
        psycopg.Error: the server is gone.
    """
    row = connection.execute("SELECT to_regclass(%s)", [table.as_string()]).fetchone()
    return row is not None and row[0] is not None


def _create(connection: "psycopg.Connection", place: PostgresAddress) -> None:
    """Make the tables; another process that does the same at the same time waits."""
    connection.execute("SELECT pg_advisory_lock(%s)", [place.lock_number])
    if _is_complete(connection, place):
        return
    schema = Identifier(place.schema)
    found = connection.execute("SELECT to_regnamespace(%s)", [schema.as_string()]).fetchone()
    if found is None or found[0] is None:
        connection.execute(SQL("CREATE SCHEMA IF NOT EXISTS {}").format(schema))
    recorder = open_recorder(place, "sync")
    try:
        recorder.create_table()
    finally:
        recorder.datastore.close()
    statement = SQL("INSERT INTO {} (name, value) VALUES (%s, %s) ON CONFLICT DO NOTHING")
    meta = Identifier(place.schema, META.name)
    connection.execute(statement.format(meta), [_FORMAT, str(TABLE_FORMAT)])


def create_missing_tables(connection: "psycopg.Connection", place: PostgresAddress) -> None:
    """Make the tables that a log of an earlier release lacks, while nobody writes it.

    Raises:
        psycopg.Error: the role may not, or the server is gone.
    """
    if not _missing_tables(connection, place):
        return
    connection.execute("SELECT pg_advisory_lock(%s)", [place.lock_number])
    try:
        for table in _missing_tables(connection, place):
            for statement in creating(table, place.schema):
                connection.execute(statement)
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", [place.lock_number])


def _missing_tables(connection: "psycopg.Connection", place: PostgresAddress) -> list[SideTable]:
    names = [Identifier(place.schema, table.name).as_string() for table in SERVER_TABLES]
    statement = "SELECT to_regclass(name) IS NULL FROM unnest(%s::text[]) AS name"
    rows = connection.execute(statement, [names])
    found = zip(SERVER_TABLES, rows, strict=True)
    return [table for table, (is_missing,) in found if is_missing]
