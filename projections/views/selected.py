"""A part of a view: only the keys that somebody wants to see."""

from collections.abc import Sequence
from typing import Generic, TypeVar

from mentra_actors.envelope import RecordedEvent
from projections.contract import Projection
from projections.declared import checked_projection

__all__ = ["Selected", "only"]

V = TypeVar("V")


class Selected(Generic[V]):
    """A projection without the parts whose keys begin otherwise; see `only`."""

    def __init__(self, whole: Projection[V], prefixes: Sequence[str]) -> None:
        """Use `only`."""
        self.whole = whole
        self.prefixes = tuple(prefixes)
        self.name = whole.name
        self.version = whole.version
        self.handles = whole.handles
        self.view_type = whole.view_type
        self.categories: frozenset[str] = getattr(whole, "categories", frozenset())
        self.streams: frozenset[str] = getattr(whole, "streams", frozenset())

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        return [key for key in self.whole.keys(recorded) if key.startswith(self.prefixes)]

    def initial(self, key: str) -> V:
        """See `Projection.initial`."""
        return self.whole.initial(key)

    def apply(self, view: V, key: str, recorded: RecordedEvent[object]) -> V:
        """See `Projection.apply`."""
        return self.whole.apply(view, key, recorded)


def only(projection: Projection[V], *prefixes: str) -> Selected[V]:
    """The parts of a view whose keys begin with one of the prefixes, to be watched or folded.

    only(TRANSCRIPT, transcript_prefix(agent_stream(agent.agent_id)))

    Raises:
        TypeError, ValueError: it is no projection, a prefix is no text, or there is none.
    """
    checked_projection(projection)
    for one in prefixes:
        if type(one) is not str:
            raise TypeError(f"the beginning of a key is a text, not {one!r}")
    if not prefixes:
        raise ValueError(f"say with what the keys of {projection.name!r} begin")
    return Selected(projection, prefixes)
