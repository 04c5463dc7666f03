"""Stores to measure: a fresh directory, a new store in it, and a quick way to fill one."""

import queue
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mentra_actors.store.embedded.lmdb_store import Durability, LmdbEventStore
from mentra_actors.store.ports import Appended, AppendRequest

_SUBMITTED_TOGETHER = 1000


@contextmanager
def folder() -> Iterator[Path]:
    """A directory on the disk that is measured (TMPDIR), removed at the end."""
    path = Path(tempfile.mkdtemp(prefix="bench-store-"))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@contextmanager
def our_store(path: Path, durability: Durability = "sync") -> Iterator[LmdbEventStore]:
    """A new store."""
    store = LmdbEventStore.open(path / "store", durability=durability)
    try:
        yield store
    finally:
        store.close()


def fill(store: LmdbEventStore, requests: Iterable[AppendRequest]) -> None:
    """Write all of them, many at a time."""
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()
    waiting = 0
    for request in requests:
        store.submit(request, answers.put)
        waiting += 1
        if waiting == _SUBMITTED_TOGETHER:
            _await(answers, waiting)
            waiting = 0
    _await(answers, waiting)


def _await(answers: "queue.SimpleQueue[Any]", count: int) -> None:
    for _ in range(count):
        answer = answers.get()
        if not isinstance(answer, Appended):
            raise answer
