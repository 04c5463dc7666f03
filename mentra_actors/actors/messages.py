"""What travels through mailboxes, and what comes back to senders."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected, StoreError
from mentra_actors.store.ports import Appended

__all__ = [
    "Accepted",
    "Answer",
    "AppendDone",
    "Envelope",
    "Failed",
    "Look",
    "LookAtFollowed",
    "OnAnswer",
    "OwnCommand",
    "PassivateIfIdle",
    "Rejected",
    "Reload",
    "error_in",
]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command's `events` are durable (or it caused none). `state` is the one after them."""

    stream_version: int
    state: Any
    events: Sequence[object] = ()

    @property
    def has_recorded(self) -> bool:
        """False for a command that caused no events, such as a repeated one."""
        return bool(self.events)


@dataclass(frozen=True, slots=True)
class Rejected:
    """The decider said no; nothing was recorded."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The command was not decided, or its events could not be written; nothing was recorded."""

    error: Exception


Answer: TypeAlias = Accepted | Rejected | Failed


def error_in(answer: Answer) -> Exception | None:
    """The error that an answer stands for; None if the command was accepted."""
    match answer:
        case Accepted():
            return None
        case Rejected(reason=reason):
            return CommandRejected(reason)
        case Failed(error=error):
            return error


OnAnswer: TypeAlias = Callable[[Answer], None]
"""Called once, on a dispatcher or the writer thread; it must not block or raise."""


@dataclass(slots=True)
class Envelope:
    """A command with its return address.

    `is_outcome` marks commands that must always get in: their number is bounded by the running
    effects. `deliveries` counts how often an actor has died over it; `letter_id` names the dead
    letter that it was, if it is sent again.
    """

    command: Any
    on_answer: OnAnswer | None = None
    causation: str = ""
    is_outcome: bool = False
    deliveries: int = 0
    letter_id: str = ""

    def answer(self, answer: Answer) -> None:
        """Tell the sender; only the first answer is passed on."""
        on_answer, self.on_answer = self.on_answer, None
        if on_answer is None:
            return
        try:
            on_answer(answer)
        except Exception:  # noqa: BLE001 - a sender's bug must not keep others from their answers
            _log.exception("a sender raised over the answer to %r", self.command)


@dataclass(slots=True)
class OwnCommand(Envelope):
    """A command that an actor gives itself; after a conflict it is made anew, not repeated."""


@dataclass(frozen=True, slots=True)
class AppendDone:
    """From the writer thread: an append of this actor is durable, or was refused.

    `recorded` are all its events, those for other streams too; none if it was refused.
    """

    append: Any
    result: Appended | StoreError
    recorded: tuple[RecordedEvent[object], ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """Command that asks for the state and records nothing; answered after what came before."""


@dataclass(frozen=True, slots=True)
class LookAtFollowed:
    """Something may lie in the stream that this actor takes from."""


@dataclass(frozen=True, slots=True)
class Reload:
    """Somebody else has written this actor's stream: what was loaded is too old."""


@dataclass(frozen=True, slots=True)
class PassivateIfIdle:
    """Stop if nothing has come since `before` (seconds of the monotonic clock)."""

    before: float
