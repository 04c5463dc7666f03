"""The doctor finds everything that is not as it was written, and nothing else."""

import json
import os
import random
import shutil
import struct
import subprocess
import sys
import textwrap
from collections import Counter

import lmdb
import pytest
from forked_python import ForkedPython

from mentra_actors.codec.event_codec import CODEC
from mentra_actors.domain.agent.events import ToolCallFinished
from mentra_actors.errors import StoreFormatError, StoreNotFound
from mentra_actors.ids import EffectId
from mentra_actors.store.care import verify_store
from mentra_actors.store.care.store_image import opened_image
from mentra_actors.store.embedded.layout import (
    content_link,
    decode_record,
    encode_snapshot,
    join_record,
    key_position,
    position_key,
    rebuild_record,
    split_record,
)
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.embedded.page_file import PageFile
from mentra_actors.store.embedded.pages import nodes_of
from mentra_actors.store.embedded.stream_index import index_entries
from mentra_actors.store.embedded.walk import newest_meta
from mentra_actors.store.ports import (
    AppendRequest,
    EncodedEvent,
    Fence,
    StateSnapshot,
    StreamAppend,
    blob_digest,
)
from mentra_actors.testing.append_contract import A, request_for, stream_append
from mentra_actors.testing.full_store import fill_store, make_full_store

PAGE_BYTES = 4096
FLIPS = int(os.environ.get("MENTRA_FLIPS", "400"))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store with some of everything; never to be changed."""
    return make_full_store(tmp_path_factory.mktemp("sound") / "store")


@pytest.fixture
def store(sound, tmp_path):
    """A copy of it."""
    return shutil.copytree(sound, tmp_path / "store")


def raw(path):
    """The data file by LMDB, without our code: for faults that have right checksums."""
    return lmdb.open(str(path), max_dbs=16, create=False)


def records_of(path):
    with opened_image(path, is_alone=True) as image:
        return dict(image.rows("log"))


def damage_in(report):
    return [finding for finding in report.findings if finding.severity == "damage"]


def only_damage(path):
    """The report of a store in which the doctor must find damage."""
    report = verify_store(path)
    assert damage_in(report), report
    assert not report.is_sound
    return report


def test_a_sound_store_is_called_sound(sound):
    """A doctor that cries wolf is not called again; one that counts wrong has not looked."""
    report = verify_store(sound)
    reader = LmdbEventStore.open(sound, create=False)
    last, marks, epoch = reader.last_position(), reader.open_streams(), reader.fence_epoch
    events = reader.read_journal(limit=last)
    reader.close()

    assert report.findings == ()
    assert (report.last_position, report.last_good_position) == (last, last)
    assert report.first_bad_position is None
    assert (report.events, report.records) == (len(events), 200)
    assert report.streams == len({event.stream_id for event in events})
    assert report.open_marks == len(marks)
    assert min(report.snapshots, report.blobs, report.fences, report.remembered_requests) > 0
    assert epoch is not None


@pytest.mark.parametrize("seed", range(3))
def test_stores_of_any_shape_are_sound(tmp_path, seed):
    """Few streams make long lists in the index, many make short ones; both are ordinary."""
    path = make_full_store(tmp_path / "store", appends=600, seed=seed, streams=[1, 3, 200][seed])

    assert verify_store(path).findings == ()


def test_a_store_is_looked_at_while_it_is_written(store):
    """The doctor comes to a store that is in use, and must not take its growth for damage."""
    writing = """
        import itertools, sys
        from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
        from mentra_actors.testing.full_store import fill_store
        store = LmdbEventStore.open(sys.argv[1], durability="volatile")
        print("open", flush=True)
        for seed in itertools.count():
            fill_store(store, appends=20, seed=seed)
    """
    command = [sys.executable, "-c", textwrap.dedent(writing).strip(), str(store)]
    with ForkedPython(command, stdout=subprocess.PIPE) as writer:
        try:
            assert writer.stdout.readline() == b"open\n"
            reports = [verify_store(store) for _ in range(6)]
        finally:
            writer.kill()  # else whoever gives up here waits for it for ever

    positions = [report.last_position for report in reports]
    assert [report.findings for report in reports] == [()] * 6
    assert positions == sorted(positions)
    assert len(set(positions)) > 1


def test_looking_changes_nothing(store):
    """Evidence must stay as it was found."""
    names = [file.name for file in store.iterdir() if file.name != "lock.mdb"]
    before = [((store / one).read_bytes(), (store / one).stat().st_mtime_ns) for one in names]

    verify_store(store)
    after = [((store / one).read_bytes(), (store / one).stat().st_mtime_ns) for one in names]
    assert after == before


def test_a_writer_in_this_process_goes_on(store):
    """A program may look after its own store."""
    writer = LmdbEventStore.open(store)
    first = verify_store(store)
    fill_store(writer, appends=5)
    second = verify_store(store)
    writer.close()

    assert first.findings == second.findings == ()
    assert second.last_position > first.last_position


# --- bits ------------------------------------------------------------------------------------

READ_ALL = """
    import hashlib, json, sys, lmdb
    path = sys.argv[1]

    def everything():
        found = hashlib.blake2b()
        env = lmdb.open(path, readonly=True, lock=False, max_dbs=16)
        try:
            with env.begin() as txn:
                found.update(repr(list(txn.cursor().iternext(values=False))).encode())
            for name in sys.argv[2].split():
                with env.begin(db=env.open_db(name.encode(), create=False)) as txn:
                    cursor = txn.cursor()
                    rows = list(cursor.iternext())
                    found.update(repr(rows).encode())
                    for key, value in rows:
                        if name == "streams":
                            seen = cursor.set_key(key), cursor.last_dup(), cursor.value()
                            seen += cursor.set_range_dup(key, value[:8]), cursor.value()
                        else:
                            seen = txn.get(key)
                        found.update(repr(seen).encode())
        finally:
            env.close()
        return found.hexdigest()

    for line in sys.stdin:
        place, bit = json.loads(line)
        with open(path + "/data.mdb", "r+b") as file:
            file.seek(place)
            byte = file.read(1)
            file.seek(place)
            file.write(bytes([byte[0] ^ bit]))
        try:
            answer = everything()
        except Exception as error:
            answer = "refused: " + type(error).__name__
        with open(path + "/data.mdb", "r+b") as file:
            file.seek(place)
            file.write(byte)
        print(answer, flush=True)
