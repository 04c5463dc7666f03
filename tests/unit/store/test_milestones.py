"""Milestones beside the log: what copies, care, forgetting and earlier releases make of them."""

import shutil
import sqlite3

import lmdb
import pytest

from mentra_actors.errors import StreamArchived
from mentra_actors.store.care import (
    compact_store,
    export_store,
    import_store,
    restore_archive,
    verify_store,
)
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.ports import AppendRequest, StateSnapshot
from mentra_actors.store.sealing.offline import forget_subject
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.store.sql.sqlite_store import SqliteEventStore, SqliteJournalReader
from mentra_actors.testing.append_contract import A, B, request_for, stream_append

ENCRYPTED = Sealing(key=bytes(range(32)))


def milestone(version, stream_id=A, payload=b"milestone-of-a"):
    return StateSnapshot(
        stream_id=stream_id,
        stream_version=version,
        fold_version=1,
        payload=payload,
        is_milestone=True,
    )


def fill(store):
    """Two streams of four events, each with two milestones."""
    for _ in range(4):
        store.append(request_for(stream_append(A, b"1"), stream_append(B, b"1")))
    for stream_id in (A, B):
        for version in (1, 3):
            store.save_snapshot(milestone(version, stream_id))
    store.append(AppendRequest())


@pytest.fixture
def filled(path):
    store = LmdbEventStore.open(path)
    fill(store)
    store.close()
    return path


def version_through(path, version, stream_id=A):
    reader = LmdbJournalReader.open(path)
    try:
        found = reader.snapshot_through(stream_id, version)
        return found and found.stream_version
    finally:
        reader.close()


def test_a_reader_in_any_process_finds_them(filled):
    assert [version_through(filled, version) for version in (0, 1, 2, 3, 9)] == [None, 1, 1, 3, 3]


def test_a_sound_store_with_milestones_is_sound(filled):
    assert verify_store(filled).is_sound


def test_a_damaged_milestone_is_as_good_as_none_and_is_found(filled, caplog, flip_bit):
    flip_bit(filled / "data.mdb", b"milestone-of-a")

    assert [version_through(filled, version) for version in (1, 3)] == [None, None]
    assert "checksum" in caplog.text
    report = verify_store(filled)
    assert not report.is_sound
    assert any(
        one.where == "milestones" and one.what.startswith("milestone of agent-a: the checksum")
        for one in report.findings
    )


def test_exports_leave_them_out(filled, tmp_path):
    """They come back from the log."""
    export_store(filled, tmp_path / "lines")
    import_store(tmp_path / "lines", tmp_path / "copy")

    assert b"milestone" not in (tmp_path / "lines").read_bytes()
    assert version_through(tmp_path / "copy", 3) is None


def test_a_compacted_store_keeps_them(filled):
    compact_store(filled)

    assert version_through(filled, 3) == 3


def test_an_archived_stream_loses_its_own(filled, tmp_path):
    """Its content is to leave the store."""
    compact_store(filled, archive=tmp_path / "a.jsonl", streams=[A])

    with pytest.raises(StreamArchived):
        version_through(filled, 3)
    assert version_through(filled, 3, B) == 3
    assert verify_store(filled).is_sound
    restore_archive(filled, tmp_path / "a.jsonl")
    assert version_through(filled, 3) is None


def test_a_store_of_an_earlier_release_has_none(filled):
    """The table of rows beside the log is made by the first writer that knows it."""
    with lmdb.open(str(filled), max_dbs=16) as env:
        tables = [env.open_db(name) for name in (b"side", b"requests")]
        with env.begin(write=True) as txn:
            for table in tables:
                txn.drop(table, delete=True)

    assert version_through(filled, 3) is None


def test_forgetting_anybody_makes_them_worthless(tmp_path):
    store = open_event_store(tmp_path / "store", sealing=ENCRYPTED)
    fill(store)
    assert store.snapshot_through(A, 3).payload == b"milestone-of-a"
    store.close()
    assert b"milestone-of-a" not in (tmp_path / "store" / "data.mdb").read_bytes()
    forget_subject(tmp_path / "store", "a", sealing=ENCRYPTED)

    reader = open_journal_reader(tmp_path / "store", sealing=ENCRYPTED)
    assert reader.snapshot_through(A, 3) is None
    reader.close()


def test_a_database_of_an_earlier_release_has_none_until_somebody_writes_it(tmp_path):
    store = SqliteEventStore.open(tmp_path / "team.db")
    fill(store)
    store.close()
    old = shutil.copy(tmp_path / "team.db", tmp_path / "old.db")
    with sqlite3.connect(old) as raw:
        raw.execute("DROP TABLE mentra_milestones")
    raw.close()
    readers = [SqliteJournalReader.open(tmp_path / name) for name in ("team.db", "old.db")]
    found = [reader.snapshot_through(A, 3) for reader in readers]
    for reader in readers:
        reader.close()
    store = SqliteEventStore.open(old)
    fill(store)

    assert found[0].stream_version == 3
    assert found[1] is None
    assert store.snapshot_through(A, 2).stream_version == 1
    store.close()
