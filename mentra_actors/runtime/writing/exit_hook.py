"""Closes what nobody has closed when the process ends."""

import atexit
import threading
import weakref
from typing import Protocol

__all__ = ["close_before_exit"]


class _Closable(Protocol):
    def close(self) -> None: ...


def close_before_exit(closable: _Closable) -> None:
    """Close a runtime that nobody has closed, while its threads can still end.

    Ordinary exit handlers run after the interpreter has waited for threads, which would be for
    ever. `threading` has an earlier kind, which `concurrent.futures` uses as well.
    """
    forgotten = weakref.ref(closable)

    def close() -> None:
        closable = forgotten()
        if closable is not None:
            closable.close()

    register = getattr(threading, "_register_atexit", atexit.register)
    register(close)
