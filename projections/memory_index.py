"""Searches memories: an index of what is remembered, made from the log.

Before it answers, it reads what the streams of a view have had since its last look, so a search
finds whatever was recorded before it. What is indexed and how far are one transaction: nothing is
missing and nothing counts twice, wherever a process dies. The index is never the truth: a file
that is missing, damaged, of another version or of another past is made anew from the log.
"""

import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from mentra_actors.codec.event_codec import CODEC, EventCodec
from mentra_actors.domain.memory import SCOPES, FoundRecord, MemoryRecord, MemoryScope
from mentra_actors.domain.memory_views import MemoryQuestion, MemoryView
from mentra_actors.errors import IndexBusy, StoreClosed, StoreError, StoreFull
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from projections.memory_catch_ups import CatchUps
from projections.memory_file import IndexFile, is_damage, is_full, is_locked, remove_index_file
from projections.memory_following import Following
from projections.memory_ranking import (
    MOST_RANKED,
    Asked,
    Candidate,
    best_of,
    best_of_both,
    candidate_count,
    phrases_of,
    why_of,
)
from projections.memory_vectors import VectorSearch

__all__ = ["MemoryIndex", "open_memory_index"]

_log = logging.getLogger(__name__)

LOCKED_S = 1.0
"""How long a file that another process writes is waited for."""
_PATIENCE_S = 5.0
_CANDIDATES_AROUND_SEEN = 8
"""How many times more candidates are looked at where some may not be given."""

R = TypeVar("R")


