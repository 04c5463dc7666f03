"""Tells those who wait that a store may have changed: in this process, and in all others.

Threads of the process that writes are woken by a condition, after each commit. Threads of other
processes sleep beside the bell of the store, which the writer rings after each commit. In case a
ring is lost (the bell was deleted, the writer is of another release) they look now and then all
the same. Where there is no bell to sleep beside - another system than Linux, no right to write
the file - they look more and more seldom, up to once a second.
"""

import threading
from pathlib import Path
from typing import NamedTuple

from mentra_actors.store.ownership.bell import Bell, open_bell

__all__ = ["ChangeSignal", "Heard"]

LOOK_S = 5.0
"""How long to trust the bell before a look without a ring."""
FIRST_POLL_S = 0.02
LAST_POLL_S = 1.0


class Heard(NamedTuple):
    """What was announced up to a moment, here and by the bell."""

    announced: int
    number: int
    bell: Bell | None


class ChangeSignal:
    """Announces changes of the store at `path`, and waits for them. Safe from any thread."""

    def __init__(self, path: Path) -> None:
        self.changed = threading.Condition(threading.Lock())
        """Notified when something was announced, for those who wait in this process."""
        self.announced = 0
        """Counts the announcements."""
        self._path = path
        self._bell: Bell | None = None

    def connect(self, *, create: bool = False) -> None:
        """Find the bell; `create` makes it where it is missing and can be made."""
        left = self._bell
        if left is None or not left.hangs_at(self._path):
            self._bell = open_bell(self._path, create=create)
            if left is not None:
                left.ring()  # for the threads of this process that sleep beside it

    def disconnect(self) -> None:
        """Let go of the bell; whoever sleeps beside it has been woken by an announcement."""
        self._bell = None

    def announce(self) -> None:
        """Wake everyone who waits, in every process."""
        with self.changed:
            self.announced += 1
            self.changed.notify_all()
        if (bell := self._bell) is not None:
            bell.ring()

    def heard(self) -> Heard:
        """To be taken before a look at the store, and handed to `wait` after it."""
        bell = self._bell
        return Heard(self.announced, 0 if bell is None else bell.number(), bell)

    def wait(self, heard: Heard, timeout_s: float, *, poll_s: float, is_told: bool) -> None:
        """Return when something was announced after `heard`, perhaps without cause, or late.

        `is_told` says that this process announces every change itself. Without that and without
        a bell it returns after `poll_s`.
        """
        if is_told:
            self._wait_here(heard, min(timeout_s, LOOK_S))
        elif heard.bell is None:
            self.connect()
            self._wait_here(heard, min(timeout_s, poll_s))
        elif not heard.bell.sleep(heard.number, min(timeout_s, LOOK_S)):
            self.connect()

    def _wait_here(self, heard: Heard, timeout_s: float) -> None:
        with self.changed:
            if self.announced == heard.announced:
                self.changed.wait(timeout_s)
