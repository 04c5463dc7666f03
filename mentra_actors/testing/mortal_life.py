"""One life of a process that may die, played inside of the test's own process.

Nothing is killed: from the moment of death the store takes no more from this life, no effect
begins, and what had been done is never recorded. `mentra_actors.testing.crash_points` kills real
processes at the same places; this is some hundred times faster and needs no fork.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import msgspec

from mentra_actors.domain.agent.commands import RecordToolOutcome
from mentra_actors.domain.agent.decide import AGENT
from mentra_actors.domain.agent.effects import CompensateCall, RunTool
from mentra_actors.domain.agent.events import ToolCallFinished
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.effects.runner import Order, Performer
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import StoreClosed, StoreError
from mentra_actors.ids import EffectId, StreamId, category_of
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import Appended, AppendRequest, EventStore, OnAppended, Tick
from mentra_actors.testing.crash_points import CrashPoint

__all__ = ["MortalLife", "ToolRun", "World", "dying_quietly"]


@contextmanager
def dying_quietly() -> Iterator[None]:
    """A life that dies complains in the log; that is no news."""
    logger = logging.getLogger("mentra_actors")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class ToolRun(msgspec.Struct, frozen=True):
    """A tool that touched the world. `key` is the idempotency key of its call.

    `answer` is what it said, None as long as it has said nothing.
    """

    stream_id: StreamId
    key: str
    tool: str
    retry: str
    answer: str | None = None


class World:
    """What outlives a process: the store, and what tools have done. Safe from any thread."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.journal = Journal(store)
        self.runs: list[ToolRun] = []
        self.faults: list[str] = []
        """What was seen to be wrong while it happened."""
        self.deaths: list[tuple[int, str]] = []
        """After which position of the log a life ended, and at which place."""
        self._lock = threading.Lock()

    def everything(self) -> list[RecordedEvent[object]]:
        """The whole journal."""
        return list(self.journal.through())

    def note_death(self, place: str) -> None:
        """A life has ended."""
        self.deaths.append((self.store.last_position(), place))

    def note_run(self, run: ToolRun) -> int:
        """A tool begins to run; the number of this run."""
        with self._lock:
            self.runs.append(run)
            return len(self.runs) - 1

    def note_answer(self, number: int, answer: str) -> None:
        """What the tool has said in that run."""
        with self._lock:
            self.runs[number] = msgspec.structs.replace(self.runs[number], answer=answer)

    def note_fault(self, fault: str) -> None:
        """A guarantee was seen broken."""
        with self._lock:
            self.faults.append(fault)

    def asked_for(self, stream_id: StreamId) -> set[EffectId]:
        """Every effect that the log of an agent has ever asked for."""
        state, asked = AGENT.initial, set[EffectId]()
        for one in self.journal.read_stream(stream_id):
            state = AGENT.fold([one.event], state)
            asked.update(AGENT.pending(state))
        return asked

    def is_finished(self, stream_id: StreamId, key: EffectId) -> bool:
        """True if the log has the result of a call."""
        return any(
            isinstance(one.event, ToolCallFinished) and one.event.key == key
            for one in self.journal.read_stream(stream_id)
        )


