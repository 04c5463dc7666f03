"""The contract of an aggregate: a record of pure functions.

    command ─▶ decide ─▶ events ─▶ append ─▶ evolve ─▶ pending effects ─▶ outcome command

None of the functions may look at a clock, make an id, draw a random number, log or do I/O.
`decide` may refuse; `evolve`, `pending` and `companions` never raise, whatever the history.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import EffectId, StreamId

__all__ = [
    "AnyDecider",
    "ByEvent",
    "Companion",
    "Decider",
    "Delivery",
    "Follow",
    "Settlement",
    "Steps",
    "Unchanged",
]

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")
F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Delivery:
    """Events for another stream, written in the same append as the event that caused them.

    `must_be_new` asks that the other stream does not exist yet; else any version will do, which
    is right only for streams that take facts from any writer (an inbox). `is_work` says that its
    owner must be woken to take them; the owner of a new stream sleeps unless it `starts`.
    """

    stream_id: StreamId
    events: tuple[object, ...]
    must_be_new: bool = False
    is_work: bool = True
    starts: bool = False


@dataclass(frozen=True, slots=True)
class Settlement:
    """The owner has taken everything of another stream up to `through_version`."""

    stream_id: StreamId
    through_version: int


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The event is only true if another stream ends with `version`; else the append is refused.

    The owner then takes what has come there, and decides again.
    """

    stream_id: StreamId
    version: int


Companion = Delivery | Settlement | Unchanged


@dataclass(frozen=True, slots=True)
class Follow(Generic[C, S]):
    """A stream that others write and this aggregate takes from, in order, each event once.

    `position(state)` is the stream and the version taken so far, or None while there is nothing
    to follow; `take(recorded, now)` is the command that takes the events after it, skipped ones
    and all parts of a split one among them. `now` is Unix time in seconds.
    """

    position: Callable[[S], tuple[StreamId, int] | None]
    take: Callable[[Sequence[RecordedEvent[object]], float], C]


def _no_effects(_state: object) -> Mapping[EffectId, Any]:
    return {}


def _no_companions(_event: object) -> Sequence[Companion]:
    return ()


def _no_correlation(_state: object) -> str:
    return ""


@dataclass(frozen=True, slots=True)
class Decider(Generic[C, E, S, F]):
    """The pure functions of one kind of stream.

    `event_types` are the classes that `evolve` knows; `fold` skips any other event.
    `decide(command, state)` gives events or raises `CommandRejected`; `evolve(state, event)`
    the next state; `pending(state)` the effects asked for and not answered, by effect id;
    `companions(event)` what else is written in the same append.`is_busy(state)` says
    whether the stream has work that is not done, also if it waits for nothing but a command, and
    not if all that is pending is to wait (the default: while effects are pending).
    `recover(state, running, now, partials)` gives the command with
    which an owner that has just loaded the stream settles effects that an earlier owner had
    started; `running` are those that this process still performs, `partials` what is left of
    effects that were half done.
    `correlation(state)` names the piece of work that events belong to (a run), or is empty.
    `evolve_all(state, events)` is the same as `evolve` event by event, where that takes longer.
    `fold_version` is raised when `evolve` changes meaning: older state snapshots are dropped.
    """

    category: str
    initial: S
    event_types: frozenset[type[object]]
    decide: Callable[[C, S], Sequence[E]]
    evolve: Callable[[S, E], S]
    pending: Callable[[S], Mapping[EffectId, F]] = field(default=_no_effects)
    companions: Callable[[E], Sequence[Companion]] = field(default=_no_companions)
    correlation: Callable[[S], str] = field(default=_no_correlation)
    recover: Callable[[S, frozenset[EffectId], float, Mapping[EffectId, Any]], C | None] | None = (
        None
    )
    is_busy: Callable[[S], bool] | None = None
    follow: Follow[C, S] | None = None
    evolve_all: Callable[[S, Iterable[E]], S] | None = None
    fold_version: int = 1

    def has_work(self, state: S) -> bool:
        """True if the stream is to be woken after a restart: it is busy, or waits."""
        return bool((self.is_busy is not None and self.is_busy(state)) or self.pending(state))

    def fold(self, events: Iterable[object], state: S | None = None) -> S:
        """State after those of `events` that it knows, from `state` (the initial one if None)."""
        current = self.initial if state is None else state
        if self.evolve_all is not None:
            known = [one for one in events if type(one) in self.event_types]
            return self.evolve_all(current, known)  # type: ignore[arg-type]
        for event in events:
            if type(event) in self.event_types:
                current = self.evolve(current, event)  # type: ignore[arg-type]
        return current


AnyDecider: TypeAlias = Decider[Any, Any, Any, Any]
"""One whose commands, events, states and effects do not matter: no types would fit all."""

Steps: TypeAlias = Mapping[type[object], Callable[[S, Any], S]]
"""What each class of event does to a state: each function takes events of its own class only."""

ByEvent: TypeAlias = Mapping[type[object], Callable[[Any], S]]
"""What is made of each class of event, likewise."""
