"""Runs blocking functions of users on worker threads, whatever they raise."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread
from anyio.lowlevel import RunVar

__all__ = ["on_worker_thread"]

T = TypeVar("T")

USER_THREADS = 256
"""Apart from the threads of anyio: functions that wait must not keep ours from reading."""

_limiter: RunVar[anyio.CapacityLimiter] = RunVar("mentra_user_threads")

_BREAKS_TASKS = (GeneratorExit, StopIteration, StopAsyncIteration)
"""What means something else to a coroutine: raised out of a future it ends the whole loop."""


async def on_worker_thread(
    function: Callable[[], T], *, limiter: anyio.CapacityLimiter | None = None
) -> T:
    """What the function returns. If the caller is cancelled, its thread ends by itself.

    Raises:
        RuntimeError: it raised `GeneratorExit` or the like.
        BaseException: anything else that it raises.
    """
    value, error = await anyio.to_thread.run_sync(
        _kept, function, limiter=limiter or _own_limiter(), abandon_on_cancel=True
    )
    if isinstance(error, _BREAKS_TASKS):
        raise RuntimeError(f"it raised {type(error).__name__}: {error}") from error
    if error is not None:
        raise error
    return value[0]


def _own_limiter() -> anyio.CapacityLimiter:
    try:
        return _limiter.get()
    except LookupError:
        _limiter.set(anyio.CapacityLimiter(USER_THREADS))
        return _limiter.get()


def _kept(function: Callable[[], T]) -> tuple[tuple[T, ...], BaseException | None]:
    try:
        return (function(),), None
    except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
        return (), error
