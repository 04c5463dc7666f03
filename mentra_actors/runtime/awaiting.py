"""To await what another thread completes, on any event loop that anyio knows."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar, TypeVarTuple

import anyio
from anyio.lowlevel import checkpoint_if_cancelled, current_token

__all__ = ["asked", "thread_safe_call", "wait_for", "watched"]

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


async def asked(ask: Callable[[*Ts], "Future[T]"], *arguments: *Ts) -> T:
    """The answer to what `ask` begins. A caller that is cancelled already begins nothing."""
    await checkpoint_if_cancelled()
    return await wait_for(ask(*arguments))


async def watched(watch: Callable[[*Ts], "Future[T]"], *arguments: *Ts) -> T:
    """Like `asked`, of what only looks on: it listens no more when the waiter is cancelled."""
    await checkpoint_if_cancelled()
    future = watch(*arguments)
    try:
        return await wait_for(future)
    finally:
        future.cancel()


async def wait_for(future: "Future[T]") -> T:
    """The future's result, or its exception. If the waiter is cancelled the work goes on."""
    loop = _asyncio_loop()
    if loop is None:
        done = anyio.Event()
        call = thread_safe_call()
        future.add_done_callback(lambda _future: call(done.set))
        await done.wait()
    else:
        await _done_on_asyncio(future, loop)
    return future.result()


def _asyncio_loop() -> asyncio.AbstractEventLoop | None:
    """The loop of the present task, if it is one of asyncio."""
    try:
        task = asyncio.current_task()
    except RuntimeError:  # no loop of asyncio runs here
        return None
    return None if task is None else task.get_loop()


async def _done_on_asyncio(future: "Future[Any]", loop: asyncio.AbstractEventLoop) -> None:
    """Return when the future is done; an event of anyio would cost three times as much."""
    waiter: asyncio.Future[None] = loop.create_future()

    def tell() -> None:
        if not waiter.done():
            waiter.set_result(None)

    def wake(_future: "Future[Any]") -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and nobody waits
            loop.call_soon_threadsafe(tell)

    future.add_done_callback(wake)
    await waiter


def thread_safe_call() -> Callable[[Callable[[], None]], None]:
    """A way to call functions on the present event loop from other threads.

    Once that loop has ended the calls are dropped: nobody waits for them any more.
    """
    native: Any = current_token().native_token
    # asyncio's name for it, and trio's
    wake = getattr(native, "call_soon_threadsafe", None) or native.run_sync_soon

    def call(function: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):
            wake(function)

    return call
