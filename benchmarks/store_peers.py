"""Who the store is measured beside: bare py-lmdb, bare sqlite3, eventsourcing, the disk itself.

The bare loops are floors: their bytes are made before the clock runs, and they check nothing,
queue nothing and answer nobody. All of them get the same events for the same streams.
"""

import os
import sqlite3
import struct
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import lmdb
import msgspec
from eventsourcing.persistence import ApplicationRecorder, StoredEvent
from eventsourcing.popo import POPOApplicationRecorder
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from benchmarks.store_workload import STREAMS, encoded_events, stream_id

_ENTRY = struct.Struct(">QQQ")
_KEY = struct.Struct(">Q")
_HEADER = bytes(17)
"""As long as what our records have before their body."""
_ENCODER = msgspec.msgpack.Encoder()

Flushes: TypeAlias = Literal["FULL", "NORMAL"]
Medium: TypeAlias = Literal["sqlite", "memory"]


class Closing(Protocol):
    """A peer that was opened."""

    def close(self) -> None: ...


def record_of(number: int, first_version: int, start: int, count: int) -> bytes:
    """The bytes of one append as a log keeps them: as long as ours, to a few bytes."""
    events = encoded_events()[start : start + count]
    parts = ((stream_id(number), [(one.event_type, one.payload) for one in events]),)
    body = (1_760_000_000_000_000_000, 1, "AcceptPrompt", "run-7f3a9c51d2e8", parts)
    return _HEADER + _ENCODER.encode(((first_version,), body))


class Disk:
    """4 KiB at the end of a file, flushed each time: what no durable store can beat."""

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / "flat", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._page = bytes(4096)

    def write(self) -> int:
        os.write(self._file, self._page)
        os.fdatasync(self._file)
        return 1

    def close(self) -> None:
        os.close(self._file)


class RawLmdb:
    """The rows that our store puts, by a bare loop: a log and a stream index."""

    def __init__(self, folder: Path, *, flush: bool = True) -> None:
        self.env = lmdb.open(
            str(folder / "raw"), map_size=1 << 36, max_dbs=4, meminit=False, sync=flush
        )
        self.log = self.env.open_db(b"log")
        self.index = self.env.open_db(b"streams", dupsort=True, dupfixed=True)
        self._versions = [0] * STREAMS
        self._position = 1

    def write(self, records: Sequence[tuple[int, bytes]], *, events_each: int = 1) -> int:
        """One transaction: records of (stream number, bytes), each with so many events."""
        log, index = [], []
        for number, value in records:
            version = self._versions[number]
            self._versions[number] = version + events_each
            log.append((_KEY.pack(self._position), value))
            entry = _ENTRY.pack(version + 1, self._position, events_each)
            index.append((stream_id(number).encode(), entry))
            self._position += events_each
        index.sort()
        with self.env.begin(write=True) as txn:
            txn.cursor(self.log).putmulti(log, append=True)
            txn.cursor(self.index).putmulti(index)
        return len(records) * events_each

    def close(self) -> None:
        self.env.close()


class RawSqlite:
    """One table with a unique index, WAL; FULL flushes each commit, NORMAL hardly ever."""

    def __init__(self, folder: Path, flushes: Flushes) -> None:
        self._database = sqlite3.connect(folder / "raw.db", isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute(f"PRAGMA synchronous={flushes}")
        self._database.execute(
            "CREATE TABLE events (position INTEGER PRIMARY KEY, stream TEXT, version INTEGER, "
            "tag TEXT, payload BLOB, UNIQUE (stream, version))"
        )
        self._versions = [0] * STREAMS

    def write(self, numbers: Sequence[int], start: int) -> int:
        """One transaction with one event for each of some streams."""
        rows = []
        for number, one in zip(numbers, encoded_events()[start:], strict=False):
            self._versions[number] += 1
            rows.append((stream_id(number), self._versions[number], one.event_type, one.payload))
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO events VALUES (NULL, ?, ?, ?, ?)", rows)
        self._database.execute("COMMIT")
        return len(rows)

    def close(self) -> None:
        self._database.close()


class Library:
    """A recorder of eventsourcing. Its SQLite file is in WAL mode and flushes each commit."""

    def __init__(self, folder: Path, medium: Medium) -> None:
        self._datastore: SQLiteDatastore | None = None
        self._recorder: ApplicationRecorder
        if medium == "memory":
            self._recorder = POPOApplicationRecorder()
        else:
            file = str(folder / "library.db")
            self._datastore = SQLiteDatastore(file, pool_timeout=60, lock_timeout=60)
            self._recorder = SQLiteApplicationRecorder(self._datastore)
            self._recorder.create_table()
        self._versions = [0] * STREAMS
        self._ids = [uuid.UUID(int=number + 1) for number in range(STREAMS)]

    def write(self, numbers: Sequence[int], start: int) -> int:
        """One call with one event for each of some streams; a stream belongs to one thread."""
        stored = []
        for number, one in zip(numbers, encoded_events()[start:], strict=False):
            self._versions[number] += 1
            version = self._versions[number]
            stored.append(StoredEvent(self._ids[number], version, one.event_type, one.payload))
        self._recorder.insert_events(stored)
        return len(stored)

    def close(self) -> None:
        if self._datastore is not None:
            self._datastore.close()
