"""The mailbox of a dispatched actor.

pykka puts messages with `put` and, on stopping, asks `empty` and `get`. This one adds what its
queue lacks: a bound for commands (effects' outcomes and notices of the store always get in), an
end (`close`), after which nothing can be put and be forgotten, and one notice to the dispatcher
when it turns from empty to not empty.
"""

import threading
from collections import deque
from collections.abc import Callable

import pykka
from pykka._envelope import Envelope as PykkaEnvelope

from mentra_actors.actors.messages import Envelope
from mentra_actors.errors import MailboxFull

__all__ = ["Mailbox"]


class Mailbox:
    """First in, first out; safe from any thread; never blocks."""

    __slots__ = ("_bound", "_closed", "_commands", "_lock", "_messages", "_notify", "_scheduled")

    def __init__(self) -> None:
        self._messages: deque[PykkaEnvelope[object]] = deque()
        self._commands = 0
        self._bound = 0
        self._closed = False
        self._scheduled = False
        self._notify: Callable[[], None] = lambda: None
        self._lock = threading.Lock()

    def connect(self, notify: Callable[[], None], *, bound: int) -> None:
        """Call `notify` when messages come to an idle actor; hold at most `bound` commands."""
        self._notify = notify
        self._bound = bound

    def put(self, envelope: PykkaEnvelope[object]) -> None:
        """Add a message.

        Raises:
            MailboxFull: it is a command and as many as allowed are waiting.
            pykka.ActorDeadError: the actor has stopped (an `ask` gets the error as its answer).
        """
        message = envelope.message
        counts = isinstance(message, Envelope) and not message.is_outcome
        with self._lock:
            refusal = self._refusal(counts=counts)
            if refusal is None:
                self._messages.append(envelope)
                self._commands += counts
                wake = not self._scheduled
                self._scheduled = True
        if refusal is None:
            if wake:
                self._notify()
        elif envelope.reply_to is not None:
            envelope.reply_to.set_exception((type(refusal), refusal, None))
        else:
            raise refusal

    def _refusal(self, *, counts: bool) -> Exception | None:
        if self._closed:
            return pykka.ActorDeadError("the actor has stopped")
        if counts and self._bound and self._commands >= self._bound:
            return MailboxFull(
                f"{self._commands} commands are waiting, the most this actor takes; "
                "nothing was recorded, try again later"
            )
        return None

    def get(self) -> PykkaEnvelope[object]:
        """The oldest message.

        Raises:
            IndexError: there is none; ask `empty` first.
        """
        with self._lock:
            envelope = self._messages.popleft()
            message = envelope.message
            self._commands -= isinstance(message, Envelope) and not message.is_outcome
        return envelope

    def empty(self) -> bool:
        """True if nothing waits."""
        return not self._messages

    def rest(self) -> bool:
        """End of a turn: True if the actor may sleep, False if messages came meanwhile."""
        with self._lock:
            self._scheduled = bool(self._messages)
            return not self._scheduled

    def close(self) -> list[PykkaEnvelope[object]]:
        """Take nothing any more; returns what was waiting."""
        with self._lock:
            self._closed = True
            left = list(self._messages)
            self._messages.clear()
            self._commands = 0
        return left

    def close_if_empty(self) -> bool:
        """Close unless a message waits; True if closed."""
        with self._lock:
            self._closed = self._closed or not self._messages
            return self._closed
