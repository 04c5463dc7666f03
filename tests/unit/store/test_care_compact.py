"""Compacting loses nothing, and what is archived comes back as it was."""

import io
import re
import shutil
import sys
import textwrap

import lmdb
import pytest
from forked_python import run_forked
from store_damage import flip_bit

from mentra_actors import ScriptedModel, open_runtime_sync
from mentra_actors.codec.event_codec import CODEC
from mentra_actors.domain.agent.events import ToolCallFinished
from mentra_actors.domain.blob import BlobRef
from mentra_actors.envelope import UnknownEvent
from mentra_actors.errors import (
    ActorQuarantined,
    ConfigurationError,
    StoreCorrupted,
    StoreFormatError,
    StoreLocked,
    StreamArchived,
)
from mentra_actors.ids import EffectId, StreamId
from mentra_actors.store import care
from mentra_actors.store.archived_parts import ARCHIVED_EVENT_TYPE
from mentra_actors.store.care import (
    compact_store,
    export_store,
    import_store,
    restore_archive,
    verify_store,
)
from mentra_actors.store.care.replaced_file import locked_store
from mentra_actors.store.embedded.layout import (
    NO_LINK,
    decode_record,
    join_record,
    key_position,
    position_key,
    rebuild_record,
)
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_event_store, open_journal_reader
from mentra_actors.store.ports import (
    AppendRequest,
    EncodedEvent,
    StateSnapshot,
    StreamAppend,
    blob_digest,
)
from mentra_actors.store.sealing.options import Sealing
from mentra_actors.testing.append_contract import A, B, request_for, stream_append
from mentra_actors.testing.full_store import fill_store, make_full_store


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store with some of everything; never to be changed."""
    return make_full_store(tmp_path_factory.mktemp("sound") / "store")


@pytest.fixture
def store(sound, tmp_path):
    """A copy of it."""
    return shutil.copytree(sound, tmp_path / "store")


def exported(path):
    file = io.BytesIO()
    export_store(path, file)
    return file.getvalue()


def lines_without_blob(export, content):
    """The lines of an export but for one blob and the last line, which counts them."""
    digest = blob_digest(content).encode()
    return [line for line in export.splitlines()[:-1] if digest not in line]


def settled_streams(path):
    """Streams that may be archived, those with most events first."""
    reader = LmdbEventStore.open(path)
    marks = {one.partition("-")[2] for one in reader.open_streams()}
    counts = {}
    for event in reader.read_journal(limit=reader.last_position()):
        counts[event.stream_id] = counts.get(event.stream_id, 0) + 1
    reader.close()
    found = [one for one in counts if one.partition("-")[2] not in marks]
    return sorted(found, key=counts.get, reverse=True)


def blob_event(digest):
    event = ToolCallFinished(
        key=EffectId("call"), content="long", spilled=BlobRef(digest=digest, size_bytes=1)
    )
    return EncodedEvent(*CODEC.encode(event))


def append_events(store, stream_id, *events):
    store.append(AppendRequest(streams=(StreamAppend(stream_id=stream_id, events=events),)))


# --- the file --------------------------------------------------------------------------------


def test_compacting_keeps_everything_that_is_named(store):
    """Only free pages go, and the blob that no event, snapshot or row names."""
    before = exported(store)
    compacted = compact_store(store)

    assert compacted.report.is_sound
    assert compacted.report.free_bytes == 0
    assert compacted.report.size_bytes < compacted.size_bytes_before
    assert compacted.dropped_blobs == 1
    assert exported(store).splitlines()[:-1] == lines_without_blob(
        before, b"a blob that no event names"
    )
    assert not (store / ".compact.new").exists()


def test_a_name_in_any_text_keeps_its_blob(tmp_path):
    """A model that was told a digest may ask for it, and must get it."""
    store = LmdbEventStore.open(tmp_path / "store")
    digests = [store.put_blob(b"content %d" % number) for number in range(6)]
    append_events(store, A, blob_event(digests[0]))
    event = ToolCallFinished(key=EffectId("k"), content=f"kept as blob {digests[1]}]")
    append_events(store, A, EncodedEvent(*CODEC.encode(event)))
    append_events(store, A, EncodedEvent("later.tag.v1", f'{{"x": "{digests[2]}"}}'.encode()))
    append_events(
        store, A, EncodedEvent("later.tag.v1", b"aa" + digests[3].upper().encode() + b"0")
    )
    store.save_snapshot(
        StateSnapshot(stream_id=A, stream_version=1, fold_version=1, payload=digests[4].encode())
    )
    store.close()
    compacted = compact_store(tmp_path / "store")
    reader = LmdbJournalReader.open(tmp_path / "store")
    found = [reader.read_blob(digest) is not None for digest in digests]
    reader.close()

    assert found == [True, True, True, True, True, False]
    assert compacted.dropped_blobs == 1


@pytest.mark.parametrize("payload", [b"\x01\x9d\xff\xfe sealed", b"\xc4\x04\x00\x01\x02\x03"])
def test_where_payloads_cannot_be_looked_into_no_blob_goes(tmp_path, payload):
    """Sealed bytes may name any blob."""
    store = LmdbEventStore.open(tmp_path / "store")
    digest = store.put_blob(b"perhaps somebody needs it")
    append_events(store, A, EncodedEvent("other.tag.v1", payload))
    store.close()
    compacted = compact_store(tmp_path / "store")
    reader = LmdbJournalReader.open(tmp_path / "store")
    content = reader.read_blob(digest)
    reader.close()

    assert content is not None
    assert (compacted.dropped_blobs, compacted.blobs_kept_for) == (0, "other.tag.v1")


def test_a_store_in_use_is_not_compacted(store):
    """The file would be pulled away from under its writer."""
    writer = LmdbEventStore.open(store)
    with pytest.raises(StoreLocked):
        compact_store(store)
    fill_store(writer, appends=3)
    writer.close()

    assert verify_store(store).is_sound


def test_a_damaged_store_is_not_compacted(store):
    """Evidence and what may be salvaged would go with the free pages."""
    reader = LmdbJournalReader.open(store)
    payload = reader.read_journal(limit=60)[-1].payload
    reader.close()
    flip_bit(store / "data.mdb", payload)
    content = (store / "data.mdb").read_bytes()

    with pytest.raises(StoreCorrupted, match="nothing was changed"):
        compact_store(store)
    assert (store / "data.mdb").read_bytes() == content


def test_a_file_that_is_not_sound_does_not_take_the_place_of_the_old_one(store):
    """Whatever went wrong while it was made, the old file is still there."""
    before = (store / "data.mdb").read_bytes()

    def lose_a_record(txn, tables):
        txn.delete(position_key(1), db=tables.log)

    def lose_the_end(txn, tables):
        with txn.cursor(tables.log) as cursor:
            assert cursor.last()
            cursor.delete()

    def lose_a_stream(txn, tables):
        assert txn.delete(b"agent-1", db=tables.streams)

    for edit in (lose_a_record, lose_the_end, lose_a_stream):
        with locked_store(store, None) as replacement, pytest.raises(StoreCorrupted):
            replacement.replace(edit)
        assert (store / "data.mdb").read_bytes() == before


WRITE_ON = """
    import sys
    from mentra_actors.store.care import compact_store
    from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
    from mentra_actors.testing.append_contract import A, request_for, stream_append
    for _ in range(3):
        compact_store(sys.argv[1])
        store = LmdbEventStore.open(sys.argv[1])
        for _ in range(int(sys.argv[2])):
            store.append(request_for(stream_append(A, b"after")))
        store.close()