"""
TABLES = "log streams snapshots blobs open fences meta requests side"
READ = TABLES.removesuffix(" side")
"""Rows of other libraries have no checksum of ours."""


class LmdbReader:
    """What LMDB makes of a file with one bit flipped, in a process that may die of it."""

    def __init__(self, path):
        self._path = path
        self._start()

    def _start(self):
        command = [sys.executable, "-c", textwrap.dedent(READ_ALL), str(self._path), READ]
        self._process = ForkedPython(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def read(self, place, bit):
        self._process.stdin.write(json.dumps([place, bit]) + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip() or "died"

    def close(self):
        self._process.communicate()


def pages_in_use(path):
    with opened_image(path, is_alone=True) as image:
        for table in TABLES.split():
            list(image.index() if table == "streams" else image.rows(table))
        image.check_pages()
        return [0, 1, *image.pages_in_use()]


def flip(file, place, bit):
    with file.open("r+b") as opened:
        opened.seek(place)
        byte = opened.read(1)[0]
        opened.seek(place)
        opened.write(bytes([byte ^ bit]))


def test_no_flipped_bit_that_matters_goes_unnoticed(store, tmp_path):
    """A disk that lies changes single bits; whatever a reader would see of it must be found.

    MENTRA_FLIPS sets how many flips are tried; 400 take some 10 s.
    """
    reader = LmdbReader(shutil.copytree(store, tmp_path / "read"))
    pages = pages_in_use(store)
    chance = random.Random("flips")
    as_written = reader.read(24, 1)  # LMDB does not look at this bit
    outcomes = Counter()
    for _ in range(FLIPS):
        place = chance.choice(pages) * PAGE_BYTES + chance.randrange(PAGE_BYTES)
        bit = 1 << chance.randrange(8)
        flip(store / "data.mdb", place, bit)
        is_noticed = bool(verify_store(store, is_alone=True).findings)
        flip(store / "data.mdb", place, bit)
        if is_noticed:
            outcomes["noticed"] += 1
            continue
        outcomes["harmless"] += 1
        assert reader.read(place, bit) == as_written, (place, bit)
    reader.close()

    print(f"{FLIPS} flips in {len(pages)} pages: {dict(outcomes)}")
    assert outcomes["noticed"] > FLIPS // 2


def test_no_key_that_leads_astray_goes_unnoticed(store, tmp_path):
    """A search goes by the keys of branches; one that is wrong hides what is below it."""
    content = (store / "data.mdb").read_bytes()
    places = []
    for page in pages_in_use(store)[2:]:
        start = page * PAGE_BYTES
        number, _, flags, _, upper = struct.unpack_from("=QHHHH", content, start)
        if number == page and flags == 1:  # a branch
            places += range(start + upper, start + PAGE_BYTES)
    reader = LmdbReader(shutil.copytree(store, tmp_path / "read"))
    as_written = reader.read(24, 1)
    chance = random.Random("branches")
    noticed = 0
    for place in chance.sample(places, 150):
        bit = 1 << chance.randrange(8)
        flip(store / "data.mdb", place, bit)
        is_noticed = bool(verify_store(store, is_alone=True).findings)
        flip(store / "data.mdb", place, bit)
        noticed += is_noticed
        assert is_noticed or reader.read(place, bit) == as_written, (place, bit)
    reader.close()

    assert noticed > 50


def test_what_a_writer_relies_on_is_looked_at_too(store):
    """Readers do not mind a wrong page number or fill level; the next commit ruins the file."""
    content = (store / "data.mdb").read_bytes()
    fields = [*range(8), 10, 11, 12, 13, 14, 15]  # number, flags, where free space begins and ends
    chance = random.Random("headers")
    for page in pages_in_use(store)[2:]:
        start = page * PAGE_BYTES
        number, _, flags = struct.unpack_from("=QHH", content, start)
        if number != page or flags not in (1, 2):  # within a long value, or its first page
            continue
        place, bit = start + chance.choice(fields), 1 << chance.randrange(8)
        flip(store / "data.mdb", place, bit)
        is_sound = verify_store(store, is_alone=True).is_sound
        flip(store / "data.mdb", place, bit)
        assert not is_sound, (page, place - start, bit)


def test_a_page_that_is_in_use_and_free_is_found(store):
    """The next commit would overwrite it."""
    file = PageFile.open(store / "data.mdb")
    meta, _ = newest_meta(file)
    root = file.page(meta.free.root)
    file.close()
    _, _, _, numbers = nodes_of(root, meta.free.root)[0]
    count = int.from_bytes(numbers[:8], "little")
    used = next(page for page in pages_in_use(store)[2:] if page < 50)
    content = (store / "data.mdb").read_bytes()
    place = content.index(numbers, meta.free.root * PAGE_BYTES) + 8 * count
    changed = content[:place] + used.to_bytes(8, "little") + content[place + 8 :]
    (store / "data.mdb").write_bytes(changed)

    assert any("free and in use" in finding.what for finding in only_damage(store).findings)


# --- faults ----------------------------------------------------------------------------------


def rewritten(path, position, change):
    """Replace a record by one that says something else, with a checksum that fits its place."""
    env = raw(path)
    log = env.open_db(b"log")
    with env.begin(write=True) as txn:
        value = txn.get(position_key(position), db=log)
        record, pieces = decode_record(position, value), split_record(value)
        txn.put(position_key(position), join_record(position, change(record, pieces)), db=log)
    env.close()


def with_other_payloads(record, link):
    body = record.body
    parts = tuple(
        (stream_id, tuple((tag, payload[:-1] + b"!") for tag, payload in events))
        for stream_id, events in body.parts
    )
    changed = type(body)(body.recorded_at_ns, body.epoch, body.causation, body.correlation, parts)
    return rebuild_record(type(record)(record.first_versions, changed), link)


def middle_position(path):
    positions = [key_position(key) for key in records_of(path)]
    return positions[len(positions) // 2]


def test_a_record_that_was_rewritten_breaks_the_chain(store):
    """Who can write the file can make a checksum; the link does not fit any more."""
    position = middle_position(store)
    rewritten(store, position, lambda record, pieces: with_other_payloads(record, pieces.link))
    report = only_damage(store)

    assert report.first_bad_position == position
    assert report.last_good_position == position - 1
    assert any("rewritten" in finding.what for finding in report.findings)


def test_a_record_that_was_rewritten_with_its_link_breaks_the_next_one(tmp_path):
    """Who also makes the link has to make all those after it."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    for number in range(5):
        store.append(request_for(stream_append(A, b"payload %d" % number)))
    store.close()

    def change(record, pieces):
        before = split_record(records_of(path)[position_key(1)]).link
        fresh = with_other_payloads(record, pieces.link)
        return fresh._replace(link=content_link(fresh.content, [before]))

    rewritten(path, 2, change)
    report = only_damage(path)
    (finding,) = damage_in(report)

    assert report.first_bad_position == 3
    assert "the one at 2" in finding.what


