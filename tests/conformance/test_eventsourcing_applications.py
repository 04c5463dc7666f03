"""Stock applications pass the cases that `eventsourcing` ships, unchanged, on this store.

The cases are reached through their module, so that pytest collects only the classes below.
"""

import gc
import os
import tempfile
import threading
from pathlib import Path

import pytest
from eventsourcing.tests import application as cases

from mentra_actors.errors import StoreLocked
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore


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


class WithStoreInEnvironment:
    """The environment of the process names a store of its own for each test."""

    durability = "sync"

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(remove_when_free, directory)
        environment = {
            "PERSISTENCE_MODULE": "mentra_actors.store.lmdb",
            "LMDB_PATH": f"{directory.name}/store",
            "LMDB_DURABILITY": self.durability,
        }
        os.environ.update(environment)
        for key in environment:
            self.addCleanup(os.environ.pop, key)


class TestExampleApplication(WithStoreInEnvironment, cases.ExampleApplicationTestCase):
    expected_factory_topic = "mentra_actors.store.recorders.factory:LMDBFactory"


class TestVolatileExampleApplication(TestExampleApplication):
    durability = "volatile"


# One of the cases reads `Application.log`, to see that it warns.
@pytest.mark.filterwarnings("default:'log' is deprecated:DeprecationWarning")
class TestApplication(WithStoreInEnvironment, cases.ApplicationTestCase):
    pass


class TestVolatileApplication(TestApplication):
    durability = "volatile"
