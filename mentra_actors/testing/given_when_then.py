"""Examples that read as documentation: given a history, when a command comes, then these events.

    from mentra_actors.domain.lease import LEASE, AcquireLease, LeaseAcquired, ReleaseLease

    taken = LeaseAcquired(holder="a", epoch=1, term_s=10.0, acquired_at=0.0, expires_at=10.0)
    too_early = AcquireLease(holder="b", term_s=10.0, now=3.0)

    assert given(LEASE).when(AcquireLease(holder="a", term_s=10.0, now=0.0)) == [taken]
    assert given(LEASE, taken).when(too_early).rejects("held by a")
    assert given(LEASE, taken).when(ReleaseLease(epoch=1)).state.holder == ""

Every event, given or decided, goes through the codec before it is folded, so an example also
fails when an event cannot be stored, or comes back as another one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.decider import Companion, Decider
from mentra_actors.envelope import SkippedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId

__all__ = ["Codec", "Given", "When", "given", "play", "stored"]

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")
F = TypeVar("F")


class Codec(Protocol):
    """Events to tagged bytes and back."""

    def encode(self, event: object) -> tuple[str, bytes]:
        """Tag and bytes of an event."""
        ...

    def decode(self, event_type: str, payload: bytes) -> Sequence[Any]:
        """What the stored event says today: one event or more."""
        ...


def stored(event: E, codec: Codec = CODEC) -> E:
    """`event` as it comes back from the store.

    Raises:
        AssertionError: it comes back as something else.
    """
    back: list[E] = list(codec.decode(*codec.encode(event)))
    if back != [event]:
        raise AssertionError(f"the codec changes {event!r} into {back!r}")
    return back[0]


@dataclass(frozen=True, slots=True)
class Given(Generic[C, E, S, F]):
    """A stream with a history. `events` is all of it, `state` what it folds to."""

    decider: Decider[C, E, S, F]
    codec: Codec
    events: tuple[E | SkippedEvent, ...]
    state: S

    @property
    def pending(self) -> Mapping[EffectId, F]:
        """Effects that wait for an outcome, by id."""
        return self.decider.pending(self.state)

    def when(self, command: C) -> "When[C, E, S, F]":
        """What the aggregate does about `command`."""
        try:
            decided = tuple(self.decider.decide(command, self.state))
        except CommandRejected as rejected:
            return When(self, (), rejected.reason)
        recorded = tuple(stored(event, self.codec) for event in decided)
        state = self.decider.fold(recorded, self.state)
        after = Given(self.decider, self.codec, self.events + recorded, state)
        return When(after, recorded, None)


@dataclass(frozen=True, slots=True, eq=False)
class When(Generic[C, E, S, F]):
    """The answer to one command. It equals the list of the events that the command caused.

    `after` is the stream with these events. `rejection` is the reason of a refusal, else None.
    """

    after: Given[C, E, S, F]
    events: tuple[E, ...]
    rejection: str | None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, list | tuple):
            return NotImplemented
        return self.rejection is None and list(self.events) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it equals lists, which have no hash

    def __repr__(self) -> str:
        if self.rejection is not None:
            return f"<rejected: {self.rejection}>"
        return repr(list(self.events))

    def rejects(self, reason_part: str) -> bool:
        """True if the command was refused and the reason contains `reason_part`.

        Raises:
            AssertionError: it was not, so that a forgotten `assert` goes unpunished.
        """
        if self.rejection is None:
            raise AssertionError(f"expected a refusal, found {self!r}")
        if reason_part not in self.rejection:
            raise AssertionError(f"expected a refusal with {reason_part!r}, found {self!r}")
        return True

    @property
    def state(self) -> S:
        """State after the command."""
        return self.after.state

    @property
    def pending(self) -> Mapping[EffectId, F]:
        """Effects that wait for an outcome after the command, by id."""
        return self.after.pending

    @property
    def companions(self) -> Sequence[Companion]:
        """What is written to other streams in the same append."""
        decider = self.after.decider
        return [beside for event in self.events for beside in decider.companions(event)]

    def when(self, command: C) -> "When[C, E, S, F]":
        """What the aggregate does about a command after this one."""
        return self.after.when(command)


def given(
    decider: Decider[C, E, S, F], *events: E | SkippedEvent, codec: Codec = CODEC
) -> Given[C, E, S, F]:
    """A stream of this kind that holds `events`; see the top of this module for an example."""
    back = tuple(stored(event, codec) for event in events)
    return Given(decider, codec, back, decider.fold(back))


def play(start: Given[C, E, S, F], commands: Iterable[C]) -> list[When[C, E, S, F]]:
    """The answer to each command, one after the other; refused ones are among them.

    One element is one append: a crash may lose the last elements, but no part of one.

        answers = play(given(LEASE), [AcquireLease(holder="a", term_s=10.0, now=0.0)])
        assert answers[-1].state.epoch == 1
    """
    answers: list[When[C, E, S, F]] = []
    current = start
    for command in commands:
        answer = current.when(command)
        answers.append(answer)
        current = answer.after
    return answers
