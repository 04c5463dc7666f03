"""Everything that may be wrong with a store directory ends in one clear error."""

import os
import resource
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path

import lmdb
import pytest

from mentra_actors.errors import (
    StoreClosed,
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    StoreFull,
    StoreLocked,
    StoreNotFound,
    VersionConflict,
)
from mentra_actors.store.lmdb_commit import GroupCommit
from mentra_actors.store.lmdb_env import open_shared_env
from mentra_actors.store.lmdb_layout import encode_body, position_key
from mentra_actors.store.lmdb_store import LmdbEventStore, LmdbJournalReader
from mentra_actors.store.ports import Appended, AppendRequest, StateSnapshot
from mentra_actors.store.store_directory import WriterLock, require_manifest
from mentra_actors.store.writer import AppendJob
from mentra_actors.testing.append_contract import (
    A,
    B,
    payloads_of,
    request_for,
    stream_append,
)

HOLD_THE_STORE = """
    import sys
    from mentra_actors.store.lmdb_store import LmdbEventStore
    store = LmdbEventStore.open(sys.argv[1])
    print("open", flush=True)
    sys.stdin.read()
    store.close()
"""


def run_python(code, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def path(tmp_path):
    """A closed store with three appends to one stream."""
    path = tmp_path / "store"
    store = LmdbEventStore.open(path)
    for number in range(3):
        store.append(request_for(stream_append(A, b"payload-%d" % number * 30)))
    store.close()
    return path


def raw_env(path):
    """The data file without our code; close it before the store is opened."""
    return lmdb.open(str(path), max_dbs=16, create=False)


def flip_bit(file, needle):
    """One bit of `needle`, also in the copies of its page that are no longer in use."""
    content = file.read_bytes()
    assert needle in content
    file.write_bytes(content.replace(needle, bytes([needle[0] ^ 0x01]) + needle[1:]))


def test_a_store_written_by_another_process_is_refused(path):
    """Two writers would each believe to be alone; the message must say whom to ask."""
    with run_python(HOLD_THE_STORE, path) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreLocked, match=f"process {holder.pid}; close it there"):
            LmdbEventStore.open(path)
        reader = LmdbJournalReader.open(path)
        assert reader.last_position() == 3
        reader.close()
        holder.communicate("")

    LmdbEventStore.open(path).close()


def test_a_store_is_opened_for_writing_once_in_a_process(path):
    """Two runtimes in one program are two writers as well."""
    store = LmdbEventStore.open(path)
    with pytest.raises(StoreLocked, match=r"this process"):
        LmdbEventStore.open(path)
    assert store.append(request_for(stream_append(A, b"on"))).versions == (4,)
    store.close()


@pytest.mark.parametrize("open_store", [LmdbEventStore.open, LmdbJournalReader.open])
def test_a_newer_format_is_refused_and_left_alone(path, open_store):
    """An old release must say that it is old, not misread a newer store."""
    manifest = path / "STORE.json"
    manifest.write_text(manifest.read_text().replace('"format":1', '"format":2'))
    before = {file.name: file.read_bytes() for file in path.iterdir()}

    with pytest.raises(StoreFormatError, match="newer release"):
        open_store(path)
    assert {file.name: file.read_bytes() for file in path.iterdir()} == before


def test_what_is_not_a_store_is_left_alone(tmp_path):
    """A wrong path must not be filled with our files, nor must a data file lose its owner."""
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "data.mdb").write_text("text")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "STORE.json").write_text("{")

    for name in ("file", "folder", "broken"):
        for open_store in (LmdbEventStore.open, LmdbJournalReader.open):
            with pytest.raises(StoreFormatError):
                open_store(tmp_path / name)
    assert [file.name for file in (tmp_path / "folder").iterdir()] == ["data.mdb"]


def test_a_missing_store_is_not_made_by_accident(tmp_path):
    """Who mistypes a path to look at a store must not get an empty one."""
    for missing in (tmp_path / "missing", tmp_path):
        with pytest.raises(StoreNotFound):
            LmdbEventStore.open(missing, create=False)
        with pytest.raises(StoreNotFound):
            LmdbJournalReader.open(missing)
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_cannot_be_made_is_said_so(tmp_path):
    """An error of the system comes as our error, with the path in it."""
    (tmp_path / "file").write_text("text")

    for open_store in (LmdbEventStore.open, LmdbJournalReader.open):
        with pytest.raises(StoreError, match="store at"):
            open_store(tmp_path / "file" / "store")
    with pytest.raises(StoreError, match="/proc/none"):
        LmdbEventStore.open("/proc/none")


def test_an_unfinished_creation_is_begun_again(tmp_path):
    """A crash while a store is made must not leave a path that never opens."""
    (tmp_path / "STORE.json.new").write_text("half")
    (tmp_path / "data.mdb").write_bytes(b"")
    with pytest.raises(StoreNotFound):
        LmdbJournalReader.open(tmp_path)

    store = LmdbEventStore.open(tmp_path)
    assert store.last_position() == 0
    store.close()


