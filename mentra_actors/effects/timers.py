"""Performs wake-ups."""

from typing import Any

from mentra_actors.domain.lease import RenewLease
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.effects.ports import Clock
from mentra_actors.effects.runner import Order

__all__ = ["Timers"]


class Timers:
    """The performer of `WaitUntil`. A timer whose time is past fires at once."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def __call__(self, order: Order) -> Any:
        """See `Performer`."""
        effect: WaitUntil = order.effect
        await self._clock.sleep_until(effect.at)
        wish, _, argument = effect.then.partition(":")
        if wish != "renew-lease":
            raise ValueError(f"no command for the timer {effect.then!r}")
        return RenewLease(epoch=int(argument), now=self._clock.now())
