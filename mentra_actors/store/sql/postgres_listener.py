"""Hears of appends of other processes: LISTEN, on a connection and a thread of its own."""

import contextlib
import os
import select
import threading

import psycopg
from psycopg.sql import SQL, Identifier

from mentra_actors.store.sql.position_watch import PositionWatch
from mentra_actors.store.sql.postgres_address import PostgresAddress

__all__ = ["PostgresListener"]

_RETRY_S = 1.0


class PostgresListener:
    """Announces to `watch` what is notified on a channel for our schema.

    A lost connection is made again; what was notified meanwhile is unknown, so each new
    connection announces.
    """

    def __init__(self, address: PostgresAddress, channel: str, watch: PositionWatch) -> None:
        self._address = address
        self._channel = channel
        self._watch = watch
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_stopping = threading.Event()
        self._wake_read, self._wake_write = os.pipe()

    def start(self) -> None:
        """Listen from now on. Calling it again is allowed."""
        with self._starting:
            if self._thread is None and not self._is_stopping.is_set():
                name = f"listener of {self._address.name}"
                self._thread = threading.Thread(target=self._run, name=name, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Listen no more; called once."""
        with self._starting:
            self._is_stopping.set()
            os.write(self._wake_write, b"x")
        if self._thread is not None:
            self._thread.join()
        os.close(self._wake_write)
        os.close(self._wake_read)

    def _run(self) -> None:
        while not self._is_stopping.is_set():
            with contextlib.suppress(psycopg.Error):
                self._listen()
            self._is_stopping.wait(_RETRY_S)

    def _listen(self) -> None:
        with psycopg.connect(self._address.conninfo, autocommit=True) as connection:
            connection.execute(SQL("LISTEN {}").format(Identifier(self._channel)))
            self._watch.announce()
            while not self._is_stopping.is_set():
                select.select([connection.fileno(), self._wake_read], [], [])
                heard = [one.payload for one in connection.notifies(timeout=0)]
                # Other writers of the library name no schema.
                if any(payload in ("", self._address.schema) for payload in heard):
                    self._watch.announce()
