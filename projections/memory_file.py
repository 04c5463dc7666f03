"""The words of memories in SQLite: a table of records, and one full-text table for each stream.

Each stream has its own full-text table, so what one agent remembers weighs nothing when another
one searches. Words of forgotten records are taken out of the bytes of the file: freed space is
overwritten with zeros, and a full-text table that has lost records is written anew.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from mentra_actors.domain.memory import MemoryRecord
from mentra_actors.errors import ConfigurationError
from mentra_actors.ids import StreamId
from projections.memory_ranking import Candidate, searchable

__all__ = ["INDEX_VERSION", "IndexFile", "Place", "is_damage", "remove_index_file"]

INDEX_VERSION = 1
"""From 1. Raise it when what is indexed, or how, changes: the file is made anew."""

_OTHER_FORMAT = "another version of the index"
_DAMAGE = frozenset({sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
"""Tables that are not there, pages that are none, a file that is no database."""
_BUSY_TIMEOUT_S = 10.0
_MARK = "\x02"
_RECORD = "record_id, kind, content, source, recorded_at, author, pinned"
_SCHEMA = """
CREATE TABLE streams (
    id INTEGER PRIMARY KEY, stream_id TEXT NOT NULL UNIQUE,
    version INTEGER NOT NULL, fingerprint TEXT NOT NULL);
CREATE TABLE records (
    number INTEGER PRIMARY KEY AUTOINCREMENT, stream INTEGER NOT NULL, record_id TEXT NOT NULL,
    kind TEXT NOT NULL, content TEXT NOT NULL, source TEXT NOT NULL,
    recorded_at REAL NOT NULL, author TEXT NOT NULL, pinned INTEGER NOT NULL,
    UNIQUE (stream, record_id));
CREATE TABLE forgotten (
    stream INTEGER NOT NULL, record_id TEXT NOT NULL, PRIMARY KEY (stream, record_id));
