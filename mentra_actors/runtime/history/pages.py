"""Pages of a log and of its streams, kept for a walk that comes by the same places again."""

from collections.abc import Iterator, Sequence
from functools import lru_cache

from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal

__all__ = ["KeptPages"]

_LOG_EVENTS = 64
_STREAM_EVENTS = 16
_PAGES = 128
"""Of the log, and as many of streams; some ten thousand events together."""


class KeptPages:
    """Reads a journal, each page of it once. For one walk: what comes later may be missing."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._log_page = lru_cache(_PAGES)(self._read_log_page)
        self._stream_page = lru_cache(_PAGES)(self._read_stream_page)

    def between(self, after: int, through: int) -> Iterator[RecordedEvent[object]]:
        """See `Journal.between`."""
        for number in range(max(after, 0) // _LOG_EVENTS, (through - 1) // _LOG_EVENTS + 1):
            page = self._log_page(number)
            yield from (one for one in page if after < one.global_position <= through)

    def last_in_stream(self, stream_id: StreamId, through: int) -> Iterator[RecordedEvent[object]]:
        """Events of a stream from a version back to its first."""
        for number in range((through - 1) // _STREAM_EVENTS, -1, -1):
            page = self._stream_page(stream_id, number)
            yield from (one for one in reversed(page) if one.stream_version <= through)

    def _read_log_page(self, number: int) -> Sequence[RecordedEvent[object]]:
        after = number * _LOG_EVENTS
        return list(self._journal.between(after, after + _LOG_EVENTS))

    def _read_stream_page(
        self, stream_id: StreamId, number: int
    ) -> Sequence[RecordedEvent[object]]:
        after = number * _STREAM_EVENTS
        return self._journal.read_stream(stream_id, after=after, through=after + _STREAM_EVENTS)
