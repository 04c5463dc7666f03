"""Where in the past something became true, in few looks.

A predicate that is false at one position and true at a later one has turned in between. A short
piece of the way is looked at, then four times as much, so that an early turn costs little; from
then on half of what is left, then half of that half: about twenty looks for a million events. What
is found is *a* turn from false to true; if the predicate turned several times, it is one of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.runtime.history.moment import Moment
from mentra_actors.runtime.history.past import Past
from projections.contract import AnyProjection, fold_parts, sees
from projections.declared import checked_projection
from projections.running.past_views import OnlyPart, PartsOfStreams
from projections.running.unshared import unshared

__all__ = ["TurningPoint", "bisect_moments", "bisect_view"]

V = TypeVar("V")

_FIRST_PIECE = 64
"""Of so many pieces of the way the first one is looked at before all others."""
_MARKS = 256
"""Places of one pass at which it is known what has changed since the one before."""


class TurningPoint(msgspec.Struct, Generic[V], frozen=True, kw_only=True):
    """The event that made a predicate true: it is false of `before` and true of `after`.

    They are what the predicate was given. `looks` counts how often it was asked.
    """

    position: int
    event: RecordedEvent[object]
    before: V
    after: V
    looks: int


class _Fold(NamedTuple):
    """A view after the event at a position; of a mark only what has changed since the last."""

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
        CommandRejected: it holds at `good` already, or at no position that was looked at.
        TypeError: the predicate is no function.
    """
    asked = _Asked(predicate)
    _require_false(good, is_true=asked(Moment(past, good)))
    low, high = good, bad
    while high - low > 1:
        middle = _next_look(good, low, high, bad)
        if asked(Moment(past, middle)):
            high = middle
        else:
            low = middle
    if high == bad:
        _require_true(bad, is_true=asked(Moment(past, bad)))
    return TurningPoint(
        position=high,
        event=_event_at(past, high),
        before=Moment(past, high - 1),
        after=Moment(past, high),
        looks=asked.looks,
    )


def bisect_view(
    past: Past,
    projection: AnyProjection,
    key: str | None,
    predicate: Callable[[Any], object],
    good: int,
    bad: int,
) -> TurningPoint[Any]:
    """The first position at which a predicate over a view, or over one part of it, holds.

    What is known to be false is the fold from which the next half is folded; so no event is
    folded twice, but for those between two marks of a half in which it became true.

    Raises:
        CommandRejected: it holds at `good` already, or at no position that was looked at.
        ProjectionFailed: the projection raised.
        TypeError: it is no projection, or the predicate no function.
    """
    checked_projection(projection)
    asked = _Asked(predicate)
    halves = _Halves(past, projection, key)
    low, high = halves.begun(good), bad
    _require_false(good, is_true=asked(halves.value(low.parts)))
    while high - low.position > 1:
        middle = _next_look(good, low.position, high, bad)
        marks = halves.marks(low, middle)
        if not marks:
            low = _Fold(middle, low.parts)
        elif asked(halves.value(_carried_on(low, marks).parts)):
            low, high = _turn(low, marks, lambda fold: asked(halves.value(fold.parts)))
        else:
            low = _Fold(middle, _carried_on(low, marks).parts)
    after = _carried_on(low, halves.marks(low, high))
    if high == bad:
        _require_true(bad, is_true=asked(halves.value(after.parts)))
    return TurningPoint(
        position=high,
        event=_event_at(past, high),
        before=halves.value(low.parts),
        after=halves.value(after.parts),
        looks=asked.looks,
    )


class _Halves:
    """Folds pieces of the log into what is asked about."""

    def __init__(self, past: Past, projection: AnyProjection, key: str | None) -> None:
        self._past = past
        self._projection = projection
        self._key = key
        self._folded = projection if key is None else OnlyPart(projection, key)
        is_keyed = key is not None and isinstance(projection, PartsOfStreams)
        self._stream_id = projection.stream_of(key) if is_keyed else None  # type: ignore[attr-defined]

    def begun(self, position: int) -> _Fold:
        """All of it as of a position."""
        views, key = self._past.views, self._key
        if key is None:
            return _Fold(position, views.parts(self._projection, position))
        part = views.part(self._projection, key, position)
        return _Fold(position, {} if part is None else {key: part})

    def value(self, parts: Mapping[str, object]) -> object:
        """What a predicate is given: it may change that as it likes."""
        if self._key is None:
            return {key: unshared(part) for key, part in parts.items()}
        found = parts.get(self._key)
        return self._projection.initial(self._key) if found is None else unshared(found)

    def marks(self, low: _Fold, through: int) -> list[_Fold]:
        """What has changed between some positions of a piece, up to its end; none of nothing."""
        start, step = low.position, max((through - low.position) // _MARKS, 1)
        parts, marks = dict(low.parts), []
        events = self._events(start, through)
        pieces = groupby(events, lambda one: (one.global_position - start - 1) // step)
        for number, together in pieces:
            changed = fold_parts(self._folded, together, parts.get)
            parts.update(changed)
            marks.append(_Fold(min(start + (number + 1) * step, through), changed))
        return marks

    def _events(self, after: int, through: int) -> Iterator[RecordedEvent[object]]:
        """Those between two positions that may touch what is asked about."""
        if self._stream_id is None:
            return self._past.views.handled(self._projection, after, through)
        journal = self._past.journal
        first, last = (journal.version_at(self._stream_id, one) for one in (after, through))
        recorded = journal.read_stream(self._stream_id, after=first, through=last)
        return filter(sees(self._projection), recorded)


def _next_look(good: int, low: int, high: int, bad: int) -> int:
    """Where to ask next: it is false at `low`, and nothing is known between that and `high`."""
    near = good + max((bad - good) // _FIRST_PIECE, 4 * (low - good))
    middle = (low + high) // 2
    is_early = high == bad and low < near
    return min(near, middle) if is_early else middle


def _require_false(good: int, *, is_true: bool) -> None:
    if is_true:
        raise CommandRejected(
            f"it is true at position {good} already: begin earlier, where it is not"
        )


def _require_true(bad: int, *, is_true: bool) -> None:
    if not is_true:
        raise CommandRejected(f"it is not true at position {bad}: nothing has made it so by then")


def _carried_on(low: _Fold, marks: Sequence[_Fold]) -> _Fold:
    """The view after the last of these marks."""
    parts = dict(low.parts)
    for mark in marks:
        parts.update(mark.parts)
    return _Fold(marks[-1].position if marks else low.position, parts)


def _turn(low: _Fold, marks: Sequence[_Fold], holds: Callable[[_Fold], bool]) -> tuple[_Fold, int]:
    """The last fold of which it is false, and the next mark: at the last one it is true."""
    while len(marks) > 1:
        half = len(marks) // 2
        middle = _carried_on(low, marks[:half])
        if holds(middle):
            marks = marks[:half]
        else:
            low, marks = middle, marks[half:]
    return low, marks[0].position


def _event_at(past: Past, position: int) -> RecordedEvent[object]:
    return past.journal.read_journal(after=position - 1, limit=1)[0]
