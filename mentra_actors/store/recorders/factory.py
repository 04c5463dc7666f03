"""Builds the recorders of an application from its environment."""

from typing import TypeVar, cast, get_args

from eventsourcing.dcb.api import DCBRecorder
from eventsourcing.dcb.persistence import DCBInfrastructureFactory
from eventsourcing.persistence import InfrastructureFactory, InfrastructureFactoryError
from eventsourcing.utils import Environment, EnvType, resolve_topic

from mentra_actors.store.embedded.tables import DEFAULT_MAP_BYTES, Durability
from mentra_actors.store.recorders.aggregate_recorder import LMDBAggregateRecorder
from mentra_actors.store.recorders.application_recorder import LMDBApplicationRecorder
from mentra_actors.store.recorders.datastore import LMDBDatastore, OriginatorIdType
from mentra_actors.store.recorders.dcb_recorder import LMDBDCBRecorder
from mentra_actors.store.recorders.process_recorder import LMDBProcessRecorder
from mentra_actors.store.recorders.tracking_recorder import LMDBTrackingRecorder

__all__ = ["LMDBFactory"]

R = TypeVar("R")


class LMDBFactory(
    InfrastructureFactory[LMDBTrackingRecorder], DCBInfrastructureFactory[LMDBTrackingRecorder]
):
    """Recorders on one LMDB store, for applications with aggregates and for those with tags.

    Environment, each key also with the name of the application before it:

    * LMDB_PATH: directory of the store; it is made where there is none.
    * LMDB_DURABILITY: `sync` (default), `relaxed` or `volatile`.
    * LMDB_MAP_SIZE: bytes of address space to begin with; it grows by itself.
    * ORIGINATOR_ID_TYPE: `uuid` (default) or `text`.
    * APPLICATION_RECORDER_TOPIC, TRACKING_RECORDER_TOPIC, PROCESS_RECORDER_TOPIC: a subclass of
      the recorder, to be used instead.
    """

    LMDB_PATH = "LMDB_PATH"
    LMDB_DURABILITY = "LMDB_DURABILITY"
    LMDB_MAP_SIZE = "LMDB_MAP_SIZE"
    ORIGINATOR_ID_TYPE = "ORIGINATOR_ID_TYPE"

    def __init__(self, env: Environment | EnvType | None) -> None:
        """Open the store.

        Raises:
            OSError: a variable is missing or has a value that it cannot have.
            OperationalError, InternalError, DataError: see `LMDBDatastore`.
        """
        super().__init__(env)
        self.datastore = LMDBDatastore(
            self._path(),
            name=self.env.name,
            durability=cast(Durability, self._one_of(self.LMDB_DURABILITY, Durability)),
            map_size=self._map_size(),
            originator_id_type=cast(
                OriginatorIdType, self._one_of(self.ORIGINATOR_ID_TYPE, OriginatorIdType)
            ),
        )

    def aggregate_recorder(self, purpose: str = "events") -> LMDBAggregateRecorder:
        """For events without an order among aggregates, such as snapshots."""
        return LMDBAggregateRecorder(self.datastore, purpose)

    def application_recorder(self) -> LMDBApplicationRecorder:
        """For the events of an application."""
        cls = self._class(self.APPLICATION_RECORDER_TOPIC, LMDBApplicationRecorder)
        return cls(self.datastore)

    def tracking_recorder(
        self, tracking_recorder_class: type[LMDBTrackingRecorder] | None = None
    ) -> LMDBTrackingRecorder:
        """For a projection: the given view class, or the one that the environment names."""
        if tracking_recorder_class is None:
            cls = self._class(self.TRACKING_RECORDER_TOPIC, LMDBTrackingRecorder)
        else:
            cls = _checked(tracking_recorder_class, LMDBTrackingRecorder)
        return cls(self.datastore)

    def process_recorder(self) -> LMDBProcessRecorder:
        """For an application that answers to the events of others."""
        return self._class(self.PROCESS_RECORDER_TOPIC, LMDBProcessRecorder)(self.datastore)

    def dcb_recorder(self) -> DCBRecorder:
        """For events with tags."""
        return LMDBDCBRecorder(self.datastore)

    def close(self) -> None:
        """Give the store free if nobody else in this process uses it."""
        self.datastore.close()

    def _path(self) -> str:
        path = self.env.get(self.LMDB_PATH, "").strip()
        keys = " or ".join(self.env.create_keys(self.LMDB_PATH))
        if not path:
            raise OSError(f"the directory of the store is not in the environment; set {keys}")
        if path == ":memory:":
            raise OSError(f"{keys} must name a directory: this store is always on a disk")
        return path

    def _map_size(self) -> int:
        text = self.env.get(self.LMDB_MAP_SIZE, "").strip()
        if not text:
            return DEFAULT_MAP_BYTES
        if not text.isdecimal():
            raise OSError(f"{self.LMDB_MAP_SIZE} must be a number of bytes, not {text!r}")
        return int(text)

    def _one_of(self, key: str, choice: object) -> str:
        """The value of a variable, of which the first is the default."""
        names = get_args(choice)
        value = self.env.get(key, "").strip().lower() or names[0]
        if value not in names:
            raise OSError(f"{key} must be one of {', '.join(names)}, not {value!r}")
        return str(value)

    def _class(self, key: str, default: type[R]) -> type[R]:
        topic = self.env.get(key)
        return _checked(resolve_topic(topic), default) if topic else default


def _checked(cls: object, expected: type[R]) -> type[R]:
    if not isinstance(cls, type) or not issubclass(cls, expected):
        raise InfrastructureFactoryError(f"{cls!r} is not a subclass of {expected.__name__}")
    return cls
