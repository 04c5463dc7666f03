"""Follows the streams of a memory: page by page, each page and how far it goes in one transaction.

Of a stream of facts every page is written. An agent's own stream is folded in memory, and the file
is written when something is remembered: a round of a run that is open writes nothing. A process
that comes after reads again from before the oldest thing that was not told yet.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from mentra_actors.domain.memory import MemoryForgotten, MemoryRecorded
from mentra_actors.domain.memory_views import MemoryView, ViewedStream
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, StreamId, category_of, name_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import JournalReader, StoredEvent
from projections.memory.episodes import EpisodeFold, FoldPlace, Remembered
from projections.memory.file import IndexFile, Place
from projections.running.fingerprint import fingerprint_of

__all__ = ["Following"]

PAGE_EVENTS = 250
_KEPT_FOLDS = 1_000


@dataclass
class _Reading:
    """How far an agent's stream is read, beyond the place that is written in the file."""

    place: Place
    fold: EpisodeFold
    version: int
    fingerprint: str


class Following:
    """Carries an index on by a page of a stream at a time. One thread at a time."""

    def __init__(self, reader: JournalReader, journal: Journal) -> None:
        self._reader = reader
        self._journal = journal
        self._readings: OrderedDict[tuple[str, StreamId], _Reading] = OrderedDict()
        self.times_begun = 0
        """How often something had to be read again from its first event."""

    def carry_on(self, file: IndexFile, view: MemoryView, stream: ViewedStream) -> bool:
        """Index the next page of a stream; False if there was none.

        A log that has another past than the one that was indexed is begun again, all of the view.
        """
        if category_of(stream.stream_id) == "agent":
            return self._carry_on_episodes(file, view, stream)
        return self._carry_on_facts(file, view, stream)

    def forget_readings(self) -> None:
        """The file was made anew."""
        self.times_begun += 1
        self._readings.clear()

    def _carry_on_facts(self, file: IndexFile, view: MemoryView, stream: ViewedStream) -> bool:
        place = file.place(view.name, stream.stream_id)
        page = self._page(stream.stream_id, place.version, place.fingerprint)
        if page is None:
            return self._begin_anew(file, view)
        if not page:
            return False
        after = Place(page[-1].stream_version, 0, str(fingerprint_of(page[-1])))
        added, forgotten = _net_change(self._journal.decoded(page))
        file.carry_on(view.name, stream, (place, after), added, forgotten)
        return True

    def _carry_on_episodes(self, file: IndexFile, view: MemoryView, stream: ViewedStream) -> bool:
        reading = self._reading(file, view, stream)
        page = self._page(stream.stream_id, reading.version, reading.fingerprint)
        if page is None:
            return self._begin_anew(file, view)
        if not page:
            return False
        added = [
            told
            for one in self._journal.decoded(page)
            if (told := reading.fold.step(one.event, one.stream_version)) is not None
        ]
        reading.version = page[-1].stream_version
        reading.fingerprint = str(fingerprint_of(page[-1]))
        if added or reading.fold.safe.version - reading.place.version > PAGE_EVENTS:
            self._write(file, view, stream, reading, added)
        return True

    def _write(
        self,
        file: IndexFile,
        view: MemoryView,
        stream: ViewedStream,
        reading: _Reading,
        added: Sequence[Remembered],
    ) -> None:
        safe = reading.fold.safe
        at = self._reader.read_stream(
            stream.stream_id, after=safe.version - 1, through=safe.version
        )
        after = Place(safe.version, safe.entries, str(fingerprint_of(at[0])) if at else "")
        if file.carry_on(view.name, stream, (reading.place, after), added, ()):
            reading.place = after
        else:  # another process was faster
            del self._readings[view.name, stream.stream_id]

    def _reading(self, file: IndexFile, view: MemoryView, stream: ViewedStream) -> _Reading:
        key = (view.name, stream.stream_id)
        place = file.place(view.name, stream.stream_id)
        reading = self._readings.get(key)
        if reading is None or reading.place != place:
            fold = EpisodeFold(
                AgentId(name_of(stream.stream_id)), FoldPlace(place.version, place.entries)
            )
            reading = _Reading(place, fold, place.version, place.fingerprint)
            self._readings[key] = reading
        self._readings.move_to_end(key)
        if len(self._readings) > _KEPT_FOLDS:
            self._readings.popitem(last=False)
        return reading

    def _page(
        self, stream_id: StreamId, version: int, fingerprint: str
    ) -> Sequence[StoredEvent] | None:
        """What comes after a version; None if another event stands there than before."""
        page = self._reader.read_stream(
            stream_id, after=max(version - 1, 0), through=version + PAGE_EVENTS
        )
        if not version:
            return page
        if not page or str(fingerprint_of(page[0])) != fingerprint:
            return None
        return page[1:]

    def _begin_anew(self, file: IndexFile, view: MemoryView) -> bool:
        self.times_begun += 1
        file.drop(view.name)
        for key in [one for one in self._readings if one[0] == view.name]:
            del self._readings[key]
        return True


def _net_change(
    events: Sequence[RecordedEvent[object]],
) -> tuple[Sequence[Remembered], Sequence[str]]:
    """What is to be added and what is to be taken out: what came and went is never written."""
    forgotten = [one.event.record_id for one in events if isinstance(one.event, MemoryForgotten)]
    gone = frozenset(forgotten)
    added = [
        Remembered(one.event.record, one.stream_version)
        for one in events
        if isinstance(one.event, MemoryRecorded) and one.event.record.record_id not in gone
    ]
    return added, forgotten
