"""Views in a database: parts and checkpoints, and the rows that projections write themselves.

One statement for all databases, with `?` for a parameter; a dialect says what differs. Keys are
bytes, so that they are in the same order everywhere. A row of version 0 stands for the projection
itself and has the version that serves as its position.
"""

import struct
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol, TypeVar

from mentra_actors.errors import StoreClosed, StoreCorrupted, StoreError
from projections.contract import ProjectionFailed
from projections.stores.part_seal import PartSeal
from projections.stores.view_store import (
    Checkpoint,
    ViewCommit,
    ViewDamaged,
    ViewId,
    check_checkpoint,
    check_commits,
    check_replacing,
)

__all__ = ["SqlViews", "ViewDatabase"]

T = TypeVar("T")

_SERVING = 0
_U64 = struct.Struct(">Q")
_U32 = struct.Struct(">I")


class ViewDatabase(Protocol):
    """What a database must offer to keep views. One thread at a time."""

    name: str
    """For messages; no password is in it."""

    def writing(self) -> AbstractContextManager[Any]:
        """A cursor in a transaction that nobody else writes views beside.

        It is committed with the block, or rolled back if the block raises.

        Raises:
            StoreError: nothing was written.
        """
        ...

    def reading(self) -> AbstractContextManager[Any]:
        """A cursor whose answers are all from one moment.

        Raises:
            StoreError: there is no answer.
        """
        ...

    def statement(self, text: str) -> str:
        """A statement in the words of the database."""
        ...

    def outside_fault(self, error: BaseException) -> StoreError | None:
        """What an error means that is none of whoever has written the statement, else None."""
        ...

    def is_in_transaction(self) -> bool:
        """False if a statement has ended the transaction of the block."""
        ...

    def close(self) -> None:
        """Release everything."""
        ...