def test_a_version_that_does_not_follow_is_found(tmp_path):
    """A stream with a gap in it has lost an event, whatever the checksums say."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    for number in range(5):
        store.append(request_for(stream_append(A, b"payload %d" % number)))
    store.close()

    def change(record, pieces):
        before = split_record(records_of(path)[position_key(4)]).link
        fresh = rebuild_record(type(record)((7,), record.body), pieces.link)
        return fresh._replace(link=content_link(fresh.content, [before]))

    rewritten(path, 5, change)
    report = only_damage(path)

    assert report.first_bad_position == 5
    assert any(f"version 7 of {A} follows 4" in finding.what for finding in report.findings)


def test_two_records_that_changed_places_are_found(store):
    """A checksum covers the place as well."""
    env = raw(store)
    log = env.open_db(b"log")
    first, second = sorted(records_of(store))[20:22]
    with env.begin(write=True, db=log) as txn:
        one, other = txn.get(first), txn.get(second)
        txn.put(first, other)
        txn.put(second, one)
    env.close()

    assert only_damage(store).first_bad_position == key_position(first)


def test_two_records_that_changed_places_with_right_checksums_are_found(tmp_path):
    """The versions that they hold are then out of order."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    for number in range(6):
        store.append(request_for(stream_append(A, b"payload %d" % number)))
    store.close()
    found = records_of(path)
    pieces = {place: split_record(found[position_key(place)]) for place in (3, 4)}
    rewritten(path, 3, lambda *_: pieces[4])
    rewritten(path, 4, lambda *_: pieces[3])

    assert only_damage(path).first_bad_position == 3


