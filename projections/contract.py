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

A projection with many parts is a class with the members of `Projection`; see
`projections.task_board`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, get_args

from mentra_actors.envelope import RecordedEvent, SkippedEvent
from mentra_actors.errors import MentraError

__all__ = [
    "MAX_KEY_BYTES",
    "ONE_PART",
    "FunctionProjection",
    "Projection",
    "ProjectionFailed",
    "fold_parts",
    "fold_view",
    "is_handled",
    "projection",
]

MAX_KEY_BYTES = 380
"""Longest key of a part, in UTF-8; every stream id with a page number fits."""
ONE_PART = ""
"""The key of a view that has one part."""

_SKIPPED = get_args(SkippedEvent)

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
    def handles(self) -> frozenset[type[Any]] | None:
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


def fold_view(
    projection: Projection[V], recorded_events: Iterable[RecordedEvent[Any]]
) -> dict[str, V]:
    """The whole view, by key, after `recorded_events`: "as of" wherever they end.

    Raises:
        ProjectionFailed: the projection raised.
    """
    return fold_parts(projection, recorded_events, lambda _key: None)


def fold_parts(
    projection: Projection[V],
    recorded_events: Iterable[RecordedEvent[Any]],
    part_before: Callable[[str], V | None],
) -> dict[str, V]:
    """The parts that `recorded_events` touch; `part_before` gives what they were, or None.

    Raises:
        ProjectionFailed: the projection raised.
    """
    touched: dict[str, V] = {}
    handles = projection.handles
    for recorded in recorded_events:
        kind = type(recorded.event)
        if kind in _SKIPPED or (handles is not None and kind not in handles):
            continue
        for key in _keys_of(projection, recorded):
            before = touched[key] if key in touched else part_before(key)
            touched[key] = _applied(projection, before, key, recorded)
    return touched


def is_handled(projection: Projection[Any], recorded: RecordedEvent[Any]) -> bool:
    """True for an event that this release understands and that the projection wants to see."""
    if isinstance(recorded.event, SkippedEvent):
        return False
    return projection.handles is None or type(recorded.event) in projection.handles


def _keys_of(projection: Projection[Any], recorded: RecordedEvent[Any]) -> Iterable[str]:
    try:
        keys = projection.keys(recorded)
        too_long = [key for key in keys if len(key.encode()) > MAX_KEY_BYTES]
    except Exception as error:
        raise _failed(projection, recorded, error) from error
    for key in too_long:
        size = len(key.encode())
        cause = ValueError(f"key {key[:40]!r}… takes {size} bytes of {MAX_KEY_BYTES}")
        raise _failed(projection, recorded, cause)
    return keys if len(keys) == 1 else dict.fromkeys(keys)


def _applied(
    projection: Projection[V], before: V | None, key: str, recorded: RecordedEvent[Any]
) -> V:
    try:
        view = projection.initial(key) if before is None else before
        return projection.apply(view, key, recorded)
    except Exception as error:
        raise _failed(projection, recorded, error) from error


def _failed(
    projection: Projection[Any], recorded: RecordedEvent[Any], error: Exception
) -> ProjectionFailed:
    cause = f"{type(error).__name__}: {error}"
    return ProjectionFailed(projection.name, position=recorded.global_position, cause=cause)


@dataclass(frozen=True, slots=True)
class FunctionProjection(Generic[V]):
    """A projection whose view has one part, made of a plain function; see `projection`."""

    name: str
    version: int
    handles: frozenset[type[Any]] | None
    view_type: Any
    make_initial: Callable[[], V]
    step: Callable[[V, RecordedEvent[Any]], V]

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
    view_type: Any,
    version: int = 1,
    handles: Iterable[type[Any]] | None = None,
) -> Callable[[Callable[[V, RecordedEvent[Any]], V]], FunctionProjection[V]]:
    """Make a projection of a function `(view, recorded) -> view`; the module shows one.

    `initial` makes the view before the first event (`dict`, a struct class); type checkers take
    the type of the view from the function. The view has one part, which is written whole with
    each page of events: keep it small.
    """

    def decorate(step: Callable[[V, RecordedEvent[Any]], V]) -> FunctionProjection[V]:
        return FunctionProjection(
            name=name,
            version=version,
            handles=None if handles is None else frozenset(handles),
            view_type=view_type,
            make_initial=initial,
            step=step,
        )

    return decorate
