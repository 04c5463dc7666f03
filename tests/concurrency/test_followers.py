"""Readers in other processes are woken by the writer, whatever dies or forks in between."""

import os
import signal
import subprocess
import sys
import textwrap
import warnings

import pytest
from forked_python import ForkedPython

from mentra_actors.store import bell, change_signal
from mentra_actors.store.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.testing.append_contract import A, request_for, stream_append

NEVER_S = 3600.0

pytestmark = pytest.mark.skipif(not bell._FUTEX, reason="this system has no bell")

FOLLOW_WHEN_WOKEN = """
    import os, sys, warnings
    from mentra_actors.store import change_signal, lmdb_reader
    from mentra_actors.store.lmdb_store import LmdbJournalReader

    NEVER_S = 3600.0
    change_signal.LOOK_S = NEVER_S
    lmdb_reader.FIRST_POLL_S = lmdb_reader.LAST_POLL_S = NEVER_S

    def follow(path, name):
        reader, position = LmdbJournalReader.open(path), 0
        while True:
            position = reader.wait_for_position(position + 1, timeout_s=NEVER_S)
            os.write(1, b"%s %d\\n" % (name, position))

    if "fork" in sys.argv:
        reader = LmdbJournalReader.open(sys.argv[1])
        warnings.simplefilter("ignore")
        if (child := os.fork()) == 0:
            follow(sys.argv[1], b"child")
        os.write(1, b"%d\\n" % child)
        os.write(1, b"parent %d\\n" % reader.wait_for_position(1, timeout_s=NEVER_S))
    follow(sys.argv[1], b"reader")
"""
APPEND = """
    import sys
    from mentra_actors.store.lmdb_store import LmdbEventStore
    from mentra_actors.testing.append_contract import A, request_for, stream_append

    store = LmdbEventStore.open(sys.argv[1])
    for line in sys.stdin:
        print(store.append(request_for(stream_append(A, b"x"))).last_position, flush=True)
"""


