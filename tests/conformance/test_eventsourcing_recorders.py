"""The recorders pass the cases that `eventsourcing` ships, unchanged, in each variant.

The cases are reached through their module, so that pytest collects only the classes below.
"""

import tempfile
from pathlib import Path
from uuid import uuid4

from eventsourcing.tests import persistence as cases
from eventsourcing.utils import Environment

from mentra_actors.store.lmdb import (
    LMDBAggregateRecorder,
    LMDBApplicationRecorder,
    LMDBDatastore,
    LMDBFactory,
    LMDBProcessRecorder,
    LMDBTrackingRecorder,
)


class WithStore:
    """Each test has a store of its own, with UUIDs and flushed commits."""

    durability = "sync"
    originator_id_type = "uuid"

    def datastore(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        datastore = LMDBDatastore(
            Path(directory.name) / "store",
            durability=self.durability,
            originator_id_type=self.originator_id_type,
        )
        self.addCleanup(datastore.close)
        return datastore


class WithTextIds(WithStore):
    """The ids of aggregates are any strings."""

    originator_id_type = "text"

    def new_originator_id(self):
        return f"an aggregate · {uuid4()}"


class WithVolatileStore(WithStore):
    """Nothing is flushed, so many more writers meet in one group."""

    durability = "volatile"


class WithRelaxedStore(WithStore):
    """The last commit may be lost with the power."""

    durability = "relaxed"


class TestAggregateRecorder(WithStore, cases.AggregateRecorderTestCase):
    def create_recorder(self):
        return LMDBAggregateRecorder(self.datastore())


class TestSnapshotRecorder(WithVolatileStore, cases.AggregateRecorderTestCase):
    def create_recorder(self):
        return LMDBAggregateRecorder(self.datastore(), purpose="snapshots")


class TestAggregateRecorderWithTextIds(WithTextIds, cases.AggregateRecorderTestCase):
    def create_recorder(self):
        return LMDBAggregateRecorder(self.datastore())


class TestApplicationRecorder(WithStore, cases.ApplicationRecorderTestCase):
    def create_recorder(self):
        return LMDBApplicationRecorder(self.datastore())

    def test_insert_subscribe(self):
        self.optional_test_insert_subscribe()


class TestRelaxedApplicationRecorder(WithRelaxedStore, TestApplicationRecorder):
    pass


class TestVolatileApplicationRecorder(WithVolatileStore, TestApplicationRecorder):
    pass


class TestApplicationRecorderWithTextIds(WithTextIds, TestApplicationRecorder):
    pass


class TestTrackingRecorder(WithStore, cases.TrackingRecorderTestCase):
    def create_recorder(self):
        return LMDBTrackingRecorder(self.datastore())


class TestVolatileTrackingRecorder(WithVolatileStore, TestTrackingRecorder):
    pass


class TestProcessRecorder(WithStore, cases.ProcessRecorderTestCase):
    def create_recorder(self):
        return LMDBProcessRecorder(self.datastore())


class TestVolatileProcessRecorder(WithVolatileStore, TestProcessRecorder):
    pass


class TestProcessRecorderWithTextIds(WithTextIds, TestProcessRecorder):
    pass


class TestProcessRecorderIsAnApplicationRecorder(WithStore, cases.ApplicationRecorderTestCase):
    """An application that answers to others is read and followed like any other."""

    def create_recorder(self):
        return LMDBProcessRecorder(self.datastore())

    def test_insert_subscribe(self):
        self.optional_test_insert_subscribe()


class TestProcessRecorderIsATrackingRecorder(WithStore, cases.TrackingRecorderTestCase):
    """Its positions are those of a projection."""

    def create_recorder(self):
        return LMDBProcessRecorder(self.datastore())


class TestNonInterleavingNotificationIds(WithStore, cases.NonInterleavingNotificationIDsBaseCase):
    def create_recorder(self):
        return LMDBApplicationRecorder(self.datastore())


class TestNonInterleavingNotificationIdsOfProcesses(
    WithVolatileStore, cases.NonInterleavingNotificationIDsBaseCase
):
    def create_recorder(self):
        return LMDBProcessRecorder(self.datastore())


class SpecialTrackingRecorder(LMDBTrackingRecorder):
    pass


class TestFactory(cases.InfrastructureFactoryTestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.env = Environment(
            "TestCase",
            {
                "PERSISTENCE_MODULE": "mentra_actors.store.lmdb",
                "LMDB_PATH": f"{directory.name}/store",
            },
        )
        super().setUp()

    def expected_factory_class(self):
        return LMDBFactory

    def expected_aggregate_recorder_class(self):
        return LMDBAggregateRecorder

    def expected_application_recorder_class(self):
        return LMDBApplicationRecorder

    def expected_tracking_recorder_class(self):
        return LMDBTrackingRecorder

    def tracking_recorder_subclass(self):
        return SpecialTrackingRecorder

    def expected_process_recorder_class(self):
        return LMDBProcessRecorder
