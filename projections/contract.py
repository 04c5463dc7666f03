"""What a projection is, and the one fold that every view comes from.

A projection keeps a *view* in *parts*: an event names the parts that it touches, and only those
are loaded and written again. Ten lines make one:

    @projection(name="output_tokens", initial=dict, view_type=dict[str, int])
    def output_tokens(view: dict[str, int], recorded: RecordedEvent[Any]) -> dict[str, int]:
        '''Output tokens by stream.'''
        match recorded.event:
            case ModelReplied(usage=usage):
                stream_id = recorded.stream_id
                return {**view, stream_id: view.get(stream_id, 0) + usage.output_tokens}
            case _:
                return view

One with a part for each stream, agent or run is a class of a few lines: `projections.keyed`. A
class with the members of `Projection` may do anything: `projections.views.task_board`.

A projection may also have `categories` and `streams`: sets of the categories of streams (`agent`)
and of the ids of streams that it sees, empty for all.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar, Unpack, get_args

from mentra_actors.envelope import RecordedEvent, SkippedEvent
from mentra_actors.errors import MentraError
from mentra_actors.ids import category_of
from projections.declared import (
    EventChoice,
    checked_handles,
    checked_initial,
    checked_name,
    checked_names,
    checked_projection,
    checked_view_type,
)

__all__ = [
    "MAX_KEY_BYTES",
    "ONE_PART",
    "AnyProjection",
    "FunctionProjection",
    "Projection",
    "ProjectionFailed",
    "fold_parts",
    "fold_view",
    "projection",
    "sees",
]

MAX_KEY_BYTES = 380
"""Longest key of a part, in UTF-8; every stream id with a page number fits."""
ONE_PART = ""
"""The key of a view that has one part."""

_SKIPPED = get_args(SkippedEvent)
_RAISED = (Exception, SystemExit)
"""What a projection may not raise; one that exits must not end the thread that folds it."""

V = TypeVar("V")


class Projection(Protocol[V]):
    """A pure fold of the journal into a view.

    `keys` and `apply` are total: no history makes them raise, and `apply` returns its view as
    it is for an event that means nothing to it. They never change a view in place.
    """

    @property
    def name(self) -> str:
        """Unique among the projections of a store; a name as `is_valid_name` knows them."""
        ...

    @property
    def version(self) -> int:
        """From 1. Raise it when `keys`, `apply` or `view_type` change: the view is rebuilt."""
        ...

    @property
    def handles(self) -> frozenset[type[object]] | None:
        """Event classes that it wants to see; None for all."""
        ...

    @property
    def view_type(self) -> Any:
        """Type of one part, as msgspec decodes it."""
        ...

    def keys(self, recorded: RecordedEvent[Any]) -> Sequence[str]:
        """Parts of the view that this event touches; none if it touches nothing."""
        ...

    def initial(self, key: str) -> V:
        """The part before its first event."""
        ...

    def apply(self, view: V, key: str, recorded: RecordedEvent[Any]) -> V:
        """The part after one event."""
        ...


AnyProjection: TypeAlias = Projection[Any]
"""One whose view does not matter, as among several: no type of a view fits them all."""


class ProjectionFailed(MentraError):
    """A projection raised, which is a bug in it. Its view stops before `position`.

    Other projections go on. Mend the projection and open the store again; raise its version if
    the mended one folds earlier events to another view.
    """

    def __init__(self, name: str, *, position: int, cause: str) -> None:
        super().__init__(f"projection {name!r} failed at position {position}: {cause}")
        self.name = name
        self.position = position
        self.cause = cause
        self.add_note(
            "Mend the projection and start again; the log and the other views are as they were."
        )


def fold_view(
    projection: Projection[V], recorded_events: Iterable[RecordedEvent[object]]
) -> dict[str, V]:
    """The whole view, by key, after `recorded_events`: "as of" wherever they end.

    Raises:
        ProjectionFailed: the projection raised.
    """
    return fold_parts(projection, recorded_events, lambda _key: None)


def fold_parts(
    projection: Projection[V],
    recorded_events: Iterable[RecordedEvent[object]],
    part_before: Callable[[str], V | None],
) -> dict[str, V]:
    """The parts that `recorded_events` touch; `part_before` gives what they were, or None.

    Raises:
        ProjectionFailed: the projection raised.
    """
    touched: dict[str, V] = {}
    is_seen, apply = sees(projection), projection.apply
    for recorded in recorded_events:
        if not is_seen(recorded):
            continue
        for key in _keys_of(projection, recorded):
            if key in touched:
                before = touched[key]
            else:
                stored = part_before(key)
                before = _first(projection, key, recorded) if stored is None else stored
            try:
                touched[key] = apply(before, key, recorded)
            except _RAISED as error:
                raise _failed(projection, recorded, error) from error
    return touched


def sees(projection: AnyProjection) -> Callable[[RecordedEvent[object]], bool]:
    """Whether an event is one that this release understands and that the projection wants.

    Raises:
        TypeError: it is no projection, but perhaps the class of one.
    """
    checked_projection(projection)
    handles = projection.handles
    categories: frozenset[str] = getattr(projection, "categories", frozenset())
    streams: frozenset[str] = getattr(projection, "streams", frozenset())

    def is_wanted(recorded: RecordedEvent[object]) -> bool:
        kind = type(recorded.event)
        return kind not in _SKIPPED and (handles is None or kind in handles)

    def is_wanted_here(recorded: RecordedEvent[object]) -> bool:
        stream_id = recorded.stream_id
        if categories and category_of(stream_id) not in categories:
            return False
        return (not streams or stream_id in streams) and is_wanted(recorded)

    return is_wanted_here if categories or streams else is_wanted


def _keys_of(projection: AnyProjection, recorded: RecordedEvent[object]) -> Iterable[str]:
    try:
        keys = _sequence(projection.keys(recorded))
        for key in keys:
            is_short = key.isascii() and len(key) <= MAX_KEY_BYTES
            if not is_short and (size := len(key.encode())) > MAX_KEY_BYTES:
                raise ValueError(f"key {key[:40]!r}… takes {size} bytes of {MAX_KEY_BYTES}")
    except _RAISED as error:
        raise _failed(projection, recorded, error) from error
    return keys if len(keys) == 1 else dict.fromkeys(keys)


def _sequence(keys: Iterable[str]) -> Sequence[str]:
    if isinstance(keys, tuple | list):
        return keys
    if isinstance(keys, str):
        raise TypeError(f"`keys` returned one text, whose letters are no keys: return [{keys!r}]")
    return list(keys)


def _first(projection: Projection[V], key: str, recorded: RecordedEvent[Any]) -> V:
    try:
        return projection.initial(key)
    except _RAISED as error:
        raise _failed(projection, recorded, error) from error


def _failed(
    projection: AnyProjection, recorded: RecordedEvent[object], error: BaseException
) -> ProjectionFailed:
    cause = f"{type(error).__name__}: {error}"
    return ProjectionFailed(projection.name, position=recorded.global_position, cause=cause)


@dataclass(frozen=True, slots=True)
class FunctionProjection(Generic[V]):
    """A projection whose view has one part, made of a plain function; see `projection`."""

    name: str
    version: int
    handles: frozenset[type[object]] | None
    view_type: Any
    make_initial: Callable[[], V]
    step: Callable[[V, RecordedEvent[Any]], V]
    categories: frozenset[str] = frozenset()
    streams: frozenset[str] = frozenset()

    def keys(self, recorded: RecordedEvent[Any]) -> Sequence[str]:  # noqa: ARG002 - one part
        """See `Projection.keys`."""
        return (ONE_PART,)

    def initial(self, key: str) -> V:  # noqa: ARG002 - one part
        """See `Projection.initial`."""
        return self.make_initial()

    def apply(self, view: V, key: str, recorded: RecordedEvent[Any]) -> V:  # noqa: ARG002 - one part
        """See `Projection.apply`."""
        return self.step(view, recorded)


def projection(
    *,
    name: str,
    initial: Callable[[], Any],
    view_type: object,
    version: int = 1,
    **choice: Unpack[EventChoice],
) -> Callable[[Callable[[V, RecordedEvent[Any]], V]], FunctionProjection[V]]:
    """Make a projection of a function `(view, recorded) -> view`; the module shows one.

    `initial` makes the view before the first event (`dict`, a struct class); type checkers take
    the type of the view from the function. The view has one part, which is written whole with
    each page of events: keep it small. `handles` are the classes of events that it sees
    (`mentra_actors.events`), `categories` and `streams` those of its streams; without one it
    sees all.

    Raises:
        TypeError, ValueError: nothing could be folded or stored like this.
    """
    checked_name(name, version)
    checked_view_type(name, view_type)
    checked_initial(name, view_type, initial)
    classes = checked_handles(name, choice.get("handles"))
    categories = checked_names(name, choice.get("categories", ()))
    streams = checked_names(name, choice.get("streams", ()))

    def decorate(step: Callable[[V, RecordedEvent[Any]], V]) -> FunctionProjection[V]:
        return FunctionProjection(
            name=name,
            version=version,
            handles=classes,
            view_type=view_type,
            make_initial=initial,
            step=step,
            categories=categories,
            streams=streams,
        )

    return decorate
