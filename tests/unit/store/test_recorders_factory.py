"""How recorders are built from the environment of an application."""

import subprocess
import sys
import textwrap
from uuid import UUID

import pytest
from eventsourcing.application import Application
from eventsourcing.dcb.persistence import DCBInfrastructureFactory
from eventsourcing.persistence import InfrastructureFactory, InfrastructureFactoryError
from eventsourcing.utils import get_topic

from mentra_actors.store.lmdb import (
    LMDBApplicationRecorder,
    LMDBFactory,
    LMDBProcessRecorder,
    LMDBTrackingRecorder,
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def env(path):
    return {
        "PERSISTENCE_MODULE": "mentra_actors.store.lmdb",
        "LMDB_PATH": str(path),
        "LMDB_DURABILITY": "volatile",
    }


class Named(Application[UUID]):
    pass


def test_one_module_serves_both_kinds_of_applications(env):
    """The library takes the one factory that it finds in the module, for either kind."""
    factories = [
        InfrastructureFactory.construct(env),
        DCBInfrastructureFactory.construct(env),
    ]

    assert [type(factory) for factory in factories] == [LMDBFactory, LMDBFactory]
    for factory in factories:
        factory.close()


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"LMDB_PATH": ""}, "set LMDB_PATH"),
        ({"LMDB_PATH": ":memory:"}, "must name a directory"),
        ({"LMDB_DURABILITY": "fast"}, "LMDB_DURABILITY must be one of sync, relaxed, volatile"),
        ({"LMDB_MAP_SIZE": "1 GB"}, "LMDB_MAP_SIZE must be a number of bytes, not '1 GB'"),
        ({"LMDB_MAP_SIZE": "-1"}, "LMDB_MAP_SIZE must be a number of bytes"),
        ({"ORIGINATOR_ID_TYPE": "int"}, "ORIGINATOR_ID_TYPE must be one of uuid, text"),
    ],
)
def test_a_wrong_variable_is_named(env, path, variables, message):
    """A deployment that is configured wrongly fails at its start, and says why."""
    with pytest.raises(OSError, match=message):
        InfrastructureFactory.construct({**env, **variables})

    assert not path.exists()


def test_variables_may_carry_the_name_of_the_application(env, tmp_path):
    """Two applications of one process may have stores of their own."""
    env["NAMED_LMDB_PATH"] = str(tmp_path / "own")
    env["NAMED_ORIGINATOR_ID_TYPE"] = " Text "
    env["LMDB_MAP_SIZE"] = "65536"
    with Named(env) as app:
        assert app.recorder.datastore.path == tmp_path / "own"
        assert app.recorder.datastore.originator_id_type == "text"
        assert app.recorder.sequence == "Named_events"
    with pytest.raises(OSError, match="set MISSING_LMDB_PATH or LMDB_PATH"):
        type("Missing", (Application,), {})({"PERSISTENCE_MODULE": "mentra_actors.store.lmdb"})


def test_each_durability_is_that_of_the_store(env, path):
    """`relaxed` and `volatile` are chosen by name, and `sync` is what one gets without."""
    for name, expected in [("", "sync"), ("relaxed", "relaxed"), ("VOLATILE", "volatile")]:
        factory = InfrastructureFactory.construct({**env, "LMDB_DURABILITY": name})
        assert factory.datastore._opened.durability == expected
        assert (path / "UNSYNCED").exists() == (expected == "volatile")
        factory.close()


class SpecialApplicationRecorder(LMDBApplicationRecorder):
    pass


class SpecialProcessRecorder(LMDBProcessRecorder):
    pass


class SpecialTrackingRecorder(LMDBTrackingRecorder):
    pass


@pytest.mark.parametrize(
    ("key", "construct", "special"),
    [
        ("APPLICATION_RECORDER_TOPIC", "application_recorder", SpecialApplicationRecorder),
        ("PROCESS_RECORDER_TOPIC", "process_recorder", SpecialProcessRecorder),
        ("TRACKING_RECORDER_TOPIC", "tracking_recorder", SpecialTrackingRecorder),
    ],
)
def test_recorder_classes_may_be_chosen_by_topic(env, key, construct, special):
    """A recorder of one's own is chosen as with the library's factories."""
    factory = LMDBFactory({**env, key: get_topic(special)})
    wrong = LMDBFactory({**env, key: get_topic(UUID)})

    assert type(getattr(factory, construct)()) is special
    with pytest.raises(InfrastructureFactoryError, match="is not a subclass of LMDB"):
        getattr(wrong, construct)()
    with pytest.raises(InfrastructureFactoryError):
        wrong.tracking_recorder(UUID)
    factory.close()
    wrong.close()


OPEN_A_RUNTIME = """
    import sys
    import mentra_actors as mentra
    import mentra_actors.store.embedded.lmdb_store

    assert "eventsourcing" not in sys.modules
    with mentra.open_runtime_sync(sys.argv[1], providers=[mentra.ScriptedModel(turns=["a"])]) as r:
        r.spawn("lead", model="scripted:x").send("hello")
    assert "eventsourcing" not in sys.modules
    import mentra_actors.store.lmdb
    assert "eventsourcing" in sys.modules
"""


def test_a_runtime_does_not_import_the_library(path):
    """The import costs 50 ms and patches `dataclasses` for the whole process."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(OPEN_A_RUNTIME), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stderr) == (0, "")
