"""From stream ids to live actors: finds them, starts them on demand, forgets the idle.

An actor may stop, or die, between being found and being told. Every actor reports its end, once;
from its end until then, and while it waits for its restart, messages are kept, and the successor
gets them first. So no stream ever has two actors, and nobody's messages overtake one another.
All state here is guarded by one lock; no callback runs under it.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pykka

from mentra_actors.actors.all_stopped import all_stopped
from mentra_actors.actors.awaited_outcomes import AwaitedOutcomes
from mentra_actors.actors.dead_letters import CallLater, DeadLetters, Death, cause_of_death
from mentra_actors.actors.dispatcher import TurnGivers
from mentra_actors.actors.messages import (
    Envelope,
    Failed,
    Look,
    LookAtFollowed,
    PassivateIfIdle,
    Reload,
)
from mentra_actors.actors.restart_policy import RestartPolicy, Teammates
from mentra_actors.actors.store_retries import StoreRetries
from mentra_actors.actors.stream_actor import StreamActor
from mentra_actors.actors.stream_services import AnyStreamKind, StreamServices
from mentra_actors.actors.supervisor import Supervisor, Verdict
from mentra_actors.domain.supervision.events import QuarantineLifted
from mentra_actors.domain.supervision.state import SupervisionState
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import (
    ActorQuarantined,
    Fenced,
    MailboxFull,
    MentraError,
    RuntimeClosed,
    StreamArchived,
)
from mentra_actors.ids import AgentId, StreamId, agent_stream, category_of, name_of

__all__ = ["Directory"]

_log = logging.getLogger(__name__)


class Directory:
    """The live actors of one runtime. Safe from any thread; nothing here blocks."""

    def __init__(  # noqa: PLR0913 - what a process has to tell its directory
        self,
        kinds: Mapping[str, AnyStreamKind],
        dispatchers: TurnGivers,
        call_later: CallLater,
        *,
        policy: RestartPolicy | None = None,
        on_fenced: Callable[[Fenced], None] = lambda _error: None,
        on_quarantined: Callable[[ActorQuarantined], None] = lambda _error: None,
        team_of: Callable[[StreamId], Teammates | None] = lambda _stream_id: None,
    ) -> None:
        """`team_of` says who shares the fate of a stream; it may read the store."""
        self._kinds = kinds
        self._dispatchers = dispatchers
        self._call_later = call_later
        self._on_fenced = on_fenced
        self._on_quarantined = on_quarantined
        self._team_of = team_of
        self._services: StreamServices | None = None
        self._awaited: AwaitedOutcomes | None = None
        self._actors: dict[StreamId, pykka.ActorRef[Any]] = {}
        self._kept: dict[StreamId, list[object]] = {}
        """For actors that have ended and not reported it, or that wait for their restart."""
        self._retries = StoreRetries(call_later, lambda one: self._nudge(one, LookAtFollowed()))
        self._quarantined: dict[StreamId, str] = {}
        self._restarting: set[StreamId] = set()
        """Actors that were asked to end because one of their team died."""
        self._supervisor = Supervisor(policy or RestartPolicy())
        self.dead_letters = DeadLetters(self.send, call_later)
        self._is_closed = self._leaves_mail = False
        self._lock = threading.Lock()

    def connect(
        self, services: StreamServices, supervision: SupervisionState | None = None
    ) -> None:
        """Give the actors their services, before the first `tell`; and what needs a person."""
        known = supervision or SupervisionState()
        self._awaited = AwaitedOutcomes(services.effects, known.letters.values())
        self._services = replace(services, effects=self._awaited)
        self._quarantined.update(
            {stream_id: one.cause for stream_id, one in known.quarantined.items()}
        )

    # --- sending --------------------------------------------------------------------------

    def tell(self, stream_id: StreamId, message: object) -> None:
        """Hand a message to the owner of a stream, starting it if it sleeps.

        Raises:
            MailboxFull, ActorQuarantined, RuntimeClosed: it was not handed over.
        """
        with self._lock:
            self._hand_over(stream_id, message)

    def send(self, stream_id: StreamId, envelope: Envelope) -> None:
        """`tell`, with every refusal turned into an answer to the sender."""
        try:
            self.tell(stream_id, envelope)
        except MentraError as error:
            envelope.answer(Failed(error))

    def _hand_over(self, stream_id: StreamId, message: object) -> None:
        """Under the lock: to the actor, or to what is kept for its successor."""
        if self._is_closed:
            raise RuntimeClosed("the runtime is closed; nothing was recorded")
        if stream_id in self._quarantined:
            raise ActorQuarantined(stream_id, cause=self._quarantined[stream_id])
        if stream_id in self._kept:
            self._keep(stream_id, message)
            return
        ref = self._actors.get(stream_id)
        if ref is None:
            ref = self._actors[stream_id] = self._start(stream_id)
        try:
            ref.tell(message)
        except pykka.ActorDeadError:  # it has ended, and reports it in a moment
            self._kept[stream_id] = []
            self._keep(stream_id, message)

    def _keep(self, stream_id: StreamId, message: object) -> None:
        kept = self._kept[stream_id]
        bound = self._services.mailbox_bound if self._services else 0
        if isinstance(message, Envelope) and not message.is_outcome and bound:
            commands = sum(isinstance(m, Envelope) and not m.is_outcome for m in kept)
            if commands >= bound:
                raise MailboxFull(f"{commands} commands wait for the restart of {stream_id}")
        kept.append(message)

    def _start(self, stream_id: StreamId) -> pykka.ActorRef[Any]:
        kind = self._kinds.get(category_of(stream_id))
        if kind is None or self._services is None:
            raise KeyError(f"no actor owns streams like {stream_id!r}")
        dispatcher = self._dispatchers.for_stream(stream_id)
        return StreamActor.start(stream_id, kind, self._services, dispatcher)

    def _handed_over(
        self, stream_id: StreamId, messages: Sequence[object]
    ) -> list[tuple[object, MentraError]]:
        """Under the lock, so that nothing overtakes them: which were refused, and why."""
        refused: list[tuple[object, MentraError]] = []
        for message in messages:
            try:
                self._hand_over(stream_id, message)
            except MentraError as error:
                refused.append((message, error))
        return refused

    # --- what actors report (Neighbours) --------------------------------------------------

    def stream_was_written(self, stream_id: StreamId, *, has_work: bool = False) -> None:
        """Wake the agent whose inbox got mail; an owner that has loaded already loads again.

        One that sleeps is only woken if it `has_work`.
        """
        if category_of(stream_id) == "inbox":
            if not self._leaves_mail:
                self._nudge(agent_stream(AgentId(name_of(stream_id))), LookAtFollowed())
            return
        with self._lock:
            is_live = stream_id in self._actors
        if is_live:
            self._nudge(stream_id, Reload())
        elif has_work and self.has_owner(stream_id):
            self._nudge(stream_id, LookAtFollowed())

    def actor_left(self, stream_id: StreamId, left: list[object]) -> None:
        """A passivated actor is forgotten; what came too late for it wakes it again."""
        with self._lock:
            self._actors.pop(stream_id, None)
            late = [*left, *self._kept.pop(stream_id, [])]
            if stream_id in self._restarting:
                self._restarting.discard(stream_id)
                late.append(LookAtFollowed())
            refused = self._handed_over(stream_id, late)
        _answer_refused(stream_id, refused)

    def actor_died(
        self,
        stream_id: StreamId,
        error: BaseException,
        left: list[Envelope],
        *,
        culprit: Envelope | None,
    ) -> None:
        """Restart it by the policy, or set its stream aside; and those that share its fate."""
        team = self._known_team_of(stream_id)
        with self._lock:
            self._actors.pop(stream_id, None)
            self._restarting.discard(stream_id)
            kept = [m for m in self._kept.pop(stream_id, []) if isinstance(m, Envelope)]
            waiting = [*left, *kept]
            is_closed = self._is_closed
            if not is_closed:
                verdict = self._supervisor.after_death(
                    stream_id, waiting, culprit, time.monotonic(), team=team
                )
                death = self._consequence(stream_id, verdict, error)
        if is_closed:
            for envelope in waiting:
                envelope.answer(Failed(RuntimeClosed("the runtime closed")))
            return
        self._bury(death)
        if verdict.delay_s is not None:
            _log.warning("%s restarts in %.2f s: %r", stream_id, verdict.delay_s, error)
            self._call_later(verdict.delay_s, lambda: self._restart(stream_id))

    def _known_team_of(self, stream_id: StreamId) -> Teammates | None:
        try:
            return self._team_of(stream_id)
        except MentraError as error:
            _log.warning("nobody shares the fate of %s: %s", stream_id, error)
            return None

    def _consequence(self, stream_id: StreamId, verdict: Verdict, error: BaseException) -> Death:
        """Under the lock: what the verdict does to the stream and to those beside it."""
        cause, lasts = cause_of_death(error), not isinstance(error, StreamArchived)
        now = self._services.clock.now() if self._services else 0.0
        dead = [(stream_id, envelope) for envelope in verdict.dead]
        if verdict.delay_s is not None:
            self._kept[stream_id] = list(verdict.redeliver)
            for one in verdict.beside:
                self._end(one, is_restart=True)
            return Death(cause, now, (), tuple(dead))
        streams = (stream_id, *(one for one in verdict.beside if one not in self._quarantined))
        for one in streams:
            self._quarantined[one] = cause
            kept = self._kept.pop(one, [])
            dead += [(one, message) for message in kept if isinstance(message, Envelope)]
            self._end(one, is_restart=False)
        return Death(cause, now, streams, tuple(dead), lasts)

    def _end(self, stream_id: StreamId, *, is_restart: bool) -> None:
        """Under the lock: let a live actor end after what waits for it; it reports that."""
        ref = self._actors.get(stream_id)
        if ref is None or not ref.is_alive():
            return
        if is_restart:
            self._restarting.add(stream_id)
        ref.stop(block=False)

    def store_refused(self, stream_id: StreamId) -> None:
        """Nudge the actor in a second: space may be free by then."""
        self._retries.ask(stream_id)

    def was_fenced(self, error: Fenced) -> None:
        """Another process writes the store now."""
        self._on_fenced(error)

    def _bury(self, death: Death) -> None:
        def tell() -> None:
            for stream_id in death.streams:
                _log.error("%s is quarantined: %s", stream_id, death.cause)
                self._on_quarantined(ActorQuarantined(stream_id, cause=death.cause))

        self.dead_letters.keep(death, tell)

    def _restart(self, stream_id: StreamId) -> None:
        """An actor with work must start even if nobody wrote to it meanwhile."""
        with self._lock:
            kept = self._kept.pop(stream_id, [])
            kept.append(LookAtFollowed())
            refused = self._handed_over(stream_id, kept)
        _answer_refused(stream_id, refused)

    def _nudge(self, stream_id: StreamId, message: object) -> None:
        try:
            self.tell(stream_id, message)
        except MentraError as error:
            _log.debug("%s was not told %r: %s", stream_id, message, error)

    # --- looking after --------------------------------------------------------------------

    def wake(self, stream_id: StreamId) -> None:
        """Start the owner of a stream, so that it goes on with what is open."""
        self.tell(stream_id, LookAtFollowed())

    def adopt(self, stream_id: StreamId) -> None:
        """What is open of a stream counts as begun here: no death has cut it off."""
        if self._services:
            self._services.recovered.add(stream_id)

    def leave_mail(self) -> None:
        """From now on nobody is woken for mail; the next opening does it."""
        self._leaves_mail = True

    def passivate_idle(self, idle_s: float) -> None:
        """Ask actors that have had no command for `idle_s` seconds to stop; streams stay."""
        with self._lock:
            refs = list(self._actors.values())
        before = time.monotonic() - idle_s
        for ref in refs:
            if ref.is_alive():
                with contextlib.suppress(pykka.ActorDeadError):
                    ref.tell(PassivateIfIdle(before))

    def has_owner(self, stream_id: StreamId) -> bool:
        """True if there are actors for streams of this category."""
        return category_of(stream_id) in self._kinds

    def live(self) -> tuple[StreamId, ...]:
        """Streams whose actors are live, sorted."""
        with self._lock:
            return tuple(sorted(self._actors))

    def quarantined(self) -> Mapping[StreamId, str]:
        """Streams set aside, with the cause."""
        with self._lock:
            return dict(self._quarantined)

    def deaths(self, within_s: float) -> int:
        """How often an actor has died in the last seconds, as far as is remembered."""
        with self._lock:
            return self._supervisor.deaths_since(time.monotonic() - within_s)

    def follow(self, recorded: Sequence[RecordedEvent[object]]) -> None:
        """Do what the log says of letters and quarantines. On the writer thread, in its order."""
        awaited = self._awaited.follow(recorded) if self._awaited else []
        for stream_id in awaited:
            self._settle_again(stream_id)
        for one in recorded:
            if isinstance(one.event, QuarantineLifted):
                self.lift(one.event.stream_id)

    def _settle_again(self, stream_id: StreamId) -> None:
        """The outcome of an effect that was awaited has not come: nobody knows of it any more."""
        with self._lock:
            self._forget_recovery(stream_id)
        self._nudge(stream_id, Reload())

    def _forget_recovery(self, stream_id: StreamId) -> None:
        if self._services:
            self._services.recovered.discard(stream_id)

    def lift(self, stream_id: StreamId) -> None:
        """Set a stream aside no longer, and wake its owner.

        What was in flight when it was set aside is settled as after a crash, unless this process
        still performs it: its outcome was refused meanwhile, and nobody may do it twice.
        """
        with self._lock:
            if self._quarantined.pop(stream_id, None) is None:
                return
            self._supervisor.forget(stream_id)
            self._forget_recovery(stream_id)
        self._nudge(stream_id, LookAtFollowed())

    def settle(self, timeout_s: float) -> bool:
        """Wait until live actors have handled what waits for them, and it is durable.

        False if that took too long. Blocks: not on an actor, loop or writer thread.
        """
        with self._lock:
            refs = list(self._actors.values())
        settled = threading.Semaphore(0)
        for ref in refs:
            try:
                ref.tell(Envelope(Look(), lambda _answer: settled.release(), is_outcome=True))
            except pykka.ActorDeadError:
                settled.release()
        deadline = time.monotonic() + timeout_s
        return all(settled.acquire(timeout=max(0.0, deadline - time.monotonic())) for _ in refs)

    def close(self, timeout_s: float) -> bool:
        """Take nothing any more, stop all actors after what is waiting; True if all stopped."""
        with self._lock:
            self._is_closed = True
            refs = list(self._actors.values())
            kept = [m for messages in self._kept.values() for m in messages]
            self._kept.clear()
        for message in kept:
            if isinstance(message, Envelope):
                message.answer(Failed(RuntimeClosed("the runtime closed")))
        return all_stopped(refs, timeout_s)


def _answer_refused(stream_id: StreamId, refused: Sequence[tuple[object, MentraError]]) -> None:
    for message, error in refused:
        if isinstance(message, Envelope):
            message.answer(Failed(error))
        else:
            _log.debug("%s was not told %r: %s", stream_id, message, error)
