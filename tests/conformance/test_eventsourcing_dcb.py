"""The DCB recorder passes the cases that `eventsourcing` ships, unchanged.

The cases are reached through their module, so that pytest collects only the classes below.
"""

import tempfile
from pathlib import Path

from eventsourcing.dcb import tests as cases
from eventsourcing.dcb.api import DCBEvent

from mentra_actors.store.lmdb import LMDBDatastore, LMDBDCBRecorder


class TestDCBRecorder(cases.DCBRecorderTestCase):
    durability = "sync"

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = Path(directory.name) / "store"

    def recorder(self, name=""):
        datastore = LMDBDatastore(self.path, name=name, durability=self.durability)
        self.addCleanup(datastore.close)
        return LMDBDCBRecorder(datastore)

    def test_append_read(self):
        self._test_append_read(self.recorder())

    def test_append_subscribe(self):
        self._test_append_subscribe(self.recorder())

    def test_append_read_after_other_events(self):
        recorder = self.recorder()
        recorder.append([DCBEvent(type="other", data=b"")] * 7)

        self._test_append_read(recorder, initial_position=7)

    def test_append_subscribe_after_other_events(self):
        recorder = self.recorder()
        recorder.append([DCBEvent(type="other", data=b"")] * 7)

        self._test_append_subscribe(recorder, initial_position=7)


class TestVolatileDCBRecorder(TestDCBRecorder):
    durability = "volatile"
