"""Performs effects on the loop, each once at a time, until its outcome is recorded.

An effect is in flight from `ensure_started` until the command with its outcome was answered. If
the outcome cannot be recorded (a full disk) it is kept and sent again; only the end of the
process loses it, and then the log still says that the effect is open.
"""

import logging
import threading
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias

import anyio

from mentra_actors.effects.causation import causation_of, note_performed
from mentra_actors.effects.loop import EffectLoop, is_cancellation
from mentra_actors.effects.ports import SendOutcome
from mentra_actors.errors import ActorQuarantined, CommandRejected, Fenced, RuntimeClosed
from mentra_actors.ids import EffectId, StreamId

__all__ = ["EffectRunner", "Order", "Performer"]

_log = logging.getLogger(__name__)

_FOR_GOOD = (CommandRejected, RuntimeClosed, Fenced)

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

    def __call__(self, order: Order) -> Awaitable[object]:
        """Do it and return the outcome command. What the world refuses is an outcome too.

        Called on the loop; cancelled when nobody waits for the outcome any more.
        """
        ...


@dataclass(slots=True, eq=False)
class _Flight:
    kind: type[object]
    order: Order
    scope: anyio.CancelScope | None = None
    is_performed: bool = False
    is_cancelled: bool = False


_Key: TypeAlias = tuple[StreamId, EffectId]