"""


class Place(NamedTuple):
    """How far a stream is indexed: through which version, and which event stood there."""

    stream: int
    version: int = 0
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
            timeout=_BUSY_TIMEOUT_S,
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
        with self._writing():
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

    # --- following the log ----------------------------------------------------------------

    def streams(self) -> Sequence[StreamId]:
        """The streams that are indexed, as far as they are."""
        rows = self._sqlite.execute("SELECT stream_id FROM streams ORDER BY stream_id")
        return [StreamId(stream_id) for (stream_id,) in rows]

    def place(self, stream_id: StreamId) -> Place | None:
        """How far a stream is indexed; None if nothing of it is."""
        row = self._sqlite.execute(
            "SELECT id, version, fingerprint FROM streams WHERE stream_id = ?", (stream_id,)
        ).fetchone()
        return None if row is None else Place(*row)

    def begin(self, stream_id: StreamId) -> Place:
        """A place for a stream of which nothing is indexed."""
        with self._writing():
            found = self.place(stream_id)
            if found is not None:
                return found
            added = self._sqlite.execute(
                "INSERT INTO streams (stream_id, version, fingerprint) VALUES (?, 0, '')",
                (stream_id,),
            )
            stream = int(added.lastrowid or 0)
            self._sqlite.execute(
                f"CREATE VIRTUAL TABLE words_{stream} "
                "USING fts5(text, tokenize = 'porter unicode61 remove_diacritics 2')"
            )
            return Place(stream)

    def carry_on(
        self, before: Place, after: Place, added: Sequence[MemoryRecord], forgotten: Sequence[str]
    ) -> None:
        """Index what has happened between two places, all of it or nothing.

        If another process has carried the stream on meanwhile, nothing is done.
        """
        with self._writing():
            place = self._sqlite.execute(
                "SELECT version, fingerprint FROM streams WHERE id = ?", (before.stream,)
            ).fetchone()
            if place != before[1:]:
                return
            self._forget(before.stream, forgotten)
            for record in added:
                self._add(before.stream, record)
            self._sqlite.execute(
                "UPDATE streams SET version = ?, fingerprint = ? WHERE id = ?",
                (after.version, after.fingerprint, before.stream),
            )

    def drop(self, place: Place) -> None:
        """Forget that a stream was ever indexed."""
        with self._writing():
            self._sqlite.execute(f"DROP TABLE IF EXISTS words_{place.stream}")
            for table, column in (
                ("records", "stream"),
                ("forgotten", "stream"),
                ("streams", "id"),
            ):
                self._sqlite.execute(f"DELETE FROM {table} WHERE {column} = ?", (place.stream,))

    def _add(self, stream: int, record: MemoryRecord) -> None:
        known = "SELECT 1 FROM {} WHERE stream = ? AND record_id = ?"
        for table in ("records", "forgotten"):
            key = (stream, record.record_id)
            if self._sqlite.execute(known.format(table), key).fetchone() is not None:
                return
        row = self._sqlite.execute(
            f"INSERT INTO records (stream, {_RECORD}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                stream,
                record.record_id,
                record.kind,
                record.content,
                record.source,
                record.recorded_at,
                record.by,
                record.pinned,
            ),
        )
        self._sqlite.execute(
            f"INSERT INTO words_{stream} (rowid, text) VALUES (?, ?)",
            (row.lastrowid, searchable(record.content)),
        )

    def _forget(self, stream: int, record_ids: Sequence[str]) -> None:
        is_changed = False
        for record_id in record_ids:
            key = (stream, record_id)
            self._sqlite.execute("INSERT OR IGNORE INTO forgotten VALUES (?, ?)", key)
            gone = self._sqlite.execute(
                "DELETE FROM records WHERE stream = ? AND record_id = ? RETURNING number", key
            ).fetchall()
            for number in gone:
                self._sqlite.execute(f"DELETE FROM words_{stream} WHERE rowid = ?", number)
                is_changed = True
        if is_changed:
            # A deletion only adds a mark that says so; this writes the words without those.
            table = f"words_{stream}"
            self._sqlite.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        self._sqlite.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._sqlite.rollback()
            raise
        self._sqlite.execute("COMMIT")

    # --- reading --------------------------------------------------------------------------

    def candidates(self, stream: int, expression: str, most: int) -> Sequence[Candidate]:
        """The best matches of a stream by BM25, best first; of equal ones the newest first."""
        rows = self._sqlite.execute(
            "SELECT number, found.bm25, kind, pinned, recorded_at FROM ("
            f"  SELECT rowid AS number, rank AS bm25 FROM words_{stream}"
            f"  WHERE words_{stream} MATCH ? ORDER BY rank, rowid DESC LIMIT ?) AS found "
            "JOIN records USING (number) ORDER BY found.bm25, number DESC",
            (expression, most),
        )
        return [
            Candidate(number, bm25, kind, bool(pinned), recorded_at)
            for number, bm25, kind, pinned, recorded_at in rows
        ]

    def found(
        self, stream: int, number: int, expression: str
    ) -> tuple[MemoryRecord, Sequence[str]]:
        """A record that matches, and the pieces of it that do."""
        row = self._sqlite.execute(
            f"SELECT {_RECORD} FROM records WHERE number = ?", (number,)
        ).fetchone()
        marked = self._sqlite.execute(
            f"SELECT highlight(words_{stream}, 0, ?, ?) FROM words_{stream} "
            f"WHERE words_{stream} MATCH ? AND rowid = ?",
            (_MARK, _MARK, expression, number),
        ).fetchone()[0]
        return _record_of(row), marked.split(_MARK)[1::2]

    def records(self, stream: int) -> Sequence[MemoryRecord]:
        """All records of a stream that are not forgotten, oldest first."""
        rows = self._sqlite.execute(
            f"SELECT {_RECORD} FROM records WHERE stream = ? ORDER BY number", (stream,)
        )
        return [_record_of(row) for row in rows]

    def close(self) -> None:
        """Calling it twice is allowed."""
        self._sqlite.close()


def is_damage(error: sqlite3.Error) -> bool:
    """True where the file is at fault, so that a new one helps; False for a full disk and such."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in _DAMAGE


def remove_index_file(path: Path) -> None:
    """Remove a damaged file; first what a process that died has left beside it."""
    path.with_name(f"{path.name}-journal").unlink(missing_ok=True)
    path.unlink(missing_ok=True)


def _damage(what: str) -> sqlite3.DatabaseError:
    error = sqlite3.DatabaseError(what)
    error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    return error


def _record_of(row: Any) -> MemoryRecord:
    record_id, kind, content, source, recorded_at, author, pinned = row
    return MemoryRecord(
        record_id=record_id,
        kind=kind,
        content=content,
        source=source,
        recorded_at=recorded_at,
        by=author,
        pinned=bool(pinned),
    )
