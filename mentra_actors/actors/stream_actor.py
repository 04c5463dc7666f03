"""The actor that owns one stream: the thread shell of a decider.

A command is decided on the newest state and its events are handed to the writer at once; the
actor goes on with the next command without waiting. Whatever the outside may see - answers,
effects, the feed - is released when the append is durable, in order. So until then the state is
ahead of the log, and a refused append means that it is wrong: the actor waits for the other
appends in doubt (they fail too, each expects a version that did not come), loads the stream
again, and decides again what was refused for a version conflict.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from pykka import ActorDeadError

from mentra_actors.actors.append_request import Draft, Stamp, draft_append, recorded_events
from mentra_actors.actors.dispatcher import DispatchedActor, Dispatcher
from mentra_actors.actors.inline_view import InlineFold, InlineView
from mentra_actors.actors.messages import (
    Accepted,
    AppendDone,
    Envelope,
    Failed,
    Look,
    LookAtFollowed,
    PassivateIfIdle,
    Rejected,
)
from mentra_actors.actors.recovery import Loaded, StateLoader
from mentra_actors.decider import Decider
from mentra_actors.effects.ports import Clock, Effects, Feed
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected, Fenced, StoreError, VersionConflict
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import Appended, EventStore, Fence

__all__ = ["Neighbours", "StreamActor", "StreamKind", "StreamServices"]

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")
F = TypeVar("F")

MAX_CONFLICTS_IN_A_ROW = 5


class Neighbours(Protocol):
    """What an actor tells the rest of the system. Called on its dispatcher; never blocks."""

    def stream_was_written(self, stream_id: StreamId) -> None:
        """Another stream got events from this actor's append."""
        ...

    def actor_died(self, stream_id: StreamId, error: BaseException, left: list[Any]) -> None:
        """The actor of a stream ended in an error; `left` was told and not handled."""
        ...

    def actor_left(self, stream_id: StreamId, left: list[Any]) -> None:
        """The actor of a stream ended as it was asked to; `left` came too late for it."""
        ...

    def store_refused(self, stream_id: StreamId) -> None:
        """The store failed; `LookAtFollowed` should come again in a while."""
        ...

    def was_fenced(self, error: Fenced) -> None:
        """Another process has taken over; nothing can be written any more."""
        ...


@dataclass(frozen=True, slots=True)
class StreamKind(Generic[C, E, S, F]):
    """All that actors of one category share: the decider, its loader, its inline view."""

    decider: Decider[C, E, S, F]
    loader: StateLoader[S]
    inline: InlineFold[Any] | None = None


@dataclass(frozen=True, slots=True)
class StreamServices:
    """The parts of the system that every stream actor uses."""

    store: EventStore
    journal: Journal
    effects: Effects
    feed: Feed
    clock: Clock
    neighbours: Neighbours
    fence: Callable[[], Fence | None] = field(default=lambda: None)
    mailbox_bound: int = 10_000


@dataclass(slots=True, eq=False)
class _InDoubt(Generic[S]):
    """An append that is not durable yet, and whom to answer then."""

    draft: Draft
    state: S
    version: int
    envelopes: list[Envelope]


