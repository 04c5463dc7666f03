"""To await what another thread completes, on any event loop that anyio knows."""

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
    done = anyio.Event()
    call = thread_safe_call()
    future.add_done_callback(lambda _future: call(done.set))
    await done.wait()
    return future.result()


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
