"""Connections that are made when they are needed, by the thread that needs them.

The pool of the driver makes them in the background: while the server is away it hides why, and
when it is back it may wait for as long again as the server was away. Here whoever asks hears at
once what is wrong, and the first who asks after the server is back gets a connection.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
from eventsourcing.postgres import ConnectionPool
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg.rows import DictRow, dict_row
from psycopg_pool import PoolClosed

__all__ = ["DirectConnections"]

_MOST_CONNECTIONS = 8


class DirectConnections(ConnectionPool[Connection[DictRow]]):
    """Takes the place of the driver's pool in a datastore of the library. Safe from any thread."""

    def __init__(self, conninfo: str, configure: Callable[[Connection[Any]], None]) -> None:
        super().__init__(conninfo, min_size=0, max_size=_MOST_CONNECTIONS, open=False)
        self._address = conninfo
        self._configured = configure
        self._places = threading.BoundedSemaphore(_MOST_CONNECTIONS)
        self._keeping = threading.Lock()
        self._idle: list[Connection[DictRow]] = []
        self._has_ended = False

    def open(self, wait: bool = False, timeout: float = 30.0) -> None:  # noqa: FBT001, FBT002
        """Nothing: connections are made when they are needed."""

    def close(self, timeout: float = 5.0) -> None:  # noqa: ARG002 - nothing is waited for
        """Close what is idle now, and what is in use when it comes back."""
        with self._keeping:
            self._has_ended = True
        self.check()

    def check(self) -> None:
        """Close what is idle: when one connection broke, the others are broken too."""
        with self._keeping:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextlib.contextmanager
    def connection(
        self,
        timeout: float | None = None,  # noqa: ARG002 - the address says how long to connect
    ) -> Iterator[Connection[DictRow]]:
        """An idle connection or a new one; it waits for a place as long as others are busy.

        Raises:
            psycopg.Error: no connection could be made.
        """
        with self._places:
            connection = self._idle_one() or self._new_one()
            try:
                yield connection  # nothing may fail after it: the commit was made inside
            except BaseException:
                with contextlib.suppress(psycopg.Error):
                    connection.rollback()
                raise
            finally:
                self._keep(connection)

    def _idle_one(self) -> Connection[DictRow] | None:
        with self._keeping:
            if self._has_ended:
                raise PoolClosed("the connections are closed")
            return self._idle.pop() if self._idle else None

    def _new_one(self) -> Connection[DictRow]:
        connection = Connection[DictRow].connect(self._address, row_factory=dict_row)
        try:
            self._configured(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _keep(self, connection: Connection[DictRow]) -> None:
        is_usable = connection.info.transaction_status == TransactionStatus.IDLE
        with self._keeping:
            keeps = is_usable and not self._has_ended
            if keeps:
                self._idle.append(connection)
        if not keeps:
            connection.close()
