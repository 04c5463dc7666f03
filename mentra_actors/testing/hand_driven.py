"""Actors without threads: a test gives the turns, fires the timers and performs the effects.

    system = HandDriven(FailingStore(MemoryEventStore()))
    answers = system.send(stream_id, command)
    system.settle()
    assert answers == [Accepted(...)]

Everything runs on the calling thread, so an interleaving is a list of calls and can be repeated.
"""

from collections import deque
from collections.abc import Callable, Mapping

from mentra_actors.actors.directory import Directory
from mentra_actors.actors.dispatcher import DispatchedActor
from mentra_actors.actors.messages import Answer, Envelope
from mentra_actors.actors.restart_policy import RestartPolicy, Teammates
from mentra_actors.actors.stream_services import AnyStreamKind, StreamServices
from mentra_actors.codec.event_codec import CODEC, EventCodec
from mentra_actors.effects.runner import Order
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import ActorQuarantined, Fenced
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.runtime.kinds import stream_kinds
from mentra_actors.runtime.teams.supervised import loaded_supervision
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore, Fence
from mentra_actors.testing.manual_clock import ManualClock

__all__ = ["HandDispatcher", "HandDriven", "HandEffects"]

MANY_STEPS = 10_000


class HandDispatcher:
    """Gives turns when it is told to. See `TurnGiver` and `TurnGivers`."""

    def __init__(self) -> None:
        self.ready: deque[DispatchedActor] = deque()

    def for_stream(self, _stream_id: str) -> "HandDispatcher":
        """Itself, for every stream."""
        return self

    def schedule(self, actor: DispatchedActor) -> None:
        """Remember that the actor wants a turn."""
        self.ready.append(actor)

    def turn(self) -> bool:
        """Give the actor that has waited longest its turn; False if none waits."""
        if not self.ready:
            return False
        actor = self.ready.popleft()
        if actor.take_turn():
            self.ready.append(actor)
        return True

    def run(self) -> None:
        """Give turns until nobody wants one.

        Raises:
            RuntimeError: somebody always does.
        """
        for _ in range(MANY_STEPS):
            if not self.turn():
                return
        raise RuntimeError(f"actors still want turns after {MANY_STEPS} of them")


class HandEffects:
    """Performs nothing: it knows what is in flight, and a test sends the outcomes.

    `left` is what an earlier process has left of effects, for agents that wake later.
    """

    def __init__(self) -> None:
        self.started: list[Order] = []
        self.cancelled: list[tuple[StreamId, EffectId]] = []
        self.running: dict[tuple[StreamId, EffectId], Order] = {}
        self.left: dict[StreamId, Mapping[EffectId, object]] = {}
        self.on_started: Callable[[Order], None] = lambda _order: None

    def ensure_started(
        self, stream_id: StreamId, effect_id: EffectId, effect: object, view: object
    ) -> None:
        """See `Effects.ensure_started`."""
        if (stream_id, effect_id) in self.running:
            return
        order = Order(stream_id, effect_id, effect, view)
        self.running[stream_id, effect_id] = order
        self.started.append(order)
        self.on_started(order)

    def cancel(self, stream_id: StreamId, effect_id: EffectId) -> None:
        """See `Effects.cancel`."""
        self.cancelled.append((stream_id, effect_id))
        self.running.pop((stream_id, effect_id), None)

    def in_flight(self, stream_id: StreamId) -> frozenset[EffectId]:
        """See `Effects.in_flight`."""
        return frozenset(effect_id for owner, effect_id in self.running if owner == stream_id)


class HandDriven:
    """The real directory and actors of one process, on a store, driven by hand."""

    def __init__(  # noqa: PLR0913 - what a process may be begun with
        self,
        store: EventStore,
        *,
        kinds: Mapping[str, AnyStreamKind] | None = None,
        policy: RestartPolicy | None = None,
        fence: Fence | None = None,
        mailbox_bound: int = 10_000,
        codec: EventCodec = CODEC,
        team_of: Callable[[StreamId], Teammates | None] = lambda _stream_id: None,
    ) -> None:
        """`kinds` are those that differ from the usual ones."""
        self.store = store
        self.journal = Journal(store, codec)
        self.clock = ManualClock()
        self.effects = HandEffects()
        self.dispatcher = HandDispatcher()
        self.timers: deque[Callable[[], None]] = deque()
        self.published: list[RecordedEvent[object]] = []
        self.fenced: list[Fenced] = []
        self.quarantined: list[ActorQuarantined] = []
        self.directory = Directory(
            {**stream_kinds(store, self.journal), **(kinds or {})},
            self.dispatcher,
            lambda _delay_s, call: self.timers.append(call),
            policy=policy,
            on_fenced=self.fenced.append,
            on_quarantined=self.quarantined.append,
            team_of=team_of,
        )
        supervision = loaded_supervision(store, self.journal)
        self.directory.connect(self._services(fence, mailbox_bound), supervision)

    def _services(self, fence: Fence | None, mailbox_bound: int) -> StreamServices:
        return StreamServices(
            store=self.store,
            journal=self.journal,
            effects=self.effects,
            feed=self,
            clock=self.clock,
            neighbours=self.directory,
            fence=lambda: fence,
            partials=lambda stream_id: self.effects.left.get(stream_id, {}),
            mailbox_bound=mailbox_bound,
        )

    def publish(self, recorded: tuple[RecordedEvent[object], ...]) -> None:
        """See `Feed.publish`."""
        self.published.extend(recorded)
        self.directory.follow(recorded)

    def send(
        self, stream_id: StreamId, command: object, *, is_outcome: bool = False
    ) -> list[Answer]:
        """Send a command; the list gets its answer when there is one."""
        answers: list[Answer] = []
        self.directory.send(
            stream_id, Envelope(command, answers.append, causation="test", is_outcome=is_outcome)
        )
        return answers

    def fire_timer(self) -> bool:
        """Let the oldest timer ring; False if there is none."""
        if not self.timers:
            return False
        self.timers.popleft()()
        return True

    def settle(self, *, timers: bool = False) -> None:
        """Give turns, and if asked let timers ring, until nothing moves any more.

        Raises:
            RuntimeError: something always does.
        """
        for _ in range(MANY_STEPS):
            self.dispatcher.run()
            if not (timers and self.fire_timer()):
                return
        raise RuntimeError(f"timers still ring after {MANY_STEPS} of them")

    def close(self) -> None:
        """Stop all actors, so that none is left in pykka's registry."""
        self.directory.close(0.0)
        self.dispatcher.run()
