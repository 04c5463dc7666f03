"""A clock that stands still until a test moves it."""

import threading
from collections.abc import Callable

import anyio

from mentra_actors.runtime.awaiting import thread_safe_call

__all__ = ["ManualClock"]

SAME_MOMENT_S = 1e-6


class ManualClock:
    """See `Clock`. Nobody waits in real time: sleepers wake when `advance` passes their moment.

    Safe from any thread; sleepers may sleep on any event loop that anyio knows.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self._now = now
        self._sleepers: dict[anyio.Event, tuple[float, Callable[[], None]]] = {}
        self._changed = threading.Condition()

    def now(self) -> float:
        """Unix time in seconds, as the test has set it."""
        with self._changed:
            return self._now

    def advance(self, seconds: float) -> None:
        """Move on, and wake everybody whose moment has come.

        Raises:
            ValueError: `seconds` is negative; time does not run backwards.
        """
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        with self._changed:
            self._now += seconds
            due = [wake for at, wake in self._sleepers.values() if at <= self._now]
        for wake in due:
            wake()

    async def sleep_until(self, at: float) -> None:
        """Return when the clock shows `at` (Unix seconds), at once if it does."""
        woken = anyio.Event()
        call = thread_safe_call()
        with self._changed:
            if at <= self._now:
                return
            self._sleepers[woken] = (at, lambda: call(woken.set))
            self._changed.notify_all()
        try:
            await woken.wait()
        finally:
            with self._changed:
                del self._sleepers[woken]
                self._changed.notify_all()

    def sleeping(self) -> tuple[float, ...]:
        """Until when the present sleepers sleep, earliest first."""
        with self._changed:
            return self._wake_times()

    def wait_for_sleeper(self, at: float, *, timeout_s: float = 10.0) -> None:
        """Block until somebody sleeps until `at`. Never call it on an event loop.

        Raises:
            TimeoutError: nobody did; the message says who sleeps until when.
        """
        with self._changed:
            found = self._changed.wait_for(
                lambda: any(abs(time - at) < SAME_MOMENT_S for time in self._wake_times()),
                timeout_s,
            )
            if not found:
                raise TimeoutError(f"nobody sleeps until {at}; sleepers: {self._wake_times()}")

    def _wake_times(self) -> tuple[float, ...]:
        return tuple(sorted(at for at, _ in self._sleepers.values()))
