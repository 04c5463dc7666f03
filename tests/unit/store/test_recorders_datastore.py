"""How recorders share a store, give it free, and are built from an environment."""

import gc
import logging
import multiprocessing
import os
import resource
import shutil
import sys
import textwrap
import threading
from uuid import UUID

import lmdb
import pytest
from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.persistence import (
    DataError,
    InfrastructureFactory,
    IntegrityError,
    InterfaceError,
    InternalError,
    OperationalError,
    StoredEvent,
    Tracking,
)
from forked_python import run_forked
from other_processes import until

from mentra_actors import errors
from mentra_actors.store.lmdb import (
    LMDBApplicationRecorder,
    LMDBDatastore,
    LMDBFactory,
    LMDBProcessRecorder,
    LMDBTrackingRecorder,
)
from mentra_actors.store.lmdb_store import LmdbEventStore
from mentra_actors.store.recorders import open_stores
from mentra_actors.store.recorders.library_errors import RowsClash, as_library_errors

A = UUID(int=1)


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


def event(version, originator_id=A):
    return StoredEvent(originator_id, version, "topic", b"state")


def is_free(path):
    """True if another writer could open the store."""
    try:
        LmdbEventStore.open(path).close()
    except errors.StoreLocked:
        return False
    return True


def test_the_last_user_gives_the_store_free(env, path):
    """An application, its runner and its view open one path; LMDB forbids to do so twice."""
    factories = [InfrastructureFactory.construct(env) for _ in range(3)]
    recorders = [factory.application_recorder() for factory in factories]
    for version, recorder in enumerate(recorders):
        recorder.insert_events([event(version)])
    for factory in factories[:2]:
        factory.close()
        factory.close()  # twice is allowed, and counts once

    assert not is_free(path)
    assert len(recorders[2].select_events(A)) == 3
    with pytest.raises(InterfaceError, match="construct the application again"):
        recorders[0].select_events(A)
    factories[2].close()
    assert is_free(path)


def test_paths_that_lead_to_one_directory_are_one_store(tmp_path, path, monkeypatch):
    """A link or a relative path must not open the file a second time."""
    first = LMDBDatastore(path)
    (tmp_path / "link").symlink_to(path, target_is_directory=True)
    monkeypatch.chdir(tmp_path)
    others = [LMDBDatastore(name) for name in ("link", "store", tmp_path / "." / "store")]

    assert {id(datastore.store) for datastore in others} == {id(first.store)}
    for datastore in [first, *others]:
        datastore.close()
    assert is_free(path)


def test_a_store_made_where_a_removed_one_was_is_another_one(path):
    """Directories get the number of a removed one; the old store must not come back."""
    old = LMDBDatastore(path, durability="volatile")
    LMDBApplicationRecorder(old).insert_events([event(1)])
    shutil.rmtree(path)
    new = LMDBDatastore(path, durability="volatile")

    assert LMDBApplicationRecorder(new).select_events(A) == []
    old.close()
    LMDBApplicationRecorder(new).insert_events([event(1)])
    new.close()
    assert is_free(path)


def test_a_weaker_durability_is_not_taken_over_silently(path):
    """Whoever asks for flushed commits must get them."""
    first = LMDBDatastore(path, durability="volatile")
    with pytest.raises(DataError, match="'volatile'; it cannot be 'sync'"):
        LMDBDatastore(path)
    first.close()

    LMDBDatastore(path).close()
    assert is_free(path)


def test_what_nobody_closes_is_given_free_when_it_is_garbage(env, path):
    """The library never closes the factory of a view, and many scripts no application."""
    recorder = InfrastructureFactory.construct(env).tracking_recorder()
    assert not is_free(path)

    del recorder
    gc.collect()
    until(lambda: is_free(path))


def test_a_recorder_keeps_the_store_of_a_dropped_factory_open(env):
    """The runner of a projection drops the factory of its view at once."""
    recorder = InfrastructureFactory.construct(env).application_recorder()
    gc.collect()

    assert recorder.insert_events([event(1)]) == [1]
    recorder.datastore.close()


class Forgotten(Application[UUID]):
    pass


class ClosedByCollector:
    """Garbage that closes a datastore, as an application of the library does."""

    def __init__(self, datastore, ran_on):
        self.own = self
        self.datastore = datastore
        self.ran_on = ran_on

    def __del__(self):
        self.ran_on.append(threading.current_thread().name)
        self.datastore.close()


