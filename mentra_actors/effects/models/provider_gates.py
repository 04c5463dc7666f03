"""Where model calls wait for their turn when a provider has limits."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import anyio

from mentra_actors.effects.ports import Clock
from mentra_actors.errors import ProviderError
from mentra_actors.providers.limits import ProviderLimits, RateBudget

__all__ = ["Admission", "ProviderGates"]

_TOO_MANY_REQUESTS = 429


class Admission:
    """A call that may be made. Say what became of it; `queued_s` is how long it has waited."""

    def __init__(self, gate: "_Gate | None" = None, queued_s: float = 0.0) -> None:
        self._gate = gate
        self.queued_s = queued_s
        self.used_tokens = 0
        """What the answer has used, as far as it is known."""

    def failed(self, error: ProviderError) -> None:
        """The call failed; a provider that asks everybody to wait is left alone."""
        is_overloaded = error.status == _TOO_MANY_REQUESTS and error.transient
        if self._gate is not None and is_overloaded and error.retry_after_s is not None:
            self._gate.pause(error.retry_after_s)


class ProviderGates:
    """The gates of all providers that have limits. Used on the effects loop only.

    Calls are let in by their order. Whoever is cancelled leaves the queue, and holds up nobody.
    What a process has used is forgotten when it ends.
    """

    def __init__(self, limits: Mapping[str, ProviderLimits], clock: Clock) -> None:
        self._gates = {name: _Gate(one, clock) for name, one in limits.items()}

    @asynccontextmanager
    async def admitted(self, provider: str, tokens: Callable[[], int]) -> AsyncIterator[Admission]:
        """Wait for the turn of a call, and hold its place until the block is left.

        `tokens` estimates those of its request; it is asked only where they are limited.
        """
        gate = self._gates.get(provider)
        if gate is None:
            yield Admission()
            return
        count = tokens() if gate.limits.tokens_per_minute is not None else 0
        admission = Admission(gate, await gate.enter(count))
        try:
            yield admission
        finally:
            gate.leave(count, admission.used_tokens)


class _Gate:
    """One provider: a queue at its door, and what may go on behind it."""

    def __init__(self, limits: ProviderLimits, clock: Clock) -> None:
        self.limits = limits
        self._clock = clock
        self._budget = RateBudget(limits, clock.now())
        self._turn = anyio.Lock()
        """Held by the first in the queue; the others are let in by their order."""
        self._left = anyio.Event()

    async def enter(self, tokens: int) -> float:
        """Wait until a call may begin, and begin it; how many seconds that took."""
        came_at = self._clock.now()
        async with self._turn:
            while not self._budget.has_slot:
                self._left = anyio.Event()
                await self._left.wait()
            while (at := self._budget.ready_at(self._clock.now(), tokens)) > self._clock.now():
                await self._clock.sleep_until(at)
            now = self._clock.now()
            self._budget.begin(now, tokens)
            return max(now - came_at, 0.0)

    def leave(self, tokens: int, used_tokens: int) -> None:
        """A call has ended."""
        self._budget.end(self._clock.now(), tokens, used_tokens)
        self._left.set()

    def pause(self, seconds: float) -> None:
        """Let nobody in for so long."""
        self._budget.pause(self._clock.now(), seconds)