"""


@pytest.mark.parametrize("appends", [1, 2, 3])
def test_readers_of_other_processes_follow_to_the_new_file(store, appends):
    """A view that shows a live team must not stand still because somebody has tidied up."""
    reader = LmdbJournalReader.open(store)
    before = reader.read_journal(limit=reader.last_position())
    command = [sys.executable, "-c", textwrap.dedent(WRITE_ON), str(store), str(appends)]
    run_forked(command, check=True)
    after = reader.read_journal(limit=10_000)
    last = reader.wait_for_position(len(before) + 3 * appends, timeout_s=5)
    reader.close()

    assert after[: len(before)] == before
    assert len(after) == last == len(before) + 3 * appends
    assert verify_store(store).is_sound


def test_a_compacted_store_is_what_lmdb_expects(store):
    """LMDB must read and write the file as one of its own."""
    walker = pytest.importorskip("lmdb.verify")
    compact_store(store)

    assert walker.verify(str(store)) == []
    with_lmdb = lmdb.open(str(store), max_dbs=16, create=False)
    for name in (b"log", b"streams", b"blobs"):
        with with_lmdb.begin(db=with_lmdb.open_db(name, create=False)) as txn:
            assert len(list(txn.cursor())) == txn.stat()["entries"]
    with_lmdb.close()


# --- archives --------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_what_is_archived_comes_back_byte_for_byte(store, tmp_path, suffix):
    """An archive is of use only if it gives back exactly what was put in."""
    compact_store(store)
    before, report = exported(store), verify_store(store)
    archive = tmp_path / f"old.jsonl{suffix}"
    streams = settled_streams(store)[:4]
    archived = compact_store(store, archive=archive, streams=streams)
    without = verify_store(store)
    restored = restore_archive(store, archive)

    assert archived.streams == tuple(sorted(streams))
    assert archived.events == without.archived_events == restored.events > 20
    assert without.is_sound
    assert without.fingerprint == report.fingerprint
    assert (without.size_bytes, without.blobs) < (report.size_bytes, report.blobs)
    assert same_but_for_the_writer(exported(store), before)


def same_but_for_the_writer(one, other):
    """`settled_streams` opens the store for writing, which is counted."""
    return without_writer(one) == without_writer(other)


def without_writer(export):
    return [line for line in export.splitlines()[:-1] if b'"kind":"meta"' not in line]


def test_an_archived_stream_keeps_its_place(store, tmp_path):
    """Positions, versions, times and tags stay: nothing that counts them may notice."""
    reader = LmdbJournalReader.open(store)
    before = reader.read_journal(limit=reader.last_position())
    streams = settled_streams(store)[:2]
    compact_store(store, archive=tmp_path / "old.jsonl", streams=streams)
    after = reader.read_journal(limit=len(before))
    decoded = Journal(reader).read_stream(streams[0])
    one_stream = reader.read_stream(streams[0])
    reader.close()

    for was, now in zip(before, after, strict=True):
        if was.stream_id not in streams:
            assert now == was
            continue
        assert now.event_type == ARCHIVED_EVENT_TYPE
        assert was.event_type.encode() in now.payload
        assert b"old.jsonl" in now.payload
        assert (now.global_position, now.stream_version, now.recorded_at_ns) == (
            was.global_position,
            was.stream_version,
            was.recorded_at_ns,
        )
    assert [one.stream_version for one in one_stream] == list(range(1, len(one_stream) + 1))
    assert all(isinstance(recorded.event, UnknownEvent) for recorded in decoded)
    assert all(recorded.event.reason.endswith("is archived in old.jsonl") for recorded in decoded)


def test_streams_with_work_are_refused_by_name(store, tmp_path):
    """What is open would never be taken up again."""
    reader = LmdbEventStore.open(store)
    opened = reader.open_streams()
    reader.close()
    agent = next(one for one in opened if one.startswith("agent-"))
    inbox = f"inbox{agent.removeprefix('agent')}"
    archive = tmp_path / "old.jsonl"
    for stream in (agent, inbox):
        if stream == inbox and not version_of(store, inbox):
            continue
        with pytest.raises(ConfigurationError, match=f"open work in {stream}"):
            compact_store(store, archive=archive, streams=[stream])
    with pytest.raises(ConfigurationError, match="no stream agent-nobody"):
        compact_store(store, archive=archive, streams=["agent-nobody"])
    with pytest.raises(ConfigurationError, match="need a file"):
        compact_store(store, streams=[agent])

    assert not archive.exists()
    assert verify_store(store).archived_events == 0


def version_of(path, stream_id):
    reader = LmdbJournalReader.open(path)
    version = reader.stream_version(StreamId(stream_id))
    reader.close()
    return version


def test_streams_are_chosen_by_their_age(tmp_path):
    """Old agents go; what still works, what is young, and the team itself stay."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    for second, name in enumerate(
        ["agent-old", "inbox-old", "team-main", "agent-open", "agent-new"]
    ):
        event = EncodedEvent("a.b.v1", b"text")
        request = AppendRequest(
            streams=(StreamAppend(stream_id=StreamId(name), events=(event,)),),
            recorded_at_ns=second * 10**9,
            open_streams=(StreamId(name),) if name == "agent-open" else (),
        )
        store.append(request)
    store.close()
    archived = compact_store(path, archive=tmp_path / "a.jsonl", before_ns=4 * 10**9)
    nothing = compact_store(path, archive=tmp_path / "b.jsonl", before_ns=4 * 10**9)

    assert archived.streams == ("agent-old", "inbox-old")
    assert nothing.streams == ()
    assert not (tmp_path / "b.jsonl").exists()


