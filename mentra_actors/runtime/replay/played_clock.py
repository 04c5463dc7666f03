"""The clock of a run that is played: it begins when the run did, and goes on from there."""

import time

import anyio

__all__ = ["PlayedClock"]


class PlayedClock:
    """See `Clock`. What was far away when the run was recorded (a deadline) is so again."""

    def __init__(self, began_at: float) -> None:
        """`began_at` is Unix time in seconds."""
        self._ahead_s = began_at - time.monotonic()

    def now(self) -> float:
        """Unix time in seconds, as if the run were going on."""
        return time.monotonic() + self._ahead_s

    async def sleep_until(self, at: float) -> None:
        """Return at `at`; at once if it is past."""
        delay_s = at - self.now()
        if delay_s > 0:
            await anyio.sleep(delay_s)
