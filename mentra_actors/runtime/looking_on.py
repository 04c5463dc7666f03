"""What both faces show of the log as views: folded now, kept beside it, watched."""

from typing import TYPE_CHECKING, Any, TypeVar

import anyio

from mentra_actors.late_module import LateModule
from mentra_actors.runtime.operations import Operations
from projections.contract import Projection, fold_view
from projections.usage import USAGE, AgentUsage, team_usage

if TYPE_CHECKING:
    from mentra_actors.runtime import kept_views
else:
    kept_views = LateModule("mentra_actors.runtime.kept_views")

__all__ = ["LookingOn", "SyncLookingOn"]

V = TypeVar("V")


def _folded(
    operations: Operations, projection: Projection[V], at_position: int | None
) -> dict[str, V]:
    return fold_view(projection, operations.core.journal.through(at_position))


def _kept(
    operations: Operations, projections: tuple[Projection[Any], ...], into: str
) -> "kept_views.KeptViews":
    core = operations.core
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

    async def usage(self) -> AgentUsage:
        """Tokens and money of all agents so far, subagents among them, by model as well."""
        return team_usage(await self.view(USAGE))

    async def project(
        self, *projections: Projection[Any], into: str = ""
    ) -> "kept_views.KeptViews":
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


class SyncLookingOn:
    """See `LookingOn`."""

    _operations: Operations

    def view(self, projection: Projection[V], *, at_position: int | None = None) -> dict[str, V]:
        """See `Runtime.view`."""
        return _folded(self._operations, projection, at_position)

    def usage(self) -> AgentUsage:
        """See `Runtime.usage`."""
        return team_usage(self.view(USAGE))

    def project(self, *projections: Projection[Any], into: str = "") -> "kept_views.KeptViews":
        """See `Runtime.project`."""
        return _kept(self._operations, projections, into)
