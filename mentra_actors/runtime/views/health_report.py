"""The health of a running team: what the log says, and what only this process knows."""

from typing import TYPE_CHECKING

from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.runtime.plain_arguments import require_seconds
from mentra_actors.runtime.views.store_places import bytes_of_store
from projections.views.health import BesideLog, Health, LiveHealth, ViewLag, health_of

if TYPE_CHECKING:
    from mentra_actors.runtime.views.kept_views import KeptViews

__all__ = ["HealthReports"]

_WINDOW_S = 3600.0


class HealthReports:
    """Looks at one runtime. Blocks while it reads the log."""

    def __init__(self, core: RuntimeCore) -> None:
        self._core = core
        self._views: list[KeptViews] = []

    def watch(self, views: "KeptViews") -> "KeptViews":
        """Tell of these views too, from now on."""
        self._views.append(views)
        return views

    def report(self, long_s: float | None) -> Health:
        """See `Runtime.health`."""
        require_seconds(long_s, "long_s")
        core = self._core
        beside = BesideLog(
            views=self._lags(),
            store_bytes=bytes_of_store(core.settings.path),
            live=self._live(),
        )
        return health_of(core.store, core.journal, core.clock.now(), beside, long_s=long_s)

    def _live(self) -> LiveHealth:
        directory = self._core.directory
        unrecorded = directory.dead_letters.unrecorded()
        return LiveHealth(
            actors=len(directory.live()),
            effects_in_flight=self._core.effects.count(),
            deaths=directory.deaths(_WINDOW_S),
            window_s=_WINDOW_S,
            unrecorded=sum(len(one.letters) + len(one.streams) for one in unrecorded),
        )

    def _lags(self) -> tuple[ViewLag, ...]:
        return tuple(
            ViewLag(
                name=one.name,
                behind=one.lag,
                failure=one.failure,
                behind_s=one.lag_s,
                is_paused=one.is_paused,
            )
            for views in self._views
            for one in views.status()
        )
