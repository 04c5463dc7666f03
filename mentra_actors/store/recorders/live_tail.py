"""What comes after a position, without an end: first what is there, then what is appended.

Nothing runs in the background. Whoever asks for the next item reads it, or waits until the store
announces an append; so a tail that nobody stops keeps no thread and no interpreter alive.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

from mentra_actors.errors import StoreClosed
from mentra_actors.store.recorders.datastore import LMDBDatastore
from mentra_actors.store.recorders.library_errors import as_library_errors

__all__ = ["TAIL_PAGE", "LiveTail", "Pull"]

TAIL_PAGE = 500
"""How many items a tail asks for at once."""

T = TypeVar("T")

Pull: TypeAlias = Callable[[int], tuple[Sequence[T], int]]
"""Items after a position, and the position through which there are no others."""


class LiveTail(Generic[T]):
    """One reader asks for items; `stop` may be called from any thread."""

    def __init__(self, datastore: LMDBDatastore, pull: Pull[T], *, after: int) -> None:
        self._datastore = datastore
        self._pull = pull
        self._through = after
        self._items: deque[T] = deque()
        self._is_stopped = False
        self._is_waiting = False

    def next(self) -> T:
        """The next item, as soon as there is one.

        Raises:
            StopIteration: `stop` was called.
            InterfaceError: the datastore was closed.
        """
        with as_library_errors():
            while not self._is_stopped:
                if self._items:
                    return self._items.popleft()
                try:
                    self._pull_or_wait()
                except StoreClosed:
                    if not self._datastore.is_exiting:
                        raise
                    self._is_stopped = True  # of this nobody can take care any more
        raise StopIteration

    def stop(self) -> None:
        """End the iteration; items that were read ahead are dropped.

        A finalizer may call it at any moment: it takes a lock only if someone waits, and then
        this tail is no garbage.
        """
        self._is_stopped = True
        if self._is_waiting:
            self._datastore.wake()

    def _pull_or_wait(self) -> None:
        announced = self._datastore.store.announced
        items, through = self._pull(self._through)
        if items:
            self._items.extend(items)
        elif through == self._through:
            self._wait(announced)
        self._through = through

    def _wait(self, announced: int) -> None:
        self._is_waiting = True  # before the look at the flag: `stop` looks the other way round
        try:
            if not self._is_stopped:
                self._datastore.store.wait_for_announcement(announced)
        finally:
            self._is_waiting = False
