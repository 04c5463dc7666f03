"""The tables of PostgreSQL that views are kept in; projections may have theirs beside them."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, LiteralString

import psycopg
from psycopg.pq import TransactionStatus

from mentra_actors.errors import ConnectionLost, StoreBusy, StoreError, StoreFull
from mentra_actors.store.sql.postgres_address import PostgresAddress
from mentra_actors.store.sql.postgres_errors import postgres_error
from projections.stores.sql_views import TABLES

__all__ = ["PostgresViewTables"]

_LOCK_CLASS = 0x6D767773
"""`mvws`: the upper half of the number of our locks; that of a log has another one."""


class PostgresViewTables:
    """See `ViewDatabase`. A connection that was lost is made again by the next who asks."""

    def __init__(self, address: str) -> None:
        """The tables at an address, which may say `?schema=…`; they are made if they are missing.

        Raises:
            ConfigurationError: it is no address.
            StoreError: the server cannot be used.
        """
        self._address = PostgresAddress.parse(address)
        self.name = self._address.name
        self._connection: psycopg.Connection[Any] | None = None
        schema = self._address.schema
        with self.writing() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
            for table in TABLES:
                cursor.execute(table.format(text='TEXT COLLATE "C"', bytes="BYTEA"))

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """See `ViewDatabase.writing`. Cursors find the tables of the schema without its name."""
        with self._transaction("BEGIN") as cursor:
            lock = (_LOCK_CLASS << 32) | (self._address.lock_number & 0xFFFFFFFF)
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", (lock,))
            cursor.fetchall()
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """See `ViewDatabase.reading`."""
        with self._transaction("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY") as cursor:
            yield cursor

    def statement(self, text: str) -> str:
        """See `ViewDatabase.statement`."""
        return text.replace("?", "%s")

    def outside_fault(self, error: BaseException) -> StoreError | None:
        """See `ViewDatabase.outside_fault`."""
        if not isinstance(error, psycopg.Error):
            return None
        found = postgres_error(error, f"the views in {self.name}")
        return found if isinstance(found, ConnectionLost | StoreBusy | StoreFull) else None

    def is_in_transaction(self) -> bool:
        """See `ViewDatabase.is_in_transaction`."""
        connection = self._connection
        if connection is None:
            return False
        return connection.info.transaction_status == TransactionStatus.INTRANS

    def close(self) -> None:
        """See `ViewDatabase.close`."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @contextmanager
    def _transaction(self, begin: LiteralString) -> Iterator[Any]:
        try:
            connection = self._connected()
            with connection.cursor() as cursor:
                cursor.execute(begin)
                yield cursor
                cursor.execute("COMMIT")
        except psycopg.Error as error:
            self._give_up()
            raise postgres_error(error, f"the views in {self.name}") from error
        except BaseException:
            self._give_up()
            raise

    def _connected(self) -> psycopg.Connection[object]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._address.conninfo, autocommit=True)
            self._connection.execute(
                "SELECT set_config('search_path', %s, false)", (self._address.schema,)
            )
        return self._connection

    def _give_up(self) -> None:
        """Roll back; a connection that cannot is closed."""
        connection = self._connection
        if connection is None:
            return
        with suppress(psycopg.Error):
            if connection.info.transaction_status != TransactionStatus.IDLE:
                connection.execute("ROLLBACK")
            return
        self.close()