def test_appends_to_several_streams_lose_only_what_was_archived(tmp_path):
    """One agent's mail lies in the same record as another's transcript."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    store.append(request_for(stream_append(A, b"a1"), stream_append(B, b"b1", b"b2")))
    store.append(request_for(stream_append(B, b"b3"), stream_append(A, b"a2")))
    store.append(request_for(stream_append(B, b"b4")))
    store.close()
    before = exported(path)
    first = compact_store(path, archive=tmp_path / "a.jsonl", streams=[A])
    reader = LmdbJournalReader.open(path)
    kept = [event.payload for event in reader.read_stream(B)]
    gone = {event.event_type for event in reader.read_stream(A)}
    reader.close()
    with pytest.raises(ConfigurationError, match=f"archived already: {A}"):
        compact_store(path, archive=tmp_path / "b.jsonl", streams=[A, B])
    second = compact_store(path, archive=tmp_path / "b.jsonl", streams=[B])
    both = verify_store(path)
    twice = exported(path)
    import_store(io.BytesIO(twice), tmp_path / "copy")
    restore_archive(path, tmp_path / "a.jsonl")
    restore_archive(path, tmp_path / "b.jsonl")

    assert kept == [b"b1", b"b2", b"b3", b"b4"]
    assert gone == {ARCHIVED_EVENT_TYPE}
    assert (first.events, second.events, both.archived_events) == (2, 4, 6)
    assert both.is_sound
    assert exported(tmp_path / "copy") == twice
    assert exported(path) == before


def test_blobs_go_with_the_stream_that_names_them(tmp_path):
    """What only an archived stream names is in its archive, and comes back with it."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    own, shared = store.put_blob(b"of one stream"), store.put_blob(b"of two streams")
    append_events(store, A, blob_event(own), blob_event(shared))
    append_events(store, B, blob_event(shared))
    store.close()
    archived = compact_store(path, archive=tmp_path / "a.jsonl", streams=[A])
    without = verify_store(path)
    restore_archive(path, tmp_path / "a.jsonl")
    after = verify_store(path)

    assert (archived.archived_blobs, archived.dropped_blobs) == (1, 0)
    assert (without.blobs, without.is_sound) == (1, True)
    assert (after.blobs, after.is_sound) == (2, True)


