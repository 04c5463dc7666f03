"""Transactions pass together; whoever pulls the file away from under them waits to be alone."""

import contextlib
import threading
from collections.abc import Iterator

__all__ = ["TransactionGate"]


class TransactionGate:
    """Lets many pass at a time, or one alone."""

    def __init__(self) -> None:
        self._condition = threading.Condition(threading.Lock())
        self._inside = 0
        self._closed = False

    def enter(self) -> None:
        """Pass, as soon as nobody is alone inside."""
        with self._condition:
            while self._closed:
                self._condition.wait()
            self._inside += 1

    def leave(self) -> None:
        """Undo one `enter`."""
        with self._condition:
            self._inside -= 1
            if self._closed and not self._inside:
                self._condition.notify_all()

    def close(self) -> None:
        """Keep everyone out; return when nobody is inside."""
        with self._condition:
            while self._closed:
                self._condition.wait()
            self._closed = True
            while self._inside:
                self._condition.wait()

    def open(self) -> None:
        """Undo `close`."""
        with self._condition:
            self._closed = False
            self._condition.notify_all()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Closed while the body runs."""
        self.close()
        try:
            yield
        finally:
            self.open()
