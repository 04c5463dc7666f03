"""Bytes that changed on disk are found, wherever they are."""

import lmdb
import pytest

from mentra_actors.errors import (
    StoreCorrupted,
)
from mentra_actors.store.embedded.layout import position_key
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.ports import AppendRequest, StateSnapshot
from mentra_actors.testing.append_contract import (
    A,
    payloads_of,
)


def raw_env(path):
    """The data file without our code; close it before the store is opened."""
    return lmdb.open(str(path), max_dbs=16, create=False)


def test_a_flipped_bit_in_an_event_is_found(path, flip_bit):
    """Wrong bytes must never become an event that an agent acts on."""
    flip_bit(path / "data.mdb", b"payload-1")

    reader = LmdbJournalReader.open(path)
    for read in (reader.read_journal, lambda: reader.read_stream(A)):
        with pytest.raises(StoreCorrupted, match=r"position 2\b.*checksum"):
            read()
    assert payloads_of(reader.read_stream(A, after=2)) == [b"payload-2" * 30]
    reader.close()


def test_a_record_that_is_gone_is_found(path):
    """A log with a hole would fold to a state that never was."""
    env = raw_env(path)
    with env.begin(write=True) as txn:
        txn.delete(position_key(2), db=env.open_db(b"log", txn=txn))
    env.close()

    reader = LmdbJournalReader.open(path)
    for read in (
        reader.read_journal,
        lambda: reader.read_journal(after=1),
        lambda: reader.read_stream(A),
    ):
        with pytest.raises(StoreCorrupted, match="position 2 is missing"):
            read()
    assert reader.last_position() == 3
    reader.close()


def test_an_index_that_lost_an_entry_is_found(path):
    """A stream that skips a version would fold to a state that never was."""
    env = raw_env(path)
    with env.begin(write=True) as txn:
        streams = env.open_db(b"streams", txn=txn, dupsort=True, dupfixed=True)
        with txn.cursor(streams) as cursor:
            assert cursor.first()
            assert cursor.next_dup()
            cursor.delete()
    env.close()

    reader = LmdbJournalReader.open(path)
    for after in (0, 1):
        with pytest.raises(StoreCorrupted, match="version 2 is missing"):
            reader.read_stream(A, after=after)
    reader.close()


def test_a_damaged_snapshot_is_as_good_as_none(path, caplog, flip_bit):
    """A snapshot only saves time; its loss must not keep an agent from waking up."""
    store = LmdbEventStore.open(path)
    snapshot = StateSnapshot(
        stream_id=A, stream_version=3, fold_version=1, payload=b"snapshot-of-a"
    )
    store.save_snapshot(snapshot)
    store.close()
    flip_bit(path / "data.mdb", b"snapshot-of-a")

    store = LmdbEventStore.open(path)
    assert store.load_snapshot(A) is None
    assert "checksum" in caplog.text
    store.save_snapshot(snapshot)
    store.append(AppendRequest())
    assert store.load_snapshot(A) == snapshot
    store.close()


def test_a_damaged_blob_is_found(path, flip_bit):
    """A tool result that changed on disk must not be shown to a model."""
    store = LmdbEventStore.open(path)
    digest = store.put_blob(b"blob-content")
    store.close()
    flip_bit(path / "data.mdb", b"blob-content")

    reader = LmdbJournalReader.open(path)
    with pytest.raises(StoreCorrupted, match=digest):
        reader.read_blob(digest)
    reader.close()