def test_a_record_that_was_removed_with_its_index_is_found(store):
    """Positions have no gaps, so nothing can be taken out of the middle."""
    position = middle_position(store)
    record = decode_record(position, records_of(store)[position_key(position)])
    env = raw(store)
    log, streams = env.open_db(b"log"), env.open_db(b"streams", dupsort=True, dupfixed=True)
    with env.begin(write=True) as txn:
        txn.delete(position_key(position), db=log)
        for stream_id, entry in index_entries(position, record).items():
            assert txn.delete(stream_id.encode(), entry.encode(), db=streams)
    env.close()
    report = only_damage(store)

    assert report.first_bad_position == position
    assert any("missing" in finding.what for finding in report.findings)


def test_the_index_must_have_all_of_the_log_and_nothing_else(store):
    """A reader finds events of a stream by the index alone."""
    position = middle_position(store)
    record = decode_record(position, records_of(store)[position_key(position)])
    stream_id, entry = next(iter(index_entries(position, record).items()))
    later = type(entry)(entry.first_version, entry.record_position + 1, entry.event_count)
    for change in (
        lambda txn, key: txn.delete(key, entry.encode()),
        lambda txn, key: txn.put(key, later.encode()),
        lambda txn, key: txn.delete(key, entry.encode()) and txn.put(key, later.encode()),
        lambda txn, key: txn.put(b"agent-nobody", entry.encode()),
        lambda txn, key: txn.delete(key),
    ):
        broken = shutil.copytree(store, store.with_name("broken"))
        env = raw(broken)
        with env.begin(write=True, db=env.open_db(b"streams", dupsort=True, dupfixed=True)) as txn:
            assert change(txn, stream_id.encode())
        env.close()
        report = only_damage(broken)
        shutil.rmtree(broken)

        assert {finding.where for finding in report.findings} == {"index"}
        assert report.last_good_position == report.last_position


