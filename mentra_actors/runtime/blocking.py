"""To wait for what another thread completes, where waiting is allowed."""

import concurrent.futures
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from mentra_actors.runtime.core import RuntimeCore

__all__ = ["result_of", "watched_result_of"]

T = TypeVar("T")


def result_of(
    core: RuntimeCore,
    begin: "Callable[[], Future[T]]",
    timeout_s: float | None = None,
    *,
    hint: str = "it goes on, `wait_for_run` waits for its end and `cancel` ends it",
) -> T:
    """Begin and wait; on a thread that must not wait nothing is begun.

    Raises:
        RuntimeError: this is an actor or loop thread.
        TimeoutError: it was not done in time; it goes on.
    """
    if core.on_actor_thread():
        raise RuntimeError(
            "a blocking call on an actor or loop thread would wait for itself; "
            "use the asynchronous runtime, or another thread"
        )
    future = begin()
    concurrent.futures.wait([future], timeout_s)
    if not future.done():
        raise TimeoutError(f"not done after {timeout_s:g} s; {hint}")
    return future.result()


def watched_result_of(
    core: RuntimeCore, watch: "Callable[[], Future[T]]", timeout_s: float | None = None
) -> T:
    """Like `result_of`, of what only looks on: it listens no more when the time is over.

    Raises:
        RuntimeError: this is an actor or loop thread.
        TimeoutError: it was not done in time.
    """
    watching: list[Future[T]] = []

    def begin() -> "Future[T]":
        watching.append(watch())
        return watching[0]

    try:
        return result_of(core, begin, timeout_s, hint="nothing was changed by waiting")
    finally:
        for future in watching:
            future.cancel()
