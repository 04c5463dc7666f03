"""No effect begins while it is not sure that this process still holds the writer lease.

A process that was suspended wakes up with effects that it was about to perform. Another process
may have taken the store over meanwhile, and have settled them. What this one records is refused
by the store; but what it does in the world nobody can refuse. So effects wait while the term is
over by the clock: until the renewal is on the log, or is refused and they are cancelled.
"""

from collections.abc import Awaitable, Callable

import anyio

from mentra_actors.domain.lease import LeaseAcquired, LeaseRenewed
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order, Performer
from mentra_actors.envelope import RecordedEvent

__all__ = ["LeaseTerm"]


class LeaseTerm:
    """How long this process may act, as far as the log says it. `note`: from any thread."""

    def __init__(
        self, clock: Clock, post: Callable[[Callable[[], None]], None], *, until: float
    ) -> None:
        """`post` runs a call on the effects loop; `until` is in Unix seconds."""
        self._clock = clock
        self._post = post
        self._until = until
        self._renewed: anyio.Event | None = None

    def note(self, recorded: tuple[RecordedEvent[object], ...]) -> None:
        """Look for a renewal in what was recorded. Never blocks."""
        for one in recorded:
            if isinstance(one.event, LeaseAcquired | LeaseRenewed):
                self._until = max(self._until, one.event.expires_at)
                self._post(self._wake)

    def guarded(self, performer: Performer) -> Performer:
        """`performer`, which begins only while the lease is sure."""

        async def perform_later(order: Order) -> object:
            await self._sure()
            return await performer(order)

        def perform(order: Order) -> Awaitable[object]:
            is_sure = self._clock.now() < self._until
            return performer(order) if is_sure else perform_later(order)

        return perform

    async def _sure(self) -> None:
        """Return when the term runs. On the loop."""
        while self._clock.now() >= self._until:
            self._renewed = self._renewed or anyio.Event()
            await self._renewed.wait()

    def _wake(self) -> None:
        renewed, self._renewed = self._renewed, None
        if renewed is not None:
            renewed.set()
