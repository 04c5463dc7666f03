"""One attempt of a call, in a task of its own: a time limit holds for a tool that ignores it."""

import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import anyio

from mentra_actors.effects.loop import is_cancellation

__all__ = ["StartSoon", "TimedOut", "attempted"]

_log = logging.getLogger(__name__)

STUBBORN_S = 10.0
"""Seconds that a tool has to end after its time was over; then nobody waits for it any more."""

StartSoon: TypeAlias = Callable[..., None]
"""Starts a coroutine function as a task of the effects loop, which ends with it."""


class TimedOut(Exception):
    """The time of a call was over."""


async def attempted(
    work: Callable[[], Awaitable[object]],
    limit_s: float | None,
    start_soon: StartSoon,
    stubborn_s: float = STUBBORN_S,
) -> object:
    """What `work` returns. If the caller is cancelled so is the work, and its end is waited for.

    Raises:
        TimedOut: it took longer, and was cancelled. If it has not ended `stubborn_s` later it goes
            on by itself, and what comes of it is nobody's.
        BaseException: whatever `work` raises.
    """
    attempt = _Attempt(work)
    start_soon(attempt.run)
    try:
        with anyio.move_on_after(limit_s):
            await attempt.ended.wait()
            return attempt.result()
    except BaseException as error:
        if is_cancellation(error):
            attempt.scope.cancel()
            with anyio.CancelScope(shield=True):
                await attempt.ended.wait()
        raise
    if attempt.ended.is_set():
        return attempt.result()
    attempt.scope.cancel()
    with anyio.move_on_after(stubborn_s):
        await attempt.ended.wait()
    if not attempt.ended.is_set():
        _log.error("a tool goes on although its time is over; it is left to end by itself")
    raise TimedOut


class _Attempt:
    def __init__(self, work: Callable[[], Awaitable[object]]) -> None:
        self._work = work
        self._value: object = None
        self._error: BaseException | None = None
        self.scope = anyio.CancelScope()
        self.ended = anyio.Event()

    async def run(self) -> None:
        try:
            with self.scope:
                self._value = await self._work()
        except BaseException as error:
            self._error = error
            if is_cancellation(error):
                raise
        finally:
            self.ended.set()

    def result(self) -> Any:
        if self._error is not None:
            raise self._error
        return self._value
