"""Searches memories: an index of what agents remember, made from their streams.

Before it answers, it reads what the stream has had since its last look, so a search finds
whatever was recorded before it. What is indexed and how far are one transaction: nothing is
missing and nothing counts twice, wherever a process dies. The index is never the truth: a file
that is missing, damaged, of another version or of another past is made anew from the log.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mentra_actors.codec.event_codec import CODEC, EventCodec
from mentra_actors.domain.memory import (
    FoundRecord,
    MemoryForgotten,
    MemoryRecord,
    MemoryRecorded,
)
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import StoreClosed, StoreError
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader
from projections.fingerprint import fingerprint_of
from projections.memory_file import IndexFile, Place, is_damage, remove_index_file
from projections.memory_ranking import best_of, candidate_count, match_expression, why_of

__all__ = ["MemoryIndex", "open_memory_index"]

_log = logging.getLogger(__name__)

_PAGE_EVENTS = 500

R = TypeVar("R")


class MemoryIndex:
    """The memories of a log, to be searched. Safe from any thread; every call may read disks.

    Open one for each process. It does not close the reader.
    """

    def __init__(
        self, reader: JournalReader, path: Path | None = None, *, codec: EventCodec = CODEC
    ) -> None:
        """`path` is the file; without one the index is in memory. It is opened when needed."""
        self._reader = reader
        self._journal = Journal(reader, codec)
        self._path = path
        self._file: IndexFile | None = None
        self._is_closed = False
        self._lock = threading.Lock()

    def search(
        self, stream_id: StreamId, question: str, *, limit: int, now: float
    ) -> list[FoundRecord]:
        """The records of a stream that answer a question best, best first; at most `limit`.

        See `projections.memory_ranking` for the score; `now` is Unix time in seconds. A question
        without a word finds nothing.

        Raises:
            StoreError: the log or the index cannot be read.
        """
        expression = match_expression(question)
        if not expression or limit < 1:
            return []

        def found_in(file: IndexFile) -> list[FoundRecord]:
            place = self._caught_up(file, stream_id)
            if place is None:
                return []
            candidates = file.candidates(place.stream, expression, candidate_count(limit))
            hits = []
            for one, score in best_of(candidates, limit=limit, now=now):
                record, matched = file.found(place.stream, one.number, expression)
                why = why_of(matched, record.kind, record.source)
                hits.append(FoundRecord(record=record, score=score, why=why))
            return hits

        return self._with_file(found_in)

    def records(self, stream_id: StreamId) -> Sequence[MemoryRecord]:
        """All records of a stream that are not forgotten, oldest first.

        Raises:
            StoreError: the log or the index cannot be read.
        """

        def records_in(file: IndexFile) -> Sequence[MemoryRecord]:
            place = self._caught_up(file, stream_id)
            return [] if place is None else file.records(place.stream)

        return self._with_file(records_in)

    def catch_up(self, stream_id: StreamId) -> None:
        """Index the whole of a stream: what it has forgotten is then in no byte of the file.

        Raises:
            StoreError: the log or the index cannot be read.
        """
        self._with_file(lambda file: self._caught_up(file, stream_id))

    def settle(self) -> None:
        """Catch up with the streams that were indexed before, by whatever process.

        Raises:
            StoreError: the log or the index cannot be read.
        """
        if self._path is not None and self._path.exists():
            self._with_file(self._settle)

    def close(self) -> None:
        """Wait for whoever searches, and close the file. Calling it twice is allowed."""
        with self._lock:
            self._is_closed = True
            if self._file is not None:
                self._file.close()

    # --- following the log ----------------------------------------------------------------

    def _settle(self, file: IndexFile) -> None:
        for stream_id in file.streams():
            self._caught_up(file, stream_id)

    def _caught_up(self, file: IndexFile, stream_id: StreamId) -> Place | None:
        """Where the index stands after the last event of a stream; None if that has none."""
        place = file.place(stream_id)
        while True:
            version = 0 if place is None else place.version
            page = self._reader.read_stream(
                stream_id, after=max(version - 1, 0), through=version + _PAGE_EVENTS
            )
            if place is not None and version:
                if not page or str(fingerprint_of(page[0])) != place.fingerprint:
                    file.drop(place)  # the log has another past than the one that was indexed
                    place = None
                    continue
                page = page[1:]
            if not page:
                return place
            place = place or file.begin(stream_id)
            after = Place(place.stream, page[-1].stream_version, str(fingerprint_of(page[-1])))
            events = [one for stored in page for one in self._journal.decode(stored)]
            file.carry_on(place, after, *_net_change(events))
            place = file.place(stream_id)

    # --- the file -------------------------------------------------------------------------

    def _with_file(self, work: Callable[[IndexFile], R]) -> R:
        """What `work` gives, if need be with a file that is made anew."""
        with self._lock:
            if self._is_closed:
                raise StoreClosed("the index of memories is closed")
            try:
                return work(self._opened())
            except sqlite3.Error as error:
                if not is_damage(error):
                    raise self._unusable(error) from error
                _log.warning("%s is made anew from the log: %s", self._name, error)
            try:
                self._remove()
                return work(self._opened())
            except (sqlite3.Error, OSError) as error:
                raise self._unusable(error) from error

    def _opened(self) -> IndexFile:
        if self._file is None:
            self._file = IndexFile(self._path)
        return self._file

    def _remove(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._path is not None:
            remove_index_file(self._path)

    @property
    def _name(self) -> str:
        return "the index of memories" if self._path is None else str(self._path)

    def _unusable(self, error: Exception) -> StoreError:
        return StoreError(f"{self._name} cannot be used: {error}; the log is as it was")


def _net_change(
    events: Sequence[RecordedEvent[object]],
) -> tuple[Sequence[MemoryRecord], Sequence[str]]:
    """What is to be added and what is to be taken out: what came and went is never written."""
    forgotten = [one.event.record_id for one in events if isinstance(one.event, MemoryForgotten)]
    gone = frozenset(forgotten)
    added = [
        one.event.record
        for one in events
        if isinstance(one.event, MemoryRecorded) and one.event.record.record_id not in gone
    ]
    return added, forgotten


@contextmanager
def open_memory_index(reader: JournalReader, path: Path | None) -> Iterator[MemoryIndex]:
    """An index for the length of a block; what a dead process has left undone is done first."""
    index = MemoryIndex(reader, path)
    try:
        try:
            index.settle()
        except StoreError as error:
            _log.warning("memories can perhaps not be searched: %s", error)
        yield index
    finally:
        index.close()