@pytest.fixture
def run_python():
    """Starts processes that run some code, and kills those that a failed test has left."""
    started = []

    def run(code, *arguments):
        process = ForkedPython(
            [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        kill(process)


def kill(process):
    if process.returncode is None:
        process.kill()
        process.communicate()

    assert process.returncode == -signal.SIGKILL


def append_by(writer):
    writer.stdin.write("\n")
    writer.stdin.flush()
    return int(writer.stdout.readline())


@pytest.fixture(params=["sync", "volatile"])
def store(tmp_path, request):
    """An open store with one event."""
    store = LmdbEventStore.open(tmp_path / "store", durability=request.param)
    store.append(request_for(stream_append(A, b"first")))
    yield store
    store.close()


def test_each_commit_wakes_the_readers_of_other_processes(tmp_path, store, run_python):
    """They look for nothing by themselves for an hour here, so it is the writer who wakes them."""
    reader = run_python(FOLLOW_WHEN_WOKEN, tmp_path / "store")
    assert reader.stdout.readline() == "reader 1\n"
    for position in range(2, 60):
        store.append(request_for(stream_append(A, b"x")))
        assert reader.stdout.readline() == f"reader {position}\n"
    kill(reader)


def test_readers_outlive_their_writers(tmp_path, run_python):
    """The screen beside a team must go on when the team was killed and begun again."""
    path = tmp_path / "store"
    LmdbEventStore.open(path).close()
    reader = run_python(FOLLOW_WHEN_WOKEN, path)
    for position in range(1, 6, 2):
        writer = run_python(APPEND, path)
        for number in (position, position + 1):
            assert append_by(writer) == number
            assert reader.stdout.readline() == f"reader {number}\n"
        kill(writer)
    kill(reader)


def test_a_suspended_reader_keeps_nobody_asleep(tmp_path, store, run_python):
    """Ctrl-Z in one terminal must not make the others miss what comes."""
    readers = [run_python(FOLLOW_WHEN_WOKEN, tmp_path / "store") for _ in range(3)]
    for reader in readers:
        assert reader.stdout.readline() == "reader 1\n"
    for position in range(2, 5):
        suspended = readers.pop(0)
        os.kill(suspended.pid, signal.SIGSTOP)
        os.waitid(os.P_PID, suspended.pid, os.WSTOPPED | os.WNOWAIT)
        store.append(request_for(stream_append(A, b"x")))
        for reader in readers:
            assert reader.stdout.readline() == f"reader {position}\n"
        os.kill(suspended.pid, signal.SIGCONT)
        assert suspended.stdout.readline() == f"reader {position}\n"
        readers.append(suspended)


def test_dead_readers_leave_nothing_behind(tmp_path, store, run_python):
    """A thousand readers that were killed must not fill the directory, nor slow the writer."""
    before = sorted(os.listdir(tmp_path / "store"))
    for position in range(1, 4):
        reader = run_python(FOLLOW_WHEN_WOKEN, tmp_path / "store")
        assert reader.stdout.readline() == f"reader {position}\n"
        kill(reader)
        store.append(request_for(stream_append(A, b"x")))
    open_files = len(os.listdir("/proc/self/fd"))
    reader = run_python(FOLLOW_WHEN_WOKEN, tmp_path / "store")
    assert reader.stdout.readline() == "reader 4\n"
    kill(reader)
    store.append(request_for(stream_append(A, b"x")))

    assert sorted(os.listdir(tmp_path / "store")) == before
    assert len(os.listdir("/proc/self/fd")) == open_files


def test_a_fork_of_a_reader_hurts_neither(tmp_path, run_python):
    """A program that forks while it shows a team must not take its parent's wake-ups."""
    path = tmp_path / "store"
    LmdbEventStore.open(path).close()
    reader, writer = run_python(FOLLOW_WHEN_WOKEN, path, "fork"), run_python(APPEND, path)
    child = int(reader.stdout.readline())
    heard = []
    for position in range(1, 4):
        assert append_by(writer) == position
        while not {f"child {position}\n", f"reader {position}\n"} <= set(heard):
            heard.append(reader.stdout.readline())
    os.kill(child, signal.SIGKILL)
    kill(reader)
    kill(writer)

    assert "parent 1\n" in heard


def test_a_fork_of_the_writer_hurts_no_reader(tmp_path, store, run_python):
    """A tool that forks inside of a team must not end what others see of it."""
    reader = run_python(FOLLOW_WHEN_WOKEN, tmp_path / "store")
    assert reader.stdout.readline() == "reader 1\n"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        store.close()
        os._exit(0)
    os.waitpid(child, 0)
    store.append(request_for(stream_append(A, b"x")))
    assert reader.stdout.readline() == "reader 2\n"
    kill(reader)


def test_a_commit_between_the_look_and_the_sleep_is_not_missed(tmp_path, monkeypatch, run_python):
    """The last event of a burst would be shown seconds late, whenever it comes at that moment."""
    monkeypatch.setattr(change_signal, "LOOK_S", NEVER_S)
    path = tmp_path / "store"
    LmdbEventStore.open(path).close()
    reader = LmdbJournalReader.open(path)
    writer = run_python(APPEND, path)
    look = reader.last_position

    def look_and_be_late():
        found = look()
        if found < 3:
            append_by(writer)
        return found

    monkeypatch.setattr(reader, "last_position", look_and_be_late)
    with pytest.MonkeyPatch.context() as patience:
        patience.setattr(bell.Bell, "sleep", _sleep_or_fail(bell.Bell.sleep))
        assert reader.wait_for_position(3, timeout_s=NEVER_S) == 3
    kill(writer)
    reader.close()


def _sleep_or_fail(sleep):
    """Like `sleep`, but nobody is there to ring: who really sleeps has missed something."""

    def sleep_or_fail(self, number, timeout_s):
        assert sleep(self, number, min(timeout_s, 10.0)), "it slept through a commit"
        return True

    return sleep_or_fail


def test_a_reader_of_this_process_is_woken_from_outside(tmp_path, run_python):
    """The same holds for a program that only reads, with several threads that wait."""
    path = tmp_path / "store"
    LmdbEventStore.open(path).close()
    reader = LmdbJournalReader.open(path)
    writer = run_python(APPEND, path)
    assert append_by(writer) == 1
    assert reader.wait_for_position(1, timeout_s=20) == 1
    kill(writer)
    reader.close()
