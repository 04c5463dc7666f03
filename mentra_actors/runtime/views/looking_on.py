"""What both faces show of the log as views: folded now, kept beside it, watched."""

from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

import anyio

from mentra_actors.late_module import LateModule
from mentra_actors.runtime.history.moment import Moment
from mentra_actors.runtime.operations import Operations
from mentra_actors.runtime.views.feeds import Feed, FeedStart, SyncFeed
from projections.contract import AnyProjection, Projection, fold_view
from projections.views.usage import USAGE, AgentUsage, team_usage

if TYPE_CHECKING:
    from mentra_actors.runtime.views import kept_views, team_watch
    from projections.running.view_changes import ViewEvent
else:
    kept_views = LateModule("mentra_actors.runtime.views.kept_views")
    team_watch = LateModule("mentra_actors.runtime.views.team_watch")

__all__ = ["LookingOn", "SyncLookingOn"]

V = TypeVar("V")


def _folded(
    operations: Operations, projection: Projection[V], at_position: int | None
) -> dict[str, V]:
    if at_position is not None and type(at_position) is not int:
        raise TypeError(f"at_position is a whole number or None, not {at_position!r}")
    return fold_view(projection, operations.core.journal.through(at_position))


def _kept(
    operations: Operations, projections: tuple[AnyProjection, ...], into: str
) -> "kept_views.KeptViews":
    core = operations.core
    if core.ended is not None:
        raise core.ended
    kept = kept_views.followed_views(core.store, core.settings.path, projections, into=into)
    return operations.health.watch(core.keep_open(kept))


class LookingOn:
    """Views of the log, for programs with an event loop."""

    _operations: Operations

    async def view(
        self, projection: Projection[V], *, at_position: int | None = None
    ) -> dict[str, V]:
        """Fold a projection over all of history, up to a global position (None: all)."""
        return await anyio.to_thread.run_sync(_folded, self._operations, projection, at_position)

    async def at(self, position: int | None = None, *, time: datetime | None = None) -> Moment:
        """The whole team after a global position, or at a time: `history.at` in a coroutine.

        Reading from what comes back does file I/O.

        Raises:
            CommandRejected: both are given, the position is to come, or the time has no zone.
        """
        return await anyio.to_thread.run_sync(
            lambda: self._operations.history.at(position, time=time)
        )

    async def usage(self) -> AgentUsage:
        """Tokens and money of all agents of the team so far, subagents too, by model as well."""
        return team_usage(await self.view(USAGE), self._operations.core.settings.team)

    async def project(self, *projections: AnyProjection, into: str = "") -> "kept_views.KeptViews":
        """Keep views of these projections up to date until the runtime is closed.

        They are stored with the position they have reached, both in one transaction: beside the
        log, or `into` a database (`sqlite:FILE`, `postgresql://…`). A raised version is rebuilt
        from the first event. The result is read from any thread; `wait` makes it contain
        everything recorded so far.

        Raises:
            ConfigurationError: a projection writes rows, and no database is named.
            TypeError, ValueError: one handles what is no event, or two have one name.
        """
        return await anyio.to_thread.run_sync(_kept, self._operations, projections, into)

    def watch_team(
        self, *projections: AnyProjection, after: FeedStart = None
    ) -> "Feed[ViewEvent]":
        """All that a page needs to show a team and to stay true, in one feed.

            async with runtime.watch_team(ROSTER, TASK_BOARD) as feed:
                async for item in feed:
                    await socket.send(msgspec.json.encode(item.event))

        First a `ViewSnapshot` of the views, all at one position (without arguments: `TEAM_VIEWS`),
        then a `ViewChange` for each part that changes, a `ViewsReached` when all views are of one
        position again, and between them the pieces of answers that are being given. Whoever was
        away says `after` which place: that of the last item with a cursor. It is told what has
        changed since, and need not be told the rest. `only(TRANSCRIPT, …)` chooses parts of a
        view. A slow reader holds nothing up: it is told less.

        Raises:
            ValueError, TypeError: no such place, two views of one name, or no events.
        """
        return Feed(team_watch.TeamWatch(self._operations.core, projections, after))


class SyncLookingOn:
    """See `LookingOn`."""

    _operations: Operations

    def view(self, projection: Projection[V], *, at_position: int | None = None) -> dict[str, V]:
        """See `Runtime.view`."""
        return _folded(self._operations, projection, at_position)

    def at(self, position: int | None = None, *, time: datetime | None = None) -> Moment:
        """See `Runtime.at`."""
        return self._operations.history.at(position, time=time)

    def usage(self) -> AgentUsage:
        """See `Runtime.usage`."""
        return team_usage(self.view(USAGE), self._operations.core.settings.team)

    def project(self, *projections: AnyProjection, into: str = "") -> "kept_views.KeptViews":
        """See `Runtime.project`."""
        return _kept(self._operations, projections, into)

    def watch_team(
        self, *projections: AnyProjection, after: FeedStart = None
    ) -> "SyncFeed[ViewEvent]":
        """See `Runtime.watch_team`."""
        return SyncFeed(team_watch.TeamWatch(self._operations.core, projections, after))
