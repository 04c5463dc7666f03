"""Whoever waits for a store to change sleeps until it does, and is never left asleep."""

import os
import queue
import threading
import time

import pytest

from mentra_actors.errors import StoreClosed
from mentra_actors.store.embedded import reader as lmdb_reader
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.ownership import bell as bell_module
from mentra_actors.store.ownership import change_signal
from mentra_actors.store.ownership.bell import BELL_FILE, open_bell
from mentra_actors.store.ownership.change_signal import ChangeSignal
from mentra_actors.testing.append_contract import A, request_for, stream_append

NEVER_S = 3600.0

needs_a_bell = pytest.mark.skipif(
    not bell_module._FUTEX, reason="this system has no bell, readers look from time to time"
)


@pytest.fixture
def wake_calls(monkeypatch):
    """Counts the system calls by which sleepers are woken."""
    calls = []
    ring = bell_module._RING

    def counted(*arguments):
        calls.append(ring(*arguments))
        return calls[-1]

    monkeypatch.setattr(bell_module, "_RING", counted)
    return calls


@pytest.fixture
def no_looking(monkeypatch):
    """Nobody looks without being woken, for longer than any test."""
    monkeypatch.setattr(change_signal, "LOOK_S", NEVER_S)
    for name in ("FIRST_POLL_S", "LAST_POLL_S"):
        monkeypatch.setattr(lmdb_reader, name, NEVER_S)


def asleep_beside(bell):
    """A thread that sleeps until a ring; it has said so in the file."""
    number = bell.number()
    thread = threading.Thread(target=bell.sleep, args=(number, NEVER_S), daemon=True)
    thread.start()
    while not bell._words[bell_module._SLEEPERS]:
        time.sleep(0)
    return thread


@needs_a_bell
def test_a_ring_wakes_who_sleeps(tmp_path):
    """A follower in another process must show an event when it is there, not a second later."""
    ringer, sleeper = open_bell(tmp_path, create=True), open_bell(tmp_path, create=False)
    threads = [asleep_beside(sleeper) for _ in range(3)]

    ringer.ring()
    for thread in threads:
        thread.join()


@needs_a_bell
def test_a_ring_wakes_a_hundred_and_does_not_go_round(tmp_path, wake_calls):
    """Many who follow cost the writer no more than two; and they wake each other once a ring."""
    ringer, sleeper = open_bell(tmp_path, create=True), open_bell(tmp_path, create=False)
    threads = [asleep_beside(sleeper) for _ in range(100)]
    ringer.ring()
    assert ringer._words[
        bell_module._SLEEPERS
    ]  # the two may be gone: the next ring must wake more
    for thread in threads:
        thread.join()

    assert len(wake_calls) <= 101
    assert wake_calls[0] <= 2
    ringer.ring()
    ringer.ring()
    assert len(wake_calls) <= 102


@needs_a_bell
def test_who_is_woken_for_nothing_wakes_nobody(tmp_path, wake_calls):
    """Two that wake each other without a cause would keep a processor busy for ever."""
    bell = open_bell(tmp_path, create=True)
    ended = queue.SimpleQueue()
    number = bell.number()
    sleepers = [
        threading.Thread(target=lambda: ended.put(bell.sleep(number, NEVER_S)), daemon=True)
        for _ in range(2)
    ]
    for sleeper in sleepers:
        sleeper.start()
    while bell._wake(1) == 0:
        time.sleep(0)
    assert ended.get()
    assert sum(wake_calls) == 1
    bell.ring()
    for sleeper in sleepers:
        sleeper.join()


@needs_a_bell
def test_a_ring_before_the_sleep_is_not_missed(tmp_path):
    """An event that comes between the look and the sleep would be shown with the next one only."""
    ringer, sleeper = open_bell(tmp_path, create=True), open_bell(tmp_path, create=False)
    number = sleeper.number()
    ringer.ring()

    assert sleeper.sleep(number, NEVER_S)


@needs_a_bell
def test_two_who_ring_at_once_do_not_hide_each_other(tmp_path):
    """A closing reader and a writer that ring at once must not put back a number of before."""
    one, other = open_bell(tmp_path, create=True), open_bell(tmp_path, create=True)
    seen = set()
    for _ in range(100):
        for bell in (one, other):
            bell.ring()
            seen.add(bell.number())

    assert len(seen) == 200


@needs_a_bell
def test_a_sleep_ends_with_its_time(tmp_path):
    """`wait_for_position` promises to come back."""
    bell = open_bell(tmp_path, create=True)

    assert not bell.sleep(bell.number(), 0.001)


@needs_a_bell
def test_a_ring_costs_no_system_call_where_nobody_sleeps(tmp_path, wake_calls):
    """A store that nobody follows must not pay for followers; nor one whose followers are busy."""
    store = LmdbEventStore.open(tmp_path / "store", durability="volatile")
    reader_of_another_process = ChangeSignal(tmp_path / "store")
    reader_of_another_process.connect()
    wake_calls.clear()
    for _ in range(10):
        store.append(request_for(stream_append(A, b"x")))
    assert wake_calls == []

    bell = open_bell(tmp_path / "store", create=False)
    sleeper = asleep_beside(bell)
    store.append(request_for(stream_append(A, b"x")))
    sleeper.join()
    store.append(request_for(stream_append(A, b"x")))
    by_the_writer = [woken for woken in wake_calls if woken]
    assert by_the_writer == [1]
    assert len(wake_calls) <= 2  # and one by the sleeper, who passes it on
    store.close()