class MortalLife:
    """Counts the appends and effects of one life, and ends it at `point` (None: never).

    Pass `wrap_store` and `wrap_effects` to `open_runtime`. On the threads of the runtime.
    """

    def __init__(
        self, world: World, point: CrashPoint | None, *, retry_of: Callable[[str], str]
    ) -> None:
        self.world = world
        self.point = point
        self.died = threading.Event()
        self.changed = threading.Event()
        """Set when it dies, and when its scenario has ended."""
        self.has_ended = False
        self.result: object = None
        """What the scenario has returned."""
        self.close: Callable[[], None] = lambda: None
        """Clears the runtime away."""
        self.counted = {"append": 0, "effect": 0}
        self.in_flight: AppendRequest | None = None
        """The append that was about to be written when it died."""
        self.heard: list[RecordedEvent[object]] = []
        """What subscribers were told, which is durable."""
        self._retry_of = retry_of
        self._lock = threading.Lock()

    def hear(self, recorded: tuple[RecordedEvent[object], ...]) -> None:
        """Subscriber of the feed. On the writer thread."""
        self.heard.extend(recorded)

    def wrap_store(self, _store: EventStore) -> EventStore:
        """The store of the world, as long as this life lasts."""
        wrapped: Any = _MortalStore(self)
        return wrapped  # type: ignore[no-any-return]

    def wrap_effects(self, perform: Performer) -> Performer:
        """A performer that ends with this life."""

        async def performed(order: Order) -> object:
            if isinstance(order.effect, WaitUntil):
                return await perform(order)
            number = self._next("effect")
            self._look_before(order)
            await self._survive("effect", number, "before")
            run = self._noted(order)
            outcome = await perform(order)
            if run is not None and isinstance(outcome, RecordToolOutcome):
                self.world.note_answer(run, outcome.outcome.content)
            await self._survive("effect", number, "after")
            return outcome

        return performed

    async def _survive(self, place: str, number: int, when: str) -> None:
        if self.is_over(place, number, when):
            await anyio.sleep_forever()  # until the dead runtime is cleared away

    def is_over(self, place: str, number: int, when: str) -> bool:
        """True from the place of death on."""
        point = self.point
        if point is not None and (place, number, when) == (point.place, point.number, point.when):
            self.died.set()
            self.changed.set()
        return self.died.is_set()

    def next_append(self) -> int:
        """Number of the append that begins now."""
        return self._next("append")

    def _next(self, place: str) -> int:
        with self._lock:
            self.counted[place] += 1
            return self.counted[place]

    def _look_before(self, order: Order) -> None:
        """An effect starts only when what asks for it is durable."""
        if self.died.is_set() or category_of(order.stream_id) != "agent":
            return
        if order.effect_id not in self.world.asked_for(order.stream_id):
            self.world.note_fault(
                f"1. {order.effect_id} of {order.stream_id} starts, and nobody asks for it"
            )

    def _noted(self, order: Order) -> int | None:
        """The number of the run, if the effect is one of a tool."""
        effect = order.effect
        if isinstance(effect, RunTool):
            key, retry = effect.idempotency_key, self._retry_of(effect.tool)
            if self.world.is_finished(order.stream_id, effect.key):
                self.world.note_fault(f"3. {effect.key} of {order.stream_id} runs after its end")
        elif isinstance(effect, CompensateCall):
            key, retry = f"{effect.idempotency_key}/undo", "idempotent"
        else:
            return None
        return self.world.note_run(ToolRun(order.stream_id, key, effect.tool, retry))


class _MortalStore:
    """The world's store for one life: it outlives its `close`, and takes nothing from the dead."""

    def __init__(self, life: MortalLife) -> None:
        self._life = life
        self._inner = life.world.store

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def submit(self, request: AppendRequest, on_appended: OnAppended) -> None:
        """See `EventStore.submit`."""
        life = self._life
        if not request.streams:
            self._inner.submit(request, on_appended)
            return
        number = life.next_append()
        was_alive = not life.died.is_set()
        if life.is_over("append", number, "before"):
            if was_alive:
                life.in_flight = request
            on_appended(_dead())
            return

        def on_durable(result: Appended | StoreError) -> None:
            is_over = life.is_over("append", number, "after")
            on_appended(_dead() if is_over else result)

        self._inner.submit(request, on_durable)

    def append(self, request: AppendRequest) -> Appended:
        """See `EventStore.append`; leases are taken with it, which no crash point counts."""
        if self._life.died.is_set():
            raise _dead()
        return self._inner.append(request)

    def save_tick(self, tick: Tick, *, drop_below: int = 0) -> None:
        """See `EventStore.save_tick`."""
        if not self._life.died.is_set():
            self._inner.save_tick(tick, drop_below=drop_below)

    def close(self) -> None:
        """The world goes on."""


def _dead() -> StoreClosed:
    return StoreClosed("this life of the process has ended")
