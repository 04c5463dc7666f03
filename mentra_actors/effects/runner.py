"""Performs effects on the loop, each once at a time, until its outcome is recorded.

An effect is in flight from `ensure_started` until the command with its outcome was answered. If
the outcome cannot be recorded (a full disk) it is kept and sent again; only the end of the
process loses it, and then the log still says that the effect is open.
"""

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import anyio

from mentra_actors.effects.loop import EffectLoop, is_cancellation
from mentra_actors.effects.ports import SendOutcome
from mentra_actors.errors import ActorQuarantined, CommandRejected, Fenced, RuntimeClosed
from mentra_actors.ids import EffectId, StreamId

__all__ = ["EffectRunner", "Order", "Performer"]

_log = logging.getLogger(__name__)

FIRST_RESEND_S = 0.1
MAX_RESEND_S = 5.0


@dataclass(frozen=True, slots=True)
class Order:
    """One effect to perform, and what came with it."""

    stream_id: StreamId
    effect_id: EffectId
    effect: Any
    view: Any


class Performer(Protocol):
    """Performs one kind of effect."""

    async def __call__(self, order: Order) -> Any:
        """Do it and return the outcome command. What the world refuses is an outcome too.

        Called on the loop; cancelled when nobody waits for the outcome any more.
        """
        ...


@dataclass(slots=True, eq=False)
class _Flight:
    kind: type[Any]
    scope: anyio.CancelScope | None = None
    is_cancelled: bool = False


_Key: TypeAlias = tuple[StreamId, EffectId]


class EffectRunner:
    """The effects of one process. `ensure_started`, `cancel`, `in_flight`: from any thread."""

    def __init__(
        self,
        loop: EffectLoop,
        performers: Mapping[type[Any], Performer],
        send: SendOutcome,
        *,
        capacity: Mapping[type[Any], int] | None = None,
    ) -> None:
        """`capacity` is how many effects of a class are performed at once (None: any number)."""
        self._loop = loop
        self._performers = performers
        self._send = send
        self._capacity = dict(capacity or {})
        self._limiters: dict[type[Any], anyio.CapacityLimiter] = {}
        self._flights: dict[_Key, _Flight] = {}
        self._by_stream: dict[StreamId, frozenset[EffectId]] = {}
        self._is_closed = False
        self._lock = threading.Lock()
        self._landed = threading.Condition(self._lock)

    def ensure_started(
        self, stream_id: StreamId, effect_id: EffectId, effect: Any, view: Any
    ) -> None:
        """See `Effects.ensure_started`."""
        key = (stream_id, effect_id)
        with self._lock:
            if self._is_closed or key in self._flights:
                return
            flight = self._flights[key] = _Flight(type(effect))
            known = self._by_stream.get(stream_id, frozenset())
            self._by_stream[stream_id] = known | {effect_id}
        order = Order(stream_id, effect_id, effect, view)
        self._loop.post(lambda: self._loop.start_soon(self._fly, order, flight))

    def cancel(self, stream_id: StreamId, effect_id: EffectId) -> None:
        """See `Effects.cancel`."""
        with self._lock:
            flight = self._flights.get((stream_id, effect_id))
        if flight is not None:
            self._loop.post(lambda: _cancel(flight))

    def in_flight(self, stream_id: StreamId) -> frozenset[EffectId]:
        """See `Effects.in_flight`."""
        with self._lock:
            return self._by_stream.get(stream_id, frozenset())

    def count(self) -> int:
        """Effects in flight in all streams."""
        with self._lock:
            return len(self._flights)

    def close(self, *, finish: frozenset[type[Any]] = frozenset(), grace_s: float = 0.0) -> None:
        """Start nothing any more and cancel what flies, recording nothing: it stays pending.

        Effects of the classes in `finish` get up to `grace_s` seconds to end and be recorded; the
        call blocks for so long. Not on the loop or an actor thread, unless `grace_s` is 0.
        """
        with self._landed:
            self._is_closed = True
            self._cancel_all_but(finish)
            self._landed.wait_for(lambda: not self._flying(finish), timeout=grace_s)
            self._cancel_all_but(frozenset())

    def _flying(self, kinds: frozenset[type[Any]]) -> list[_Flight]:
        return [flight for flight in self._flights.values() if flight.kind in kinds]

    def _cancel_all_but(self, kinds: frozenset[type[Any]]) -> None:
        for flight in self._flights.values():
            if flight.kind not in kinds:
                self._loop.post(lambda flight=flight: _cancel(flight))  # type: ignore[misc]

    # --- on the loop ----------------------------------------------------------------------

    async def _fly(self, order: Order, flight: _Flight) -> None:
        try:
            if flight.is_cancelled:
                return
            with anyio.CancelScope() as flight.scope:
                command = await self._perform(order)
                await self._record(order, command)
        except BaseException as error:
            if is_cancellation(error):
                raise  # a bug in one performer must not end the others' work
            _log.exception("%s of %s was not performed", order.effect_id, order.stream_id)
        finally:
            self._land(order)

    async def _perform(self, order: Order) -> Any:
        kind = type(order.effect)
        limiter = self._limiter(kind)
        if limiter is None:
            return await self._performers[kind](order)
        async with limiter:
            return await self._performers[kind](order)

    def _limiter(self, kind: type[Any]) -> anyio.CapacityLimiter | None:
        if kind not in self._capacity:
            return None
        if kind not in self._limiters:
            self._limiters[kind] = anyio.CapacityLimiter(self._capacity[kind])
        return self._limiters[kind]

    async def _record(self, order: Order, command: Any) -> None:
        """Send the outcome until it is recorded or refused for good."""
        wait_s = FIRST_RESEND_S
        while error := await self._sent(order, command):
            if isinstance(error, CommandRejected | RuntimeClosed | ActorQuarantined | Fenced):
                _log.warning("the outcome of %s is not recorded: %s", order.effect_id, error)
                return
            _log.warning("the outcome of %s is sent again: %s", order.effect_id, error)
            await anyio.sleep(wait_s)
            wait_s = min(wait_s * 2, MAX_RESEND_S)

    async def _sent(self, order: Order, command: Any) -> Exception | None:
        answered = anyio.Event()
        errors: list[Exception | None] = []

        def on_delivered(error: Exception | None) -> None:
            errors.append(error)
            self._loop.post(answered.set)

        causation = f"{order.stream_id}/{order.effect_id}"
        self._send(order.stream_id, command, causation, on_delivered)
        await answered.wait()
        return errors[0]

    def _land(self, order: Order) -> None:
        with self._lock:
            self._flights.pop((order.stream_id, order.effect_id), None)
            left = self._by_stream.get(order.stream_id, frozenset()) - {order.effect_id}
            if left:
                self._by_stream[order.stream_id] = left
            else:
                self._by_stream.pop(order.stream_id, None)
            self._landed.notify_all()


def _cancel(flight: _Flight) -> None:
    flight.is_cancelled = True
    if flight.scope is not None:
        flight.scope.cancel()