def put(path, table, key, value):
    env = raw(path)
    with env.begin(write=True, db=env.open_db(table.encode())) as txn:
        txn.put(key, value)
    env.close()


def test_what_lies_around_the_log_must_agree_with_it(store):
    """Each of these is something that a store of this release never writes."""
    last = verify_store(store).last_position
    ahead = StateSnapshot(stream_id=A, stream_version=10_000, fold_version=1, payload=b"")
    cases = [
        ("snapshots", A.encode(), encode_snapshot(ahead), "snapshots"),
        ("blobs", bytes(16), b"another content", "blobs"),
        ("open", b"agent-1", b"four", "marks"),
        ("fences", b"lease-writer", bytes(12), "fences"),
        ("meta", b"writer_epoch", (1 << 60).to_bytes(8, "big"), "data file"),
        ("meta", b"store_id", b"another store", "manifest"),
        ("requests", b"inew", b"\x83", "requests"),
        ("log", position_key(last + 2), b"not a record", "log"),
    ]
    for table, key, value, where in cases:
        broken = shutil.copytree(store, store.with_name("broken"))
        put(broken, table, key, value)
        found = {finding.where for finding in damage_in(only_damage(broken))}
        shutil.rmtree(broken)

        assert found == {where}, table


def test_a_blob_that_an_event_names_must_be_there(store):
    """The event says that the whole output was kept."""
    with opened_image(store, is_alone=True) as image:
        digests = [key for key, _ in image.rows("blobs")]
    env = raw(store)
    with env.begin(write=True, db=env.open_db(b"blobs")) as txn:
        for digest in digests:
            txn.delete(digest)
    env.close()
    found = damage_in(only_damage(store))

    assert {finding.where for finding in found} == {"blobs"}
    assert all(finding.position for finding in found)
    assert len(found) == len(digests) - 1  # one is named by nobody


def test_a_digest_in_a_text_is_not_taken_for_a_blob(tmp_path):
    """Models write hex digits too; only a field that is meant to name a blob does."""
    store = LmdbEventStore.open(tmp_path / "store")
    event = ToolCallFinished(key=EffectId("k"), content=f"digest {blob_digest(b'never put')}")
    data = (EncodedEvent(*CODEC.encode(event)),)
    store.append(AppendRequest(streams=(StreamAppend(stream_id=A, events=data),)))
    store.close()

    assert verify_store(tmp_path / "store").findings == ()


def test_events_of_a_later_release_are_no_damage(tmp_path):
    """A store that a newer release has written is sound; this one only cannot read all of it."""
    store = LmdbEventStore.open(tmp_path / "store")
    for tag in ("agent.dreamed.v1", "agent.dreamed.v1", "agent.woke.v2"):
        data = (EncodedEvent(tag, b"whatever it says"),)
        store.append(AppendRequest(streams=(StreamAppend(stream_id=A, events=data),)))
    store.close()
    report = verify_store(tmp_path / "store")

    assert report.is_sound
    assert report.unknown_tags == {"agent.dreamed.v1": 2, "agent.woke.v2": 1}
    assert [finding.severity for finding in report.findings] == ["warning", "warning"]


def test_bytes_that_are_no_event_of_their_tag_are_damage(tmp_path):
    """Checksum and chain are right: something else than the codec has written it."""
    store = LmdbEventStore.open(tmp_path / "store")
    data = (EncodedEvent("agent.prompt_accepted.v1", b"\x01"),)
    store.append(AppendRequest(streams=(StreamAppend(stream_id=A, events=data),)))
    store.close()
    report = only_damage(tmp_path / "store")
    (finding,) = report.findings

    assert (finding.where, finding.position) == ("event", 1)
    assert report.last_good_position == 1  # the log itself is as it was written


