"""Waiting for the log to grow: who may have seen it grow announces, who waits looks again."""

import threading

__all__ = ["PositionWatch"]


class PositionWatch:
    """Counts announcements. Safe from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._announced = 0

    @property
    def announced(self) -> int:
        """How many announcements there were; look at it before you look at the log."""
        with self._changed:
            return self._announced

    def announce(self) -> None:
        """Wake up all who wait; they look for themselves."""
        with self._changed:
            self._announced += 1
            self._changed.notify_all()

    def wait(self, announced: int, timeout_s: float) -> None:
        """Block until there were more announcements than `announced`, or the time is up."""
        with self._changed:
            self._changed.wait_for(lambda: self._announced > announced, timeout_s)
