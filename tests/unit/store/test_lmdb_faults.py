"""Power, forks, growth and other writers: the store stays what it promised."""

import os
import threading
import warnings

import pytest

from mentra_actors.errors import (
    StoreClosed,
    StoreCorrupted,
    StoreError,
    StoreLocked,
    VersionConflict,
)
from mentra_actors.store.embedded.commit import GroupCommit
from mentra_actors.store.embedded.environments import open_shared_env
from mentra_actors.store.embedded.layout import encode_body
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.ownership.writer_lock import WriterLock
from mentra_actors.store.ports import Appended, AppendRequest
from mentra_actors.store.store_directory import require_manifest
from mentra_actors.store.writer import AppendJob
from mentra_actors.testing.append_contract import (
    A,
    B,
    request_for,
    stream_append,
)


def test_a_volatile_store_is_checked_after_a_power_loss(path, flip_bit):
    """Pages that were not flushed may be old or new; only a full check can tell."""
    mark = path / "UNSYNCED"
    store = LmdbEventStore.open(path, durability="volatile")
    marked = mark.read_text()
    store.close()
    assert marked
    assert not mark.exists()

    mark.write_text("another boot")
    LmdbEventStore.open(path).close()
    assert not mark.exists()

    flip_bit(path / "data.mdb", b"payload-1")
    mark.write_text(marked)
    LmdbJournalReader.open(path).close()  # the same boot: only a process died
    mark.write_text("another boot")
    for open_store in (LmdbEventStore.open, LmdbJournalReader.open):
        with pytest.raises(StoreCorrupted, match="position 2"):
            open_store(path)
    assert mark.exists()


@pytest.mark.parametrize(
    ("durability", "sync", "metasync"),
    [("sync", True, True), ("relaxed", True, False), ("volatile", False, True)],
)
def test_a_store_is_flushed_as_its_durability_says(path, durability, sync, metasync):
    """A name that promises more than LMDB was told would be found out by a power loss only."""
    reader = LmdbJournalReader.open(path)
    store = LmdbEventStore.open(path, durability=durability)
    flags = store._env._gated.live.flags()
    store.close()
    reader.close()

    assert (flags["sync"], flags["metasync"], flags["writemap"]) == (sync, metasync, False)


def test_the_head_cache_notices_another_writer(path):
    """A rogue process that writes in spite of the lock must not make us overwrite its events."""
    env = open_shared_env(path, require_manifest(path))
    lock = WriterLock(path)
    env.attach_writer(lock, durability="volatile", map_size=1 << 20)
    ours, theirs = GroupCommit(env), GroupCommit(env)

    def write(commit, expected):
        request = request_for(stream_append(A, b"x", expected=expected))
        return commit.write([AppendJob(request, encode_body(request), print)])[0]

    assert write(ours, 3) == Appended(4, 4, (4,))
    assert isinstance(write(ours, 0), VersionConflict)  # an empty commit keeps no number
    assert write(theirs, 4) == Appended(5, 5, (5,))
    assert isinstance(write(ours, 4), VersionConflict)
    assert write(ours, 5) == Appended(6, 6, (6,))
    assert write(theirs, 6) == Appended(7, 7, (7,))
    assert isinstance(write(ours, 6), VersionConflict)
    assert write(ours, 7) == Appended(8, 8, (8,))
    env.detach_writer(lock)
    env.leave()


def test_a_reader_outlives_the_writers_beside_it(path):
    """A view in the same program must go on when the runtime is closed and opened again."""
    reader = LmdbJournalReader.open(path)
    for durability in ("volatile", "sync", "volatile"):
        store = LmdbEventStore.open(path, durability=durability, map_size=1 << 16)
        appended = store.append(request_for(stream_append(B, b"x" * 200_000)))
        assert reader.last_position() == appended.last_position
        store.close()
        assert reader.last_position() == appended.last_position
    reader.close()
    with pytest.raises(StoreClosed):
        reader.last_position()


def test_reads_go_on_while_the_map_grows(path):
    """Growing closes every open read; readers must not see it."""
    store = LmdbEventStore.open(path, durability="volatile", map_size=1 << 16)
    failures = []

    def read():
        position = 0
        while position < 203:
            try:
                store.wait_for_position(position + 1, timeout_s=10)
                position = store.read_journal(after=position, limit=7)[-1].global_position
            except StoreError as error:
                failures.append(error)
                return

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(200):
        store.append(request_for(stream_append(B, b"x" * 20_000)))
    for reader in readers:
        reader.join()
    store.close()

    assert failures == []


def test_a_forked_child_cannot_harm_its_parent(path):
    """A library that forks must not take the lock, the readers or the file along."""
    store = LmdbEventStore.open(path, durability="volatile")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(_use_after_fork(store, path))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    with pytest.raises(StoreLocked):
        LmdbEventStore.open(path)
    assert store.append(request_for(stream_append(A, b"on"))).versions == (4,)
    assert len(store.read_stream(A)) == 4
    store.close()
    LmdbEventStore.open(path).close()


def _use_after_fork(store, path):
    """0 if the child finds its store closed, can close it, and can read by a reader of its own."""
    try:
        for use in (store.last_position, lambda: store.append(AppendRequest())):
            try:
                use()
            except StoreClosed:
                continue
            return 1
        reader = LmdbJournalReader.open(path)
        store.close()
        found = reader.last_position()
        reader.close()
    except BaseException:  # noqa: BLE001 - a child of fork must not go on with pytest
        return 2
    return 0 if found == 3 else 3
