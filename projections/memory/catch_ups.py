"""Catch-ups of an index that go on when those who asked for them wait no more."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from mentra_actors.domain.memory_views import MemoryView
from mentra_actors.errors import StoreClosed

__all__ = ["CatchUps"]

_AT_ONCE = 2
_AT_ONCE_S = 0.05
"""What is behind by little is caught up by whoever asks."""


class CatchUps:
    """Long catch-ups, on threads of their own. Safe from any thread."""

    def __init__(self, catch_up: Callable[[MemoryView, float | None], bool]) -> None:
        """`catch_up` indexes what a view has; False if it could not by a moment."""
        self._catch_up = catch_up
        self._pool = ThreadPoolExecutor(_AT_ONCE, "memory-index")
        self._lock = threading.Lock()
        self._running: dict[str, tuple[Future[bool], float]] = {}

    def wait_for(self, view: MemoryView, until: float) -> None:
        """Wait until a view is caught up, at most until then (of `time.monotonic`).

        A catch-up that has had so much time already is not waited for again.

        Raises:
            TimeoutError: it was not in time; it goes on.
            StoreError: the log or the index cannot be read.
        """
        now = time.monotonic()
        if self._running_of(view) is None and self._catch_up(view, min(until, now + _AT_ONCE_S)):
            return
        running, begun = self._begun(view)
        last = min(until, begun + until - now)
        try:
            running.result(max(last - time.monotonic(), 0.0))
        except TimeoutError:
            taken_s = time.monotonic() - begun
            raise TimeoutError(
                f"the index of this memory is not up to date yet; it is being read from the log "
                f"for {taken_s:.1f} s by now"
            ) from None

    def close(self) -> None:
        """Wait for what runs, which must end by itself soon."""
        self._pool.shutdown(cancel_futures=True)

    def _running_of(self, view: MemoryView) -> "tuple[Future[bool], float] | None":
        found = self._running.get(view.name)
        return None if found is None or found[0].done() else found

    def _begun(self, view: MemoryView) -> "tuple[Future[bool], float]":
        with self._lock:
            found = self._running_of(view)
            if found is None:
                for name in [one for one, (future, _) in self._running.items() if future.done()]:
                    del self._running[name]
                found = self._running[view.name] = (self._submitted(view), time.monotonic())
            return found

    def _submitted(self, view: MemoryView) -> "Future[bool]":
        try:
            return self._pool.submit(self._catch_up, view, None)
        except RuntimeError as error:
            raise StoreClosed("the index of memories is closed") from error
