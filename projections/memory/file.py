"""The words of memories in SQLite: a table of records, and one full-text table for each view.

A view is what one agent, a team or the project may see. Each has its own full-text table, with all
that is seen in it, so matches are comparable, and what one agent remembers weighs nothing when
another one searches. Words of forgotten records are taken out of the bytes of the file: freed
space is overwritten with zeros, and a full-text table that has lost records is written anew.
"""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mentra_actors.domain.memory import SCOPES, MemoryRecord, MemoryScope
from mentra_actors.domain.memory_views import ViewedStream
from mentra_actors.errors import ConfigurationError
from mentra_actors.ids import StreamId
from projections.memory.episodes import Remembered
from projections.memory.ranking import Asked, Candidate, searchable
from projections.memory.words import WordSearch, candidate_of, marks_of

__all__ = [
    "INDEX_VERSION",
    "IndexFile",
    "Place",
    "digest_of",
    "is_damage",
    "is_full",
    "is_locked",
    "remove_index_file",
]

INDEX_VERSION = 2
"""From 1. Raise it when what is indexed, or how, changes: the file is made anew."""

_OTHER_FORMAT = "another version of the index"
_LOCKED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGE = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""Tables that are not there, pages that are none, a file that is no database."""
_OPENING_S = 1.0
_CACHE_KIB = 16_384
_RECORD = "record_id, kind, content, source, recorded_at, author, pinned, scope"
_CANDIDATE = "number, kind, pinned, recorded_at, entry"
_SCHEMA = """
CREATE TABLE views (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE streams (
    view INTEGER NOT NULL, stream_id TEXT NOT NULL, scope TEXT NOT NULL,
    version INTEGER NOT NULL, entries INTEGER NOT NULL, fingerprint TEXT NOT NULL,
    PRIMARY KEY (view, stream_id));
CREATE TABLE records (
    number INTEGER PRIMARY KEY AUTOINCREMENT, view INTEGER NOT NULL, record_id TEXT NOT NULL,
    kind TEXT NOT NULL, content TEXT NOT NULL, source TEXT NOT NULL,
    recorded_at REAL NOT NULL, author TEXT NOT NULL, pinned INTEGER NOT NULL,
    scope TEXT NOT NULL, revision INTEGER NOT NULL, entry INTEGER NOT NULL, digest BLOB NOT NULL,
    UNIQUE (view, scope, record_id));
CREATE TABLE forgotten (
    view INTEGER NOT NULL, scope TEXT NOT NULL, record_id TEXT NOT NULL,
    PRIMARY KEY (view, scope, record_id));
CREATE INDEX digests ON records (digest);
CREATE TABLE vectors (
    number INTEGER PRIMARY KEY AUTOINCREMENT, model TEXT NOT NULL, digest BLOB NOT NULL,
    vector BLOB NOT NULL, UNIQUE (model, digest));
"""
_FORGET_VECTOR = (
    "DELETE FROM vectors WHERE digest = :digest "
    "AND NOT EXISTS (SELECT 1 FROM records WHERE records.digest = :digest)"
)


class Place(NamedTuple):
    """How far a stream is indexed in a view: through which version, and which event stood there.

    `entries` are those of its conversation before.
    """

    version: int = 0
    entries: int = 0
    fingerprint: str = ""


class IndexFile:
    """One open index. Not for two threads at once; raises what `sqlite3` raises."""

    def __init__(self, path: Path | None) -> None:
        """Open the file, or make it; without a path the index is in memory.

        Raises:
            ConfigurationError: the SQLite of this Python has no full-text search.
            sqlite3.Error: the file cannot be used, or is of another version (`is_damage`).
        """
        self._sqlite = sqlite3.connect(
            ":memory:" if path is None else path,
            timeout=_OPENING_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            self._prepare()
        except BaseException:
            self._sqlite.close()
            raise

    def _prepare(self) -> None:
        self._sqlite.execute("PRAGMA secure_delete = ON")
        self._sqlite.execute("PRAGMA journal_mode = DELETE")
        self._sqlite.execute("PRAGMA synchronous = NORMAL")  # the log is what must be durable
        self._sqlite.execute("PRAGMA temp_store = MEMORY")
        self._sqlite.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        self.words = WordSearch(self._sqlite)
        with self.writing():
            version = self._sqlite.execute("PRAGMA user_version").fetchone()[0]
            is_empty = self._sqlite.execute("SELECT 1 FROM sqlite_master").fetchone() is None
            if is_empty:
                self._make_tables()
            elif version != INDEX_VERSION:
                raise _damage(f"{_OTHER_FORMAT}: {version}")
        if not is_empty:
            found = self._sqlite.execute("PRAGMA quick_check(1)").fetchone()[0]
            if found != "ok":
                raise _damage(str(found))

    def _make_tables(self) -> None:
        if not self._sqlite.execute(
            "SELECT 1 FROM pragma_module_list WHERE name='fts5'"
        ).fetchone():
            raise ConfigurationError(
                "the SQLite of this Python is built without FTS5, which searches memories"
            )
        for statement in _SCHEMA.strip().rstrip(";").split(";\n"):
            self._sqlite.execute(statement)
        self._sqlite.execute(f"PRAGMA user_version = {INDEX_VERSION}")

    @property
    def connection(self) -> sqlite3.Connection:
        """What else is kept in the file uses it, too."""
        return self._sqlite

    def wait_at_most(self, seconds: float) -> None:
        """How long a call waits for another connection that holds the file."""
        self._sqlite.execute(f"PRAGMA busy_timeout = {round(seconds * 1e3)}")

    # --- following the log ----------------------------------------------------------------

    def followed(self, category: str) -> Sequence[tuple[str, ViewedStream]]:
        """The streams of a category that are indexed, each with the name of its view."""
        rows = self._sqlite.execute(
            "SELECT name, stream_id, scope FROM streams JOIN views ON views.id = streams.view "
            "WHERE substr(stream_id, 1, ?) = ? ORDER BY name, stream_id",
            (len(category) + 1, f"{category}-"),
        )
        return [
            (name, ViewedStream(StreamId(stream_id), scope)) for name, stream_id, scope in rows
        ]

    def view(self, name: str) -> int | None:
        """The number of a view; None if nothing of it is indexed."""
        found = self._sqlite.execute("SELECT id FROM views WHERE name = ?", (name,)).fetchone()
        return None if found is None else int(found[0])

    def place(self, name: str, stream_id: StreamId) -> Place:
        """How far a stream is indexed in a view."""
        row = self._sqlite.execute(
            "SELECT version, entries, fingerprint FROM streams JOIN views ON id = view "
            "WHERE name = ? AND stream_id = ?",
            (name, stream_id),
        ).fetchone()
        return Place() if row is None else Place(*row)

    def carry_on(
        self,
        name: str,
        stream: ViewedStream,
        places: tuple[Place, Place],
        added: Sequence[Remembered],
        forgotten: Sequence[str],
    ) -> bool:
        """Index what has happened in a stream between two places, all of it or nothing.

        If another process has carried the stream on meanwhile, nothing is done: False.
        """
        before, after = places
        with self.writing():
            if self.place(name, stream.stream_id) != before:
                return False
            view = self._begun(name)
            self._forget(view, stream.scope, forgotten)
            for one in added:
                self._add(view, stream.scope, one)
            self._sqlite.execute(
                "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?)",
                (view, stream.stream_id, stream.scope, *after),
            )
            return True

    def _begun(self, name: str) -> int:
        found = self.view(name)
        if found is not None:
            return found
        added = self._sqlite.execute("INSERT INTO views (name) VALUES (?)", (name,))
        view = int(added.lastrowid or 0)
        self.words.begin(view)
        return view

    def drop(self, name: str) -> None:
        """Forget that anything of a view was ever indexed."""
        with self.writing():
            view = self.view(name)
            if view is None:
                return
            self.words.drop(view)
            for table in ("records", "forgotten", "streams"):
                self._sqlite.execute(f"DELETE FROM {table} WHERE view = ?", (view,))
            self._sqlite.execute("DELETE FROM views WHERE id = ?", (view,))

    def _add(self, view: int, scope: MemoryScope, remembered: Remembered) -> None:
        record = remembered.record
        known = "SELECT 1 FROM {} WHERE view = ? AND scope = ? AND record_id = ?"
        for table in ("records", "forgotten"):
            key = (view, scope, record.record_id)
            if self._sqlite.execute(known.format(table), key).fetchone() is not None:
                return
        row = self._sqlite.execute(
            f"INSERT INTO records (view, revision, entry, digest, {_RECORD}) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(view, remembered.revision, remembered.entry, digest_of(record.content)),
                *(record.record_id, record.kind, record.content, record.source),
                *(record.recorded_at, record.by, record.pinned, scope),
            ),
        )
        self.words.add(view, int(row.lastrowid or 0), record.content)

    def _forget(self, view: int, scope: MemoryScope, record_ids: Sequence[str]) -> None:
        gone: list[tuple[int, bytes]] = []
        for record_id in record_ids:
            key = (view, scope, record_id)
            self._sqlite.execute("INSERT OR IGNORE INTO forgotten VALUES (?, ?, ?)", key)
            gone += self._sqlite.execute(
                "DELETE FROM records WHERE view = ? AND scope = ? AND record_id = ? "
                "RETURNING number, digest",
                key,
            ).fetchall()
        if gone:
            self.words.remove(view, [number for number, _digest in gone])
            named = [{"digest": digest} for _number, digest in gone]
            self._sqlite.executemany(_FORGET_VECTOR, named)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All that is written in the block, or nothing of it."""
        self._sqlite.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._sqlite.rollback()
            raise
        self._sqlite.execute("COMMIT")

    # --- reading --------------------------------------------------------------------------

    def candidates_of(
        self, view: int, numbers: Sequence[int], scopes: Sequence[MemoryScope] = SCOPES
    ) -> Sequence[Candidate]:
        """Those of these records that are in the view and in one of the scopes, in this order."""
        rows = self._sqlite.execute(
            f"SELECT {_CANDIDATE} FROM records WHERE view = ? AND scope IN ({marks_of(scopes)}) "
            f"AND number IN ({marks_of(numbers)})",
            (view, *scopes, *numbers),
        )
        found = {row[0]: candidate_of(row, 0.0) for row in rows}
        return [found[number] for number in numbers if number in found]

    def found(
        self, numbers: Sequence[int], asked: Asked
    ) -> Sequence[tuple[MemoryRecord, int, Sequence[str]]]:
        """Records, the version of the stream that made each, and the pieces of it that match."""
        rows = self._sqlite.execute(
            f"SELECT number, revision, {_RECORD} FROM records "
            f"WHERE number IN ({marks_of(numbers)})",
            numbers,
        )
        found = {row[0]: (_record_of(row[2:]), row[1]) for row in rows}
        records = [found[number] for number in numbers]
        told = [searchable(record.content) for record, _revision in records]
        pieces = self.words.matching(told, asked)
        return [(*one, matched) for one, matched in zip(records, pieces, strict=True)]

    def records(self, view: int, scopes: Sequence[MemoryScope] = SCOPES) -> Sequence[MemoryRecord]:
        """All records of a view in these scopes that are not forgotten, oldest first."""
        rows = self._sqlite.execute(
            f"SELECT {_RECORD} FROM records WHERE view = ? AND scope IN ({marks_of(scopes)}) "
            "ORDER BY recorded_at, scope, revision, record_id",
            (view, *scopes),
        )
        return [_record_of(row) for row in rows]

    def scope_of(
        self, view: int, record_id: str, scopes: Sequence[MemoryScope]
    ) -> MemoryScope | None:
        """In which of these scopes a record is, or was until it was forgotten; the first one."""
        query = "SELECT 1 FROM {} WHERE view = ? AND scope = ? AND record_id = ?"
        for table in ("records", "forgotten"):
            for scope in scopes:
                key = (view, scope, record_id)
                if self._sqlite.execute(query.format(table), key).fetchone() is not None:
                    return scope
        return None

    def close(self) -> None:
        """Calling it twice is allowed."""
        self._sqlite.close()


def is_damage(error: sqlite3.Error) -> bool:
    """True where the file is at fault or gone, so a new one helps; False for a full disk."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return (code & 0xFF) in _DAMAGE or code == sqlite3.SQLITE_READONLY_DBMOVED


def is_full(error: sqlite3.Error) -> bool:
    """True where the disk has no space for the file."""
    return (getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF) == sqlite3.SQLITE_FULL


def is_locked(error: sqlite3.Error) -> bool:
    """True where another connection holds the file."""
    return (getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF) in _LOCKED


def remove_index_file(path: Path) -> None:
    """Remove a damaged file; first what a process that died has left beside it."""
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _damage(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def digest_of(content: str) -> bytes:
    """Names the words of a record."""
    return hashlib.blake2b(content.encode(), digest_size=16).digest()


def _record_of(row: Any) -> MemoryRecord:
    record_id, kind, content, source, recorded_at, author, pinned, scope = row
    return MemoryRecord(
        record_id=record_id,
        kind=kind,
        content=content,
        source=source,
        recorded_at=recorded_at,
        by=author,
        pinned=bool(pinned),
        scope=scope,
    )