@needs_a_bell
def test_a_path_may_be_as_long_as_the_system_allows(tmp_path):
    """Sockets have names of at most 107 bytes; stores of people lie deeper."""
    path = tmp_path.joinpath(*["a-directory-of-thirty-letters-"] * 8) / "store"
    store = LmdbEventStore.open(path)
    sleeper = asleep_beside(open_bell(path, create=False))
    store.append(request_for(stream_append(A, b"x")))
    sleeper.join()
    store.close()

    assert len(os.fsencode(path)) > 250


@pytest.mark.parametrize("obstacle", ["a directory", "a full disk", "a pipe"])
def test_a_store_without_a_bell_works(tmp_path, obstacle):
    """What only makes readers faster must not keep anybody from writing or reading."""
    path = tmp_path / "store"
    LmdbEventStore.open(path).close()
    bell = path / BELL_FILE
    bell.unlink(missing_ok=True)
    match obstacle:
        case "a directory":
            bell.mkdir()
        case "a full disk":
            bell.symlink_to("/dev/full")
        case _:
            os.mkfifo(bell)

    assert open_bell(path, create=True) is None
    reader, store = LmdbJournalReader.open(path), LmdbEventStore.open(path)
    store.append(request_for(stream_append(A, b"x")))
    assert reader.wait_for_position(1, timeout_s=10) == 1
    store.close()
    assert reader.wait_for_position(2, timeout_s=0.05) == 1
    reader.close()


def test_followers_beside_the_writer_are_woken_by_it(tmp_path, no_looking):
    """A view in the same process follows at once, without a look at the file in between."""
    store = LmdbEventStore.open(tmp_path / "store", durability="volatile")
    found = []
    follower = threading.Thread(
        target=lambda: found.append(store.wait_for_position(3, timeout_s=NEVER_S)),
        daemon=True,
    )
    follower.start()
    for _ in range(3):
        store.append(request_for(stream_append(A, b"x")))
    follower.join()
    store.close()

    assert found == [3]


def wait_until_closed(reader, ended):
    try:
        reader.wait_for_position(1000, timeout_s=NEVER_S)
    except StoreClosed:
        ended.append(True)


@needs_a_bell
def test_a_reader_can_be_closed_while_it_sleeps(tmp_path, no_looking):
    """Ctrl-C in `mentra log --follow` must not hang until the next event."""
    LmdbEventStore.open(tmp_path / "store").close()
    reader = LmdbJournalReader.open(tmp_path / "store")
    ended = []
    waiting = threading.Thread(target=wait_until_closed, args=(reader, ended), daemon=True)
    bell = open_bell(tmp_path / "store", create=False)
    bell.ring()  # nobody sleeps now
    waiting.start()
    while not bell._words[bell_module._SLEEPERS]:
        time.sleep(0)
    reader.close()
    waiting.join()

    assert ended == [True]


@needs_a_bell
def test_a_writer_that_comes_into_the_process_is_heard(tmp_path, no_looking):
    """A reader that waited for other processes must go on hearing when its own begins to write."""
    path = tmp_path / "store"
    LmdbEventStore.open(path).close()
    reader = LmdbJournalReader.open(path)
    found = []
    follower = threading.Thread(
        target=lambda: found.append(reader.wait_for_position(2, timeout_s=NEVER_S)),
        daemon=True,
    )
    follower.start()
    for _ in range(2):
        store = LmdbEventStore.open(path)
        store.append(request_for(stream_append(A, b"x")))
        store.close()
    follower.join()
    reader.close()

    assert found == [2]


def test_a_commit_is_seen_when_it_can_be_read(tmp_path, monkeypatch):
    """A commit shows on the meta page before it can be read; who looks then must look again."""
    monkeypatch.setattr(change_signal, "LOOK_S", 0.001)
    store = LmdbEventStore.open(tmp_path / "store")
    store.append(request_for(stream_append(A, b"x")))
    store.close()
    reader = LmdbJournalReader.open(tmp_path / "store")
    look, found = reader.last_position, [0]
    monkeypatch.setattr(reader, "last_position", lambda: found.pop() if found else look())

    assert reader.wait_for_position(1, timeout_s=20) == 1
    reader.close()


@needs_a_bell
def test_a_bell_that_was_deleted_is_replaced(tmp_path, monkeypatch):
    """Somebody who tidies up must not make all readers slow for ever."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    signal = ChangeSignal(path)
    signal.connect()
    (path / BELL_FILE).unlink()
    store.lagging_readers()
    monkeypatch.setattr(change_signal, "LOOK_S", 0.001)

    signal.wait(signal.heard(), 1, poll_s=1, is_told=False)
    assert signal._bell.hangs_at(path)
    number = signal.heard().number
    store.append(request_for(stream_append(A, b"x")))
    assert signal.heard().number != number
    store.close()
