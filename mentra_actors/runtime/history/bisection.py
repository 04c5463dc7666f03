"""Where in the past something became true, in few looks.

A predicate that is false at one position and true at a later one has turned in between. Half of
the way is looked at, then half of that half: about twenty looks for a million events. What is
found is *a* turn from false to true; if the predicate turned several times, it is one of them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.history.moment import Moment
from mentra_actors.runtime.history.past import Past
from projections.contract import Projection, fold_parts, sees
from projections.declared import checked_projection
from projections.past_views import OnlyPart, PartsOfStreams

__all__ = ["TurningPoint", "bisect_moments", "bisect_view"]

V = TypeVar("V")

_MARKS = 128
"""Folds that are kept of one pass: the next pass folds a hundredth of the events again."""


class TurningPoint(msgspec.Struct, Generic[V], frozen=True, kw_only=True):
    """The event that made a predicate true: it is false of `before` and true of `after`.

    They are what the predicate was given. `looks` counts how often it was asked.
    """

    position: int
    event: RecordedEvent[Any]
    before: V
    after: V
    looks: int


class _Mark(NamedTuple):
    position: int
    parts: Mapping[str, Any]


class _Asked(Generic[V]):
    """A predicate that counts its answers."""

    def __init__(self, predicate: Callable[[V], object]) -> None:
        if not callable(predicate):
            raise TypeError(f"a predicate is a function of what is looked at, not {predicate!r}")
        self.looks = 0
        self._predicate = predicate

    def __call__(self, value: V) -> bool:
        self.looks += 1
        return bool(self._predicate(value))


def bisect_moments(
    past: Past, predicate: Callable[[Moment], object], good: int, bad: int
) -> TurningPoint[Moment]:
    """The first position at which a predicate over a whole moment holds.

    Raises:
        CommandRejected: it holds at `good` already, or does not at `bad`.
        TypeError: the predicate is no function.
    """
    asked = _Asked(predicate)
    _check_ends(asked(Moment(past, good)), asked(Moment(past, bad)), good, bad)
    low, high = good, bad
    while high - low > 1:
        middle = (low + high) // 2
        if asked(Moment(past, middle)):
            high = middle
        else:
            low = middle
    return TurningPoint(
        position=high,
        event=_event_at(past, high),
        before=Moment(past, high - 1),
        after=Moment(past, high),
        looks=asked.looks,
    )


def bisect_view(
    past: Past,
    projection: Projection[Any],
    key: str | None,
    predicate: Callable[[Any], object],
    good: int,
    bad: int,
) -> TurningPoint[Any]:
    """The first position at which a predicate over a view, or over one part of it, holds.

    The view is folded once from `good` to `bad`; then only what lies between two marks of that
    pass is folded again.

    Raises:
        CommandRejected: it holds at `good` already, or does not at `bad`.
        ProjectionFailed: the projection raised.
        TypeError: it is no projection, or the predicate no function.
    """
    checked_projection(projection)
    asked = _Asked(predicate)

    def value(mark: _Mark) -> Any:
        if key is None:
            return mark.parts
        found = mark.parts.get(key)
        return projection.initial(key) if found is None else found

    folded = projection if key is None else OnlyPart(projection, key)
    low = _Mark(good, _parts_at(past, projection, key, good))
    is_true_before = asked(value(low))
    marks, is_every = _marks(folded, low, _events(past, projection, key, good, bad))
    _check_ends(is_true_before, asked(value(marks[-1] if marks else low)), good, bad)
    while True:
        low, high = _turn([low, *marks], lambda mark: asked(value(mark)))
        if is_every:
            break
        events = _events(past, projection, key, low.position, high.position)
        marks, is_every = _marks(folded, low, events)
    return TurningPoint(
        position=high.position,
        event=_event_at(past, high.position),
        before=value(low),
        after=value(high),
        looks=asked.looks,
    )


def _check_ends(is_true_before: bool, is_true_after: bool, good: int, bad: int) -> None:  # noqa: FBT001
    if is_true_before:
        raise CommandRejected(
            f"it is true at position {good} already: begin earlier, where it is not"
        )
    if not is_true_after:
        raise CommandRejected(f"it is not true at position {bad}: nothing has made it so by then")


def _parts_at(
    past: Past, projection: Projection[Any], key: str | None, position: int
) -> Mapping[str, Any]:
    if key is None:
        return past.views.parts(projection, position)
    part = past.views.part(projection, key, position)
    return {} if part is None else {key: part}


def _events(
    past: Past, projection: Projection[Any], key: str | None, after: int, through: int
) -> Iterator[RecordedEvent[Any]]:
    """Those between two positions that may touch what is asked about."""
    is_keyed = key is not None and isinstance(projection, PartsOfStreams)
    stream_id = projection.stream_of(key) if is_keyed else None  # type: ignore[attr-defined]
    if stream_id is None:
        return past.views.handled(projection, after, through)
    first, last = (past.journal.version_at(stream_id, one) for one in (after, through))
    recorded = past.journal.read_stream(stream_id, after=first, through=last)
    return filter(sees(projection), recorded)


def _marks(
    projection: Projection[Any], low: _Mark, events: Iterable[RecordedEvent[Any]]
) -> tuple[list[_Mark], bool]:
    """The view after some of these events, the last one among them; True if after each."""
    parts, marks, step = dict(low.parts), [], 1
    position = low.position
    for number, (place, together) in enumerate(groupby(events, _position), start=1):
        position = place
        parts.update(fold_parts(projection, together, parts.get))
        if number % step == 0:
            marks.append(_Mark(place, dict(parts)))
        if len(marks) >= 2 * _MARKS:
            marks, step = marks[1::2], 2 * step
    if (marks and marks[-1].position != position) or (not marks and position != low.position):
        marks.append(_Mark(position, parts))
    return marks, step == 1


def _turn(marks: Sequence[_Mark], holds: Callable[[_Mark], bool]) -> tuple[_Mark, _Mark]:
    """Two neighbours: of the first it is false, of the second true. So it is of the two ends."""
    low, high = 0, len(marks) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if holds(marks[middle]):
            high = middle
        else:
            low = middle
    return marks[low], marks[high]


def _position(recorded: RecordedEvent[Any]) -> int:
    return recorded.global_position


def _event_at(past: Past, position: int) -> RecordedEvent[Any]:
    return past.journal.read_journal(after=position - 1, limit=1)[0]
