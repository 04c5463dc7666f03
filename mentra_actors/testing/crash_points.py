"""Places at which a process kills itself, so that a test can try every one of them.

A crash point is written `append:17:before`. There are four kinds of places:

* `append:N:before`: the Nth append is decided but not handed to the store;
* `append:N:after`: it is durable, and nobody has heard of it;
* `effect:N:before`: the Nth effect is about to touch the world;
* `effect:N:after`: it has touched the world, and its outcome is not recorded.

N counts from 1 in each process. The process dies of a real SIGKILL: no handler runs, no buffer is
flushed, no lock is released by hand.
"""

import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from mentra_actors.domain.timer import WaitUntil
from mentra_actors.effects.runner import Order, Performer
from mentra_actors.errors import StoreError
from mentra_actors.store.ports import Appended, AppendRequest, EventStore, OnAppended

__all__ = ["CrashPoint", "CrashPoints"]


class CrashPoint(msgspec.Struct, frozen=True):
    """One place; `number` 0 is never reached and serves to count the others."""

    place: Literal["append", "effect"]
    number: int
    when: Literal["before", "after"]

    def __str__(self) -> str:
        return f"{self.place}:{self.number}:{self.when}"

    @classmethod
    def parse(cls, text: str) -> "CrashPoint":
        """The point that was written like this.

        Raises:
            ValueError: it was not.
        """
        words = text.split(":")
        try:
            place, number, when = words
            fields = {"place": place, "number": int(number), "when": when}
            return msgspec.convert(fields, cls, strict=True)
        except ValueError as error:
            said = f"{text!r} is no place to crash: write append:7:before, or effect:2:after"
            raise ValueError(said) from error


class CrashPoints:
    """Counts appends and effects of this process, and kills it at one of them.

    Pass `wrap_store` and `wrap_effects` to `open_runtime`.
    """

    def __init__(
        self, point: CrashPoint | None = None, die: Callable[[], None] | None = None
    ) -> None:
        self._point = point
        self._die = die or _kill_this_process
        self._lock = threading.Lock()
        self.counted = {"append": 0, "effect": 0}

    def wrap_store(self, store: EventStore) -> EventStore:
        """A store that dies at the chosen append."""
        wrapped: Any = _CountedStore(store, self)
        return wrapped  # type: ignore[no-any-return]

    def wrap_effects(self, perform: Performer) -> Performer:
        """A performer that dies at the chosen effect."""

        async def counted(order: Order) -> object:
            if isinstance(order.effect, WaitUntil):
                return await perform(order)  # a timer touches nothing
            number = self.next("effect")
            self.reached("effect", number, "before")
            outcome = await perform(order)
            self.reached("effect", number, "after")
            return outcome

        return counted

    def next(self, place: Literal["append", "effect"]) -> int:
        """Number of the append or effect that begins now."""
        with self._lock:
            self.counted[place] += 1
            return self.counted[place]

    def reached(self, place: str, number: int, when: str) -> None:
        """Die if this is the place."""
        point = self._point
        if point is not None and (place, number, when) == (point.place, point.number, point.when):
            self._die()


class _CountedStore:
    """Everything is the inner store's, but `submit` counts."""

    def __init__(self, inner: EventStore, points: CrashPoints) -> None:
        self._inner = inner
        self._points = points

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """See `EventStore.submit`."""
        if not request.streams:
            self._inner.submit(request, on_appended)
            return
        number = self._points.next("append")
        self._points.reached("append", number, "before")

        def on_durable(result: Appended | StoreError) -> None:
            self._points.reached("append", number, "after")
            on_appended(result)

        self._inner.submit(request, on_durable)


def _kill_this_process() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    threading.Event().wait()  # the signal is on its way
