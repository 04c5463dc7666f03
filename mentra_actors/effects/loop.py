"""One event loop on a thread of its own, where everything that waits is waited for.

Work comes from other threads through `post`: one queue and one wake-up for any number of calls
made before the loop looks (a wake-up per call costs ten times as much).
"""

import asyncio
import contextlib
import contextvars
import logging
import math
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future, InvalidStateError
from functools import partial
from typing import Any, TypeVar

import anyio
from anyio.abc import TaskGroup
from anyio.from_thread import BlockingPortal, start_blocking_portal

from mentra_actors.errors import RuntimeClosed

__all__ = ["EffectLoop", "is_cancellation"]

T = TypeVar("T")

_log = logging.getLogger(__name__)


STOP_TIMEOUT_S = 10.0


class EffectLoop:
    """An anyio task group that other threads can give work to."""

    def __init__(self) -> None:
        self._portal_manager: Any = None
        self._portal: BlockingPortal | None = None
        self._group: TaskGroup | None = None
        self._posted: deque[Callable[[], None]] = deque()
        self._is_scheduled = False
        self._lock = threading.Lock()
        self._wake: Callable[[Callable[[], None]], object] = lambda _drain: None
        self._thread_id = 0
        self._stop: anyio.Event | None = None
        self._finished: Any = None
        self._submitted: set[Future[Any]] = set()
        """What was asked for and is not done."""

    def start(self) -> None:
        """Start the thread and its loop; returns when it takes work."""
        self._portal_manager = start_blocking_portal("asyncio", name="mentra-effects")
        portal: BlockingPortal = self._portal_manager.__enter__()
        self._portal = portal
        self._finished, _ = portal.start_task(self._main)

    async def _main(self, *, task_status: Any) -> None:
        # In the loop's own context: the poster's may say that it runs on another kind of loop.
        self._wake = partial(
            asyncio.get_running_loop().call_soon_threadsafe, context=contextvars.copy_context()
        )
        self._thread_id = threading.get_ident()
        self._stop = anyio.Event()
        async with anyio.create_task_group() as group:
            self._group = group
            task_status.started()
            self._drain()
            await self._stop.wait()
            group.cancel_scope.cancel()

    def post(self, call: Callable[[], None]) -> None:
        """Run `call` on the loop soon; from any thread, never blocks. After `stop`: nothing."""
        with self._lock:
            self._posted.append(call)
            wake = not self._is_scheduled
            self._is_scheduled = True
        if wake:
            try:
                self._wake(self._drain)
            except RuntimeError:
                _log.debug("the effects loop is closed; %r is not run", call)

    def _drain(self) -> None:
        with self._lock:
            calls = list(self._posted)
            self._posted.clear()
            self._is_scheduled = False
        for call in calls:
            try:
                call()
            except Exception:  # noqa: BLE001 - one bad call must not lose the others
                _log.exception("a call posted to the effects loop raised")

    def start_soon(
        self, work: Callable[..., Coroutine[Any, Any, object]], *arguments: object
    ) -> None:
        """Start a task; on the loop only. Whatever it raises is logged and ends this task only."""
        if self._group is None:
            raise RuntimeError("the effects loop is not running")
        self._group.start_soon(_alone, work, *arguments)

    def call_later(self, delay_s: float, call: Callable[[], None]) -> None:
        """Run `call` on the loop after so many seconds; from any thread. It should not raise."""

        async def later() -> None:
            await anyio.sleep(delay_s)
            call()

        self.post(lambda: self.start_soon(later))

    def run(
        self,
        work: Callable[..., Awaitable[T]],
        *arguments: object,
        timeout_s: float | None = None,
    ) -> T:
        """Run a coroutine function on the loop and wait for it; from other threads only.

        Raises:
            TimeoutError: the loop has not done it in time, as when a tool blocks it; it goes on.
            RuntimeError: the loop is not running.
            RuntimeClosed: the loop has ended before it was done.
        """
        if self._portal is None:
            raise RuntimeError("the effects loop is not running")
        return self.submit(work, *arguments).result(timeout_s)

    def submit(self, work: Callable[..., Awaitable[T]], *arguments: object) -> "Future[T]":
        """Run a coroutine function on the loop; from any thread, never blocks.

        The future fails with `RuntimeClosed` if the loop ends first.
        """
        result: Future[T] = Future()
        result.set_running_or_notify_cancel()

        async def told() -> None:
            try:
                answer = await work(*arguments)
            except BaseException as error:
                if is_cancellation(error):
                    raise  # the loop ends, and says so itself
                self._submitted.discard(result)
                result.set_exception(error)
            else:
                self._submitted.discard(result)
                result.set_result(answer)

        self._submitted.add(result)
        if self._portal is None:
            self._refuse_submitted()
        else:
            self.post(lambda: self.start_soon(told))
        return result

    def _refuse_submitted(self) -> None:
        """Nobody waits for ever for what will not be done any more."""
        while self._submitted:
            with contextlib.suppress(KeyError, InvalidStateError):
                self._submitted.pop().set_exception(RuntimeClosed("the runtime is closed"))

    def is_current(self) -> bool:
        """True on the loop's own thread, where nothing may block."""
        return threading.get_ident() == self._thread_id

    def stop(self) -> None:
        """Cancel all tasks, wait for their end, and end the thread."""
        if self._portal is None or self._stop is None:
            return
        self.post(self._stop.set)
        try:
            self._finished.result(STOP_TIMEOUT_S)
        except TimeoutError:  # a tool that swallows its cancellation, or blocks the loop
            _log.error("the effects loop did not end within %.0f s; left behind", STOP_TIMEOUT_S)
            self._portal = None
            self._refuse_submitted()
            self._finished.add_done_callback(self._leave_later)
            return
        except BaseException:
            self._leave()
            raise
        self._leave()

    def _leave(self) -> None:
        self._portal = None
        self._refuse_submitted()
        self._portal_manager.__exit__(None, None, None)

    def _leave_later(self, _finished: object) -> None:
        """End the thread when the loop that was left behind has ended; it cannot do so itself."""
        threading.Thread(target=self._leave, name="mentra-loop-end", daemon=True).start()


def is_cancellation(error: BaseException) -> bool:
    """True if `error` ends this task because its scope was cancelled.

    A task can also be hit by a cancellation that is not its own: one that a tool raised, or that
    came out of something cancelled that it awaited. In a task group that would end all the others.
    """
    is_cancelled = isinstance(error, anyio.get_cancelled_exc_class())
    return is_cancelled and anyio.current_effective_deadline() == -math.inf


async def _alone(work: Callable[..., Coroutine[Any, Any, object]], *arguments: object) -> None:
    try:
        await work(*arguments)
    except BaseException as error:
        if is_cancellation(error):
            raise
        _log.exception("a task of the effects loop raised")