@pytest.mark.parametrize("damage", ["missing", "empty"])
@pytest.mark.parametrize("open_store", [LmdbEventStore.open, LmdbJournalReader.open])
def test_a_lost_data_file_is_not_replaced(path, damage, open_store):
    """LMDB would begin a new empty log in silence; a team would have lost its memory."""
    data = path / "data.mdb"
    if damage == "missing":
        data.unlink()
    else:
        data.write_bytes(b"")

    with pytest.raises(StoreCorrupted, match="missing or empty"):
        open_store(path)


@pytest.mark.parametrize("open_store", [LmdbEventStore.open, LmdbJournalReader.open])
@pytest.mark.parametrize("pages", [1, 2, 4, -1])
def test_a_truncated_file_is_found_before_it_kills_us(path, pages, open_store):
    """LMDB maps the file; a page that is not there ends the process by a signal."""
    data = path / "data.mdb"
    size = data.stat().st_size
    os.truncate(data, pages * 4096 if pages > 0 else size + pages * 4096)

    with pytest.raises(StoreCorrupted, match="restore a backup"):
        open_store(path)
    assert data.stat().st_size < size


def test_a_data_file_of_another_store_is_refused(path, tmp_path):
    """A backup copied over the wrong store must not look like history."""
    other = tmp_path / "other"
    LmdbEventStore.open(other).close()
    (other / "data.mdb").write_bytes((path / "data.mdb").read_bytes())

    with pytest.raises(StoreCorrupted, match="another data file"):
        LmdbEventStore.open(other)


def test_a_flipped_bit_in_an_event_is_found(path):
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


def test_a_damaged_snapshot_is_as_good_as_none(path, caplog):
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


def test_a_damaged_blob_is_found(path):
    """A tool result that changed on disk must not be shown to a model."""
    store = LmdbEventStore.open(path)
    digest = store.put_blob(b"blob-content")
    store.close()
    flip_bit(path / "data.mdb", b"blob-content")

    reader = LmdbJournalReader.open(path)
    with pytest.raises(StoreCorrupted, match=digest):
        reader.read_blob(digest)
    reader.close()


def test_a_volatile_store_is_checked_after_a_power_loss(path):
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
    flags = store._env._live().flags()
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


FILL_THE_DISK = """
    import resource, sys
    from mentra_actors.errors import StoreFull
    from mentra_actors.store.lmdb_store import LmdbEventStore
    from mentra_actors.testing.append_contract import A, request_for, stream_append

    store = LmdbEventStore.open(sys.argv[1], durability=sys.argv[2])
    version = store.stream_version(A)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, resource.RLIM_INFINITY))
    while True:
        try:
            store.append(request_for(stream_append(A, b"x" * 50_000, expected=version)))
        except StoreFull as error:
            print("full:", error)
            break
        version += 1
    blob = b"y" * 500_000
    digest = store.put_blob(blob)
    try:
        store.append(request_for(stream_append(A, b"names the blob", expected=version)))
        sys.exit("an event is durable and its blob is not")
    except StoreFull:
        assert store.read_blob(digest) is None
    assert store.stream_version(A) == version == len(store.read_stream(A))
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.append(request_for(stream_append(A, b"x" * 50_000, expected=version)))
    assert store.read_blob(digest) == blob
    store.close()
    print(version + 1)
"""


@pytest.mark.parametrize("durability", ["sync", "volatile"])
def test_a_quota_stops_appends_and_nothing_else(path, durability):
    """A full disk is found by the appends that need it; all else stays, and work goes on later."""
    with run_python(FILL_THE_DISK, path, durability) as filler:
        output, _ = filler.communicate()
    said, version = output.splitlines()

    assert filler.returncode == 0
    assert "is it full?" in said
    store = LmdbEventStore.open(path)
    assert store.stream_version(A) == len(store.read_stream(A)) == int(version)
    store.close()


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 2 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(place)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount command here")
    if mounted.returncode:
        pytest.skip(f"cannot mount a small disk here: {mounted.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_stops_appends_and_nothing_else(small_disk):
    """Space that comes back is used at once, with no restart; what was acknowledged is there."""
    ballast: Path = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 1_000_000)
    store = LmdbEventStore.open(small_disk / "store")
    store.append(request_for(stream_append(A, b"x" * 100_000, expected=0)))
    version = 1
    while version < 100:
        try:
            store.append(request_for(stream_append(A, b"x" * 100_000, expected=version)))
        except StoreFull:
            break
        version += 1

    assert 1 < version < 100
    assert store.stream_version(A) == len(store.read_stream(A)) == version
    assert store.append(AppendRequest()).last_position == version
    ballast.unlink()
    appended = store.append(request_for(stream_append(A, b"x" * 100_000, expected=version)))
    assert appended == Appended(version + 1, version + 1, (version + 1,))
    store.close()

    store = LmdbEventStore.open(small_disk / "store")
    assert len(store.read_journal()) == version + 1
    store.close()


def test_a_limit_of_file_size_exists_here():
    """The quota test above proves nothing where the system ignores the limit."""
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
