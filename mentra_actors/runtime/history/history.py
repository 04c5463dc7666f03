"""The way into the past of a store."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from mentra_actors.domain.team import DEFAULT_TEAM
from mentra_actors.errors import CommandRejected, StoreError
from mentra_actors.ids import AgentId, TeamId
from mentra_actors.late_module import LateModule
from mentra_actors.runtime.history.again import Again
from mentra_actors.runtime.history.agent_moment import AgentMoment, agent_at
from mentra_actors.runtime.history.bisection import TurningPoint, bisect_moments, bisect_view
from mentra_actors.runtime.history.branches import Branches
from mentra_actors.runtime.history.causes import CauseChain, Effects, causes_of, effects_of
from mentra_actors.runtime.history.differences import TeamDifference, team_difference
from mentra_actors.runtime.history.futures import Futures
from mentra_actors.runtime.history.moment import Moment, require_position
from mentra_actors.runtime.history.past import Past
from mentra_actors.runtime.history.recorded_times import RecordedTimes
from mentra_actors.runtime.views.store_places import views_directory
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_journal_reader
from mentra_actors.store.ports import JournalReader
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sql.opening import is_sql_url
from projections.contract import AnyProjection
from projections.running.kept_folds import KeptFolds
from projections.views.view_differences import Difference, differences

if TYPE_CHECKING:
    from mentra_actors.runtime.views import kept_views
else:
    kept_views = LateModule("mentra_actors.runtime.views.kept_views")

__all__ = ["History", "history_beside", "open_history"]

_LOG = logging.getLogger(__name__)


class History(Futures, Again):
    """Every moment of a store. Safe from any thread; reading does file I/O and takes no lease."""

    def __init__(
        self,
        reader: JournalReader,
        journal: Journal | None = None,
        kept: KeptFolds | None = None,
        *,
        path: str | Path = "",
        sealing: Sealing | None = None,
    ) -> None:
        """Made by `open_history` and by a running team; `journal` reads `reader`, of `path`.

        `kept` are views of the log that are kept beside it: looks may begin there.
        """
        self._reader = reader
        self._journal = journal or Journal(reader)
        self._past = Past(reader, self._journal, kept)
        self._times = RecordedTimes(reader)
        self._branches = Branches(reader, path, sealing, self._journal)

    @property
    def last_position(self) -> int:
        """Global position of the last event; 0 for an empty log."""
        return self._reader.last_position()

    def at(self, position: int | None = None, *, time: datetime | None = None) -> Moment:
        """The whole store after a global position, or at a time; without either, as it is now.

        Position 0 is before the first event. A time means the last event recorded at or before
        it, whatever came between.

        Raises:
            CommandRejected: both are given, the position is to come, or the time has no zone.
        """
        if time is not None:
            if position is not None:
                raise CommandRejected("give a position or a time, not both")
            return Moment(self._past, self._times.position_at(time))
        last = self.last_position
        if position is None:
            return Moment(self._past, last)
        require_position(position, last)
        return Moment(self._past, position)

    def agent_at(self, agent_id: AgentId, version: int) -> AgentMoment:
        """One agent after the event with a version of its own stream.

        Raises:
            CommandRejected: the version is to come, or is none.
        """
        return agent_at(self._past, agent_id, version)

    @overload
    def diff(
        self,
        before: Moment | int,
        after: Moment | int | None = None,
        *,
        team: TeamId | str = DEFAULT_TEAM,
    ) -> TeamDifference: ...

    @overload
    def diff(
        self,
        before: Moment | int,
        after: Moment | int | None = None,
        *,
        view: AnyProjection,
        key: str | None = None,
    ) -> tuple[Difference, ...]: ...

    def diff(
        self,
        before: Moment | int,
        after: Moment | int | None = None,
        *,
        team: TeamId | str = DEFAULT_TEAM,
        view: AnyProjection | None = None,
        key: str | None = None,
    ) -> TeamDifference | tuple[Difference, ...]:
        """What has become of a team between two moments, or of any view.

        Moments may be of other stores; a number is a position of this one, and without `after`
        the present is meant. With a `view` it is the places at which its parts differ, or those
        of the part with `key`.

        Raises:
            CommandRejected: a position is to come.
        """
        old = before if isinstance(before, Moment) else self.at(before)
        new = after if isinstance(after, Moment) else self.at(after)
        if view is None:
            return team_difference(old, new, TeamId(team))
        if key is None:
            return differences(old.parts(view), new.parts(view))
        return differences(old.view(view, key), new.view(view, key))

    @overload
    def bisect(
        self,
        predicate: Callable[[Moment], object],
        *,
        good: int = 0,
        bad: int | None = None,
    ) -> TurningPoint[Moment]: ...

    @overload
    def bisect(
        self,
        predicate: Callable[[Any], object],
        *,
        view: AnyProjection,
        key: str | None = None,
        good: int = 0,
        bad: int | None = None,
    ) -> TurningPoint[Any]: ...

    def bisect(
        self,
        predicate: Callable[[Any], object],
        *,
        view: AnyProjection | None = None,
        key: str | None = None,
        good: int = 0,
        bad: int | None = None,
    ) -> TurningPoint[Any]:
        """The event that made a predicate true: false at `good`, true at `bad` (None: now).

        It is asked about a `Moment`; with a `view` about the parts of that by key, or about the
        part with `key`: all looks together fold each event about once. Where it turned more than
        once, one of the turns from false to true is found.

        Raises:
            CommandRejected: it holds at `good`, or at no later position that it was asked about,
                `bad` among them; or a position is to come.
            ProjectionFailed: the projection raised.
        """
        first, last = self.at(good).position, self.at(bad).position
        if first > last:
            raise CommandRejected(f"position {first} comes after {last}: they go forward in time")
        if view is None:
            return bisect_moments(self._past, predicate, first, last)
        return bisect_view(self._past, view, key, predicate, first, last)

    def why(self, position: int) -> CauseChain:
        """Walk from an event back to the person, program or timer that began it.

        Raises:
            CommandRejected: there is no such position.
        """
        return causes_of(self._journal, position)

    def effects_of(self, position: int, *, limit: int = 1000) -> Effects:
        """All that came of an event, of other agents too, up to `limit` events.

        Raises:
            CommandRejected: there is no such position, or the limit is not above 0.
        """
        return effects_of(self._journal, position, limit=limit)


@contextmanager
def open_history(store: str | Path, *, sealing: Sealing | None = None) -> Iterator[History]:
    """The past of a store, for the length of a block, while any process may be writing it.

    `sealing` has the key of a store that is encrypted.

    Raises:
        StoreError: there is no store at the path, or it cannot be read; nothing was changed.
    """
    with ExitStack() as stack:
        reader = open_journal_reader(store, sealing=sealing)
        stack.callback(reader.close)
        yield stack.enter_context(history_beside(reader, Journal(reader), store, sealing=sealing))


@contextmanager
def history_beside(
    reader: JournalReader,
    journal: Journal,
    store: str | Path,
    *,
    sealing: Sealing | None = None,
) -> Iterator[History]:
    """The past of a store whose log is open; kept views beside it are read, never written."""
    with ExitStack() as stack:
        kept = None
        if not is_sql_url(store) and views_directory(store).is_dir():
            try:
                views = kept_views.views_beside(reader, store)
            except StoreError as error:  # a directory that cannot be written, or another key
                _LOG.info("views beside %s are not used: %s", store, error)
            else:
                stack.callback(views.close)
                kept = KeptFolds(views, reader)
        yield History(reader, journal, kept, path=store, sealing=sealing)
