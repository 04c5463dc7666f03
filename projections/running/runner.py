"""Keeps views up to date with a journal.

For a page of events each projection is folded from the parts as of its checkpoint; the touched
parts and the new checkpoint are one transaction. So each event counts once, wherever a process
dies, and however many processes follow. A projection that raises stops alone, before the event.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from mentra_actors.codec.event_codec import CODEC, EventCodec
from mentra_actors.errors import ConfigurationError
from mentra_actors.store.ports import JournalReader
from projections.contract import ONE_PART, AnyProjection
from projections.running.fingerprint import fingerprint_at
from projections.running.follower import Follower
from projections.running.page_fold import PageFold
from projections.running.page_reading import PageReading, lag_since
from projections.running.rebuild import (
    drop_views_beyond_log,
    drop_views_of_another_past,
    own_view,
    served_view,
    swap_if_caught_up,
)
from projections.running.rebuilding import OnProgress, rebuild_beside
from projections.running.view_reader import ViewReader
from projections.sql_projection import SqlProjection
from projections.stores.view_store import ViewDamaged, ViewStore

__all__ = ["ProjectionRunner", "ProjectionStatus"]

R = TypeVar("R")

_WAKE_S = 0.2
_PAGE_EVENTS = 4000
"""So many that the flush after a page is a small part of it, and so few that it stops soon."""


class ProjectionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How far one projection is. `lag` is the number of events it has not seen.

    `lag_s` is for how long the first of them has waited, in seconds. `failure` says why it stopped
    before `failed_position`; empty if it did not.
    """

    name: str
    version: int
    checkpoint: int
    lag: int
    is_rebuilding: bool
    failed_position: int = 0
    failure: str = ""
    lag_s: float = 0.0
    is_paused: bool = False