def test_garbage_may_be_collected_by_the_thread_that_writes(path):
    """A finalizer runs on any thread; the one that writes cannot wait for its own end."""
    ran_on = []
    recorder = LMDBTrackingRecorder(LMDBDatastore(path, durability="volatile"))
    ClosedByCollector(recorder.datastore, ran_on)
    recorder.insert_tracking_with(Tracking("upstream", 1), lambda _: gc.collect())

    assert [name.partition(" ")[0] for name in ran_on] == ["store"]
    until(lambda: is_free(path))


def test_garbage_may_be_collected_while_a_store_is_opened(path, tmp_path, monkeypatch):
    """A finalizer interrupts a thread that holds the lock which closing needs."""
    ran_on = []
    ClosedByCollector(LMDBDatastore(path, durability="volatile"), ran_on)
    opened = LmdbEventStore.open

    def collecting_open(*arguments, **options):
        gc.collect()
        return opened(*arguments, **options)

    monkeypatch.setattr(open_stores.LmdbEventStore, "open", collecting_open)
    other = LMDBDatastore(tmp_path / "other", durability="volatile")
    monkeypatch.undo()

    assert len(ran_on) == 1
    until(lambda: is_free(path))
    other.close()


def test_an_application_in_a_block_gives_its_store_free_at_the_end(env, path):
    """After the block another process may open the store, without waiting for a collector."""
    with Forgotten(env) as app:
        app.save(Aggregate())
        assert not is_free(path)

    assert is_free(path)


def test_another_writer_is_named_in_the_refusal(env, path):
    """One process writes a store; the second one must hear who does."""
    store = LmdbEventStore.open(path)
    with pytest.raises(OperationalError, match=rf"this process \({os.getpid()}\)") as caught:
        InfrastructureFactory.construct(env)
    store.close()

    assert isinstance(caught.value.__cause__, errors.StoreLocked)
    InfrastructureFactory.construct(env).close()


def test_what_is_no_store_is_refused(tmp_path):
    """A wrong path must not be filled with files, or hang."""
    (tmp_path / "file").write_text("hello")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("hello")
    for name in ("file", "full"):
        with pytest.raises(InternalError):
            LMDBDatastore(tmp_path / name)
    with pytest.raises(OperationalError):
        LMDBDatastore(tmp_path / "file" / "below")

    assert sorted(os.listdir(tmp_path / "full")) == ["letter.txt"]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RowsClash("there"), IntegrityError),
        (errors.VersionConflict("s", expected=1, actual=2), IntegrityError),
        (errors.StoreClosed("closed"), InterfaceError),
        (errors.StoreCorrupted("bad"), InternalError),
        (errors.StoreFormatError("new"), InternalError),
        (errors.StoreFull("full"), OperationalError),
        (errors.StoreBusy("busy"), OperationalError),
        (errors.StoreLocked("locked"), OperationalError),
        (errors.Fenced("r", epoch=1, current=2), OperationalError),
        (errors.StoreError("else"), OperationalError),
        (ValueError("long"), DataError),
        (TypeError("text"), DataError),
    ],
)
def test_each_error_is_one_of_the_library_with_its_cause(error, expected):
    """Callers retry, reload or stop by the class; people read the message."""
    with pytest.raises(expected) as caught, as_library_errors():
        raise error

    assert type(caught.value) is expected
    assert caught.value.__cause__ is error
    assert str(error) in str(caught.value)


FULL_DISK = """
    import os, resource, signal, sys
    from uuid import UUID
    from eventsourcing.persistence import OperationalError, StoredEvent
    from mentra_actors.store.lmdb import LMDBApplicationRecorder, LMDBDatastore

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    recorder = LMDBApplicationRecorder(LMDBDatastore(sys.argv[1]))
    recorder.insert_events([StoredEvent(UUID(int=1), 1, "topic", b"state")])
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, resource.RLIM_INFINITY))
    try:
        recorder.insert_events([StoredEvent(UUID(int=1), 2, "topic", bytes(1 << 21))])
    except OperationalError as error:
        print("refused:", "full?" in str(error))
    print(recorder.insert_events([StoredEvent(UUID(int=1), 2, "topic", b"small")]))
    print(len(recorder.select_events(UUID(int=1))))
"""


def test_a_full_disk_is_an_operational_error_and_work_goes_on(path):
    """The library's users retry after an `OperationalError`; nothing may be half there."""
    command = [sys.executable, "-c", textwrap.dedent(FULL_DISK), str(path)]
    done = run_forked(command, capture_output=True, text=True, timeout=60, check=False)

    assert (done.stdout, done.stderr) == ("refused: True\n[2]\n2\n", "")


