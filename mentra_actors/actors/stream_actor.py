"""The actor that owns one stream: the thread shell of a decider.

A command is decided on the newest state and its events are handed to the writer at once; the
actor goes on with the next command without waiting. Whatever the outside may see - answers
(refusals too: they rest on the same state), effects, the feed - is released when the append is
durable, in order. So until then the state is ahead of the log, and a refused append means that
it is wrong: the actor waits for the other appends in doubt (they fail too, each expects a version
that did not come), loads the stream again, and decides again what was refused for a version
conflict. After any other refusal it first settles what an earlier owner left open: only then do
effects that are pending belong to this process.

An actor that ends reports it when nothing of it is in doubt any more. So a successor never loads
a log that its predecessor still writes: an append of the successor that expects the version after
its own refused one would find that version there, written by the other, and go through.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pykka import ActorDeadError

from mentra_actors.actors.append_request import Draft, Stamp, draft_append, recorded_events
from mentra_actors.actors.dispatcher import DispatchedActor, TurnGiver
from mentra_actors.actors.inline_view import InlineView
from mentra_actors.actors.messages import (
    Accepted,
    Answer,
    AppendDone,
    Envelope,
    Failed,
    Look,
    LookAtFollowed,
    OwnCommand,
    PassivateIfIdle,
    Rejected,
    Reload,
)
from mentra_actors.actors.pending_effects import PendingEffects
from mentra_actors.actors.state_loading import Loaded
from mentra_actors.actors.stream_services import StreamKind, StreamServices
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected, Fenced, StoreError, VersionConflict
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.ports import Appended

__all__ = ["StreamActor"]

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")
F = TypeVar("F")

MAX_CONFLICTS_IN_A_ROW = 5


@dataclass(slots=True, eq=False)
class _InDoubt(Generic[S]):
    """An append that is not durable yet, and what to answer to whom then."""

    draft: Draft
    state: S
    version: int
    waiting: list[tuple[Envelope, Answer]]
    is_settled: bool = False


class StreamActor(DispatchedActor, Generic[C, E, S, F]):
    """Runs one decider against one stream. Send it `Envelope`s with `tell`, never `ask`."""

    def __init__(
        self,
        stream_id: StreamId,
        kind: StreamKind[C, E, S, F],
        services: StreamServices,
        dispatcher: TurnGiver,
    ) -> None:
        super().__init__(dispatcher, mailbox_bound=services.mailbox_bound)
        self._stream_id = stream_id
        self._kind = kind
        self._services = services
        self._decider = kind.decider
        self._pending = PendingEffects(kind.decider.pending)
        self._state = kind.decider.initial
        self._version = 0
        self._durable: Loaded[S] = Loaded(self._state, 0, 0)
        self._in_doubt: deque[_InDoubt[S]] = deque()
        self._refused: deque[Envelope] = deque()
        self._stash: deque[Envelope] = deque()
        self._must_reload = self._must_resume = False
        self._spoiled: StoreError | None = None
        self._conflicts = 0
        self._deciding: Envelope | None = None
        self._recovery: Envelope | None = None
        self._failure: BaseException | None = None
        self._left: list[object] | None = None
        self._end_lock = threading.Lock()
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
        self._cancel_effects(self._services.effects.in_flight(self._stream_id), self._state)

    def _resume(self) -> None:
        """Settle what an earlier owner left open, start what is pending, take what waits."""
        self._must_resume = False
        self._pending.forget_begun()
        if self._stream_id not in self._services.recovered:
            self._settle_earlier_owners()
        if not self._in_doubt:
            self._start_effects(self._state)
        self._look_at_followed()

    def _settle_earlier_owners(self) -> None:
        """Once a process: what it finds open, and does not perform itself, others had started."""
        services, recover = self._services, self._decider.recover
        running = services.effects.in_flight(self._stream_id)
        partials = services.partials(self._stream_id)
        command = recover and recover(self._state, running, services.clock.now(), partials)
        if command is None:
            services.recovered.add(self._stream_id)
        else:
            self._recovery = OwnCommand(command, causation="recovery")
            self._perform(self._recovery)

    def on_failure(self, _type: object, value: BaseException | None, _traceback: object) -> None:
        """Remember of what it died. On the dispatcher."""
        self._failure = value

    def on_messages_left(self, messages: list[object]) -> None:
        """Hand over what was not handled. On the dispatcher, after the end."""
        waiting = [self._failed_message, *self._stash, *messages]
        if self._deciding is not None and self._deciding is not self._failed_message:
            waiting.insert(0, self._deciding)
        for message in waiting:
            if isinstance(message, AppendDone) and not message.append.is_settled:
                self._settle_after_the_end(message.append, message.result)
        with self._end_lock:
            self._left = waiting
            is_last = not self._in_doubt
        if is_last:
            self._report_the_end(waiting)

    def _report_the_end(self, unhandled: Sequence[object]) -> None:
        neighbours = self._services.neighbours
        waiting = [*self._refused, *unhandled]
        if self._failure is None:
            left = [m for m in waiting if isinstance(m, Envelope | LookAtFollowed)]
            neighbours.actor_left(self._stream_id, left)
            return
        envelopes = [message for message in waiting if isinstance(message, Envelope)]
        culprit = self._deciding
        neighbours.actor_died(self._stream_id, self._failure, envelopes, culprit=culprit)

    # --- messages -------------------------------------------------------------------------

    def on_receive(self, message: object) -> None:
        """One message: a command, a notice of the store, or a nudge. On the dispatcher."""
        match message:
            case Envelope():
                self._last_used = time.monotonic()
                self._take(message)
            case AppendDone():
                self._settle(message.append, message)
            case LookAtFollowed():
                self._look_again()
            case Reload():
                self._reload_soon()
            case PassivateIfIdle(before=before):
                self._passivate_if_idle(before)
            case _:
                raise TypeError(f"{self} does not understand {type(message).__qualname__}")

    def _take(self, envelope: Envelope) -> None:
        if self._must_reload:
            self._stash.append(envelope)
            return
        if self._must_resume and not isinstance(envelope.command, Look):
            self._resume()
        self._decide(envelope)

    def _decide(self, envelope: Envelope) -> None:
        """Perform a sender's command, and remember it as the culprit if that ends the actor."""
        self._deciding = envelope
        self._perform(envelope)
        self._deciding = None

    def _perform(self, envelope: Envelope) -> None:
        """Decide, append, evolve; answers and effects follow when it is durable."""
        command = envelope.command
        try:
            events = (
                () if isinstance(command, Look) else self._decider.decide(command, self._state)
            )
        except CommandRejected as rejected:
            self._answer_when_settled(envelope, Rejected(rejected.reason))
            return
        if not events:
            self._answer_when_settled(envelope, Accepted(self._version, self._state))
            return
        state = self._decider.fold(events, self._state)
        draft = self._draft(events, state, envelope)
        version = self._version + len(events)
        self._state, self._version = state, version
        answer = Accepted(version, state, events)
        append = _InDoubt(draft, state, version, [(envelope, answer)])
        self._services.store.submit(draft.request, lambda r: self._on_appended(append, r))
        self._in_doubt.append(append)  # its notice comes through the mailbox, so later than this

    def _draft(self, events: Any, state: S, envelope: Envelope) -> Draft:
        decider = self._decider
        correlation = decider.correlation(self._state) or decider.correlation(state)
        return draft_append(
            decider,
            self._services.journal,
            self._stream_id,
            events=events,
            expected_version=self._version,
            stamp=Stamp(
                fence=self._services.fence(),
                has_work=decider.has_work(state),
                recorded_at_ns=int(self._services.clock.now() * 1e9),
                causation=envelope.causation or type(envelope.command).__name__,
                correlation=correlation,
            ),
        )

    def _answer_when_settled(self, envelope: Envelope, answer: Answer) -> None:
        """An answer without events rests on earlier ones; they must be durable first."""
        if self._in_doubt:
            self._in_doubt[-1].waiting.append((envelope, answer))
        else:
            envelope.answer(answer)

    def _on_appended(self, append: _InDoubt[S], result: Appended | StoreError) -> None:
        """On the writer thread, in the order of the log: so the feed has that order too."""
        recorded: tuple[RecordedEvent[object], ...] = ()
        if isinstance(result, Appended):
            recorded = tuple(recorded_events(append.draft, result))
            self._services.feed.publish(recorded)
        try:
            self.actor_ref.tell(AppendDone(append, result, recorded))
        except ActorDeadError:
            self._settle_after_the_end(append, result)

    # --- after the append -----------------------------------------------------------------

    def _settle_after_the_end(self, append: _InDoubt[S], result: Appended | StoreError) -> None:
        """Answer and announce for an actor that ended meanwhile; its successor does the rest."""
        if isinstance(result, Appended):
            self._announce(append)
        else:
            self._fail_after_the_end(append, result)
        with self._end_lock:
            if append in self._in_doubt:
                self._in_doubt.remove(append)
            left = None if self._in_doubt else self._left
        if left is not None:
            self._report_the_end(left)

    def _fail_after_the_end(self, append: _InDoubt[S], error: StoreError) -> None:
        append.is_settled = True
        if isinstance(error, VersionConflict):
            self._refused.extend(_senders(append))
            return
        for envelope, _ in append.waiting:
            envelope.answer(Failed(error))
        if isinstance(error, Fenced):
            self._services.neighbours.was_fenced(error)

    def _announce(self, done: _InDoubt[S]) -> None:
        done.is_settled = True
        for envelope, answer in done.waiting:
            envelope.answer(answer)
        for stream_id in done.draft.other_streams:
            has_work = done.draft.is_opened(stream_id)
            self._services.neighbours.stream_was_written(stream_id, has_work=has_work)

    def _settle(self, done: _InDoubt[S], notice: AppendDone) -> None:
        self._in_doubt.remove(done)
        if isinstance(notice.result, Appended):
            self._conflicts = 0
            self._release(done, notice.recorded)
        else:
            self._refuse(done, notice.result)
        if self._must_reload and not self._in_doubt:
            self._reload()

    def _release(self, done: _InDoubt[S], recorded: Sequence[RecordedEvent[object]]) -> None:
        if any(envelope is self._recovery for envelope, _ in done.waiting):
            self._services.recovered.add(self._stream_id)
        before = self._pending.of(self._durable.state)
        self._durable = self._durable._replace(state=done.state, version=done.version)
        if self._view is not None:
            self._view.extend([one for one in recorded if one.stream_id == self._stream_id])
        # In this order: whoever sees an effect end, or is answered, finds the next one in flight.
        self._start_effects(done.state)
        self._cancel_effects(before, done.state)
        self._announce(done)
        if not self._in_doubt:
            self._durable = self._kind.loader.save(self._stream_id, self._durable)

    def _refuse(self, done: _InDoubt[S], error: StoreError) -> None:
        done.is_settled = self._must_reload = True
        if isinstance(error, VersionConflict) and self._spoiled is not None:
            error = self._spoiled  # it only follows an append that the store did not take
        if isinstance(error, VersionConflict) and self._conflicts < MAX_CONFLICTS_IN_A_ROW:
            self._refused.extend(_senders(done))
            return
        for envelope, _ in done.waiting:
            envelope.answer(Failed(error))
        if self._spoiled is None:
            self._spoiled = error
            self._report_refusal(error)

    def _report_refusal(self, error: StoreError) -> None:
        self._must_resume = True  # what waits is tried again later, not in a circle
        if isinstance(error, Fenced):
            self._services.neighbours.was_fenced(error)
        else:
            self._services.neighbours.store_refused(self._stream_id)

    def _reload_soon(self) -> None:
        self._must_reload = True
        if not self._in_doubt:
            self._reload()

    def _reload(self) -> None:
        """Load again, then decide what was refused for a conflict, then what came meanwhile."""
        self._conflicts = 0 if self._spoiled else self._conflicts + 1
        self._spoiled = None
        self._stash.extendleft(reversed(self._refused))
        self._refused.clear()
        self._load()
        if self._stash or not self._must_resume:
            self._resume()
        while self._stash:
            self._decide(self._stash.popleft())

    # --- effects --------------------------------------------------------------------------

    def _start_effects(self, durable: S) -> None:
        for effect_id, effect in self._pending.to_start(durable, self._state):
            self._start_effect(effect_id, effect)

    def _start_effect(self, effect_id: EffectId, effect: F) -> None:
        view = self._view.for_effect(effect, self._durable.version) if self._view else None
        self._services.effects.ensure_started(self._stream_id, effect_id, effect, view)

    def _cancel_effects(self, begun: Iterable[EffectId], after: S) -> None:
        for effect_id in self._pending.ended(begun, after):
            self._services.effects.cancel(self._stream_id, effect_id)

    # --- other streams, rest --------------------------------------------------------------

    def _look_again(self) -> None:
        if self._must_reload:
            self._must_resume = False  # the reload goes on at once: this was the nudge for it
        elif self._must_resume:
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
            self._perform(OwnCommand(command, causation=f"{stream_id}@{after + 1}"))

    def _passivate_if_idle(self, before: float) -> None:
        is_busy = bool(self._in_doubt) or self._must_reload or self._last_used > before
        if is_busy or self._must_resume or self._pending.of(self._state):
            return
        if self.actor_inbox.close_if_empty():
            self._stop()


def _senders(append: _InDoubt[Any]) -> list[Envelope]:
    return [one for one, _ in append.waiting if not isinstance(one, OwnCommand)]
