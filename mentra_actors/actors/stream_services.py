"""What every stream actor is given: its kind, and the parts of the system that it uses."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from mentra_actors.actors.inline_view import InlineFold
from mentra_actors.actors.messages import Envelope
from mentra_actors.actors.state_loading import StateLoader
from mentra_actors.decider import Decider
from mentra_actors.effects.ports import Clock, Effects, RecordedFeed
from mentra_actors.errors import Fenced
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store.journal import Journal
from mentra_actors.store.ports import EventStore, Fence

__all__ = ["AnyStreamKind", "Neighbours", "StreamKind", "StreamServices"]

C = TypeVar("C")
E = TypeVar("E")
S = TypeVar("S")
F = TypeVar("F")


class Neighbours(Protocol):
    """What an actor tells the rest of the system. Never blocks.

    Called on its dispatcher; once it has ended, also on the writer thread.
    """

    def stream_was_written(self, stream_id: StreamId, *, has_work: bool = False) -> None:
        """Another stream got events from this actor's append, and its owner work, if it has."""
        ...

    def actor_died(
        self,
        stream_id: StreamId,
        error: BaseException,
        left: list[Envelope],
        *,
        culprit: Envelope | None,
    ) -> None:
        """The actor of a stream ended in an error; `left` was told and not handled.

        None of its appends is in doubt any more: a successor finds all of them on the log.
        `culprit` is the one of `left` that it was deciding, if any: the others are innocent.
        """
        ...

    def actor_left(self, stream_id: StreamId, left: list[Any]) -> None:
        """The actor of a stream ended as it was asked to; `left` came too late for it."""
        ...

    def store_refused(self, stream_id: StreamId) -> None:
        """The store failed; `LookAtFollowed` should come again in a while."""
        ...

    def was_fenced(self, error: Fenced) -> None:
        """Another process has taken over; nothing can be written any more."""
        ...


@dataclass(frozen=True, slots=True)
class StreamKind(Generic[C, E, S, F]):
    """All that actors of one category share: the decider, its loader, its inline view."""

    decider: Decider[C, E, S, F]
    loader: StateLoader[S]
    inline: InlineFold[Any] | None = None


AnyStreamKind: TypeAlias = StreamKind[Any, Any, Any, Any]
"""That of any category, as among several."""


@dataclass(frozen=True, slots=True)
class StreamServices:
    """The parts of the system that every stream actor uses."""

    store: EventStore
    journal: Journal
    effects: Effects
    feed: RecordedFeed
    clock: Clock
    neighbours: Neighbours
    fence: Callable[[], Fence | None] = field(default=lambda: None)
    partials: Callable[[StreamId], Mapping[EffectId, object]] = field(
        default=lambda _stream_id: {}
    )
    """What earlier processes have left of effects of a stream that they were performing."""
    mailbox_bound: int = 10_000
    recovered: set[StreamId] = field(default_factory=set)
    """Streams of which this process has settled what earlier ones had left open.

    From then on an effect that is pending and not in flight has simply not been started: its actor
    died in between. It is started, and nothing is recorded.
    """