def test_a_stream_that_grew_after_it_was_archived_is_whole_again(tmp_path):
    """Mail may still come to an archived inbox; nothing of it may be lost on either way."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    store.append(request_for(stream_append(A, b"1"), stream_append(B, b"1")))
    store.close()
    compact_store(path, archive=tmp_path / "one.jsonl", streams=[A])
    store = LmdbEventStore.open(path)
    store.append(request_for(stream_append(A, b"2")))
    store.close()
    grown = verify_store(path)
    compact_store(path, archive=tmp_path / "two.jsonl", streams=[A])
    restore_archive(path, tmp_path / "one.jsonl")
    store = LmdbEventStore.open(path)
    with pytest.raises(StreamArchived, match=r"two\.jsonl"):
        store.load_snapshot(A)
    store.close()
    restore_archive(path, tmp_path / "two.jsonl")
    store = LmdbEventStore.open(path)
    payloads = [event.payload for event in store.read_stream(A)]
    store.load_snapshot(A)
    store.close()

    assert grown.is_sound
    assert payloads == [b"1", b"2"]
    assert verify_store(path).is_sound


def test_only_the_right_archive_is_put_back(store, tmp_path):
    """Events that were changed in the file must not come into the log as if they were its own."""
    streams = settled_streams(store)[:2]
    archive = tmp_path / "old.jsonl"
    compact_store(store, archive=archive, streams=streams)
    content = archive.read_bytes()
    other = make_full_store(tmp_path / "other", appends=20)
    with pytest.raises(StoreFormatError, match="another store"):
        restore_archive(other, archive)
    export_store(store, tmp_path / "export.jsonl")
    with pytest.raises(StoreFormatError, match="no archive"):
        restore_archive(store, tmp_path / "export.jsonl")
    (first,) = re.findall(rb'"payload_b64":"(.)', content)[:1]
    other_letter = b"g" if first != b"g" else b"h"
    archive.write_bytes(
        content.replace(b'"payload_b64":"' + first, b'"payload_b64":"' + other_letter, 1)
    )
    with pytest.raises(StoreCorrupted, match="changed"):
        restore_archive(store, archive)
    with pytest.raises(StoreFormatError, match="a part of a store"):
        import_store(archive, tmp_path / "copy")
    archive.write_bytes(content)
    restore_archive(store, archive)
    with pytest.raises(ConfigurationError, match="lacks nothing"):
        restore_archive(store, archive)

    assert verify_store(store).archived_events == 0


def test_an_archive_that_is_there_already_is_used_or_left_alone(store, tmp_path):
    """Whoever is killed after writing it starts again with the same command."""
    streams = settled_streams(store)[:2]
    archive = tmp_path / "old.jsonl"
    copy = shutil.copytree(store, tmp_path / "copy")
    compact_store(copy, archive=archive, streams=streams)
    content = archive.read_bytes()
    with pytest.raises(ConfigurationError, match="exists already"):
        compact_store(store, archive=archive, streams=streams[:1])
    archived = compact_store(store, archive=archive, streams=streams)

    assert archive.read_bytes() == content
    assert archived.report.archived_events > 0


def test_an_archived_agent_refuses_to_work(tmp_path):
    """It would take its stream for a new one, and answer without knowing what it had said."""
    path = tmp_path / "team.mentra"
    model = ScriptedModel(turns=["Hello."], repeat=True)
    with open_runtime_sync(path, providers=[model]) as runtime:
        for name in ("lead", "bob"):
            runtime.spawn(name, model="scripted:x").send("Hi.")
    compact_store(path, archive=tmp_path / "bob.jsonl", streams=["agent-bob"])
    with open_runtime_sync(path, providers=[model]) as runtime:
        lead = runtime.spawn("lead", model="scripted:x", reuse=True)
        assert lead.send("Still there?").text == "Hello."
        bob = runtime.spawn("bob", model="scripted:x", reuse=True)
        with pytest.raises(ActorQuarantined, match=r"--restore bob\.jsonl"):
            bob.send("And you?", timeout_s=20)
    restore_archive(path, tmp_path / "bob.jsonl")
    with open_runtime_sync(path, providers=[model]) as runtime:
        bob = runtime.spawn("bob", model="scripted:x", reuse=True)
        assert bob.send("Back?").text == "Hello."


# --- sealed stores ---------------------------------------------------------------------------


def test_a_sealed_store_is_cared_for_without_its_key(tmp_path):
    """Who makes the backups need not be able to read what is in them."""
    pytest.importorskip("cryptography")
    pytest.importorskip("zstandard")
    path, sealing = tmp_path / "store", Sealing(key=bytes(range(32)), compression="none")
    store = open_event_store(path, sealing=sealing)
    digest = store.put_blob(b"a secret")
    for number in range(20):
        append_events(store, StreamId(f"agent-{number % 3}"), blob_event(digest))
    expected = list(store.read_journal(limit=100))
    store.close()
    report = verify_store(path)
    backup = care.backup_store(path, tmp_path / "backup")
    archived = compact_store(path, archive=tmp_path / "old.jsonl", streams=["agent-1"])

    reader = open_journal_reader(path, sealing=sealing)
    without = list(reader.read_journal(limit=100))
    content = reader.read_blob(digest)
    reader.close()
    restore_archive(path, tmp_path / "old.jsonl")
    for copy in (path, tmp_path / "backup"):
        reader = open_journal_reader(copy, sealing=sealing)
        assert list(reader.read_journal(limit=100)) == expected
        reader.close()

    assert (report.is_sound, report.sealed_events) == (True, 20)
    assert any(name.startswith("sealing/") for name in backup.files)
    assert (archived.events, archived.dropped_blobs) == (7, 0)
    assert archived.blobs_kept_for
    assert content == b"a secret"
    assert {event.event_type for event in without if event.stream_id == "agent-1"} == {
        ARCHIVED_EVENT_TYPE
    }


# --- stores of earlier releases --------------------------------------------------------------


def as_of_an_earlier_release(path):
    """Records without links, rows without checksums, and no table that came later."""
    env = lmdb.open(str(path), max_dbs=16, create=False)
    log, marks, fences, meta = (
        env.open_db(name) for name in (b"log", b"open", b"fences", b"meta")
    )
    with env.begin(write=True) as txn:
        for name in (b"requests", b"side"):
            txn.drop(env.open_db(name, txn=txn))
        for key, value in list(txn.cursor(log)):
            record = decode_record(key_position(key), value)
            old = rebuild_record(record, NO_LINK)
            txn.put(key, join_record(key_position(key), old), db=log)
        for key, _ in list(txn.cursor(marks)):
            txn.put(key, b"", db=marks)
        for key, value in list(txn.cursor(fences)):
            txn.put(key, value[:8], db=fences)
        txn.delete(b"writer_epoch", db=meta)
    env.close()


def test_a_store_of_an_earlier_release_is_cared_for(store, tmp_path):
    """Old stores need backups most."""
    streams = settled_streams(store)[:3]
    as_of_an_earlier_release(store)
    report, before = verify_store(store), exported(store)
    backup = care.backup_store(store, tmp_path / "backup")
    import_store(io.BytesIO(before), tmp_path / "copy")
    compact_store(store, archive=tmp_path / "old.jsonl", streams=streams)
    without = verify_store(store)
    restore_archive(store, tmp_path / "old.jsonl")
    reader = LmdbJournalReader.open(tmp_path / "copy")
    events = reader.read_journal(limit=10_000)
    reader.close()

    assert report.findings == ()
    assert report.records == 200
    assert backup.report.fingerprint == report.fingerprint == without.fingerprint
    assert exported(tmp_path / "copy") == before
    assert (without.is_sound, without.archived_events > 0) == (True, True)
    assert lines_without_blob(exported(store), b"a blob that no event names") == (
        lines_without_blob(before, b"a blob that no event names")
    )
    assert len(events) == report.last_position
    writer = LmdbEventStore.open(store)
    fill_store(writer, appends=5)
    writer.close()
    assert verify_store(store).is_sound
