"""Runs blocking functions of users on worker threads, whatever they raise."""

from collections.abc import Callable
from typing import TypeVar

import anyio
import anyio.to_thread

__all__ = ["on_worker_thread"]

T = TypeVar("T")

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
        _kept, function, limiter=limiter, abandon_on_cancel=True
    )
    if isinstance(error, _BREAKS_TASKS):
        raise RuntimeError(f"it raised {type(error).__name__}: {error}") from error
    if error is not None:
        raise error
    return value[0]


def _kept(function: Callable[[], T]) -> tuple[tuple[T, ...], BaseException | None]:
    try:
        return (function(),), None
    except BaseException as error:  # noqa: BLE001 - it is raised where it is awaited
        return (), error
