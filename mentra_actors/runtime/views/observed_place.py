"""How far an observer is: in memory, or kept beside the views for one that has a name."""

import logging
from typing import TYPE_CHECKING

from mentra_actors.errors import ConfigurationError
from mentra_actors.ids import is_valid_name
from mentra_actors.late_module import LateModule
from mentra_actors.runtime.core import RuntimeCore
from mentra_actors.store.sql.opening import is_sql_url
from projections.running.fingerprint import place_fingerprint_at
from projections.stores.view_store import ViewCommit, ViewId

if TYPE_CHECKING:
    from mentra_actors.runtime.views import kept_views
else:
    kept_views = LateModule("mentra_actors.runtime.views.kept_views")

__all__ = ["KeptPlace", "ObservedPlace"]

_VERSION = 1
_log = logging.getLogger(__name__)


class ObservedPlace:
    """The last position of which an observer was told everything. One thread at a time."""

    def __init__(self, position: int) -> None:
        self.position = position

    def save(self) -> None:
        """Make it last, if it is to."""

    def close(self) -> None:
        """Release everything."""


class KeptPlace(ObservedPlace):
    """One that the next process goes on from. It is a view without parts, `observer.NAME`.

    Where the log is not the one that it was kept for (a backup was restored), it begins anew.
    """

    def __init__(self, core: RuntimeCore, name: str, position: int) -> None:
        """`position` is where one that is not kept yet begins.

        Raises:
            ConfigurationError: the name is none, or the store keeps no views.
            StoreError: the views cannot be opened.
        """
        if not is_valid_name(f"observer.{name}"):
            raise ConfigurationError(f"{name!r} is no name of an observer: use letters, digits, _")
        if is_sql_url(core.settings.path):
            raise ConfigurationError(
                f"observer {name!r} cannot be kept: a database keeps no views; give it no name"
            )
        super().__init__(position)
        self._store = core.store
        self._view = ViewId(f"observer.{name}", _VERSION)
        self._views = kept_views.views_beside(core.store, core.settings.path)
        try:
            self._saved = self._found()
        except BaseException:
            self._views.close()
            raise
        if self._saved:
            self.position = self._saved

    def save(self) -> None:
        """See `ObservedPlace.save`.

        Raises:
            StoreError: the disk refused; the place before it is still kept.
        """
        if self.position <= self._saved:
            return
        commit = ViewCommit(
            view=self._view,
            parts={},
            checkpoint=self.position,
            expected_checkpoint=self._saved,
            fingerprint=place_fingerprint_at(self._store, self.position),
        )
        self._views.commit([commit])
        self._saved = self.position

    def close(self) -> None:
        """See `ObservedPlace.close`."""
        self._views.close()

    def _found(self) -> int:
        mark = self._views.marked_checkpoint(self._view)
        is_of_this_log = mark.fingerprint == place_fingerprint_at(self._store, mark.position)
        if not mark.position or is_of_this_log:
            return mark.position
        _log.warning("%s was kept for another log: it begins anew", self._view.name)
        self._views.drop(self._view)
        return 0
