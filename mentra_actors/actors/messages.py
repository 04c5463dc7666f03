"""What travels through mailboxes, and what comes back to senders."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

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
    "PassivateIfIdle",
    "Rejected",
]


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command's events are durable (or it caused none). `state` is the one after them."""

    stream_version: int
    state: Any


@dataclass(frozen=True, slots=True)
class Rejected:
    """The decider said no; nothing was recorded."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The command was not decided, or its events could not be written; nothing was recorded."""

    error: Exception


Answer: TypeAlias = Accepted | Rejected | Failed
OnAnswer: TypeAlias = Callable[[Answer], None]
"""Called once, on a dispatcher or the writer thread; it must not block or raise."""


@dataclass(slots=True)
class Envelope:
    """A command with its return address.

    `is_outcome` marks commands that must always get in: their number is bounded by the running
    effects. `deliveries` counts how often an actor has died over it.
    """

    command: Any
    on_answer: OnAnswer | None = None
    causation: str = ""
    is_outcome: bool = False
    deliveries: int = 0

    def answer(self, answer: Answer) -> None:
        """Tell the sender; only the first answer is passed on."""
        on_answer, self.on_answer = self.on_answer, None
        if on_answer is not None:
            on_answer(answer)


@dataclass(frozen=True, slots=True)
class AppendDone:
    """From the writer thread: an append of this actor is durable, or was refused."""

    append: Any
    result: Appended | Exception


@dataclass(frozen=True, slots=True)
class Look:
    """Command that asks for the state and records nothing; answered after what came before."""


@dataclass(frozen=True, slots=True)
class LookAtFollowed:
    """Something may lie in the stream that this actor takes from."""


@dataclass(frozen=True, slots=True)
class PassivateIfIdle:
    """Stop if nothing has come since `before` (seconds of the monotonic clock)."""

    before: float
