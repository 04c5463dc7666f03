"""Stock projections pass the cases that `eventsourcing` ships, unchanged, on this store.

The cases are reached through their module, so that pytest collects only the classes below.
"""

import gc
import tempfile
import threading
from pathlib import Path

from eventsourcing.persistence import Tracking
from eventsourcing.tests import projection as cases

from mentra_actors.errors import StoreLocked
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.lmdb import LMDBDatastore, LMDBTrackingRecorder, ViewRows

CREATED = b"created"
SUBSEQUENT = b"subsequent"


class EventCounters(LMDBTrackingRecorder, cases.EventCountersView):
    """Two rows with a number each."""

    def get_created_event_counter(self) -> int:
        return number(self.row(CREATED))

    def get_subsequent_event_counter(self) -> int:
        return number(self.row(SUBSEQUENT))

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        self._increment(CREATED, tracking)

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        self._increment(SUBSEQUENT, tracking)

    def _increment(self, key: bytes, tracking: Tracking) -> None:
        def change(rows: ViewRows) -> None:
            rows.put(key, b"%d" % (number(rows.get(key)) + 1))

        self.insert_tracking_with(tracking, change)


def number(value: bytes | None) -> int:
    return int(value or b"0")


def remove_when_free(directory):
    """Remove the stores of applications that nobody closed, as soon as they are given free."""
    gc.collect()
    for path in Path(directory.name).iterdir():
        for _ in range(5000):
            try:
                LmdbEventStore.open(path).close()
                break
            except StoreLocked:
                threading.Event().wait(0.001)
    directory.cleanup()


class WithStore:
    """One store for the application, the projection and its view."""

    durability = "sync"

    def setUp(self):
        super().setUp()
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(remove_when_free, directory)
        self.path = Path(directory.name) / "store"
        self.env = {
            "PERSISTENCE_MODULE": "mentra_actors.store.lmdb",
            "LMDB_PATH": str(self.path),
            "LMDB_DURABILITY": self.durability,
        }


class WithTwoStores(WithStore):
    """The view has a store of its own, which may be deleted and built again."""

    def setUp(self):
        super().setUp()
        self.env["EVENTCOUNTERS_LMDB_PATH"] = str(self.path.with_name("view"))
        self.env["COUNTERS_LMDB_PATH"] = str(self.path.with_name("view"))


class TestEventCountersView(WithStore, cases.EventCountersViewTestCase):
    def construct_event_counters_view(self):
        datastore = LMDBDatastore(self.path, name="eventcounters")
        self.addCleanup(datastore.close)
        return EventCounters(datastore)


class TestAggregateEventCounters(WithStore, cases.AggregateEventCountersProjectionTestCase):
    view_class = EventCounters


class TestAggregateEventCountersInTwoStores(WithTwoStores, TestAggregateEventCounters):
    pass


class TestVolatileAggregateEventCounters(TestAggregateEventCounters):
    durability = "volatile"


class TestTaggedDecisionCounters(WithStore, cases.TaggedDecisionCountersProjectionTestCase):
    view_class = EventCounters

    def setUp(self):
        super().setUp()
        self.env["MAPPER_TOPIC"] = "eventsourcing.dcb.msgpack:MessagePackMapper"


class TestTaggedDecisionCountersInTwoStores(WithTwoStores, TestTaggedDecisionCounters):
    pass


class TestVolatileTaggedDecisionCounters(TestTaggedDecisionCounters):
    durability = "volatile"


class TestEventSourcedProjection(WithStore, cases.EventSourcedProjectionTestCase):
    pass


class TestEventSourcedProjectionInTwoStores(WithTwoStores, TestEventSourcedProjection):
    pass


class TestVolatileEventSourcedProjection(TestEventSourcedProjection):
    durability = "volatile"
