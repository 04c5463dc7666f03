"""The real clock."""

import time

import anyio

__all__ = ["SystemClock"]


class SystemClock:
    """Time of this machine; see `Clock`."""

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time()

    async def sleep_until(self, at: float) -> None:
        """Return at `at`; at once if it is past."""
        delay_s = at - time.time()
        if delay_s > 0:
            await anyio.sleep(delay_s)
