"""The persistence module for applications of the library `eventsourcing`.

`PERSISTENCE_MODULE=mentra_actors.store.lmdb` and `LMDB_PATH=<directory>` in the environment of
an application, a DCB application or a projection keep its events, snapshots and tracking in one
LMDB store. A view of a projection derives from `LMDBTrackingRecorder`. See `LMDBFactory` for what
else the environment may say.

The library looks for exactly one factory class in this module.
"""

from mentra_actors.store.recorders.aggregate_recorder import LMDBAggregateRecorder
from mentra_actors.store.recorders.application_recorder import LMDBApplicationRecorder
from mentra_actors.store.recorders.datastore import LMDBDatastore
from mentra_actors.store.recorders.dcb_recorder import LMDBDCBRecorder
from mentra_actors.store.recorders.factory import LMDBFactory
from mentra_actors.store.recorders.process_recorder import LMDBProcessRecorder
from mentra_actors.store.recorders.tracking_recorder import LMDBTrackingRecorder
from mentra_actors.store.recorders.view_rows import ViewRows

__all__ = [
    "LMDBAggregateRecorder",
    "LMDBApplicationRecorder",
    "LMDBDCBRecorder",
    "LMDBDatastore",
    "LMDBFactory",
    "LMDBProcessRecorder",
    "LMDBTrackingRecorder",
    "ViewRows",
]
