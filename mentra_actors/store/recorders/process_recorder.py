"""Events that an application writes because of another's, with the position they answer to."""

from collections.abc import Sequence
from typing import Any

from eventsourcing.persistence import ProcessRecorder, StoredEvent, Tracking

from mentra_actors.store.lmdb_extension import CommitExtension
from mentra_actors.store.recorders.application_recorder import LMDBApplicationRecorder
from mentra_actors.store.recorders.datastore import LMDBDatastore
from mentra_actors.store.recorders.tracking_recorder import LMDBTrackingRecorder, NewTracking

__all__ = ["LMDBProcessRecorder"]


class LMDBProcessRecorder(LMDBTrackingRecorder, LMDBApplicationRecorder, ProcessRecorder):
    """Inserts events and tracking in one transaction: neither is there without the other."""

    def __init__(self, datastore: LMDBDatastore) -> None:
        LMDBTrackingRecorder.__init__(self, datastore)
        LMDBApplicationRecorder.__init__(self, datastore)

    def extensions(
        self,
        stored_events: Sequence[StoredEvent],
        *,
        tracking: Tracking | None = None,
        **kwargs: Any,
    ) -> list[CommitExtension]:
        """See `LMDBApplicationRecorder.extensions`; with `tracking`, events may be none."""
        found = super().extensions(stored_events, **kwargs)
        if tracking is not None:
            found = [*found, NewTracking(self.scope, tracking)]
        return found
