"""Views as of any position: folded from the log, from the nearest fold that is still at hand.

Views are values, so a fold that was made once is kept by reference: who looks at one moment after
another folds only what lies between.
"""

import bisect
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import msgspec

from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import StreamId
from mentra_actors.store.journal import Journal
from projections.contract import AnyProjection, Projection, fold_parts, sees
from projections.declared import checked_projection
from projections.running.kept_folds import KeptFolds

__all__ = ["OnlyPart", "PartsOfStreams", "PastViews", "folded_from"]

V = TypeVar("V")

_FOLDS_KEPT = 16
"""Of each projection; a fold that is kept costs its dictionary of parts, and no copy of a part."""
_PROJECTIONS_KEPT = 32


@runtime_checkable
class PartsOfStreams(Protocol):
    """What a projection may say besides, so that one part is folded from one stream."""

    def stream_of(self, key: str) -> StreamId | None:
        """The only stream whose events touch this part; None if there may be several."""
        ...


class OnlyPart(Generic[V]):
    """A projection of which only one part is folded, whatever else its events touch."""

    def __init__(self, projection: Projection[V], key: str) -> None:
        self._projection = projection
        self._key = key
        self.name = projection.name
        self.version = projection.version
        self.handles = projection.handles
        self.view_type = projection.view_type
        self.categories = getattr(projection, "categories", frozenset[str]())
        self.streams = getattr(projection, "streams", frozenset[str]())

    def keys(self, recorded: RecordedEvent[object]) -> Sequence[str]:
        """See `Projection.keys`."""
        return (self._key,) if self._key in self._projection.keys(recorded) else ()

    def initial(self, key: str) -> V:
        """See `Projection.initial`."""
        return self._projection.initial(key)

    def apply(self, view: V, key: str, recorded: RecordedEvent[object]) -> V:
        """See `Projection.apply`."""
        return self._projection.apply(view, key, recorded)


class _Folds(msgspec.Struct, frozen=True):
    """Folds of one projection, by ascending position."""

    projection: AnyProjection
    positions: list[int] = []
    views: list[Mapping[str, Any]] = []


class _KeptHere:
    """Folds that were made, of some projections. Safe from any thread."""

    def __init__(self) -> None:
        self._folds: dict[tuple[int, str | None], _Folds] = {}
        self._lock = threading.Lock()

    def nearest(
        self, projection: AnyProjection, key: str | None, position: int
    ) -> tuple[int, Mapping[str, Any]]:
        """The last one that is not after a position, of one part or (None) of all."""
        with self._lock:
            folds = self._folds.get((id(projection), key))
            place = 0 if folds is None else bisect.bisect_right(folds.positions, position)
            if folds is None or not place:
                return 0, {}
            return folds.positions[place - 1], folds.views[place - 1]

    def keep(
        self,
        projection: AnyProjection,
        key: str | None,
        position: int,
        parts: Mapping[str, object],
    ) -> None:
        """Keep one; the one that is nearest to the one before it goes if there are too many."""
        with self._lock:
            # The projection is held with its folds, so that nobody else gets its identity.
            folds = self._folds.pop((id(projection), key), None) or _Folds(projection)
            self._folds[id(projection), key] = folds
            while len(self._folds) > _PROJECTIONS_KEPT:
                del self._folds[next(iter(self._folds))]
            place = bisect.bisect_left(folds.positions, position)
            if folds.positions[place : place + 1] == [position]:
                return
            folds.positions.insert(place, position)
            folds.views.insert(place, parts)
            if len(folds.positions) > _FOLDS_KEPT:
                gaps = [after - before for before, after in pairwise([0, *folds.positions])]
                gaps[place] = sys.maxsize
                gone = gaps.index(min(gaps))
                del folds.positions[gone], folds.views[gone]


class PastViews:
    """Views of one log as of its positions. Safe from any thread; reading does file I/O."""

    def __init__(self, journal: Journal, kept: KeptFolds | None = None) -> None:
        """`kept` are views of this log that are kept beside it."""
        self._journal = journal
        self._kept = kept
        self._whole = _KeptHere()
        self._single = _KeptHere()

    def parts(self, projection: Projection[V], position: int) -> Mapping[str, V]:
        """All parts of a view after the event at a position, by key. Never change it.

        Raises:
            ProjectionFailed: the projection raised.
            StoreError: the log cannot be read.
            TypeError: it is no projection, but perhaps its name or its class.
        """
        checked_projection(projection)
        start, before = self._whole.nearest(projection, None, position)
        if start == position:
            return before
        found = self._kept and self._kept.before(projection, position, after=start)
        if found:
            start, before = found
        events = self._journal.between(start, position, of_types=projection.handles)
        parts = folded_from(projection, before, events)
        self._whole.keep(projection, None, position, parts)
        return parts

    def part(self, projection: Projection[V], key: str, position: int) -> V | None:
        """One part of a view after the event at a position; None if no event had touched it.

        Never change it.

        Raises:
            ProjectionFailed, StoreError, TypeError: see `parts`.
        """
        checked_projection(projection)
        stream_id = projection.stream_of(key) if isinstance(projection, PartsOfStreams) else None
        start, before = self._whole.nearest(projection, None, position)
        if stream_id is None or start == position:
            return self.parts(projection, position).get(key)
        only, alone = self._single.nearest(projection, key, position)
        start, before = max((start, before), (only, alone), key=_position)
        first, last = (self._journal.version_at(stream_id, one) for one in (start, position))
        recorded = self._journal.read_stream(stream_id, after=first, through=last)
        own = {key: before[key]} if key in before else {}
        parts = folded_from(OnlyPart(projection, key), own, recorded)
        self._single.keep(projection, key, position, parts)
        return parts.get(key)

    def handled(
        self, projection: AnyProjection, after: int, through: int
    ) -> Iterator[RecordedEvent[object]]:
        """The events between two positions that a projection wants to see."""
        events = self._journal.between(after, through, of_types=projection.handles)
        return filter(sees(projection), events)


def _position(fold: tuple[int, Mapping[str, object]]) -> int:
    return fold[0]


def folded_from(
    projection: Projection[V],
    before: Mapping[str, V],
    events: Iterable[RecordedEvent[object]],
) -> Mapping[str, V]:
    """A view carried on by some events; `before` stays as it is.

    Raises:
        ProjectionFailed: the projection raised.
    """
    return {**before, **fold_parts(projection, events, before.get)}