class StreamActor(DispatchedActor, Generic[C, E, S, F]):
    """Runs one decider against one stream. Send it `Envelope`s with `tell`, never `ask`."""

    def __init__(
        self,
        stream_id: StreamId,
        kind: StreamKind[C, E, S, F],
        services: StreamServices,
        dispatcher: Dispatcher,
    ) -> None:
        super().__init__(dispatcher, mailbox_bound=services.mailbox_bound)
        self._stream_id = stream_id
        self._kind = kind
        self._services = services
        self._decider = kind.decider
        self._state = kind.decider.initial
        self._version = 0
        self._durable: Loaded[S] = Loaded(self._state, 0, 0)
        self._in_doubt: deque[_InDoubt[S]] = deque()
        self._stash: deque[Envelope] = deque()
        self._must_reload = False
        self._must_resume = False
        self._conflicts = 0
        self._failure: BaseException | None = None
        self._last_used = time.monotonic()
        self._view = InlineView(kind.inline, services.journal, stream_id) if kind.inline else None

    def __str__(self) -> str:
        return f"the actor of {self._stream_id}"

    # --- life -----------------------------------------------------------------------------

    def on_start(self) -> None:
        """Load the state and go on with what is open. On the dispatcher."""
        self._load()
        self._resume()

    def _load(self) -> None:
        self._durable = self._kind.loader.load(self._stream_id)
        self._state, self._version = self._durable.state, self._durable.version
        self._must_reload = False

    def _resume(self) -> None:
        """Settle what an earlier owner left open, start what is pending, take what waits."""
        self._must_resume = False
        running = self._services.effects.in_flight(self._stream_id)
        if self._decider.recover is not None:
            now = self._services.clock.now()
            command = self._decider.recover(self._state, running, now)
            if command is not None:
                self._perform(Envelope(command, causation="recovery"))
        if not self._in_doubt:
            self._start_effects(self._state)
        self._look_at_followed()

    def on_failure(self, _type: Any, value: BaseException | None, _traceback: Any) -> None:
        """Remember of what the actor died. On the dispatcher."""
        self._failure = value

    def on_messages_left(self, messages: list[Any]) -> None:
        """Hand over what was not handled. On the dispatcher, after the end."""
        for message in messages:
            if isinstance(message, AppendDone):
                self._settle_after_the_end(message.append, message.result)
        ours = [self._failed_message, *self._stash, *messages]
        left = [m for m in ours if isinstance(m, Envelope | LookAtFollowed)]
        self._stash.clear()
        if self._failure is not None:
            self._services.neighbours.actor_died(self._stream_id, self._failure, left)
        else:
            self._services.neighbours.actor_left(self._stream_id, left)

    # --- messages -------------------------------------------------------------------------

    def on_receive(self, message: Any) -> None:
        """One message: a command, a notice of the store, or a nudge. On the dispatcher."""
        match message:
            case Envelope():
                self._last_used = time.monotonic()
                if self._must_reload:
                    self._stash.append(message)
                else:
                    self._perform(message)
            case AppendDone(append=append, result=result):
                self._settle(append, result)
            case LookAtFollowed():
                self._look_again()
            case PassivateIfIdle(before=before):
                self._passivate_if_idle(before)
            case _:
                raise TypeError(f"{self} does not understand {type(message).__qualname__}")

    def _perform(self, envelope: Envelope) -> None:
        """Decide, append, evolve; answers and effects follow when it is durable."""
        if isinstance(envelope.command, Look):
            self._answer_when_settled(envelope)
            return
        try:
            events = self._decider.decide(envelope.command, self._state)
        except CommandRejected as rejected:
            envelope.answer(Rejected(rejected.reason))
            return
        if not events:
            self._answer_when_settled(envelope)
            return
        state = self._decider.fold(events, self._state)
        draft = self._draft(events, state, envelope)
        version = self._version + len(events)
        self._state, self._version = state, version
        append = _InDoubt(draft, state, version, [envelope])
        self._in_doubt.append(append)
        self._services.store.submit(draft.request, lambda r: self._on_appended(append, r))

    def _draft(self, events: Any, state: S, envelope: Envelope) -> Draft:
        decider = self._decider
        correlation = decider.correlation(state) or decider.correlation(self._state)
        return draft_append(
            decider,
            self._services.journal,
            self._stream_id,
            events=events,
            expected_version=self._version,
            has_work=bool(decider.pending(state)),
            stamp=Stamp(
                fence=self._services.fence(),
                recorded_at_ns=int(self._services.clock.now() * 1e9),
                causation=envelope.causation or type(envelope.command).__name__,
                correlation=correlation,
            ),
        )

    def _answer_when_settled(self, envelope: Envelope) -> None:
        """A command without events rests on earlier ones; they must be durable first."""
        if self._in_doubt:
            self._in_doubt[-1].envelopes.append(envelope)
        else:
            envelope.answer(Accepted(self._version, self._state))

    def _on_appended(self, append: _InDoubt[S], result: Appended | StoreError) -> None:
        """On the writer thread."""
        try:
            self.actor_ref.tell(AppendDone(append, result))
        except ActorDeadError:
            self._settle_after_the_end(append, result)

    # --- after the append -----------------------------------------------------------------

    def _settle_after_the_end(self, append: _InDoubt[S], result: Appended | Exception) -> None:
        """Answer and announce for an actor that died meanwhile; its successor loads the rest."""
        if isinstance(result, Appended):
            self._announce(append, tuple(recorded_events(append.draft, result)))
            return
        for envelope in append.envelopes:
            envelope.answer(Failed(result))

    def _announce(self, done: _InDoubt[S], recorded: tuple[RecordedEvent[Any], ...]) -> None:
        for envelope in done.envelopes:
            envelope.answer(Accepted(done.version, done.state))
        self._services.feed.publish(recorded)
        for stream_id in done.draft.other_streams:
            self._services.neighbours.stream_was_written(stream_id)

    def _settle(self, done: _InDoubt[S], result: Appended | Exception) -> None:
        self._in_doubt.remove(done)
        if isinstance(result, Appended):
            self._conflicts = 0
            self._release(done, result)
        else:
            self._refuse(done, result)
        if self._must_reload and not self._in_doubt:
            self._reload()

    def _reload(self) -> None:
        stashed, self._stash = self._stash, deque()
        self._load()
        if not self._must_resume:
            self._resume()
        for envelope in stashed:
            self._perform(envelope)

    def _release(self, done: _InDoubt[S], appended: Appended) -> None:
        before = self._durable.state
        self._durable = Loaded(done.state, done.version, self._durable.snapshot_version)
        recorded = recorded_events(done.draft, appended)
        if self._view is not None:
            self._view.extend([one for one in recorded if one.stream_id == self._stream_id])
        self._announce(done, tuple(recorded))
        self._cancel_effects(before, done.state)
        self._start_effects(done.state)
        if not self._in_doubt:
            self._durable = self._kind.loader.save(self._stream_id, self._durable)

    def _refuse(self, done: _InDoubt[S], error: Exception) -> None:
        self._must_reload = True
        if isinstance(error, VersionConflict) and self._conflicts < MAX_CONFLICTS_IN_A_ROW:
            self._conflicts += 1
            self._stash.extend(done.envelopes)
            return
        for envelope in done.envelopes:
            envelope.answer(Failed(error))
        self._must_resume = True  # what waits is tried again later, not in a circle
        if isinstance(error, Fenced):
            self._services.neighbours.was_fenced(error)
        else:
            self._services.neighbours.store_refused(self._stream_id)

    def _start_effects(self, durable: S) -> None:
        wanted = self._decider.pending(durable)
        still = wanted if durable is self._state else self._decider.pending(self._state)
        for effect_id, effect in wanted.items():
            if effect_id in still:
                self._start_effect(effect_id, effect)

    def _start_effect(self, effect_id: EffectId, effect: F) -> None:
        view = self._view.for_effect(effect, self._durable.version) if self._view else None
        self._services.effects.ensure_started(self._stream_id, effect_id, effect, view)

    def _cancel_effects(self, before: S, after: S) -> None:
        wanted = self._decider.pending(after)
        for effect_id in self._decider.pending(before):
            if effect_id not in wanted:
                self._services.effects.cancel(self._stream_id, effect_id)

    # --- other streams, rest --------------------------------------------------------------

    def _look_again(self) -> None:
        if self._must_reload:
            return  # the reload looks
        if self._must_resume:
            self._resume()
        else:
            self._look_at_followed()

    def _look_at_followed(self) -> None:
        follow = self._decider.follow
        position = follow.position(self._state) if follow is not None else None
        if follow is None or position is None:
            return
        stream_id, after = position
        recorded = self._services.journal.read_stream(stream_id, after=after)
        if recorded:
            command = follow.take(recorded, self._services.clock.now())
            self._perform(Envelope(command, causation=f"{stream_id}@{after + 1}"))

    def _passivate_if_idle(self, before: float) -> None:
        is_busy = bool(self._in_doubt) or self._must_reload or self._last_used > before
        if is_busy or self._decider.pending(self._state):
            return
        if self.actor_inbox.close_if_empty():
            self._stop()
