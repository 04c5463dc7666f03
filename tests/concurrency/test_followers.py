"""Readers in other processes are woken by the writer, whatever dies or forks in between."""

import os
import signal
import subprocess
import sys
import textwrap
import warnings

import pytest

from mentra_actors.store import bell
from mentra_actors.store.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.testing.append_contract import A, request_for, stream_append

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


def run_python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def kill(process):
    process.kill()
    process.communicate()

    assert process.returncode == -signal.SIGKILL


def append_by(writer):
    writer.stdin.write("\n")
    writer.stdin.flush()
    return int(writer.stdout.readline())


@pytest.fixture
def store(tmp_path):
    """An open store with one event."""
    store = LmdbEventStore.open(tmp_path / "store", durability="volatile")
    store.append(request_for(stream_append(A, b"first")))
    yield store
    store.close()


def test_each_commit_wakes_the_readers_of_other_processes(tmp_path, store):
    """They look for nothing by themselves for an hour here, so it is the writer who wakes them."""
    with run_python(FOLLOW_WHEN_WOKEN, tmp_path / "store") as reader:
        assert reader.stdout.readline() == "reader 1\n"
        for position in range(2, 60):
            store.append(request_for(stream_append(A, b"x")))
            assert reader.stdout.readline() == f"reader {position}\n"
        kill(reader)


def test_readers_outlive_their_writers(tmp_path):
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


def test_dead_readers_leave_nothing_behind(tmp_path, store):
    """A thousand readers that were killed must not fill the directory, nor slow the writer."""
    before = sorted(os.listdir(tmp_path / "store"))
    for position in range(1, 4):
        reader = run_python(FOLLOW_WHEN_WOKEN, tmp_path / "store")
        assert reader.stdout.readline() == f"reader {position}\n"
        kill(reader)
        store.append(request_for(stream_append(A, b"x")))
    open_files = len(os.listdir("/proc/self/fd"))
    with run_python(FOLLOW_WHEN_WOKEN, tmp_path / "store") as reader:
        assert reader.stdout.readline() == "reader 4\n"
        kill(reader)
    store.append(request_for(stream_append(A, b"x")))

    assert sorted(os.listdir(tmp_path / "store")) == before
    assert len(os.listdir("/proc/self/fd")) == open_files


def test_a_fork_of_a_reader_hurts_neither(tmp_path):
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


def test_a_fork_of_the_writer_hurts_no_reader(tmp_path, store):
    """A tool that forks inside of a team must not end what others see of it."""
    with run_python(FOLLOW_WHEN_WOKEN, tmp_path / "store") as reader:
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


def test_a_reader_of_this_process_is_woken_from_outside(tmp_path):
    """The same holds for a program that only reads, with several threads that wait."""
    path = tmp_path / "store"
    LmdbEventStore.open(path).close()
    reader = LmdbJournalReader.open(path)
    with run_python(APPEND, path) as writer:
        assert append_by(writer) == 1
        assert reader.wait_for_position(1, timeout_s=20) == 1
        kill(writer)
    reader.close()
