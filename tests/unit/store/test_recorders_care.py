"""Copies of a store are stores for the recorders as well."""

from uuid import UUID

import pytest
from eventsourcing.dcb.api import DCBAppendCondition, DCBEvent, DCBQuery, DCBQueryItem
from eventsourcing.persistence import IntegrityError, StoredEvent, Tracking

from mentra_actors.errors import ConfigurationError
from mentra_actors.store.care import (
    backup_store,
    compact_store,
    export_store,
    import_store,
    verify_store,
)
from mentra_actors.store.lmdb import (
    LMDBAggregateRecorder,
    LMDBDatastore,
    LMDBDCBRecorder,
    LMDBProcessRecorder,
)

A, B = UUID(int=1), UUID(int=2)
TAGGED = DCBQuery(items=[DCBQueryItem(tags=["a"])])


def fill(path):
    datastore = LMDBDatastore(path)
    process = LMDBProcessRecorder(datastore)
    for version in range(1, 30):
        events = [StoredEvent(one, version, f"topic{version % 2}", b"state") for one in (A, B)]
        process.insert_events(events, tracking=Tracking("upstream", version))
    process.insert_tracking_with(Tracking("upstream", 30), lambda rows: rows.put(b"key", b"value"))
    LMDBAggregateRecorder(datastore, "snapshots").insert_events([StoredEvent(A, 9, "t", b"s")])
    LMDBDCBRecorder(datastore).append([DCBEvent("t", b"1", ["a"]), DCBEvent("t", b"2", ["b"])])
    found = observed(datastore)
    datastore.close()
    return found


def observed(datastore):
    process = LMDBProcessRecorder(datastore)
    tagged = LMDBDCBRecorder(datastore)
    return {
        "events": [process.select_events(one) for one in (A, B)],
        "notifications": process.select_notifications(None, 1000),
        "tracking": process.max_tracking_id("upstream"),
        "rows": process.rows(),
        "snapshots": LMDBAggregateRecorder(datastore, "snapshots").select_events(A),
        "all": list(tagged.read()),
        "tagged": list(tagged.read(TAGGED)),
    }


def backed_up(path, tmp_path):
    backup_store(path, tmp_path / "copy")
    return tmp_path / "copy"


def exported_and_imported(path, tmp_path):
    export_store(path, tmp_path / "lines")
    import_store(tmp_path / "lines", tmp_path / "copy")
    return tmp_path / "copy"


def compacted(path, _):
    compact_store(path)
    return path


@pytest.mark.parametrize("copied", [backed_up, exported_and_imported, compacted])
def test_a_copy_has_the_rows_beside_the_log(tmp_path, copied):
    """Events that are on the log and not found, or accepted twice, would be worse than lost."""
    path = tmp_path / "store"
    before = fill(path)
    copy = copied(path, tmp_path)

    assert verify_store(copy).is_sound
    datastore = LMDBDatastore(copy)
    assert observed(datastore) == before
    with pytest.raises(IntegrityError):
        LMDBProcessRecorder(datastore).insert_events([StoredEvent(B, 29, "t", b"")])
    with pytest.raises(IntegrityError):
        LMDBDCBRecorder(datastore).append([DCBEvent("t", b"")], DCBAppendCondition(TAGGED))
    assert LMDBProcessRecorder(datastore).insert_events([StoredEvent(B, 30, "t", b"")]) == [61]
    datastore.close()


@pytest.mark.parametrize("name", ["DogSchool", ""])
def test_events_of_an_application_are_not_archived(tmp_path, name):
    """An application whose aggregate went to an archive could read none of its events any more."""
    path, archive = tmp_path / "store", tmp_path / "old.jsonl"
    datastore = LMDBDatastore(path, name=name)
    recorder = LMDBProcessRecorder(datastore)
    recorder.insert_events([StoredEvent(A, 1, "topic", b"state")])
    stream_id = datastore.store.read_journal(limit=1)[0].stream_id
    datastore.close()

    with pytest.raises(ConfigurationError, match=f"only streams of a team .*{stream_id}"):
        compact_store(path, archive=archive, streams=[stream_id])
    assert compact_store(path, archive=archive, before_ns=1 << 62).streams == ()
    assert not archive.exists()