def in_child(path, recorder, answers):
    try:
        recorder.select_events(A)
    except InterfaceError:
        answers.put("inherited: closed")
    recorder.datastore.close()
    try:
        LMDBDatastore(path, durability="volatile")
    except OperationalError:
        answers.put("own: locked")


# A fork is what this is about.
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_cannot_harm_the_store_of_its_parent(path):
    """Web servers fork; two processes that write one file with one lock would ruin it."""
    recorder = LMDBApplicationRecorder(LMDBDatastore(path, durability="volatile"))
    recorder.insert_events([event(1)])
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=in_child, args=(path, recorder, answers))
    child.start()
    child.join(20)

    assert child.exitcode == 0
    assert [answers.get(), answers.get()] == ["inherited: closed", "own: locked"]
    assert recorder.insert_events([event(2)]) == [2]
    recorder.datastore.close()
    assert is_free(path)


def child_takes_over(path, answers):
    datastore = LMDBDatastore(path, durability="volatile")
    answers.put(LMDBApplicationRecorder(datastore).insert_events([event(2)]))
    forgotten = LMDBDatastore(path, durability="volatile")
    datastore.close()
    del forgotten
    gc.collect()
    until(lambda: is_free(path))
    answers.put("free")


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_child_may_open_what_its_parent_has_closed(path):
    """Servers that load the application before they fork close it first."""
    datastore = LMDBDatastore(path, durability="volatile")
    LMDBApplicationRecorder(datastore).insert_events([event(1)])
    datastore.close()
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()
    child = context.Process(target=child_takes_over, args=(path, answers))
    child.start()
    child.join(20)

    assert child.exitcode == 0
    assert [answers.get(), answers.get()] == [[2], "free"]


def test_a_failure_to_leave_a_forgotten_store_is_logged(path, caplog, monkeypatch):
    """Nobody is there to catch it."""
    datastore = LMDBDatastore(path, durability="volatile")
    store = datastore.store
    close = store.close

    def fail():
        close()
        raise errors.StoreError("could not be flushed")

    monkeypatch.setattr(store, "close", fail)
    with caplog.at_level(logging.ERROR):
        del datastore
        gc.collect()
        until(lambda: caplog.records)

    assert "could not be flushed" in caplog.text
    LMDBDatastore(path).close()


def test_a_damaged_snapshot_is_reported_and_not_used(path):
    """A wrong snapshot would be a wrong aggregate."""
    factory = LMDBFactory({"LMDB_PATH": str(path)})
    recorder = factory.aggregate_recorder("snapshots")
    recorder.insert_events([event(1)])
    factory.close()
    with lmdb.open(str(path), max_dbs=16, map_size=1 << 20) as environment:
        side = environment.open_db(b"side")
        with environment.begin(write=True, db=side) as txn, txn.cursor() as cursor:
            cursor.first()
            key, value = cursor.item()
            txn.put(key, value[:-1] + b"!")

    factory = LMDBFactory({"LMDB_PATH": str(path)})
    with pytest.raises(InternalError, match="bytes on disk have changed"):
        factory.aggregate_recorder("snapshots").select_events(A)
    factory.close()


def test_no_descriptor_is_left_open(env):
    """A process that opens and closes many stores must not run out of them."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    InfrastructureFactory.construct(env).close()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(20):
        InfrastructureFactory.construct(env).close()

    assert len(os.listdir("/proc/self/fd")) <= before < limit


def refused(recorder):
    with pytest.raises(IntegrityError):
        recorder.insert_events([event(1)])


def failed(recorder):
    def fail(rows):
        raise RuntimeError("a bug of the view")

    with pytest.raises(RuntimeError):
        recorder.insert_tracking_with(Tracking("upstream", 1), fail)


def changed(recorder):
    recorder.insert_tracking_with(Tracking("upstream", 1), lambda _: recorder.scope)


@pytest.mark.parametrize("last", [refused, failed, changed])
def test_the_last_append_keeps_nobody_alive(path, last):
    """The thread that writes is idle then; its last job must not hold a whole application."""

    def use():
        recorder = LMDBProcessRecorder(LMDBDatastore(path, durability="volatile"))
        recorder.insert_events([event(1)])
        last(recorder)

    use()
    gc.collect()
    until(lambda: is_free(path))
