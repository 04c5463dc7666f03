"""A test of a contract ends, also where the adapter waits for what will never come.

The plugin of pytest sees to it. Where somebody else watches the time already (`pytest-timeout`)
that limit holds, not this one.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import ClassVar

__all__ = ["PatientContract", "StillWaiting", "at_most"]


class StillWaiting(BaseException):
    """A test has not ended in time. What catches errors, as hypothesis does, must not catch it."""


class PatientContract:
    """What all contracts have in common."""

    patience_s: ClassVar[float] = 120.0
    """A test, or the closing of what it has opened, that takes longer fails; 0 waits for ever."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Fail what is still going on after that time, and show where."""
    if not seconds or not _may_be_set():
        yield
        return

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise StillWaiting(
            f"it still waits after {seconds:g} s (`patience_s`). Has a thread of the adapter "
            "died, or is something called back on the thread that waits for it?"
        )

    earlier = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, earlier)


def _may_be_set() -> bool:
    """Signals are for the main thread, and nobody else's timer may be replaced."""
    if threading.current_thread() is not threading.main_thread():
        return False
    return hasattr(signal, "setitimer") and not any(signal.getitimer(signal.ITIMER_REAL))