class SqlViews:
    """See `ViewStore`. Safe from any thread; other processes may use the same database."""

    writes_rows = True

    def __init__(self, database: ViewDatabase, seal: PartSeal | None = None) -> None:
        """Use `projections.stores.sql_opening.open_sql_views`."""
        self._database = database
        self._seal = seal
        self._lock = threading.Lock()
        self._is_closed = False

    def load(
        self, view: ViewId, key: str, *, expected_checkpoint: int | None = None
    ) -> bytes | None:
        """See `ViewStore.load`."""

        def read(rows: "_Rows") -> bytes | None:
            check_checkpoint(view, expected=expected_checkpoint, actual=rows.mark(view).position)
            found = rows.ask(f"{_PART_OF} AND part_key = ?", *_id(view), key.encode())
            return bytes(found[0][1]) if found else None

        part = self._reading(read)
        return None if part is None else self._opened(view, key.encode(), part)

    def load_prefix(
        self, view: ViewId, prefix: str = "", *, after: str | None = None, limit: int | None = None
    ) -> dict[str, bytes]:
        """See `ViewStore.load_prefix`."""
        text, more = _range(prefix, after)
        if limit is not None:
            text, more = f"{text} LIMIT ?", [*more, max(limit, 0)]
        found = self._reading(lambda rows: rows.ask(f"{_PART_OF}{text}", *_id(view), *more))
        pairs = [(bytes(key), bytes(part)) for key, part in found]
        return {key.decode(): self._opened(view, key, part) for key, part in pairs}

    def keys(self, view: ViewId, prefix: str = "") -> Sequence[str]:
        """See `ViewStore.keys`."""
        text, more = _range(prefix, None)
        found = self._reading(lambda rows: rows.ask(f"{_KEY_OF}{text}", *_id(view), *more))
        return [bytes(key).decode() for (key,) in found]

    def checkpoint(self, view: ViewId) -> int:
        """See `ViewStore.checkpoint`."""
        return self.marked_checkpoint(view).position

    def marked_checkpoint(self, view: ViewId) -> Checkpoint:
        """See `ViewStore.marked_checkpoint`."""
        return self._reading(lambda rows: rows.mark(view))

    def versions(self, name: str) -> Sequence[int]:
        """See `ViewStore.versions`."""
        return self._reading(lambda rows: rows.versions(name))

    def commit(self, commits: Sequence[ViewCommit]) -> None:
        """See `ViewStore.commit`. What `write` does is a part of the transaction.

        Raises:
            ProjectionFailed: it raised, or has ended the transaction, or a newer version of it
                has the tables; nothing was written.
        """
        check_commits(commits, with_rows=True)
        sealed = {commit.view: self._sealed(commit) for commit in commits}

        def write(rows: "_Rows") -> None:
            for commit in commits:
                actual = rows.mark(commit.view).position
                check_checkpoint(commit.view, expected=commit.expected_checkpoint, actual=actual)
            for commit in commits:
                self._write_rows(commit, rows)
                rows.put_parts(commit.view, sealed[commit.view])
                rows.put_mark(commit.view, Checkpoint(commit.checkpoint, commit.fingerprint))

        self._writing(write)

    def serving(self, name: str) -> int:
        """See `ViewStore.serving`."""
        return self.checkpoint(ViewId(name, _SERVING))

    def serve(self, view: ViewId) -> None:
        """See `ViewStore.serve`."""

        def write(rows: "_Rows") -> None:
            itself = ViewId(view.name, _SERVING)
            if view.version <= rows.mark(itself).position:
                return
            rows.put_mark(itself, Checkpoint(view.version, 0))
            for version in rows.versions(view.name):
                if version < view.version:
                    rows.drop(ViewId(view.name, version))

        self._writing(write)

    def drop(self, view: ViewId) -> None:
        """See `ViewStore.drop`."""
        self._writing(lambda rows: rows.drop(view))

    def replace(self, view: ViewId, by: ViewId) -> None:
        """See `ViewStore.replace`."""
        found = self.load_prefix(by) if self._seal is not None else {}

        def write(rows: "_Rows") -> None:
            mark = rows.mark(by)
            if not mark.position:
                return
            check_replacing(view, own=rows.mark(view).position, other=mark.position)
            rows.drop(view)
            if self._seal is None:
                rows.move(by, view)
            else:  # a part is sealed for its place
                parts = [(key.encode(), part) for key, part in found.items()]
                rows.put_parts(view, [(k, self._closed(view, k, part)) for k, part in parts])
                rows.put_mark(view, mark)
                rows.drop(by)

        self._writing(write)

    def close(self) -> None:
        """See `ViewStore.close`."""
        with self._lock:
            if not self._is_closed:
                self._is_closed = True
                self._database.close()

    def _reading(self, body: Callable[["_Rows"], T]) -> T:
        with self._lock:
            self._check_open()
            with self._database.reading() as cursor:
                return body(_Rows(cursor, self._database))

    def _writing(self, body: Callable[["_Rows"], None]) -> None:
        with self._lock:
            self._check_open()
            with self._database.writing() as cursor:
                body(_Rows(cursor, self._database))

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreClosed(f"the views in {self._database.name} are closed")

    def _write_rows(self, commit: ViewCommit, rows: "_Rows") -> None:
        if commit.write is None:
            return
        rows.take_tables(commit)
        try:
            commit.write(rows.cursor)
        except ProjectionFailed as failure:
            cause = failure.__cause__
            outside = None if cause is None else self._database.outside_fault(cause)
            if outside is not None:
                raise outside from cause
            raise
        if not self._database.is_in_transaction():
            raise ProjectionFailed(
                commit.view.name,
                position=commit.checkpoint,
                cause="it has ended the transaction of its rows, so that some may count twice; "
                "mend it and rebuild it",
            )

    def _sealed(self, commit: ViewCommit) -> Sequence[tuple[bytes, bytes]]:
        pairs = [(key.encode(), part) for key, part in commit.parts.items()]
        return [(key, self._closed(commit.view, key, part)) for key, part in pairs]

    def _closed(self, view: ViewId, key: bytes, part: bytes) -> bytes:
        return part if self._seal is None else self._seal.closed(_place(view, key), part)

    def _opened(self, view: ViewId, key: bytes, part: bytes) -> bytes:
        if self._seal is None:
            return part
        try:
            return self._seal.opened(_place(view, key), part)
        except StoreCorrupted as error:
            raise ViewDamaged(str(error)) from error


