"""From stream ids to live actors: finds them, starts them on demand, forgets the idle.

An actor may stop, or die, between being found and being told. `tell` is written so that this
does not matter: a dead one is replaced and told again, and one that waits for its restart has
its messages kept. All state here is guarded by one lock; no callback runs under it.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pykka

from mentra_actors.actors.dead_letters import DeadLetter, DeadLetters
from mentra_actors.actors.dispatcher import DispatcherPool
from mentra_actors.actors.messages import Envelope, Failed, LookAtFollowed, PassivateIfIdle
from mentra_actors.actors.restart_policy import RestartPolicy
from mentra_actors.actors.stream_actor import StreamActor, StreamKind, StreamServices
from mentra_actors.actors.supervisor import Supervisor, Verdict, dead_letter
from mentra_actors.errors import ActorQuarantined, Fenced, MentraError, RuntimeClosed
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
        dispatchers: DispatcherPool,
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
        self._restarting: dict[StreamId, list[Any]] = {}
        self._quarantined: dict[StreamId, str] = {}
        self._supervisor = Supervisor(policy or RestartPolicy())
        self._dead_letters = DeadLetters()
        self._is_closed = False
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
        while True:
            with self._lock:
                ref = self._place(stream_id, message)
            if ref is None:
                return
            try:
                ref.tell(message)
            except pykka.ActorDeadError:
                self._forget(stream_id, ref)
            else:
                return

    def send(self, stream_id: StreamId, envelope: Envelope) -> None:
        """`tell`, with every refusal turned into an answer to the sender."""
        try:
            self.tell(stream_id, envelope)
        except MentraError as error:
            envelope.answer(Failed(error))

    def _place(self, stream_id: StreamId, message: Any) -> pykka.ActorRef[Any] | None:
        """Under the lock: the actor to tell, or None if the message was kept for later."""
        if self._is_closed:
            raise RuntimeClosed("the runtime is closed; nothing was recorded")
        if stream_id in self._quarantined:
            raise ActorQuarantined(stream_id, cause=self._quarantined[stream_id])
        if stream_id in self._restarting:
            self._restarting[stream_id].append(message)
            return None
        ref = self._actors.get(stream_id)
        if ref is None:
            ref = self._actors[stream_id] = self._start(stream_id)
        return ref

    def _start(self, stream_id: StreamId) -> pykka.ActorRef[Any]:
        kind = self._kinds.get(category_of(stream_id))
        if kind is None or self._services is None:
            raise KeyError(f"no actor owns streams like {stream_id!r}")
        dispatcher = self._dispatchers.for_stream(stream_id)
        return StreamActor.start(stream_id, kind, self._services, dispatcher)

    def _forget(self, stream_id: StreamId, ref: pykka.ActorRef[Any]) -> None:
        with self._lock:
            if self._actors.get(stream_id) is ref:
                del self._actors[stream_id]

    # --- what actors report (Neighbours) --------------------------------------------------

    def stream_was_written(self, stream_id: StreamId) -> None:
        """Wake the agent whose inbox got mail; other streams' owners are not asleep to it."""
        if category_of(stream_id) != "inbox":
            return
        try:
            self.tell(agent_stream(AgentId(name_of(stream_id))), LookAtFollowed())
        except (RuntimeClosed, ActorQuarantined) as error:
            _log.debug("no wake-up for %s: %s", stream_id, error)

    def actor_left(self, stream_id: StreamId, left: list[Any]) -> None:
        """A passivated actor is forgotten; what came too late for it wakes it again."""
        with self._lock:
            self._drop_dead(stream_id)
        self._resend(stream_id, left)

    def actor_died(self, stream_id: StreamId, error: BaseException, left: list[Any]) -> None:
        """Restart it by the policy, or set its stream aside."""
        with self._lock:
            self._drop_dead(stream_id)
            if self._is_closed:
                verdict = Verdict(None, (), tuple(m for m in left if isinstance(m, Envelope)))
            else:
                verdict = self._supervisor.after_death(stream_id, left, time.monotonic())
            if verdict.delay_s is None:
                self._quarantined[stream_id] = repr(error)
            else:
                self._restarting[stream_id] = list(verdict.redeliver)
        self._bury(stream_id, verdict, error)
        if verdict.delay_s is not None:
            _log.warning("%s restarts in %.2f s: %r", stream_id, verdict.delay_s, error)
            self._call_later(verdict.delay_s, lambda: self._restart(stream_id))

    def store_refused(self, stream_id: StreamId) -> None:
        """Nudge the actor in a second: space may be free by then."""
        self._call_later(STORE_RETRY_S, lambda: self._resend(stream_id, [LookAtFollowed()]))

    def was_fenced(self, error: Fenced) -> None:
        """Another process writes the store now."""
        self._on_fenced(error)

    def _drop_dead(self, stream_id: StreamId) -> None:
        ref = self._actors.get(stream_id)
        if ref is not None and not ref.is_alive():
            del self._actors[stream_id]

    def _bury(self, stream_id: StreamId, verdict: Verdict, error: BaseException) -> None:
        if verdict.delay_s is None:
            _log.error("%s is quarantined: %r", stream_id, error)
            self._on_quarantined(ActorQuarantined(stream_id, cause=repr(error)))
        for envelope in verdict.dead:
            self._dead_letters.add(dead_letter(stream_id, envelope, repr(error)))
            envelope.answer(Failed(ActorQuarantined(stream_id, cause=repr(error))))

    def _restart(self, stream_id: StreamId) -> None:
        with self._lock:
            kept = self._restarting.pop(stream_id, [])
        # An actor with work must start even if nobody wrote to it meanwhile.
        self._resend(stream_id, [*kept, LookAtFollowed()])

    def _resend(self, stream_id: StreamId, messages: list[Any]) -> None:
        for message in messages:
            if isinstance(message, Envelope):
                self.send(stream_id, message)
                continue
            try:
                self.tell(stream_id, message)
            except MentraError as error:
                _log.debug("%s was not told %r: %s", stream_id, message, error)

    # --- looking after --------------------------------------------------------------------

    def wake(self, stream_id: StreamId) -> None:
        """Start the owner of a stream, so that it goes on with what is open."""
        self.tell(stream_id, LookAtFollowed())

    def passivate_idle(self, idle_s: float) -> None:
        """Ask actors that have had no command for `idle_s` seconds to stop; streams stay."""
        with self._lock:
            refs = list(self._actors.values())
        before = time.monotonic() - idle_s
        for ref in refs:
            if ref.is_alive():
                with contextlib.suppress(pykka.ActorDeadError):
                    ref.tell(PassivateIfIdle(before))

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

    def close(self, timeout_s: float) -> bool:
        """Take nothing any more, stop all actors after what is waiting; True if all stopped."""
        with self._lock:
            self._is_closed = True
            refs = list(self._actors.values())
            kept = [m for messages in self._restarting.values() for m in messages]
            self._restarting.clear()
        for message in kept:
            if isinstance(message, Envelope):
                message.answer(Failed(RuntimeClosed("the runtime closed")))
        stops = [ref.stop(block=False) for ref in refs]
        deadline = time.monotonic() + timeout_s
        stopped = [_stopped(stop, deadline) for stop in stops]
        return all(stopped)


def _stopped(stop: pykka.Future[bool], deadline: float) -> bool:
    try:
        stop.get(timeout=max(0.0, deadline - time.monotonic()))
    except pykka.Timeout:
        return False
    return True
