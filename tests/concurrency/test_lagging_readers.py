"""A reader that nobody ends makes the file grow: the living are named, the dead are freed."""

import contextlib
import logging
import threading

import pytest

from mentra_actors.errors import StoreBusy
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.embedded.reader_watch import (
    LOOK_S,
    PATIENCE_COMMITS,
    PATIENCE_S,
    ReaderWatch,
)
from mentra_actors.store.embedded.tables import OPTIONS
from mentra_actors.testing.append_contract import A, request_for, stream_append

START = 1_700_000_000.0


class Clock:
    """Both clocks of a watch, moved by hand."""

    def __init__(self):
        self.now = 0.0

    def watch(self, path):
        """A watch that goes by this clock."""
        return ReaderWatch(path, clock=lambda: self.now, wall_clock=lambda: START + self.now)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(tmp_path, clock):
    """An open store whose watch goes by `clock`."""
    store = LmdbEventStore.open(tmp_path / "store", durability="volatile")
    store._env.watch = clock.watch(tmp_path / "store")
    append(store, 1)
    yield store
    store.close()


def append(store, count):
    for _ in range(count):
        store.append(request_for(stream_append(A, b"x" * 100)))


def pages(store):
    with store._env._gated.inside() as env:
        return env.info()["last_pgno"]


def warnings_in(caplog):
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_suspended_reader_is_named_once(tmp_path, store, clock, worker, caplog):
    """Who wonders why a disk fills must find the process to end in the log, and not a flood."""
    reader = worker(tmp_path / "store")
    reader.do("hold")
    reader.stop()
    append(store, PATIENCE_COMMITS)
    assert store.lagging_readers() == []
    clock.now = 10.0
    append(store, 1)
    assert store.lagging_readers() == []
    clock.now += PATIENCE_S + 1
    append(store, 2)

    (lagging,) = store.lagging_readers()
    assert lagging.pid == reader.pid
    assert lagging.since == START
    assert lagging.commits == PATIENCE_COMMITS + 3
    clock.now += LOOK_S + 1
    append(store, 1)
    (warning,) = warnings_in(caplog)
    assert f"process {reader.pid} has kept a read open since 2023-11-14 22:13:20" in warning
    assert "the file grows with each commit" in warning
    reader.end()
    assert store.lagging_readers() == []


def test_a_read_that_this_process_forgot_is_named(store, clock, caplog):
    """A bug of our own must show itself in the same way, by the name of its thread."""
    begun, done = threading.Event(), threading.Event()

    def forget():
        with store._env.reading():
            begun.set()
            done.wait()

    thread = threading.Thread(target=forget, name="forgetful")
    thread.start()
    begun.wait()
    store.lagging_readers()
    append(store, PATIENCE_COMMITS + 1)
    clock.now = PATIENCE_S + 1
    (lagging,) = store.lagging_readers()
    done.set()
    thread.join()

    assert lagging.thread == thread.ident
    assert ["thread forgetful of this process" in one for one in warnings_in(caplog)] == [True]
    assert store.lagging_readers() == []


@pytest.mark.parametrize(("commits", "seconds"), [(PATIENCE_COMMITS, 1e6), (1000, PATIENCE_S)])
def test_neither_time_nor_commits_alone_make_a_reader_lag(store, clock, caplog, commits, seconds):
    """An idle store with an old reader grows by nothing; a busy one outruns every reader."""
    with store._env.reading():
        store.lagging_readers()
        append(store, commits)
        clock.now = seconds

        assert store.lagging_readers() == []
    assert warnings_in(caplog) == []


def test_a_reader_that_reads_anew_does_not_lag(store, clock):
    """A follower is seen in a transaction at many looks; it is another one each time."""
    for _ in range(5):
        with store._env.reading():
            assert store.lagging_readers() == []
            append(store, PATIENCE_COMMITS + 1)
            clock.now += PATIENCE_S - 1
            assert store.lagging_readers() == []


def test_a_dead_reader_does_not_make_the_file_grow(tmp_path, store, clock, worker):
    """A viewer that was killed in the middle of a read must not fill the disk."""
    reader = worker(tmp_path / "store")
    reader.do("hold")
    reader.end()
    before = pages(store)
    append(store, 100)
    held = pages(store) - before
    clock.now += LOOK_S
    append(store, 30)  # the free pages of before are used again
    before = pages(store)
    append(store, 100)

    assert held > 100  # every commit took pages that it could not reuse
    assert pages(store) - before < 30  # what a hundred small events take


def test_places_of_the_dead_are_given_to_the_living(tmp_path, store, worker):
    """A program that crashed a hundred times while reading must not lock everyone out."""
    reader = worker(tmp_path / "store")
    assert reader.do("hold", OPTIONS["max_readers"] - 1) == str(OPTIONS["max_readers"] - 1)
    with store._env.reading(), pytest.raises(StoreBusy, match="512 reads are open at once"):
        store.last_position()
    reader.end()

    with store._env.reading():
        assert store.last_position() == 1


def test_too_many_reads_of_one_process_are_refused_by_name(store):
    """The error must say that it passes, and what to wait for."""
    with contextlib.ExitStack() as reads:
        for _ in range(OPTIONS["max_readers"]):
            reads.enter_context(store._env.reading())
        with pytest.raises(StoreBusy, match="try again when some have ended"):
            store.last_position()
        append(store, 1)

    assert store.last_position() == 2