class _Rows:
    """The tables of the views, as one transaction sees them."""

    def __init__(self, cursor: Any, database: ViewDatabase) -> None:
        self.cursor = cursor
        self._database = database

    def ask(self, text: str, *parameters: object) -> Sequence[Sequence[Any]]:
        self.cursor.execute(self._database.statement(text), parameters)
        found: Sequence[Sequence[Any]] = self.cursor.fetchall()
        return found

    def do(self, text: str, *parameters: object) -> None:
        self.cursor.execute(self._database.statement(text), parameters)

    def mark(self, view: ViewId) -> Checkpoint:
        found = self.ask(f"SELECT position, fingerprint {_OF_MARKS} AND version = ?", *_id(view))
        if not found:
            return Checkpoint()
        ((position, fingerprint),) = found
        return Checkpoint(int(position), _U64.unpack(bytes(fingerprint))[0])

    def put_mark(self, view: ViewId, mark: Checkpoint) -> None:
        self.do(_PUT_MARK, *_id(view), mark.position, _U64.pack(mark.fingerprint))

    def put_parts(self, view: ViewId, parts: Sequence[tuple[bytes, bytes]]) -> None:
        rows = [(*_id(view), key, part) for key, part in parts]
        if rows:
            self.cursor.executemany(self._database.statement(_PUT_PART), rows)

    def versions(self, name: str) -> list[int]:
        found = self.ask(f"SELECT version {_OF_MARKS} AND version <> 0 ORDER BY version", name)
        return [int(version) for (version,) in found]

    def take_tables(self, commit: ViewCommit) -> None:
        """Let a version have the tables, which are not beside those of another one.

        They are of the newest version that has begun. What an older one had is in them no more,
        so it has no checkpoint from then on, and must not begin anew.
        """
        view = commit.view
        begun = self.versions(view.name)
        newest = max([*begun, self.mark(ViewId(view.name, _SERVING)).position])
        if newest > view.version:
            raise ProjectionFailed(
                view.name,
                position=commit.expected_checkpoint + 1,
                cause=f"its tables are those of version {newest} by now, and this is version "
                f"{view.version}; stop this process, or raise the version to have them anew",
            )
        for version in begun:
            if version < view.version:
                self.drop(ViewId(view.name, version))

    def drop(self, view: ViewId) -> None:
        self.do(f"DELETE FROM {_PARTS} WHERE name = ? AND version = ?", *_id(view))
        self.do(f"DELETE {_OF_MARKS} AND version = ?", *_id(view))

    def move(self, view: ViewId, to: ViewId) -> None:
        for table in (_PARTS, _MARKS):
            text = f"UPDATE {table} SET version = ? WHERE name = ? AND version = ?"
            self.do(text, to.version, *_id(view))


_PARTS, _MARKS = "mentra_view_parts", "mentra_view_marks"
_OF_MARKS = f"FROM {_MARKS} WHERE name = ?"
_PART_OF = f"SELECT part_key, part FROM {_PARTS} WHERE name = ? AND version = ?"
_KEY_OF = f"SELECT part_key FROM {_PARTS} WHERE name = ? AND version = ?"
_PUT_MARK = (
    f"INSERT INTO {_MARKS} (name, version, position, fingerprint) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (name, version) DO UPDATE "
    "SET position = excluded.position, fingerprint = excluded.fingerprint"
)
_PUT_PART = (
    f"INSERT INTO {_PARTS} (name, version, part_key, part) VALUES (?, ?, ?, ?) "
    "ON CONFLICT (name, version, part_key) DO UPDATE SET part = excluded.part"
)
TABLES = (
    f"CREATE TABLE IF NOT EXISTS {_MARKS} (name {{text}} NOT NULL, version BIGINT NOT NULL, "
    "position BIGINT NOT NULL, fingerprint {bytes} NOT NULL, PRIMARY KEY (name, version))",
    f"CREATE TABLE IF NOT EXISTS {_PARTS} (name {{text}} NOT NULL, version BIGINT NOT NULL, "
    "part_key {bytes} NOT NULL, part {bytes} NOT NULL, PRIMARY KEY (name, version, part_key))",
)
"""What makes the tables, with the types of a database to be filled in."""


def _id(view: ViewId) -> tuple[str, int]:
    return view.name, view.version


def _place(view: ViewId, key: bytes) -> bytes:
    return view.name.encode() + b"\0" + _U32.pack(view.version) + key


def _range(prefix: str, after: str | None) -> tuple[str, list[Any]]:
    """The condition for keys that begin with `prefix` and stand behind `after`, in order."""
    text, more = "", list[Any]()
    if prefix:
        start = prefix.encode()
        text, more = " AND part_key >= ? AND part_key < ?", [start, _end_of(start)]
    if after is not None:
        text, more = f"{text} AND part_key > ?", [*more, after.encode()]
    return f"{text} ORDER BY part_key", more


def _end_of(prefix: bytes) -> bytes:
    """The first bytes that stand behind all that begin with `prefix`; UTF-8 has no 0xFF."""
    return prefix[:-1] + bytes([prefix[-1] + 1])
