"""Views that are kept beside a log, as places from which a look into the past may begin."""

import logging
from collections.abc import Mapping
from typing import Any

from mentra_actors.errors import StoreError
from mentra_actors.store.ports import JournalReader
from projections.contract import AnyProjection
from projections.running.fingerprint import UNKNOWN, fingerprint_at
from projections.running.rebuild import own_view
from projections.stores.part_codec import PartCodec
from projections.stores.view_store import ViewDamaged, ViewStore

__all__ = ["KeptFolds"]

_LOG = logging.getLogger(__name__)


class KeptFolds:
    """Reads kept views, never writes; safe from any thread."""

    def __init__(self, views: ViewStore, reader: JournalReader) -> None:
        """`reader` reads the log that the views are of."""
        self._views = views
        self._reader = reader

    def before(
        self, projection: AnyProjection, position: int, *, after: int
    ) -> tuple[int, Mapping[str, Any]] | None:
        """Checkpoint and parts of the kept view, if `after < checkpoint <= position`; else None.

        Also None for one that is damaged, is of another log, or is carried on at this moment.
        """
        try:
            return self._before(projection, position, after)
        except (StoreError, ViewDamaged) as error:
            _LOG.info("the kept view %s is not used: %s", projection.name, error)
            return None

    def _before(
        self, projection: AnyProjection, position: int, after: int
    ) -> tuple[int, Mapping[str, object]] | None:
        view, codec = own_view(projection), PartCodec(projection)
        mark = self._views.marked_checkpoint(view)
        if not after < mark.position <= position:
            return None
        actual = fingerprint_at(self._reader, mark.position)
        if UNKNOWN in (mark.fingerprint, actual) or mark.fingerprint != actual:
            return None
        stored = self._views.load_prefix(view)
        if self._views.checkpoint(view) != mark.position:
            return None
        return mark.position, {key: codec.decode(data) for key, data in stored.items()}
