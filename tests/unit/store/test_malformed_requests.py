"""What could be written and never read again is refused before it is queued."""

import asyncio

import msgspec
import pytest

from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.memory_store import MemoryEventStore
from mentra_actors.store.ports import (
    AppendRequest,
    EncodedEvent,
    Fence,
    StateSnapshot,
    StreamAppend,
)
from mentra_actors.testing.append_contract import A, AnswerLog, request_for, stream_append

GOOD = request_for(stream_append(A, b"1"))
MALFORMED = {
    "time as a float": msgspec.structs.replace(GOOD, recorded_at_ns=1.5),
    "time as a bool": msgspec.structs.replace(GOOD, recorded_at_ns=True),
    "no causation": msgspec.structs.replace(GOOD, causation=None),
    "correlation as bytes": msgspec.structs.replace(GOOD, correlation=b"run"),
    "epoch as a float": msgspec.structs.replace(GOOD, fence=Fence("r", 1.0)),
    "settled at a word": msgspec.structs.replace(GOOD, settled=((A, "x"),)),
    "tag as a number": request_for(StreamAppend(stream_id=A, events=(EncodedEvent(5, b""),))),
    "no tag": request_for(StreamAppend(stream_id=A, events=(EncodedEvent(None, b""),))),
    "version as a word": request_for(
        StreamAppend(stream_id=A, events=(EncodedEvent("a", b""),), expected_version="0")
    ),
    "id as a number": AppendRequest(request_id=7),
}
SNAPSHOT = StateSnapshot(stream_id=A, stream_version=1, fold_version=1, payload=b"")


@pytest.fixture(params=["lmdb", "memory"])
def store(request, tmp_path):
    opened = (
        MemoryEventStore() if request.param == "memory" else LmdbEventStore.open(tmp_path / "s")
    )
    yield opened
    opened.close()


@pytest.mark.parametrize("malformed", MALFORMED.values(), ids=MALFORMED)
def test_a_value_of_a_wrong_type_is_refused(store, malformed):
    """One careless append must not make a log unreadable for ever."""
    with pytest.raises((TypeError, ValueError)):
        store.append(malformed)

    assert store.append(GOOD).last_position == 1
    assert len(store.read_journal()) == 1


@pytest.mark.parametrize(
    "change",
    [{"stream_id": ""}, {"stream_id": "x" * 600}, {"stream_version": 2**70}, {"payload": "text"}],
)
def test_a_snapshot_that_cannot_be_kept_harms_nobody(store, change):
    """A bad snapshot must not fail the appends that happen to be in its group."""
    with pytest.raises((TypeError, ValueError)):
        store.save_snapshot(msgspec.structs.replace(SNAPSHOT, **change))

    assert store.append(GOOD).last_position == 1


def test_a_blob_is_bytes(store):
    """Bytes that change after their digest was taken would be damage."""
    with pytest.raises(TypeError):
        store.put_blob(bytearray(b"changing"))


@pytest.mark.parametrize("error", [SystemExit, asyncio.CancelledError, ValueError])
def test_a_callback_that_raises_anything_does_not_end_the_writer(tmp_path, error):
    """After the bug of one caller everybody else would wait for ever."""
    store = LmdbEventStore.open(tmp_path / "s")

    def raise_it(answer):
        raise error

    store.submit(GOOD, raise_it)
    log = AnswerLog()
    store.submit(GOOD, log.add)

    assert log.first(1)[0].last_position == 2
    store.close()


def test_a_callback_that_raises_anything_does_not_stop_a_store_in_memory():
    """Tests of callers must see their own error, and the store must go on."""
    store = MemoryEventStore()

    def raise_it(answer):
        raise SystemExit

    with pytest.raises(SystemExit):
        store.submit(GOOD, raise_it)
    assert store.append(GOOD).last_position == 2
    store.close()


def test_a_store_outlives_a_change_of_directory(tmp_path, monkeypatch):
    """A relative path means the directory of the moment when the store was opened."""
    monkeypatch.chdir(tmp_path)
    store = LmdbEventStore.open("s", durability="volatile")
    reader = LmdbJournalReader.open("s")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.append(GOOD)

    assert reader.last_position() == 1
    reader.close()
    store.close()
    assert not (tmp_path / "s" / "UNSYNCED").exists()


def test_a_reader_goes_on_when_its_directory_is_moved(tmp_path):
    """What is open is still the right file; only its name has changed."""
    path = tmp_path / "s"
    store = LmdbEventStore.open(path)
    store.append(GOOD)
    store.close()
    reader = LmdbJournalReader.open(path)
    path.rename(tmp_path / "t")

    assert reader.last_position() == 1
    (tmp_path / "t").rename(path)
    assert reader.last_position() == 1
    reader.close()


def test_a_path_that_is_no_text_can_hold_a_store(tmp_path):
    """A file system takes any bytes as a name."""
    path = tmp_path / "caf\udce9"
    store = LmdbEventStore.open(path)
    assert store.append(GOOD).last_position == 1
    store.close()
