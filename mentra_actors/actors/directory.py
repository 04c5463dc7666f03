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
from typing import Any

import pykka

from mentra_actors.actors.dead_letters import DeadLetter, DeadLetters
from mentra_actors.actors.dispatcher import TurnGivers
from mentra_actors.actors.messages import (
    Envelope,
    Failed,
    Look,
    LookAtFollowed,
    PassivateIfIdle,
    Reload,
)
from mentra_actors.actors.restart_policy import RestartPolicy
from mentra_actors.actors.stream_actor import StreamActor
from mentra_actors.actors.stream_services import StreamKind, StreamServices
from mentra_actors.actors.supervisor import Supervisor, Verdict, dead_letter
from mentra_actors.errors import (
    ActorQuarantined,
    Fenced,
    MailboxFull,
    MentraError,
    RuntimeClosed,
)
from mentra_actors.ids import AgentId, StreamId, agent_stream, category_of, name_of

__all__ = ["CallLater", "Directory"]

_log = logging.getLogger(__name__)

STORE_RETRY_S = 1.0

CallLater = Callable[[float, Callable[[], None]], None]
"""Call a function after so many seconds, on any thread."""


class Directory:
    """The live actors of one runtime. Safe from any thread; nothing here blocks."""

    def __init__(
        self,
        kinds: Mapping[str, StreamKind[Any, Any, Any, Any]],
        dispatchers: TurnGivers,
        call_later: CallLater,
        *,
        policy: RestartPolicy | None = None,
        on_fenced: Callable[[Fenced], None] = lambda _error: None,
        on_quarantined: Callable[[ActorQuarantined], None] = lambda _error: None,
    ) -> None:
        self._kinds = kinds
        self._dispatchers = dispatchers
        self._call_later = call_later
        self._on_fenced = on_fenced
        self._on_quarantined = on_quarantined
        self._services: StreamServices | None = None
        self._actors: dict[StreamId, pykka.ActorRef[Any]] = {}
        self._kept: dict[StreamId, list[Any]] = {}
        """For actors that have ended and not reported it, or that wait for their restart."""
        self._nudges_due: set[StreamId] = set()
        self._quarantined: dict[StreamId, str] = {}
        self._supervisor = Supervisor(policy or RestartPolicy())
        self._dead_letters = DeadLetters()
        self._is_closed = self._leaves_mail = False
        self._lock = threading.Lock()

    def connect(self, services: StreamServices) -> None:
        """Give the actors their services; before the first `tell`."""
        self._services = services

    # --- sending --------------------------------------------------------------------------

    def tell(self, stream_id: StreamId, message: Any) -> None:
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

    def _hand_over(self, stream_id: StreamId, message: Any) -> None:
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

    def _keep(self, stream_id: StreamId, message: Any) -> None:
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
        self, stream_id: StreamId, messages: Sequence[Any]
    ) -> list[tuple[Any, MentraError]]:
        """Under the lock, so that nothing overtakes them: which were refused, and why."""
        refused: list[tuple[Any, MentraError]] = []
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

    def actor_left(self, stream_id: StreamId, left: list[Any]) -> None:
        """A passivated actor is forgotten; what came too late for it wakes it again."""
        with self._lock:
            self._actors.pop(stream_id, None)
            late = [*left, *self._kept.pop(stream_id, [])]
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
        """Restart it by the policy, or set its stream aside."""
        with self._lock:
            self._actors.pop(stream_id, None)
            kept = [m for m in self._kept.pop(stream_id, []) if isinstance(m, Envelope)]
            waiting = [*left, *kept]
            is_closed = self._is_closed
            if not is_closed:
                verdict = self._verdict(stream_id, error, waiting, culprit)
        if is_closed:
            for envelope in waiting:
                envelope.answer(Failed(RuntimeClosed("the runtime closed")))
            return
        self._bury(stream_id, verdict, error)
        if verdict.delay_s is not None:
            _log.warning("%s restarts in %.2f s: %r", stream_id, verdict.delay_s, error)
            self._call_later(verdict.delay_s, lambda: self._restart(stream_id))

    def _verdict(
        self,
        stream_id: StreamId,
        error: BaseException,
        waiting: list[Envelope],
        culprit: Envelope | None,
    ) -> Verdict:
        verdict = self._supervisor.after_death(stream_id, waiting, culprit, time.monotonic())
        if verdict.delay_s is None:
            self._quarantined[stream_id] = repr(error)
        else:
            self._kept[stream_id] = list(verdict.redeliver)
        return verdict

    def store_refused(self, stream_id: StreamId) -> None:
        """Nudge the actor in a second: space may be free by then."""
        with self._lock:
            if stream_id in self._nudges_due:
                return
            self._nudges_due.add(stream_id)
        self._call_later(STORE_RETRY_S, lambda: self._nudge_after_refusal(stream_id))

    def _nudge_after_refusal(self, stream_id: StreamId) -> None:
        with self._lock:
            self._nudges_due.discard(stream_id)
        self._nudge(stream_id, LookAtFollowed())

    def was_fenced(self, error: Fenced) -> None:
        """Another process writes the store now."""
        self._on_fenced(error)

    def _bury(self, stream_id: StreamId, verdict: Verdict, error: BaseException) -> None:
        if verdict.delay_s is None:
            _log.error("%s is quarantined: %r", stream_id, error)
            self._on_quarantined(ActorQuarantined(stream_id, cause=repr(error)))
        for envelope in verdict.dead:
            self._dead_letters.add(dead_letter(stream_id, envelope, repr(error)))
            envelope.answer(Failed(ActorQuarantined(stream_id, cause=repr(error))))

    def _restart(self, stream_id: StreamId) -> None:
        """An actor with work must start even if nobody wrote to it meanwhile."""
        with self._lock:
            kept = self._kept.pop(stream_id, [])
            kept.append(LookAtFollowed())
            refused = self._handed_over(stream_id, kept)
        _answer_refused(stream_id, refused)

    def _nudge(self, stream_id: StreamId, message: Any) -> None:
        try:
            self.tell(stream_id, message)
        except MentraError as error:
            _log.debug("%s was not told %r: %s", stream_id, message, error)

    # --- looking after --------------------------------------------------------------------

    def wake(self, stream_id: StreamId) -> None:
        """Start the owner of a stream, so that it goes on with what is open."""
        self.tell(stream_id, LookAtFollowed())

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

    def dead_letters(self) -> tuple[DeadLetter, ...]:
        """Commands that nobody could handle, oldest first."""
        return self._dead_letters.list()

    def redrive(self, stream_id: StreamId) -> int:
        """Lift a quarantine and send its dead letters again; how many there were."""
        with self._lock:
            self._quarantined.pop(stream_id, None)
            self._supervisor.forget(stream_id)
        letters = self._dead_letters.take(stream_id)
        for letter in letters:
            self.send(stream_id, Envelope(letter.command, causation="redrive"))
        self.wake(stream_id)
        return len(letters)

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
        stops = [ref.stop(block=False) for ref in refs]
        deadline = time.monotonic() + timeout_s
        stopped = [_stopped(stop, deadline) for stop in stops]
        return all(stopped)


def _answer_refused(stream_id: StreamId, refused: Sequence[tuple[Any, MentraError]]) -> None:
    for message, error in refused:
        if isinstance(message, Envelope):
            message.answer(Failed(error))
        else:
            _log.debug("%s was not told %r: %s", stream_id, message, error)


def _stopped(stop: pykka.Future[bool], deadline: float) -> bool:
    try:
        stop.get(timeout=max(0.0, deadline - time.monotonic()))
    except pykka.Timeout:
        return False
    return True
