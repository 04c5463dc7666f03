"""Runs blocking functions of users on worker threads, whatever they raise."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

__all__ = ["USER_THREADS", "WorkerThreads", "on_worker_thread"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class WorkerThreads:
    """So many threads at once, on each loop."""

    most: int
    limiter: RunVar[anyio.CapacityLimiter]


USER_THREADS = WorkerThreads(256, RunVar("mentra_user_threads"))
"""Apart from the threads of anyio: functions that wait must not keep ours from reading."""

_BREAKS_TASKS = (GeneratorExit, StopIteration, StopAsyncIteration)
"""What means something else to a coroutine: raised out of a future it ends the whole loop."""


async def on_worker_thread(
    function: Callable[[], T], *, threads: WorkerThreads = USER_THREADS
) -> T:
    """What the function returns. If the caller is cancelled, its thread ends by itself.

    Raises:
        RuntimeError: it raised `GeneratorExit` or the like.
        BaseException: anything else that it raises.
    """
    value, error = await anyio.to_thread.run_sync(
        _kept, function, limiter=_limiter_of(threads), abandon_on_cancel=True
    )
    if isinstance(error, _BREAKS_TASKS):
        raise RuntimeError(f"it raised {type(error).__name__}: {error}") from error
    if error is not None:
        raise error
    return value[0]


def _limiter_of(threads: WorkerThreads) -> anyio.CapacityLimiter:
    """That of the present loop, made when it is first needed."""
    try:
        return threads.limiter.get()
    except LookupError:
        threads.limiter.set(anyio.CapacityLimiter(threads.most))
        return threads.limiter.get()


def _kept(function: Callable[[], T]) -> tuple[tuple[T, ...], BaseException | None]:
    try:
        return (function(),), None
    except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
        return (), error
