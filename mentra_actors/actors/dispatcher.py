"""Actors without a thread each: many pykka actors share a few dispatcher threads.

`DispatchedActor` is a pykka actor type, made with the hooks that pykka keeps for implementors
(`_create_actor_inbox`, `_create_future`, `_start_actor_loop`). Refs, `tell`, the registry and
the life-cycle hooks are pykka's. What differs, each for a trap that pykka's own loop has:

* an exception, under `tell` *and* under `ask`, ends the actor and calls `on_failure`, so that a
  supervisor sees every failure; `on_start` is no exception to that;
* `SystemExit` and its like end this actor only, never all of them;
* nothing waits for ever on an actor that has stopped: its mailbox is closed, and who was waiting
  there is answered or handed to `on_messages_left`;
* the threads are daemons: a forgotten actor does not keep the process from exiting.
"""

import logging
import sys
import threading
import zlib
from queue import SimpleQueue
from typing import ClassVar, Protocol

import pykka
from pykka._envelope import Envelope as PykkaEnvelope
from pykka.messages import _ActorStop

from mentra_actors.actors.mailbox import Mailbox

__all__ = ["DispatchedActor", "Dispatcher", "DispatcherPool", "TurnGiver", "TurnGivers"]

_log = logging.getLogger(__name__)


class TurnGiver(Protocol):
    """What an actor needs of its dispatcher."""

    def schedule(self, actor: "DispatchedActor") -> None:
        """Give the actor a turn soon; safe from any thread, never blocks."""
        ...


class TurnGivers(Protocol):
    """Dispatchers by stream."""

    def for_stream(self, stream_id: str, /) -> TurnGiver:
        """The dispatcher of a stream, always the same one."""
        ...


class Dispatcher:
    """One thread that gives turns to the actors that have messages, in order of arrival."""

    def __init__(self, name: str) -> None:
        self._ready: SimpleQueue[DispatchedActor | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def schedule(self, actor: "DispatchedActor") -> None:
        """Give the actor a turn soon; safe from any thread."""
        self._ready.put(actor)

    def stop(self, timeout_s: float) -> bool:
        """End the thread after the turns that are due; True if it ended in time."""
        self._ready.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def is_current(self) -> bool:
        """True on this dispatcher's own thread."""
        return threading.current_thread() is self._thread

    def _run(self) -> None:
        while (actor := self._ready.get()) is not None:
            if actor.take_turn():
                self._ready.put(actor)


class DispatcherPool:
    """A few dispatchers; a stream id always leads to the same one."""

    def __init__(self, threads: int) -> None:
        if threads < 1:
            raise ValueError(f"a pool needs at least one thread, not {threads}")
        self._dispatchers = [Dispatcher(f"mentra-dispatcher-{i}") for i in range(threads)]

    def for_stream(self, stream_id: str) -> Dispatcher:
        """The dispatcher of a stream."""
        return self._dispatchers[zlib.crc32(stream_id.encode()) % len(self._dispatchers)]

    def stop(self, timeout_s: float) -> bool:
        """End all threads, each within `timeout_s`; True if all ended."""
        ended = [dispatcher.stop(timeout_s) for dispatcher in self._dispatchers]
        return all(ended)

    def is_current(self) -> bool:
        """True on one of the dispatcher threads, where nothing may block."""
        return any(dispatcher.is_current() for dispatcher in self._dispatchers)


class DispatchedActor(pykka.Actor):
    """A pykka actor that runs on a dispatcher, one message at a time."""

    messages_per_turn: ClassVar[int] = 64
    """After so many messages other actors of the thread get their turn."""

    actor_inbox: Mailbox

    def __init__(self, dispatcher: TurnGiver, *, mailbox_bound: int = 0) -> None:
        """`mailbox_bound` is the most commands that may wait; 0 means any number."""
        super().__init__()
        self._dispatcher = dispatcher
        self._failed_message: object = None
        self.actor_inbox.connect(lambda: dispatcher.schedule(self), bound=mailbox_bound)

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox()

    @staticmethod
    def _create_future() -> pykka.Future[object]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self.actor_inbox.put(PykkaEnvelope(_Begin()))

    def take_turn(self) -> bool:
        """Handle waiting messages; True if the actor wants another turn. On its dispatcher."""
        for _ in range(self.messages_per_turn):
            if self.actor_stopped.is_set() or self.actor_inbox.empty():
                break
            envelope = self.actor_inbox.get()
            try:
                self._handle(envelope)
            except BaseException as error:  # noqa: BLE001 - SystemExit must end this actor only
                self._end_in_failure(error, envelope)
        if self.actor_stopped.is_set():
            self._leave()
            return False
        return not self.actor_inbox.rest()

    def _handle(self, envelope: PykkaEnvelope[object]) -> None:
        if isinstance(envelope.message, _Begin):
            self.on_start()
            return
        answer = self._handle_receive(envelope.message)
        if envelope.reply_to is not None:
            envelope.reply_to.set(answer)

    def _end_in_failure(self, error: BaseException, envelope: PykkaEnvelope[object]) -> None:
        _log.error("%s died of %r", self, error, exc_info=error)
        if envelope.reply_to is not None:
            envelope.reply_to.set_exception(sys.exc_info())
        pykka.ActorRegistry.unregister(self.actor_ref)
        self.actor_stopped.set()
        self._failed_message = envelope.message
        try:
            self.on_failure(type(error), error, error.__traceback__)
        except BaseException:  # noqa: BLE001 - a hook must not take the dispatcher down
            _log.exception("on_failure of %s raised", self)

    def _leave(self) -> None:
        left = self.actor_inbox.close()
        for envelope in left:
            if envelope.reply_to is None:
                continue
            if isinstance(envelope.message, _ActorStop):
                envelope.reply_to.set(None)
            else:
                dead = pykka.ActorDeadError(f"{self.actor_ref} stopped before the message")
                envelope.reply_to.set_exception((pykka.ActorDeadError, dead, None))
        messages = [envelope.message for envelope in left if envelope.reply_to is None]
        try:
            self.on_messages_left([m for m in messages if not isinstance(m, _ActorStop)])
        except BaseException:  # noqa: BLE001 - a hook must not take the dispatcher down
            _log.exception("on_messages_left of %s raised", self)

    def on_messages_left(self, messages: list[object]) -> None:
        """Take care of what was told and not handled; on the dispatcher, after the end."""


class _Begin:
    """First message of every actor: runs `on_start` on the dispatcher."""