class MemoryIndex:
    """The memories of a log, to be searched. Safe from any thread; every call may read disks.

    Open one for each process. It does not close the reader.
    """

    def __init__(
        self,
        reader: JournalReader,
        path: Path | None = None,
        *,
        codec: EventCodec = CODEC,
        vectors_of: str = "",
    ) -> None:
        """`path` is the file; without one the index is in memory. It is opened when needed.

        `vectors_of` names the model whose vectors are kept in it; without one it has none.
        """
        self._vectors_of = vectors_of
        self._vectors: VectorSearch | None = None
        self._following = Following(reader, Journal(reader, codec))
        self._path = path
        self._file: IndexFile | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        self._catch_ups = CatchUps(lambda view, until: self.catch_up(view, until=until))

    def search(
        self, view: MemoryView, question: MemoryQuestion, *, until: float | None = None
    ) -> list[FoundRecord]:
        """The records of a view that answer a question best, best first.

        See `projections.memory_ranking` for the score. A question without a word finds nothing.
        `until` (of `time.monotonic`) bounds how long the log is waited for; it is read to its end
        all the same.

        Raises:
            TimeoutError: the index was not up to date in time.
            IndexBusy: another process, or another search, uses the index.
            StoreError: the log or the index cannot be read.
        """
        phrases = phrases_of(question.words)
        if not phrases or question.limit < 1:
            return []

        def found_in(file: IndexFile, number: int) -> list[FoundRecord]:
            asked = file.words.asked(number, phrases)
            by_words = _candidates(file, number, asked, question)
            by_vector = self._nearest(file, number, question)
            limit, now = question.limit, question.now
            if by_vector:
                best = best_of_both(by_words, by_vector, limit=limit, now=now)
            else:
                best = best_of(by_words, limit=limit, now=now)
            return _found(file, best, asked)

        return self._of_present(view, found_in, until) or []

    def records(
        self, view: MemoryView, scopes: Sequence[MemoryScope] = SCOPES
    ) -> Sequence[MemoryRecord]:
        """All records of a view in these scopes that are not forgotten, oldest first.

        Raises:
            StoreError: the log or the index cannot be read.
        """
        return self._of_present(view, lambda file, number: file.records(number, scopes)) or []

    def scope_of(
        self, view: MemoryView, record_id: str, scopes: Sequence[MemoryScope] = SCOPES
    ) -> MemoryScope | None:
        """In which of these scopes a record is or was, the first one; None if in none.

        Raises:
            StoreError: the log or the index cannot be read.
        """

        def in_file(file: IndexFile, number: int) -> MemoryScope | None:
            return file.scope_of(number, record_id, scopes)

        return self._of_present(view, in_file)

    def _nearest(
        self, file: IndexFile, view: int, question: MemoryQuestion
    ) -> list[tuple[Candidate, float]]:
        if self._vectors is None or not question.vector:
            return []
        most = candidate_count(question.limit)
        many = min(most * _CANDIDATES_AROUND_SEEN, MOST_RANKED)
        near = self._vectors.nearest(view, question.vector, many)
        found = file.candidates_of(view, list(near), question.scopes)
        told = _to_be_told(found, question)[:most]
        return [(one, near[one.number]) for one in told]

    def without_vector(self, most: int) -> Sequence[tuple[bytes, str]]:
        """Digests and words of some records that are indexed and have no vector.

        Raises:
            StoreError: the index cannot be read.
        """
        return self._with_file(
            lambda _file: self._vectors.without(most) if self._vectors is not None else []
        )

    def keep_vectors(self, digests: Sequence[bytes], vectors: Sequence[Sequence[float]]) -> None:
        """Keep the vectors of these words.

        Raises:
            ValueError: there are more or fewer of them, or they are no numbers.
            StoreError: the index cannot be written.
        """

        def keep(_file: IndexFile) -> None:
            if self._vectors is not None:
                self._vectors.keep(digests, vectors)

        self._with_file(keep)

    # --- following the log ----------------------------------------------------------------

    def catch_up(self, view: MemoryView, *, until: float | None = None) -> bool:
        """Index all that a view has; what is forgotten is then in no byte of the file.

        False if there was more to read than could be by `until` (of `time.monotonic`). Others may
        use the index between two pages.

        Raises:
            StoreError: the log or the index cannot be read.
        """
        while True:
            begun = self._following.times_begun
            for stream in view.streams:
                step = partial(self._following.carry_on, view=view, stream=stream)
                while self._with_file(step, until):
                    if until is not None and time.monotonic() > until:
                        return False
            if begun == self._following.times_begun:
                return True

    def _of_present(
        self, view: MemoryView, work: Callable[[IndexFile, int], R], until: float | None = None
    ) -> R | None:
        """What `work` gives, with all that the view has; None if that is nothing."""

        def in_file(file: IndexFile) -> R | None:
            number = file.view(view.name)
            return None if number is None else work(file, number)

        while True:
            if until is None:
                self.catch_up(view)
            else:
                self._catch_ups.wait_for(view, until)
            begun = self._following.times_begun
            result = self._with_file(in_file, until)
            if begun == self._following.times_begun:
                return result

    def catch_up_with(self, stream_id: StreamId) -> None:
        """Index a stream of facts in all views that are indexed and have it.

        Raises:
            StoreError: the log or the index cannot be read.
        """
        self._settle(lambda one: one == stream_id)

    def settle(self) -> None:
        """Catch up with the facts that were indexed before, by whatever process.

        Raises:
            StoreError: the log or the index cannot be read.
        """
        if self._path is not None and self._path.exists():
            self._settle(lambda _one: True)

    def _settle(self, is_meant: Callable[[StreamId], bool]) -> None:
        for name, stream in self._with_file(lambda file: file.followed("memory")):
            if is_meant(stream.stream_id):
                alone = MemoryView(name=name, streams=(stream,))
                self.catch_up(alone)

    def close(self) -> None:
        """Wait for whoever searches, and close the file. Calling it twice is allowed."""
        with self._lock:
            self._is_closed = True
            if self._file is not None:
                self._file.close()
        self._catch_ups.close()

    # --- the file -------------------------------------------------------------------------

    def _with_file(self, work: Callable[[IndexFile], R], until: float | None = None) -> R:
        """What `work` gives, if need be with a file that is made anew; see `IndexBusy`."""
        left_s = _PATIENCE_S if until is None else max(until - time.monotonic(), 0.0)
        if not self._lock.acquire(timeout=min(left_s, _PATIENCE_S)):
            raise self._busy("this process uses it")
        try:
            return self._in_file(work, min(left_s, LOCKED_S))
        finally:
            self._lock.release()

    def _in_file(self, work: Callable[[IndexFile], R], locked_s: float) -> R:
        if self._is_closed:
            raise StoreClosed("the index of memories is closed")
        try:
            return work(self._opened(locked_s))
        except sqlite3.Error as error:
            if not is_damage(error):
                raise self._unusable(error) from error
            _log.warning("%s is made anew from the log: %s", self._name, error)
        try:
            self._remove()
            return work(self._opened(locked_s))
        except (sqlite3.Error, OSError) as error:
            raise self._unusable(error) from error

    def _opened(self, locked_s: float) -> IndexFile:
        if self._file is None:
            self._file = IndexFile(self._path)
            if self._vectors_of:
                self._vectors = VectorSearch(self._file, self._vectors_of)
        self._file.wait_at_most(locked_s)
        return self._file

    def _remove(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = self._vectors = None
        self._following.forget_readings()
        if self._path is not None:
            remove_index_file(self._path)

    @property
    def _name(self) -> str:
        return "the index of memories" if self._path is None else str(self._path)

    def _busy(self, why: str) -> IndexBusy:
        return IndexBusy(
            f"{self._name} is busy: {why}; the log is as it was, and all that is recorded is "
            "found once the index is free: search again, or stop the other process"
        )

    def _unusable(self, error: Exception) -> StoreError:
        if isinstance(error, sqlite3.Error) and is_locked(error):
            return self._busy("another process writes it")
        if isinstance(error, sqlite3.Error) and is_full(error):
            return StoreFull(
                f"{self._name} cannot be written: {error}; the log is as it was, and what is "
                "recorded is found again when there is space"
            )
        return StoreError(f"{self._name} cannot be used: {error}; the log is as it was")


def _candidates(
    file: IndexFile, view: int, asked: Asked, question: MemoryQuestion
) -> Sequence[Candidate]:
    most = candidate_count(question.limit)
    if question.seen is None and set(question.scopes) == set(SCOPES):
        return file.words.candidates(view, asked, most)
    many = most * _CANDIDATES_AROUND_SEEN
    found = file.words.candidates(view, asked, many, question.scopes)
    return _to_be_told(found, question)[:most]


def _to_be_told(found: Sequence[Candidate], question: MemoryQuestion) -> Sequence[Candidate]:
    seen = question.seen
    return found if seen is None else [one for one in found if not seen.has(one.kind, one.entry)]


def _found(
    file: IndexFile, best: Sequence[tuple[Candidate, float]], asked: Asked
) -> list[FoundRecord]:
    records = file.found([one.number for one, _score in best], asked)
    found = []
    for (record, revision, matched), (_one, score) in zip(records, best, strict=True):
        why = why_of(matched, record.kind, record.source)
        if not matched:
            why = f"similar; {why}" if why else "similar"
        found.append(FoundRecord(record=record, score=score, why=why, revision=revision))
    return found


@contextmanager
def open_memory_index(
    reader: JournalReader, path: Path | None, *, vectors_of: str = ""
) -> Iterator[MemoryIndex]:
    """An index for the length of a block; what a dead process has left undone is done first."""
    index = MemoryIndex(reader, path, vectors_of=vectors_of)
    try:
        try:
            index.settle()
        except StoreError as error:
            _log.warning("memories can perhaps not be searched: %s", error)
        yield index
    finally:
        index.close()
