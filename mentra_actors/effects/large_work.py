"""Work that is quick on what models usually write, and not on a megabyte of it."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar, TypeVarTuple

from mentra_actors.tools.worker_threads import on_worker_thread

__all__ = ["MOST_CHARS_ON_THE_LOOP", "aside_if_large"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

MOST_CHARS_ON_THE_LOOP = 50_000
"""Checks of this much JSON against a schema take some milliseconds."""


async def aside_if_large(size_chars: int, work: Callable[[*Ts], T], *arguments: *Ts) -> T:
    """What `work` returns: done here, or on a worker thread so that nobody waits for it."""
    if size_chars <= MOST_CHARS_ON_THE_LOOP:
        return work(*arguments)
    return await on_worker_thread(partial(work, *arguments))
