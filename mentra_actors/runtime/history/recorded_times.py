"""Which event was the last one at a time, also where a clock was set back.

A clock that is set back, and appends of several actors that pass each other, leave events whose
times are not in the order of the log. As of a time is the log through the *last* event that was
recorded at or before it: so a moment that is named by its own time always holds its event, and a
later time never means an earlier moment.

Only reading the times tells that. It is done from the end of the log, so a look at what was some
minutes ago reads what came since; the earliest time of each page is kept for the next look.
"""

import threading
from datetime import datetime

from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.history.past import microseconds
from mentra_actors.store.log_pages import stored_between
from mentra_actors.store.ports import JournalReader

__all__ = ["RecordedTimes"]

_PAGE_EVENTS = 1000


class RecordedTimes:
    """The times of one log. Safe from any thread; reading does file I/O."""

    def __init__(self, reader: JournalReader, *, page_events: int = _PAGE_EVENTS) -> None:
        """`page_events` is how many times a page has."""
        self._reader = reader
        self._page_events = page_events
        self._earliest: dict[int, int] = {}
        """Of full pages, by their number from 0: the log never changes there."""
        self._lock = threading.Lock()

    def position_at(self, time: datetime) -> int:
        """Global position of the last event recorded at or before `time`; 0 if there is none.

        Raises:
            CommandRejected: `time` has no time zone.
            TypeError: it is no `datetime`.
        """
        if not isinstance(time, datetime):
            raise TypeError(f"a time is a datetime with a zone, not {time!r}")
        if time.tzinfo is None:
            raise CommandRejected(f"{time.isoformat()} has no time zone: say which is meant")
        limit, last = microseconds(time), self._reader.last_position()
        for page in range((last - 1) // self._page_events, -1, -1):
            if found := self._last_on_page(page, last, limit):
                return found
        return 0

    def _last_on_page(self, page: int, last: int, limit: int) -> int:
        """The last position on a page with a time that is not above a limit; 0 for none."""
        with self._lock:
            known = self._earliest.get(page)
        if known is not None and known > limit:
            return 0
        first = page * self._page_events
        last_here = min(first + self._page_events, last)
        events = stored_between(self._reader, first, last_here)
        times = {one.global_position: one.recorded_at_ns // 1000 for one in events}
        if len(times) == self._page_events:
            with self._lock:
                self._earliest[page] = min(times.values())
        return max((place for place, at in times.items() if at <= limit), default=0)
