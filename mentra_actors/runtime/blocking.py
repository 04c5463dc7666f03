"""To wait for what another thread completes, where waiting is allowed."""

import concurrent.futures
import math
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.plain_arguments import require_seconds

__all__ = ["result_of", "waiting_limit", "watched_result_of"]

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
        TypeError, ValueError: that is no time to wait; nothing is begun.
    """
    limit_s = waiting_limit(timeout_s)
    if core.on_actor_thread():
        raise RuntimeError(
            "a blocking call on an actor or loop thread would wait for itself; "
            "use the asynchronous runtime, or another thread"
        )
    future = begin()
    concurrent.futures.wait([future], limit_s)
    if not future.done():
        raise TimeoutError(f"not done after {timeout_s:g} s; {hint}")
    return future.result()


def waiting_limit(timeout_s: float | None) -> float | None:
    """The time that a thread may wait; None for one that no clock of a machine can count.

    Raises:
        TypeError, ValueError: it is no time to wait.
    """
    if timeout_s == math.inf:
        return None
    require_seconds(timeout_s, "timeout_s")
    return None if timeout_s is None or timeout_s > threading.TIMEOUT_MAX else timeout_s


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
