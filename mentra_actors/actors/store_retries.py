"""Looks again at streams whose appends the store has refused: space may be free by then."""

import threading
from collections.abc import Callable

from mentra_actors.ids import StreamId

__all__ = ["StoreRetries"]

STORE_RETRY_S = 1.0


class StoreRetries:
    """One look per stream, however often it was refused meanwhile. Safe from any thread."""

    def __init__(
        self,
        call_later: Callable[[float, Callable[[], None]], object],
        look: Callable[[StreamId], None],
    ) -> None:
        self._call_later = call_later
        self._look = look
        self._due: set[StreamId] = set()
        self._lock = threading.Lock()

    def ask(self, stream_id: StreamId) -> None:
        """Look at the stream in a second."""
        with self._lock:
            if stream_id in self._due:
                return
            self._due.add(stream_id)
        self._call_later(STORE_RETRY_S, lambda: self._look_now(stream_id))

    def _look_now(self, stream_id: StreamId) -> None:
        with self._lock:
            self._due.discard(stream_id)
        self._look(stream_id)
