"""Backups, exports, imports and salvage: what comes out is what went in, or nothing comes out."""

import filecmp
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import textwrap

import pytest
from forked_python import ForkedPython, run_forked
from hypothesis import given, settings
from hypothesis import strategies as st
from store_damage import flip_bit

from mentra_actors.errors import (
    ConfigurationError,
    StoreCorrupted,
    StoreFormatError,
    StoreNotFound,
)
from mentra_actors.ids import StreamId
from mentra_actors.store import care
from mentra_actors.store.care import (
    ExportScope,
    backup_store,
    export_store,
    import_store,
    salvage_store,
    verify_store,
)
from mentra_actors.store.care.store_image import opened_image
from mentra_actors.store.embedded.layout import key_position
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.ports import (
    AppendRequest,
    EncodedEvent,
    Fence,
    StateSnapshot,
    StreamAppend,
)
from mentra_actors.testing.append_contract import A, request_for, stream_append
from mentra_actors.testing.full_store import fill_store, make_full_store

PAGE_BYTES = 4096
WRITE_ON = """
    import itertools, sys
    from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
    from mentra_actors.testing.full_store import fill_store
    store = LmdbEventStore.open(sys.argv[1], durability="volatile")
    print("open", flush=True)
    for seed in itertools.count():
        fill_store(store, appends=20, seed=seed)
"""


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A store with some of everything; never to be changed."""
    return make_full_store(tmp_path_factory.mktemp("sound") / "store")


@pytest.fixture
def store(sound, tmp_path):
    """A copy of it."""
    return shutil.copytree(sound, tmp_path / "store")


def names_in(folder):
    return sorted(entry.name for entry in folder.iterdir())


def exported(path, **scope):
    file = io.BytesIO()
    export_store(path, file, scope=ExportScope(**scope))
    return file.getvalue()


def journal_of(path):
    reader = LmdbJournalReader.open(path)
    events = reader.read_journal(limit=reader.last_position() or 1)
    reader.close()
    return list(events)


def damaged_page(path, position):
    """Zero the page in which the record of a position lies, and older copies of it."""
    with opened_image(path, is_alone=True) as image:
        value = next(v for key, v in image.rows("log") if key_position(key) == position)
    content = bytearray((path / "data.mdb").read_bytes())
    while (found := content.find(value)) >= 0:
        place = found // PAGE_BYTES * PAGE_BYTES
        content[place : place + PAGE_BYTES] = bytes(PAGE_BYTES)
    (path / "data.mdb").write_bytes(content)


# --- backup ----------------------------------------------------------------------------------


def test_a_backup_is_the_store(store, tmp_path):
    """Restoring is using it: the same events, the same state around them, ready to go on."""
    backup = backup_store(store, tmp_path / "backup")
    copy = LmdbEventStore.open(tmp_path / "backup")
    copy.append(request_for(stream_append(A, b"goes on")))
    copy.close()

    assert backup.report.is_sound
    assert backup.report.fingerprint == verify_store(store).fingerprint
    assert journal_of(tmp_path / "backup")[:-1] == journal_of(store)
    assert names_in(tmp_path) == ["backup", "store"]


def test_a_backup_leaves_out_free_pages_and_what_belongs_to_processes(store, tmp_path):
    """A copy of a lock or of a view helps nobody; keys and other small files do."""
    (store / "sealing" / "keys-1").mkdir(parents=True)
    (store / "sealing" / "keys-1" / "secret").write_text("wrapped")
    (store / "views").mkdir()
    (store / "views" / "data.mdb").write_text("made again from the log")
    (store / "notes.txt").write_text("whatever")
    (store / "link").symlink_to("notes.txt")
    with LmdbEventStoreOpen(store):
        backup = backup_store(store, tmp_path / "backup")

    assert names_in(tmp_path / "backup") == ["STORE.json", "data.mdb", "notes.txt", "sealing"]
    assert (tmp_path / "backup" / "sealing" / "keys-1" / "secret").read_text() == "wrapped"
    assert set(backup.files) == {"STORE.json", "notes.txt", "sealing/keys-1/secret"}
    assert backup.report.free_bytes == 0
    assert backup.report.size_bytes < (store / "data.mdb").stat().st_size


class LmdbEventStoreOpen:
    """A store that is open for writing for the length of a block."""

    def __init__(self, path):
        self._path = path

    def __enter__(self):
        self._store = LmdbEventStore.open(self._path)
        return self._store

    def __exit__(self, *_):
        self._store.close()


def test_a_backup_is_one_moment_of_a_store_in_use(store, tmp_path):
    """A copy of a file that grows meanwhile would be a mixture of old and new pages."""
    command = [sys.executable, "-c", textwrap.dedent(WRITE_ON), str(store)]
    with ForkedPython(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout.readline() == b"open\n"
        positions = []
        for number in range(5):
            backup = backup_store(store, tmp_path / f"backup-{number}")
            positions.append(backup.report.last_position)
        writer.kill()

    assert positions == sorted(positions)
    assert len(set(positions)) > 1
    whole = journal_of(store)
    for number, position in enumerate(positions):
        assert journal_of(tmp_path / f"backup-{number}") == whole[:position]


@pytest.mark.parametrize("kind", ["directory", "file", "dangling link"])
def test_a_backup_overwrites_nothing(store, tmp_path, kind):
    """The backup of yesterday must not be the price of that of today."""
    target = tmp_path / "backup"
    if kind == "directory":
        target.mkdir()
    elif kind == "file":
        target.write_text("text")
    else:
        target.symlink_to("nowhere")

    with pytest.raises(ConfigurationError, match="exists already"):
        backup_store(store, target)
    with pytest.raises(ConfigurationError, match="within the store"):
        backup_store(store, store / "backup")
    assert names_in(tmp_path) == ["backup", "store"]
    assert target.is_symlink() or target.is_file() or names_in(target) == []


def test_a_damaged_store_gives_no_backup(store, tmp_path):
    """A backup that is as damaged as the store would take the place of a good one."""
    flip_bit(store / "data.mdb", journal_of(store)[50].payload)

    with pytest.raises(StoreCorrupted, match="no copy"):
        backup_store(store, tmp_path / "backup")
    assert names_in(tmp_path) == ["store"]


def test_there_is_no_backup_of_nothing(tmp_path):
    """A mistyped source must not make an empty backup."""
    with pytest.raises(StoreNotFound):
        backup_store(tmp_path / "nothing", tmp_path / "backup")
    assert names_in(tmp_path) == []


FULL_DISK = """
    import resource, signal, sys
    from mentra_actors.errors import StoreFull
    from mentra_actors.store import care
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), resource.RLIM_INFINITY))
    try:
        getattr(care, sys.argv[2])(*sys.argv[3:])
    except StoreFull as error:
        print("full:", error)
