"""Blocking calls for coroutines: on a thread, and waited for even if the caller is cancelled."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

__all__ = ["settled"]

T = TypeVar("T")


async def settled(call: Callable[..., T], *arguments: object, **named: object) -> T:
    """What `call` gives on another thread.

    A caller who is cancelled meanwhile learns of it when the call has ended: what it records is
    on the log or is not, and nothing goes on behind.
    """
    task = asyncio.ensure_future(asyncio.to_thread(call, *arguments, **named))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = cancelled or error
    if cancelled is not None:
        task.exception()  # it is told by the cancellation, and not by a warning as well
        raise cancelled
    return task.result()
