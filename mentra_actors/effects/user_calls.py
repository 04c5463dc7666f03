"""Calls functions that users give: async ones on the loop, all others on a worker thread."""

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar, TypeVarTuple, cast

from mentra_actors.tools.worker_threads import on_worker_thread

__all__ = ["called"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def called(function: Callable[[*Ts], Awaitable[T] | T], *arguments: *Ts) -> T:
    """What the function returns. If the caller is cancelled, a thread is left to end by itself."""
    if inspect.iscoroutinefunction(function):
        answer: Awaitable[T] | T = function(*arguments)
    else:
        answer = await on_worker_thread(partial(function, *arguments))
    return cast("T", await answer if inspect.isawaitable(answer) else answer)