class ProjectionRunner:
    """Folds a journal into the views of some projections; safe from any thread.

    It closes neither the reader nor the views: they belong to whoever opened them.
    """

    def __init__(
        self,
        reader: JournalReader,
        views: ViewStore,
        projections: Sequence[AnyProjection],
        *,
        codec: EventCodec = CODEC,
        page_events: int = _PAGE_EVENTS,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`now` tells Unix seconds, to which `lag_s` is told.

        Raises:
            ValueError: two projections have the same name.
            TypeError: one of them handles what is no event of this log.
            ConfigurationError: one of them writes rows, and the views are in no database.
        """
        self._reader = reader
        self._pages = PageReading(reader, codec, page_events)
        self._views = views
        self._now = now
        for one in projections:
            self._check(one)
        self._projections = {projection.name: projection for projection in projections}
        if len(self._projections) != len(projections):
            raise ValueError("two projections have the same name")
        self._paused: set[str] = set()
        self._stored = ViewReader(views, self._projections)
        self._fold = PageFold(views, self._projections, self._fingerprint_at)
        self._fingerprint = (0, 0)
        self._is_checked = False
        self._folding = threading.Lock()
        self._advanced = threading.Condition(threading.Lock())
        self._follower: Follower | None = None

    def catch_up(self, *, through: int | None = None, progress: OnProgress | None = None) -> None:
        """Fold everything up to `through`, or to the present end of the log, on this thread.

        Raises:
            StoreError: the log or the views cannot be used; what was committed stays.
        """
        self._settle()
        last_position = self._reader.last_position()
        target = last_position if through is None else min(through, last_position)
        while self._fold_page(target):
            if progress is not None:
                progress(min(self._carried().values(), default=target), target)

    def follow(self) -> Follower:
        """Start a thread that keeps the views up to date; stop it before the stores are closed.

        Raises:
            RuntimeError: this runner is followed already.
        """
        if self._follower is not None and self._follower.is_running:
            raise RuntimeError("this runner is followed already; stop the follower first")
        self._follower = Follower(self._follow_page, self._wait_for_more, self._announce)
        return self._follower

    def wait_for(self, position: int, *, timeout_s: float) -> bool:
        """Wait until every view that has not failed contains `position`; False if it is late.

        A paused one that is before it stays there: it is False as soon as the others are there.
        After an append it lets you read your own writes. Without a follower the waiting thread
        catches up itself. Never call it on an actor or loop thread.

        Raises:
            StoreError: the log or the views cannot be used, so that nothing follows any more.
        """
        follower = self._follower
        if follower is None or not follower.is_running:
            self._reader.wait_for_position(position, timeout_s=timeout_s)
            self.catch_up(through=position)
            return self.checkpoint() >= position
        with self._advanced:
            self._advanced.wait_for(
                lambda: self._is_carried_to(position) or not follower.is_running, timeout_s
            )
        if follower.failure is not None:
            raise follower.failure
        return self.checkpoint() >= position

    def pause(self, name: str) -> None:
        """Carry a view on no more, until `resume`; it is read as it is.

        Raises:
            KeyError: no such projection.
        """
        self._paused.add(self._known(name).name)
        self._announce()

    def resume(self, name: str) -> None:
        """Carry a view on again, from where it was paused.

        Raises:
            KeyError: no such projection.
        """
        self._paused.discard(self._known(name).name)
        self._announce()

    def retry(self, projection: AnyProjection) -> None:
        """Let a projection that has failed go on, mended: it takes the place of that of its name.

        A mended one that folds earlier events to another view has a higher version.

        Raises:
            KeyError: no such projection.
            TypeError: it handles what is no event of this log.
        """
        self._check(projection)
        with self._folding:
            before = self._known(projection.name)
            if projection.version < before.version:
                raise ValueError(
                    f"projection {before.name!r} has version {before.version} by now, "
                    f"which is newer than {projection.version}"
                )
            self._projections[projection.name] = projection
            self._fold.take_up(projection)
        self._announce()

    def rebuild(self, name: str, *, progress: OnProgress | None = None) -> None:
        """Make a view anew beside the present one, on this thread, then put it in its place.

        Raises:
            KeyError: no such projection.
            ProjectionFailed: it raised; the view is as it was.
            StoreError: the log or the views cannot be used; the view is as it was.
        """
        projection = self._known(name)
        if isinstance(projection, SqlProjection):
            self._write_rows_anew(projection, progress)
            return
        rebuild_beside(
            self._views,
            projection,
            self._pages,
            self._fingerprint_at,
            folding=self._folding,
            progress=progress,
        )
        with self._folding:
            self._fold.take_up(projection)
        self._announce()

    def view(self, name: str, key: str = ONE_PART) -> Any | None:
        """One part of a view, or None.

        While a raised version is rebuilt this is the older view, if the present type can read it.

        Raises:
            KeyError: no such projection.
        """
        self._known(name)
        return self._mended(name, lambda: self._stored.view(name, key))

    def parts(
        self, name: str, prefix: str = "", *, after: str | None = None, limit: int | None = None
    ) -> dict[str, Any]:
        """All parts whose keys begin with `prefix`, in order of keys, as of one moment.

        With `after` only those behind that key, with `limit` no more than so many: a page.

        Raises:
            KeyError: no such projection.
            TypeError, ValueError: the limit is no number of parts.
        """
        self._known(name)
        _check_limit(limit)
        return self._mended(
            name, lambda: self._stored.parts(name, prefix, after=after, limit=limit)
        )

    def keys(self, name: str, prefix: str = "") -> Sequence[str]:
        """Keys of the parts that `parts` would give.

        Raises:
            KeyError: no such projection.
        """
        self._known(name)
        return self._stored.keys(name, prefix)

    def checkpoint(self) -> int:
        """The last position that every view contains which has not failed."""
        checkpoints = self._checkpoints().values()
        return min(checkpoints) if checkpoints else self._reader.last_position()

    def status(self) -> Sequence[ProjectionStatus]:
        """How far each projection is, in the order given."""
        last_position = self._reader.last_position()
        return [self._status(found, last_position) for found in self._projections.values()]

    def _known(self, name: str) -> AnyProjection:
        found = self._projections.get(name)
        if found is None:
            kept = ", ".join(self._projections) or "none"
            raise KeyError(f"the projection {name!r} is not kept here; kept are: {kept}")
        return found

    def _check(self, projection: AnyProjection) -> None:
        self._pages.check(projection)
        can_write = getattr(self._views, "writes_rows", False)
        if isinstance(projection, SqlProjection) and not can_write:
            raise ConfigurationError(
                f"projection {projection.name!r} writes rows: say in which database, with "
                "into='sqlite:FILE' or into='postgresql://…'"
            )

    def _write_rows_anew(self, projection: SqlProjection, progress: OnProgress | None) -> None:
        """There are no tables beside its own: they are dropped with the first new rows."""
        with self._folding:
            self._views.drop(own_view(projection))
            self._fold.take_up(projection)
        self.catch_up(progress=progress)

    def _status(self, projection: AnyProjection, last_position: int) -> ProjectionStatus:
        checkpoint = self._views.checkpoint(own_view(projection))
        failure = self._fold.failed.get(projection.name)
        since = lag_since(self._reader, checkpoint) if checkpoint < last_position else None
        return ProjectionStatus(
            name=projection.name,
            version=projection.version,
            checkpoint=checkpoint,
            lag=max(last_position - checkpoint, 0),
            is_rebuilding=served_view(self._views, projection) != own_view(projection),
            failed_position=0 if failure is None else failure.position,
            failure="" if failure is None else failure.cause,
            lag_s=0.0 if since is None else max(self._now() - since, 0.0),
            is_paused=projection.name in self._paused,
        )

    def _checkpoints(self) -> Mapping[str, int]:
        """Of the projections that have not failed, by name."""
        return {
            name: self._views.checkpoint(own_view(projection))
            for name, projection in self._projections.items()
            if name not in self._fold.failed
        }

    def _carried(self) -> Mapping[str, int]:
        """Checkpoints of the projections that neither have failed nor are paused, by name."""
        return {name: at for name, at in self._checkpoints().items() if name not in self._paused}

    def _is_carried_to(self, position: int) -> bool:
        """Whether no view comes to a position any more that is not there yet."""
        carried = self._carried()
        if carried or self._paused:
            return min(carried.values(), default=position) >= position
        return self.checkpoint() >= position

    def _fold_page(self, through: int) -> bool:
        """Carry the views that are furthest behind on by a page; False if none is behind."""
        with self._folding:
            checkpoints = self._carried()
            lowest = min(checkpoints.values(), default=through)
            if lowest >= through:
                return False
            group = [self._projections[name] for name, at in checkpoints.items() if at == lowest]
            page = self._pages.page(group, after=lowest, through=through)
            self._fold.carry_on(group, page, lowest)
        self._announce()
        return True

    def _follow_page(self) -> bool:
        self._settle()
        return self._fold_page(self._reader.last_position())

    def _wait_for_more(self) -> None:
        self._announce()  # another process may have carried the views on
        lowest = min(self._carried().values(), default=self._reader.last_position())
        self._reader.wait_for_position(lowest + 1, timeout_s=_WAKE_S)

    def _announce(self) -> None:
        with self._advanced:
            self._advanced.notify_all()

    def _fingerprint_at(self, position: int) -> int:
        """Of the event at a position; the views of a page mostly ask for the same one."""
        known, fingerprint = self._fingerprint
        if known != position:
            fingerprint = fingerprint_at(self._reader, position)
            self._fingerprint = (position, fingerprint)
        return fingerprint

    def _settle(self) -> None:
        """Put right what a lost tail, or a process that died before the swap, has left."""
        projections = list(self._projections.values())
        drop_views_beyond_log(self._views, self._reader, projections)
        with self._folding:
            if not self._is_checked:
                drop_views_of_another_past(self._views, self._reader, projections)
                self._is_checked = True
        for projection in projections:
            swap_if_caught_up(self._views, projection)

    def _mended(self, name: str, read: Callable[[], R]) -> R:
        """What `read` gives, if need be after the view was folded again."""
        try:
            return read()
        except ViewDamaged as damage:
            with self._folding:
                self._fold.rebuild(self._projections[name], damage)
            self.catch_up()
            return read()


def _check_limit(limit: int | None) -> None:
    if limit is None:
        return
    if type(limit) is not int:
        raise TypeError(f"limit is a whole number of parts or None, not {limit!r}")
    if limit < 0:
        raise ValueError(f"limit is a number of parts from 0, found {limit}")
