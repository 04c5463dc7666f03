"""Finds read transactions that nobody ends.

LMDB reuses a page when no reader can see it any more. A reader that stopped inside of a
transaction - its process was suspended, or a bug forgot it - makes the file grow with each
commit for as long as it stays. Nobody else may end it, so what can be done is to say which it is.
"""

import logging
import os
import re
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import lmdb
import msgspec

__all__ = ["LaggingReader", "ReaderWatch"]

PATIENCE_S = 30.0
PATIENCE_COMMITS = 100
LOOK_S = 5.0
_READER = re.compile(r"\s*(\d+)\s+([0-9a-f]+)\s+(\d+)\s*")
_LOG = logging.getLogger(__name__)


class LaggingReader(msgspec.Struct, frozen=True, kw_only=True):
    """A read transaction that has been open for long, while others wrote.

    `thread` is the identifier of the thread that began it, `since` the Unix time at which it was
    seen first, `commits` the number of commits since it began.
    """

    pid: int
    thread: int
    since: float
    commits: int


class _Seen(msgspec.Struct, frozen=True):
    pid: int
    thread: int
    txn_id: int


class ReaderWatch:
    """Watches the readers of one environment, for the process that writes. Safe from any thread.

    A reader lags when it has kept one snapshot for longer than `PATIENCE_S` seconds, by `clock`,
    and for more than `PATIENCE_COMMITS` commits.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._clock = clock
        self._wall_clock = wall_clock
        self._lock = threading.Lock()
        self._next_look = 0.0
        self._seen: dict[_Seen, float] = {}
        self._told: set[_Seen] = set()

    @property
    def is_due(self) -> bool:
        """True when it is time for the next look."""
        return self._clock() >= self._next_look

    def look(self, env: lmdb.Environment) -> Sequence[LaggingReader]:
        """Free what dead readers hold, and say which living ones lag; warns once of each."""
        with self._lock:
            now = self._clock()
            self._next_look = now + LOOK_S
            env.reader_check()
            last_txn_id = env.info()["last_txnid"]
            open_now = _open_readers(env)
            self._seen = {one: self._seen.get(one, now) for one in open_now}
            self._told &= open_now
            lagging = {
                one: LaggingReader(
                    pid=one.pid,
                    thread=one.thread,
                    since=self._wall_clock() - (now - first_seen),
                    commits=last_txn_id - one.txn_id,
                )
                for one, first_seen in self._seen.items()
                if now - first_seen > PATIENCE_S and last_txn_id - one.txn_id > PATIENCE_COMMITS
            }
            news = [reader for one, reader in lagging.items() if one not in self._told]
            self._told |= lagging.keys()
        for reader in news:
            self._warn(reader)
        return list(lagging.values())

    def _warn(self, reader: LaggingReader) -> None:
        if reader.pid == os.getpid():
            names = {thread.ident: thread.name for thread in threading.enumerate()}
            name = names.get(reader.thread, f"{reader.thread:x}, which has ended")
            whose, cure = f"thread {name} of this process", "this is a bug of its code"
        else:
            whose, cure = f"process {reader.pid}", "let it go on, or end it"
        _LOG.warning(
            "%s: %s has kept a read open since %s, for %d commits, and the file grows with each "
            "commit until it ends; %s",
            self._path,
            whose,
            datetime.fromtimestamp(reader.since, UTC).isoformat(" ", "seconds"),
            reader.commits,
            cure,
        )


def _open_readers(env: lmdb.Environment) -> set[_Seen]:
    """The readers that are inside of a transaction, from lines of pid, thread and transaction."""
    rows = (_READER.fullmatch(line) for line in env.readers().splitlines())
    return {_Seen(int(row[1]), int(row[2], 16), int(row[3])) for row in rows if row}
