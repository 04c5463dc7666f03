"""What is open in this process, by key, and kept right over a fork.

LMDB must be opened once per process and path, and not be used in a forked child. A registry
holds its lock over the fork, so that no child is born with it taken, and forgets in the child.
"""

import os
import threading
from typing import Generic, Protocol, TypeVar

__all__ = ["ForkAware", "ForkRegistry"]


class ForkAware(Protocol):
    """Something open that a fork concerns."""

    def before_fork(self) -> None:
        """In the parent, before; takes what no child may be born with."""
        ...

    def after_fork_in_parent(self) -> None:
        """In the parent, after; gives it back."""
        ...

    def after_fork_in_child(self) -> None:
        """In the child: close what must not be used there."""
        ...


R = TypeVar("R", bound=ForkAware)


class ForkRegistry(Generic[R]):
    """Open things by device and inode. Use `opened` only while holding `lock`."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.opened: dict[tuple[int, int], R] = {}
        os.register_at_fork(
            before=self._before,
            after_in_parent=self._after_in_parent,
            after_in_child=self._after_in_child,
        )

    def _before(self) -> None:
        self.lock.acquire()
        for one in self.opened.values():
            one.before_fork()

    def _after_in_parent(self) -> None:
        for one in self.opened.values():
            one.after_fork_in_parent()
        self.lock.release()

    def _after_in_child(self) -> None:
        for one in self.opened.values():
            one.after_fork_in_child()
        self.opened.clear()
        self.lock.release()