class EffectRunner:
    """The effects of one process. `ensure_started`, `cancel`, `in_flight`: from any thread."""

    def __init__(
        self,
        loop: EffectLoop,
        performers: Mapping[type[object], Performer],
        send: SendOutcome,
        *,
        capacity: Mapping[type[object], int] | None = None,
    ) -> None:
        """`capacity` is how many effects of a class are performed at once (None: any number)."""
        self._loop = loop
        self._performers = performers
        self._send = send
        self._capacity = dict(capacity or {})
        self._limiters: dict[type[object], anyio.CapacityLimiter] = {}
        self._flights: dict[_Key, _Flight] = {}
        self._by_stream: dict[StreamId, frozenset[EffectId]] = {}
        self._allowed: frozenset[type[object]] | None = None
        """Classes that may still be started; None: all."""
        self._lock = threading.Lock()
        self._landed = threading.Condition(self._lock)

    def ensure_started(
        self, stream_id: StreamId, effect_id: EffectId, effect: object, view: object
    ) -> None:
        """See `Effects.ensure_started`."""
        key = (stream_id, effect_id)
        with self._lock:
            if key in self._flights or not self._allows(type(effect)):
                return
            order = Order(stream_id, effect_id, effect, view)
            flight = self._flights[key] = _Flight(type(effect), order)
            known = self._by_stream.get(stream_id, frozenset())
            self._by_stream[stream_id] = known | {effect_id}
        self._loop.post(lambda: self._loop.start_soon(self._fly, flight))

    def cancel(self, stream_id: StreamId, effect_id: EffectId) -> None:
        """See `Effects.cancel`."""
        with self._lock:
            flight = self._flights.get((stream_id, effect_id))
        if flight is not None and flight.is_performed:
            self._cancel(flight)  # nothing runs on the loop any more
        elif flight is not None:
            self._loop.post(lambda: self._cancel(flight))

    def in_flight(self, stream_id: StreamId) -> frozenset[EffectId]:
        """See `Effects.in_flight`."""
        with self._lock:
            return self._by_stream.get(stream_id, frozenset())

    def count(self) -> int:
        """Effects in flight in all streams."""
        with self._lock:
            return len(self._flights)

    def close(self) -> None:
        """Start nothing any more and cancel what flies, recording nothing: it stays pending."""
        self.allow_only(frozenset())

    def allow_only(self, kinds: frozenset[type[object]]) -> None:
        """From now on perform effects of these classes only; `close` for all the others."""
        with self._lock:
            self._allowed = kinds
            for flight in self._flights.values():
                if flight.kind not in kinds:
                    self._loop.post(lambda flight=flight: self._cancel(flight))  # type: ignore[misc]

    def _allows(self, kind: type[object]) -> bool:
        return self._allowed is None or kind in self._allowed

    def wait_landed(self, timeout_s: float) -> bool:
        """Wait until nothing flies any more; False if that took too long.

        Blocks: not on the loop or an actor thread.
        """
        with self._landed:
            return self._landed.wait_for(lambda: not self._flights, timeout=timeout_s)

    def wait_for_landing(self, stream_id: StreamId, effect_id: EffectId, timeout_s: float) -> bool:
        """`wait_landed` for one effect."""
        key = (stream_id, effect_id)
        with self._landed:
            return self._landed.wait_for(lambda: key not in self._flights, timeout=timeout_s)

    # --- on the loop ----------------------------------------------------------------------

    async def _fly(self, flight: _Flight) -> None:
        """Perform it; the outcome then flies on without a task, until it is recorded."""
        order, outcome = flight.order, None
        is_broken = False
        try:
            if not flight.is_cancelled:
                kind = flight.kind
                note_performed(order.stream_id, order.effect_id)
                with anyio.CancelScope() as flight.scope:
                    async with _Place(self._limiter(kind)):
                        outcome = await self._performers[kind](order)
        except BaseException as error:
            if is_cancellation(error):
                raise  # a bug in one performer must not end the others' work
            # Nobody knows how far it got, so this process does not begin it a second time: it
            # counts as in flight until it is cancelled, or a later owner settles it.
            is_broken = flight.is_performed = True
            _log.exception("%s of %s was not performed", order.effect_id, order.stream_id)
        finally:
            if outcome is None and not is_broken:
                self._land(flight)
        if outcome is not None:
            self._record(flight, outcome, FIRST_RESEND_S)

    def _limiter(self, kind: type[object]) -> anyio.CapacityLimiter | None:
        if kind not in self._capacity:
            return None
        if kind not in self._limiters:
            self._limiters[kind] = anyio.CapacityLimiter(self._capacity[kind])
        return self._limiters[kind]

    def _record(self, flight: _Flight, outcome: object, wait_s: float) -> None:
        """Send the outcome until it is recorded, refused for good, or wanted by nobody."""
        flight.is_performed = True
        order = flight.order

        def on_delivered(error: Exception | None) -> None:
            if error is None or flight.is_cancelled:
                self._land(flight)
            elif _is_for_good(error):
                _log.warning("the outcome of %s is not recorded: %s", order.effect_id, error)
                self._land(flight)
            else:
                _log.warning("the outcome of %s is sent again: %s", order.effect_id, error)
                again = min(wait_s * 2, MAX_RESEND_S)
                self._loop.call_later(wait_s, lambda: self._record(flight, outcome, again))

        if flight.is_cancelled:
            self._land(flight)
            return
        causation = causation_of(order.stream_id, order.effect_id)
        self._send(order.stream_id, outcome, causation, on_delivered)

    def _cancel(self, flight: _Flight) -> None:
        flight.is_cancelled = True
        if flight.is_performed:
            self._land(flight)
        elif flight.scope is not None:
            flight.scope.cancel()

    def _land(self, flight: _Flight) -> None:
        """It flies no more; landing twice is allowed. From any thread."""
        stream_id, effect_id = flight.order.stream_id, flight.order.effect_id
        with self._lock:
            if self._flights.get((stream_id, effect_id)) is not flight:
                return
            del self._flights[stream_id, effect_id]
            left = self._by_stream.get(stream_id, frozenset()) - {effect_id}
            if left:
                self._by_stream[stream_id] = left
            else:
                self._by_stream.pop(stream_id, None)
            self._landed.notify_all()


class _Place:
    """One of the places for effects of a class; without a limiter there are enough.

    Who finds one free goes on at once: to let others run first would be a turn of the loop more.
    """

    def __init__(self, limiter: anyio.CapacityLimiter | None) -> None:
        self._limiter = limiter

    async def __aenter__(self) -> None:
        if self._limiter is None:
            return
        try:
            self._limiter.acquire_nowait()
        except anyio.WouldBlock:
            await self._limiter.acquire()

    async def __aexit__(self, *_error: object) -> None:
        if self._limiter is not None:
            self._limiter.release()


def _is_for_good(error: Exception) -> bool:
    """A stream that is set aside may be lifted; an outcome that is a dead letter has arrived."""
    is_letter = isinstance(error, ActorQuarantined) and bool(error.letter_id)
    return is_letter or isinstance(error, _FOR_GOOD)
