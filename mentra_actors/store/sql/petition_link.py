"""The one connection over which a process asks for petitions, and hears of them.

It is made when it is needed and made again when it has broken; what was notified meanwhile is
unknown, so each new connection rings. No transaction is open while nothing is asked.
"""

import contextlib
import os
import selectors
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import psycopg
from psycopg import Connection
from psycopg.sql import SQL, Composed, Identifier

from mentra_actors.errors import StoreClosed
from mentra_actors.store.sql.database import CommitInterrupted
from mentra_actors.store.sql.postgres_address import PostgresAddress
from mentra_actors.store.sql.postgres_errors import is_connection_lost, postgres_error
from mentra_actors.store.sql.postgres_log import FLUSHING

__all__ = ["PetitionLink", "PlainConnection"]

PlainConnection: TypeAlias = Connection[tuple[Any, ...]]

_LOCK_TIMEOUT_S = 5
_LOOK_S = 2.0
"""A notice gets lost behind a pooler; so nobody sleeps longer."""


class PetitionLink:
    """Asks, sleeps and is woken. Safe from any thread; one at a time asks, and one sleeps."""

    def __init__(
        self, address: PostgresAddress, prepare: Callable[[PlainConnection], None]
    ) -> None:
        """`prepare` is called with each new connection."""
        self._address = address
        self._prepare = prepare
        self._asking = threading.Lock()
        self._connection: PlainConnection | None = None
        self._ringing = threading.Lock()
        self._rings = 0
        self._is_closed = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def ask(
        self, statement: Composed, parameters: Sequence[object]
    ) -> Sequence[tuple[object, ...]]:
        """The answer to one statement, which is a transaction.

        Raises:
            ConnectionLost: it was not sent.
            CommitInterrupted: it was sent, and nobody has said what became of it.
            StoreError: it was refused.
        """
        with self._asking:
            connection = self._connected()
            try:
                cursor = connection.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else ()
            except psycopg.Error as error:
                if not is_connection_lost(error):
                    raise postgres_error(error, self._address.name) from error
                self._drop()
                raise CommitInterrupted(f"{self._address.name}: {error}") from error

    def number(self) -> int:
        """How often it was rung."""
        with self._ringing:
            if not self._is_closed:
                with contextlib.suppress(BlockingIOError):
                    os.read(self._wake_read, 4096)
            return self._rings

    def sleep(self, number: int, timeout_s: float) -> None:
        """Sleep until there were more rings than `number`, or a little less. Blocks."""
        heard = self._listening()
        if self._rings > number or self._is_closed:
            return
        with selectors.DefaultSelector() as selector:
            selector.register(self._wake_read, selectors.EVENT_READ)
            if heard is not None:
                selector.register(heard, selectors.EVENT_READ)
            selector.select(min(timeout_s, _LOOK_S))
        self._listening()

    def ring(self) -> None:
        """Wake who sleeps in this process."""
        with self._ringing:
            self._rings += 1
            if not self._is_closed:
                with contextlib.suppress(BlockingIOError):  # there are enough bytes to wake it
                    os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Let the connection go; nobody sleeps any more. Calling it twice is allowed."""
        with self._asking, self._ringing:
            self._drop()
            if not self._is_closed:
                self._is_closed = True
                os.close(self._wake_write)
                os.close(self._wake_read)

    def _connected(self) -> PlainConnection:
        if self._is_closed:
            raise StoreClosed(f"the petitions of {self._address.name} are closed")
        if self._connection is None:
            try:
                self._connection = self._made()
            except psycopg.Error as error:
                raise postgres_error(error, self._address.name) from error
            self.ring()
        return self._connection

    def _made(self) -> PlainConnection:
        connection = psycopg.connect(self._address.conninfo, autocommit=True)
        try:
            connection.add_notify_handler(lambda _notice: self.ring())
            connection.execute(SQL("SET lock_timeout = '{}s'").format(_LOCK_TIMEOUT_S))
            connection.execute("SET default_transaction_isolation = 'read committed'")
            connection.execute(FLUSHING)
            channel = Identifier(self._address.petition_channel)
            connection.execute(SQL("LISTEN {}").format(channel))
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _listening(self) -> int | None:
        """Ring for what was heard; where to wait for more, None while there is no connection."""
        with self._asking:
            connection = self._connection
            if connection is None:
                return None
            try:
                connection.pgconn.consume_input()
                while connection.pgconn.notifies() is not None:
                    self.ring()
                return connection.fileno()
            except psycopg.Error:  # whoever asks next says why
                self._drop()
                return None

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