"""


@pytest.mark.parametrize("task", ["backup_store", "export_store", "import_store", "salvage_store"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.9])
def test_a_full_disk_leaves_no_half_copy(store, tmp_path, task, share):
    """Half a backup looks like one, until it is needed."""
    source = store
    if task == "import_store":
        source = tmp_path / "export.jsonl"
        export_store(store, source)
    limit = int(share * size_of_result(task, source, tmp_path / "sized"))
    before = names_in(tmp_path)
    arguments = [str(limit), task, str(source), str(tmp_path / "target")]
    command = [sys.executable, "-c", textwrap.dedent(FULL_DISK), *arguments]
    found = run_forked(command, capture_output=True, text=True, check=False)

    assert found.stdout.startswith("full:"), found
    assert names_in(tmp_path) == before


def size_of_result(task, source, target):
    """Bytes of the largest file that a task makes."""
    getattr(care, task)(source, target)
    if target.is_file():
        size = target.stat().st_size
        target.unlink()
    else:
        size = (target / "data.mdb").stat().st_size
        shutil.rmtree(target)
    return size


# --- export and import -----------------------------------------------------------------------


def test_an_export_comes_back_byte_for_byte(store, tmp_path):
    """Positions, versions, links, snapshots, marks, answers: a copy that lacks one is another."""
    first = exported(store)
    import_store(io.BytesIO(first), tmp_path / "copy")

    assert exported(tmp_path / "copy") == first
    before, after = verify_store(store), verify_store(tmp_path / "copy")
    assert after.findings == ()
    assert (after.fingerprint, after.writer_epoch) == (before.fingerprint, before.writer_epoch)
    for name in ("snapshots", "blobs", "open_marks", "fences", "remembered_requests", "streams"):
        assert getattr(after, name) == getattr(before, name), name


names = st.sampled_from(
    ["agent-a", "agent-b", "inbox-a", "board-main", "agent-\N{GREEK SMALL LETTER PHI}"]
)
events = st.lists(
    st.builds(
        EncodedEvent, st.sampled_from(["a.b.v1", "agent.run_started.v1"]), st.binary(max_size=60)
    ),
    max_size=3,
).map(tuple)
requests = st.builds(
    AppendRequest,
    streams=st.lists(
        st.builds(StreamAppend, stream_id=names.map(StreamId), events=events), max_size=4
    ).map(tuple),
    recorded_at_ns=st.integers(0, (1 << 63) - 1),
    causation=st.text(max_size=5),
    correlation=st.text(max_size=5),
    open_streams=st.lists(names.map(StreamId), max_size=2).map(tuple),
    request_id=st.sampled_from(["", "", "once", "twice"]),
    fence=st.none() | st.just(Fence("lease", 3)),
)
snapshots = st.builds(
    StateSnapshot,
    stream_id=names.map(StreamId),
    stream_version=st.just(0),
    fold_version=st.integers(0, 5),
    payload=st.binary(max_size=3000),
)


@settings(max_examples=max(20, settings().max_examples // 5))
@given(
    st.lists(requests, max_size=12),
    st.lists(snapshots, max_size=3),
    st.lists(st.binary(max_size=5000), max_size=3),
)
def test_any_store_is_exported_and_imported_unchanged(tmp_path_factory, appends, states, blobs):
    """Whatever can be stored can be exported: empty appends, odd names, any bytes."""
    folder = tmp_path_factory.mktemp("round")
    store = LmdbEventStore.open(folder / "store", durability="volatile")
    for request in appends:
        store.append(request)
    for state in states:
        store.save_snapshot(state)
    for content in blobs:
        store.put_blob(content)
    store.close()
    first = exported(folder / "store")
    import_store(io.BytesIO(first), folder / "copy")

    assert exported(folder / "copy") == first
    assert journal_of(folder / "copy") == journal_of(folder / "store")
    shutil.rmtree(folder)


def test_a_compressed_export_is_read_as_such(store, tmp_path):
    """The name says how it is written; its first bytes say how it is read."""
    export_store(store, tmp_path / "one.jsonl.gz")
    export_store(store, tmp_path / "two.jsonl.gz")
    content = (tmp_path / "one.jsonl.gz").read_bytes()
    import_store(io.BytesIO(content), tmp_path / "copy")

    assert gzip.decompress(content) == exported(store)
    assert filecmp.cmp(tmp_path / "one.jsonl.gz", tmp_path / "two.jsonl.gz", shallow=False)
    assert journal_of(tmp_path / "copy") == journal_of(store)


def test_an_export_is_one_line_for_each_append(store):
    """People look at it with jq and grep; what was atomic must stay together."""
    lines = [json.loads(line) for line in exported(store, is_readable=True).splitlines()]
    appends = [line for line in lines if line["kind"] == "append"]
    told = [event for line in appends for event in line["events"]]

    assert lines[0]["kind"] == "mentra-export"
    assert lines[-1]["kind"] == "end"
    assert len(appends) == verify_store(store).records
    assert [(one["stream"], one["version"], one["tag"]) for one in told] == [
        (event.stream_id, event.stream_version, event.event_type) for event in journal_of(store)
    ]
    assert all(one["event"]["type"] == one["tag"] for one in told)


def test_what_is_added_for_people_is_not_imported(store, tmp_path):
    """The bytes count, not how they were shown."""
    import_store(io.BytesIO(exported(store, is_readable=True)), tmp_path / "copy")

    assert exported(tmp_path / "copy") == exported(store)


def test_a_part_of_a_store_is_no_store(store, tmp_path):
    """A store that lacks streams would have gaps that nobody could tell from damage."""
    part = exported(store, categories=frozenset({"inbox"}), streams=frozenset({"agent-1"}))
    lines = [json.loads(line) for line in part.splitlines()]
    streams = {event["stream"] for line in lines for event in line.get("events", ())}
    positions = {event["position"] for line in lines for event in line.get("events", ())}
    expected = [
        event
        for event in journal_of(store)
        if event.stream_id == "agent-1" or event.stream_id.startswith("inbox")
    ]

    assert streams == {event.stream_id for event in expected}
    assert positions == {event.global_position for event in expected}
    with pytest.raises(StoreFormatError, match="a part of a store"):
        import_store(io.BytesIO(part), tmp_path / "copy")
    assert names_in(tmp_path) == ["store"]


def test_an_export_through_a_position_is_a_store_of_then(store, tmp_path):
    """What is left of a damaged store starts where it was good; no stream may sleep for ever."""
    last = verify_store(store).last_position
    cut = exported(store, through=last // 2)
    import_store(io.BytesIO(cut), tmp_path / "then")
    copy = LmdbEventStore.open(tmp_path / "then")
    marks = copy.open_streams()
    copy.close()
    events = journal_of(tmp_path / "then")

    assert events == journal_of(store)[: len(events)]
    assert last // 2 - 8 <= len(events) <= last // 2
    assert set(marks) == {event.stream_id for event in events}
    assert verify_store(tmp_path / "then").is_sound
    with pytest.raises(ConfigurationError, match=f"ends at position {last}"):
        exported(store, through=last + 1)
    assert exported(store, through=last).splitlines()[1:-1] == exported(store).splitlines()[1:-1]


def faulty_exports(lines):
    """What is wrong, the lines, and the number of the line at which it must show."""
    append, after = lines[5], lines[6]
    other_version = append.replace(b'"version":', b'"version":9')
    blob = next(number for number, line in enumerate(lines) if b'"kind":"blob"' in line)
    other = lines[blob].replace(b'"content_b64":"', b'"content_b64":"AAAA')
    yield "a line is missing", [*lines[:5], *lines[6:]], 6
    yield "a line is twice there", [*lines[:6], append, *lines[6:]], 7
    yield "lines changed places", [*lines[:5], after, append, *lines[7:]], 6
    yield "a version is wrong", [*lines[:5], other_version, *lines[6:]], 6
    yield "no JSON", [*lines[:5], b"{\n", *lines[6:]], 6
    yield "another time", [*lines[:5], append.replace(b'_ns":1', b'_ns":2'), *lines[6:]], 6
    yield "a line of no kind", [*lines[:5], b'{"kind":"hope"}\n', *lines[6:]], 6
    yield "a blob is another", [*lines[:blob], other, *lines[blob + 1 :]], blob + 1
    yield "cut off", lines[:9], 10
    yield "the last line is missing", lines[:-1], len(lines)
    yield "a row is missing", [*lines[:-2], lines[-1]], len(lines) - 1
    yield "something follows", [*lines, b"{}\n"], len(lines)


def test_a_fault_is_named_by_its_line_and_nothing_is_made(store, tmp_path):
    """Whoever edits an export must learn where it went wrong, and get no half store."""
    lines = exported(store).splitlines(keepends=True)
    for what, changed, number in faulty_exports(lines):
        with pytest.raises(StoreCorrupted, match=rf"line {number}: "):
            import_store(io.BytesIO(b"".join(changed)), tmp_path / "copy")
        assert names_in(tmp_path) == ["store"], what


def test_what_is_no_export_is_refused(store, tmp_path):
    """A wrong file must not be called a damaged export."""
    newer = exported(store).replace(b'"format":1', b'"format":2', 1)
    for content in (b"", b"text", os.urandom(1000), b"\x1f\x8b" + bytes(100), newer):
        with pytest.raises(StoreFormatError):
            import_store(io.BytesIO(content), tmp_path / "copy")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ConfigurationError, match="exists already"):
        import_store(io.BytesIO(exported(store)), tmp_path / "taken")
    assert names_in(tmp_path) == ["store", "taken"]


def test_memory_does_not_grow_with_the_store(tmp_path):
    """A store of a gigabyte must be exported and imported on a small machine."""
    measure = """
        import resource, sys
        from mentra_actors.store import care
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        before = peak()
        care.export_store(sys.argv[1], sys.argv[1] + ".jsonl")
        print(peak() - before)
    """
    grown = []
    for number, appends in enumerate((300, 3000)):
        path = make_full_store(tmp_path / f"store-{number}", appends=appends)
        command = [sys.executable, "-c", textwrap.dedent(measure), str(path)]
        grown.append(int(subprocess.check_output(command)))

    assert grown[1] - grown[0] < 8 * 1024  # KiB, while the store grew by some 4 MB


# --- salvage ---------------------------------------------------------------------------------


def test_a_sound_store_is_salvaged_whole(store, tmp_path):
    """Salvage loses nothing that is there."""
    salvaged = salvage_store(store, tmp_path / "saved")

    assert salvaged.is_whole
    assert salvaged.notes == ()
    assert exported(tmp_path / "saved") == exported(store)


def test_salvage_takes_the_log_up_to_the_damage(store, tmp_path):
    """What is good before the damage is saved, and all of it can be worked with."""
    whole = journal_of(store)
    positions = [key_position(key) for key in _log_keys(store)]
    damaged_page(store, positions[len(positions) // 2])
    good = verify_store(store).last_good_position
    salvaged = salvage_store(store, tmp_path / "saved")
    report = verify_store(tmp_path / "saved")

    assert 0 < good <= salvaged.last_position < len(whole)
    assert not salvaged.is_whole
    assert journal_of(tmp_path / "saved") == whole[: salvaged.last_position]
    assert report.is_sound
    assert report.open_marks == report.streams


def _log_keys(path):
    with opened_image(path, is_alone=True) as image:
        return [key for key, _ in image.rows("log")]


def test_salvage_finds_records_to_which_nothing_leads(store, tmp_path):
    """One lost page at the top of the tree must not cost the whole log below it."""
    whole = journal_of(store)
    with opened_image(store, is_alone=True) as image:
        root = image.root_of("log")
    content = (store / "data.mdb").read_bytes()
    place = root * PAGE_BYTES
    (store / "data.mdb").write_bytes(
        content[:place] + bytes(PAGE_BYTES) + content[place + PAGE_BYTES :]
    )
    salvaged = salvage_store(store, tmp_path / "saved")

    assert verify_store(store).last_good_position == 0
    assert salvaged.last_position == len(whole)
    assert salvaged.found_by_search == 200
    assert journal_of(tmp_path / "saved") == whole


def test_salvage_does_not_need_the_roots_of_the_file(store, tmp_path):
    """The first pages of a file are lost when it is overwritten from the beginning."""
    whole = journal_of(store)
    content = (store / "data.mdb").read_bytes()
    (store / "data.mdb").write_bytes(bytes(2 * PAGE_BYTES) + content[2 * PAGE_BYTES :])
    (store / "STORE.json").unlink()
    salvaged = salvage_store(store, tmp_path / "saved")

    assert salvaged.last_position == len(whole)
    assert journal_of(tmp_path / "saved") == whole
    assert salvaged.notes


def test_salvage_leaves_the_damaged_store_alone(store, tmp_path):
    """It may be the only thing that is left."""
    damaged_page(store, 1)
    before = (store / "data.mdb").read_bytes()
    salvage_store(store, tmp_path / "saved")

    assert (store / "data.mdb").read_bytes() == before
    with pytest.raises(ConfigurationError, match="exists already"):
        salvage_store(store, tmp_path / "saved")
    with pytest.raises(StoreNotFound):
        salvage_store(tmp_path, tmp_path / "again")


def test_a_rewritten_record_ends_the_salvage(tmp_path):
    """What comes after a record that was changed cannot be trusted to follow from it."""
    path = tmp_path / "store"
    with LmdbEventStoreOpen(path) as store:
        fill_store(store, appends=30)
    lines = exported(path).splitlines(keepends=True)
    assert len(lines) > 30
    damaged_page(path, 1)
    salvaged = salvage_store(path, tmp_path / "saved")

    assert salvaged.last_position < verify_store(path).last_position
