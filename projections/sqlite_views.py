"""The file of SQLite that views are kept in; any program may read it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mentra_actors.errors import (
    StoreBusy,
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    StoreFull,
    StoreNotFound,
)
from projections.sql_views import TABLES

__all__ = ["SqliteViewFile"]

_PATIENCE_S = 30.0
_KINDS: dict[str, type[StoreError]] = {
    "SQLITE_BUSY": StoreBusy,
    "SQLITE_LOCKED": StoreBusy,
    "SQLITE_FULL": StoreFull,
    "SQLITE_IOERR": StoreError,
    "SQLITE_CANTOPEN": StoreError,
    "SQLITE_READONLY": StoreError,
    "SQLITE_CORRUPT": StoreCorrupted,
    "SQLITE_NOTADB": StoreFormatError,
}
"""Errors that are no fault of a statement, by the beginning of their names."""


class SqliteViewFile:
    """See `ViewDatabase`."""

    def __init__(self, path: Path) -> None:
        """The file at `path`, which is made if it is missing.

        Raises:
            StoreNotFound: the directory around it does not exist; nothing was created.
            StoreError: it cannot be used.
        """
        self.name = str(path)
        if not path.absolute().parent.is_dir():
            raise StoreNotFound(f"there is no directory {path.absolute().parent}")
        with self._errors():
            self._connection = sqlite3.connect(
                path, timeout=_PATIENCE_S, isolation_level=None, check_same_thread=False
            )
        try:
            self._prepare()
        except BaseException:
            self._connection.close()
            raise

    def _prepare(self) -> None:
        with self._errors():
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
        with self.writing() as cursor:
            for table in TABLES:
                cursor.execute(table.format(text="TEXT", bytes="BLOB"))

    @contextmanager
    def writing(self) -> Iterator[Any]:
        """See `ViewDatabase.writing`."""
        with self._errors(), self._transaction("BEGIN IMMEDIATE") as cursor:
            yield cursor

    @contextmanager
    def reading(self) -> Iterator[Any]:
        """See `ViewDatabase.reading`."""
        with self._errors(), self._transaction("BEGIN") as cursor:
            yield cursor

    def statement(self, text: str) -> str:
        """See `ViewDatabase.statement`."""
        return text

    def outside_fault(self, error: BaseException) -> StoreError | None:
        """See `ViewDatabase.outside_fault`."""
        kind = _kind(error) if isinstance(error, sqlite3.Error) else None
        return None if kind is None else kind(f"the views in {self.name}: {error}")

    def is_in_transaction(self) -> bool:
        """See `ViewDatabase.is_in_transaction`."""
        return self._connection.in_transaction

    def close(self) -> None:
        """See `ViewDatabase.close`."""
        self._connection.close()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Cursor]:
        cursor = self._connection.cursor()
        cursor.execute(begin)
        try:
            yield cursor
            self._connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                self._connection.rollback()
            raise
        finally:
            cursor.close()

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            found = self.outside_fault(error)
            raise found or StoreError(f"the views in {self.name}: {error}") from error


def _kind(error: sqlite3.Error) -> type[StoreError] | None:
    name = str(getattr(error, "sqlite_errorname", ""))
    found = [kind for beginning, kind in _KINDS.items() if name.startswith(beginning)]
    return found[0] if found else None