def test_an_epoch_above_all_fences_is_told(tmp_path):
    """The fence that let it in must have been there."""
    store = LmdbEventStore.open(tmp_path / "store")
    request = request_for(stream_append(A, b"x"))
    fenced = AppendRequest(streams=request.streams, fence=Fence("lease", 7), raise_fence=True)
    store.append(fenced)
    store.close()
    env = raw(tmp_path / "store")
    with env.begin(write=True, db=env.open_db(b"fences")) as txn:
        txn.delete(b"lease")
    env.close()
    told = [finding.where for finding in verify_store(tmp_path / "store").findings]

    assert "fences" in told


# --- the file as a whole ---------------------------------------------------------------------


def test_a_file_that_was_cut_off_is_found(store):
    """LMDB would die of it with SIGBUS."""
    size = (store / "data.mdb").stat().st_size
    for length in (0, 100, PAGE_BYTES, PAGE_BYTES + 100, size // 2, size - PAGE_BYTES):
        broken = shutil.copytree(store, store.with_name("broken"))
        os.truncate(broken / "data.mdb", length)
        only_damage(broken)
        shutil.rmtree(broken)


def test_no_zeroed_page_goes_unnoticed(store):
    """A page that the disk has lost comes back as zeros; LMDB would die of it with SIGABRT."""
    pages = pages_in_use(store)
    content = (store / "data.mdb").read_bytes()
    for page in pages:
        place = page * PAGE_BYTES
        zeroed = content[:place] + bytes(PAGE_BYTES) + content[place + PAGE_BYTES :]
        (store / "data.mdb").write_bytes(zeroed)
        assert not verify_store(store, is_alone=True).is_sound, page


def test_no_page_in_the_place_of_another_goes_unnoticed(store):
    """A write that went to the wrong place leaves two pages wrong."""
    pages = pages_in_use(store)[2:]
    content = (store / "data.mdb").read_bytes()
    chance = random.Random("misdirected")
    for _ in range(40):
        source, target = (page * PAGE_BYTES for page in chance.sample(pages, 2))
        page = content[source : source + PAGE_BYTES]
        (store / "data.mdb").write_bytes(content[:target] + page + content[target + PAGE_BYTES :])
        assert not verify_store(store, is_alone=True).is_sound, (source, target)


def test_a_foreign_file_is_found(store, sound, tmp_path):
    """A file that was put there by mistake is no store, or another one."""
    other = make_full_store(tmp_path / "other", appends=10)
    for content in (b"", b"text" * 5000, os.urandom(100_000), (other / "data.mdb").read_bytes()):
        (store / "data.mdb").write_bytes(content)
        assert not verify_store(store).is_sound
    shutil.copy(sound / "data.mdb", store)
    (store / "STORE.json").write_text('{"store_id": ')
    (finding,) = only_damage(store).findings

    assert finding.where == "manifest"


def test_where_there_is_no_store_there_is_nothing_to_verify(store, tmp_path):
    """A mistyped path must not be reported as a damaged store."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "notes.txt").write_text("text")
    manifest = json.loads((store / "STORE.json").read_text())
    (store / "STORE.json").write_text(json.dumps({**manifest, "format": 99}))

    with pytest.raises(StoreNotFound):
        verify_store(tmp_path / "nothing")
    for path in (tmp_path / "folder", store):
        with pytest.raises(StoreFormatError):
            verify_store(path)
    assert not (tmp_path / "nothing").exists()


def test_a_fingerprint_tells_copies_apart(sound, store, tmp_path):
    """Two copies that went on separately have the same id; where they part shows here."""
    before = verify_store(sound)
    writer = LmdbEventStore.open(store)
    writer.append(request_for(stream_append(A, b"only here")))
    writer.close()
    after = verify_store(store)
    same = verify_store(store, fingerprint_through=before.last_position)

    assert after.store_id == before.store_id
    assert after.fingerprint != before.fingerprint
    assert (same.fingerprint, same.fingerprint_position) == (
        before.fingerprint,
        before.last_position,
    )
