"""Views at one position and what comes after, read off a log that somebody may be writing.

On a long log the views that are kept beside it are where this begins, so that a look costs what
has come since the last one and not the whole log.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.errors import StoreError
from mentra_actors.runtime.views.kept_views import require_own_names, views_beside
from mentra_actors.store.opening import MEMORY
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sql.opening import is_sql_url
from projections.contract import AnyProjection, fold_parts
from projections.running.page_reading import Page, PageReading
from projections.running.runner import ProjectionRunner
from projections.running.view_changes import ViewChange, ViewEvent, ViewFailed, ViewsReached
from projections.running.watched_views import WatchedViews
from projections.views.selected import Selected

__all__ = ["LONG_LOG", "ViewReading", "folded_through"]

_PAGE_EVENTS = 1000
LONG_LOG = 20_000
"""Events from which on it is worth while to begin at views on the disk."""
_MOST_TRIES = 10
_log = logging.getLogger(__name__)


class ViewReading:
    """Carries the chosen views of one log on, page by page. One thread at a time; it blocks."""

    def __init__(
        self,
        reader: JournalReader,
        store: str | Path,
        chosen: Sequence[AnyProjection],
        hidden: Sequence[AnyProjection] = (),
    ) -> None:
        """`hidden` are folded as well and not told; `store` is where `reader` reads.

        Raises:
            ValueError: two projections have the same name, or one that of a built-in view.
            TypeError: one of them handles what is no event of this log.
        """
        self._reader = reader
        self._store = store
        self._pages = PageReading(reader, CODEC, _PAGE_EVENTS)
        self._all = (*chosen, *hidden)
        require_own_names(_whole(one) for one in self._all)
        for one in self._all:
            self._pages.check(one)
        self._names = [one.name for one in chosen]
        self.views = WatchedViews(self._all)

    @property
    def position(self) -> int:
        """That of the views."""
        return self.views.position

    def is_behind(self) -> bool:
        """True if the log has more."""
        return self.position < self._reader.last_position()

    def begin(self, after: int | None) -> Iterator[ViewEvent]:
        """Fold all that there is; then tell of it: all, or what was touched from `after` on."""
        last = self._reader.last_position()
        if last >= LONG_LOG:
            self._begin_on_disk()
        failures: list[ViewEvent] = []
        while self.position < last:
            page = self._next_page(last)
            told = self.views.advance(page.events, page.through)
            failures += [one for one in told if isinstance(one, ViewFailed)]
        if after is None:
            yield self.views.snapshot(self._names)
            yield from failures
            return
        yield from failures
        yield from self._touched_from(after)
        yield ViewsReached(position=self.position)

    def carry_on(self) -> Sequence[ViewEvent]:
        """Fold the next page of the log; what has changed."""
        page = self._next_page(self._reader.last_position())
        told: list[ViewEvent] = [
            one for one in self.views.advance(page.events, page.through) if one.view in self._names
        ]
        return [*told, ViewsReached(position=self.position)] if told else ()

    def _next_page(self, through: int) -> Page:
        return self._pages.page(self._all, after=self.position, through=through)

    def _touched_from(self, after: int) -> Sequence[ViewChange]:
        """What was touched at that position is told again: all of it may not have been taken."""
        found: dict[tuple[str, str], ViewChange] = {}
        at = max(after - 1, 0)
        while at < self.position:
            page = self._pages.page(self._all, after=at, through=self.position)
            for name in self._names:
                for one in self.views.touched_since(name, page.events):
                    found[name, one.key] = one
            at = page.through
        return sorted(found.values(), key=lambda one: one.position)

    def _begin_on_disk(self) -> None:
        """Begin with what is kept beside the log, if anything can be."""
        if self._store == MEMORY or is_sql_url(self._store):
            return
        try:
            self.views = self._views_on_disk()
        except (StoreError, OSError):
            _log.info("views are folded from the first event", exc_info=True)

    def _views_on_disk(self) -> WatchedViews:
        """What is kept, if all of it can be had as of one position; else nothing at position 0."""
        whole = [_whole(one) for one in self._all]
        stored = views_beside(self._reader, self._store)
        try:
            runner = ProjectionRunner(self._reader, stored, whole)
            for _ in range(_MOST_TRIES):  # others may carry them on meanwhile
                runner.catch_up()
                if any(one.failure for one in runner.status()):
                    break
                marks = _marks(runner)
                parts = {one.name: _parts_of(runner, one) for one in self._all}
                if len(set(marks.values())) == 1 and marks == _marks(runner):
                    return WatchedViews(self._all, next(iter(marks.values())), parts)
        finally:
            stored.close()
        return WatchedViews(self._all)


def _whole(projection: AnyProjection) -> AnyProjection:
    return projection.whole if isinstance(projection, Selected) else projection


def folded_through(
    reader: JournalReader,
    projections: Sequence[AnyProjection],
    position: int,
    on_folded: Callable[[int, int], None] = lambda _at, _target: None,
) -> Mapping[str, Mapping[str, object]]:
    """Views as of a position, by name; `on_folded` is told how far it is, and how far it goes.

    Raises:
        ProjectionFailed: one of them raised.
        TypeError: one of them handles what is no event of this log.
    """
    pages = PageReading(reader, CODEC, _PAGE_EVENTS)
    for one in projections:
        pages.check(one)
    views: dict[str, dict[str, object]] = {one.name: {} for one in projections}
    at = 0
    while at < position:
        page = pages.page(projections, after=at, through=position)
        for one in projections:
            views[one.name] |= fold_parts(one, page.events, views[one.name].get)
        at = page.through
        on_folded(at, position)
    return views


def _marks(runner: ProjectionRunner) -> Mapping[str, int]:
    return {one.name: one.checkpoint for one in runner.status()}


def _parts_of(runner: ProjectionRunner, one: AnyProjection) -> Mapping[str, object]:
    if not isinstance(one, Selected):
        return runner.parts(one.name)
    found: dict[str, object] = {}
    for prefix in one.prefixes:
        found |= runner.parts(one.name, prefix)
    return found
