"""A log in SQLite: whatever may be wrong with its file ends in one clear error."""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
import warnings

import pytest
from eventsourcing.persistence import NotSupportedError
from eventsourcing.persistence import StoredEvent as LibraryEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteConnection, SQLiteDatastore
from forked_python import ForkedPython

from mentra_actors.errors import (
    CommitOutcomeUnknown,
    ConfigurationError,
    StoreBusy,
    StoreClosed,
    StoreCorrupted,
    StoreError,
    StoreFormatError,
    StoreFull,
    StoreLocked,
    StoreNotFound,
    VersionConflict,
)
from mentra_actors.ids import StreamId
from mentra_actors.store.ports import (
    Appended,
    AppendRequest,
    EncodedEvent,
    Fence,
    StateSnapshot,
    StreamAppend,
)
from mentra_actors.store.sql import sql_commit, sql_store, sqlite_log
from mentra_actors.store.sql.opening import is_sql_url, open_sql_reader, open_sql_store
from mentra_actors.store.sql.sql_commit import SqlGroupCommit
from mentra_actors.store.sql.sqlite_file import file_uri
from mentra_actors.store.sql.sqlite_log import SqliteLog, open_recorder
from mentra_actors.store.sql.sqlite_store import SqliteEventStore, SqliteJournalReader
from mentra_actors.store.writer import AppendJob
from mentra_actors.testing.append_contract import (
    A,
    AnswerLog,
    B,
    payloads_of,
    request_for,
    stream_append,
)

OPENERS = [SqliteEventStore.open, SqliteJournalReader.open]
HOLD_THE_STORE = """
    import sys
    from mentra_actors.store.sql.sqlite_store import SqliteEventStore
    store = SqliteEventStore.open(sys.argv[1])
    print("open", flush=True)
    sys.stdin.read()
    store.close()
"""
FOLLOW = """
    import sys, zlib
    from mentra_actors.store.sql.sqlite_store import SqliteJournalReader

    reader = SqliteJournalReader.open(sys.argv[1])
    print("open", flush=True)
    last, crc, position = int(sys.argv[2]), 0, 0
    while position < last:
        if reader.wait_for_position(position + 1, timeout_s=20) <= position:
            sys.exit("nothing came")
        for event in reader.read_journal(after=position, limit=50):
            assert event.global_position == position + 1
            position = event.global_position
            crc = zlib.crc32(event.payload, crc)
    reader.close()
    print(crc)
"""


def run_python(code, *arguments, start=ForkedPython):
    return start(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def path(tmp_path):
    """A closed store with three appends to one stream."""
    path = tmp_path / "team.db"
    store = SqliteEventStore.open(path)
    for number in range(3):
        store.append(request_for(stream_append(A, b"payload-%d" % number * 30)))
    store.close()
    return path


@contextlib.contextmanager
def raw(path):
    """The database without our code."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


# --- who may write ------------------------------------------------------------------------


def test_a_store_written_by_another_process_is_refused(path):
    """Two writers would each believe to be alone; the message must say whom to ask."""
    with run_python(HOLD_THE_STORE, path) as holder:
        assert holder.stdout.readline() == "open\n"
        with pytest.raises(StoreLocked, match=f"process {holder.pid}; close it there"):
            SqliteEventStore.open(path)
        reader = SqliteJournalReader.open(path)
        assert reader.last_position() == 3
        reader.close()
        holder.communicate("")

    SqliteEventStore.open(path).close()


def test_a_store_is_opened_for_writing_once_in_a_process(path):
    """Two runtimes in one program are two writers as well."""
    store = SqliteEventStore.open(path)
    with pytest.raises(StoreLocked, match=str(os.getpid())):
        SqliteEventStore.open(path)
    assert store.append(request_for(stream_append(A, b"on"))).versions == (4,)
    store.close()


def test_another_writer_is_noticed(path):
    """A rogue process that writes in spite of the lock must not make us overwrite its events."""
    logs = [SqliteLog(open_recorder(file_uri(path), {}), path, is_writer=True) for _ in range(2)]
    ours, theirs = (SqlGroupCommit(log, patience_s=0) for log in logs)

    def write(commit, expected, **more):
        request = AppendRequest(streams=(stream_append(A, b"x", expected=expected),), **more)
        return commit.write([AppendJob(request, sql_store._encode(request), print)])[0]

    assert write(ours, 3) == Appended(4, 4, (4,))
    assert isinstance(write(ours, 0), VersionConflict)
    assert write(theirs, 4, fence=Fence("lease", 2), raise_fence=True) == Appended(5, 5, (5,))
    assert isinstance(write(ours, 4), VersionConflict)
    assert isinstance(write(ours, 5, fence=Fence("lease", 1)), StoreError)
    assert write(ours, 5) == Appended(6, 6, (6,))
    assert write(theirs, 6, request_id="r") == Appended(7, 7, (7,))
    assert write(ours, 7, request_id="r") == Appended(7, 7, (7,))
    for log in logs:
        log.close()


def test_rogue_writers_at_once_wait_for_each_other(path):
    """Even who opens the file past the lock must neither overwrite nor be turned away."""
    logs = [SqliteLog(open_recorder(file_uri(path), {}), path, is_writer=True) for _ in range(3)]
    answers = AnswerLog()

    def write(log):
        commit = SqlGroupCommit(log, patience_s=0)
        for _ in range(40):
            request = request_for(stream_append(A, b"x"))
            (answer,) = commit.write([AppendJob(request, sql_store._encode(request), print)])
            answers.add(answer)

    threads = [threading.Thread(target=write, args=(log,)) for log in logs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for log in logs:
        log.close()

    assert {one.last_position for one in answers.first(120)} == set(range(4, 124))


def test_another_program_in_a_transaction_is_waited_for(path, monkeypatch):
    """Who looks into the file with another tool must not lose us an append, only delay it."""
    monkeypatch.setattr(sqlite_log, "LOCK_TIMEOUT_S", 0)
    store = SqliteEventStore.open(path)
    with raw(path) as tool:
        tool.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusy, match="nothing was written"):
            store.append(request_for(stream_append(A, b"on", expected=3)))
        tool.execute("ROLLBACK")

    assert store.append(request_for(stream_append(A, b"on", expected=3))) == Appended(4, 4, (4,))
    store.close()


def test_readers_follow_the_writer_live(path):
    """A user interface in another process shows a team while it works, each event once."""
    store = SqliteEventStore.open(path)
    with run_python(FOLLOW, path, 103) as follower:
        assert follower.stdout.readline() == "open\n"
        for number in range(100):
            store.append(request_for(stream_append(B, b"%d" % number)))
        output, _ = follower.communicate()
    store.close()

    assert follower.returncode == 0, output


def test_a_forked_child_cannot_harm_its_parent(path):
    """A library that forks must not take the lock or the file along."""
    store = SqliteEventStore.open(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        os._exit(_use_after_fork(store, path))
    _, status = os.waitpid(child, 0)

    assert os.waitstatus_to_exitcode(status) == 0
    with pytest.raises(StoreLocked):
        SqliteEventStore.open(path)
    assert store.append(request_for(stream_append(A, b"on"))).versions == (4,)
    store.close()
    SqliteEventStore.open(path).close()


def _use_after_fork(store, path):
    """0 if the child finds its store closed, can close it, and can read by a reader of its own."""
    try:
        for use in (store.last_position, lambda: store.append(AppendRequest())):
            try:
                use()
            except StoreClosed:
                continue
            return 1
        store.close()
        reader = SqliteJournalReader.open(path)
        found = reader.last_position()
        reader.close()
    except BaseException:  # noqa: BLE001 - a child of fork must not go on with pytest
        return 2
    return 0 if found == 3 else 3


# --- what is at the path ------------------------------------------------------------------


@pytest.mark.parametrize("open_store", OPENERS)
def test_what_is_not_a_store_is_left_alone(tmp_path, open_store):
    """A wrong path must not be filled with our tables, nor must another program lose its file."""
    (tmp_path / "text").write_text("a long text that is not a database at all\n" * 100)
    (tmp_path / "short").write_text("text")
    (tmp_path / "folder").mkdir()
    with raw(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE things (name TEXT)")
    before = {file: file.read_bytes() for file in tmp_path.iterdir() if file.is_file()}

    for name in ("text", "short", "folder", "other.db"):
        with pytest.raises(StoreFormatError, match=name):
            open_store(tmp_path / name)
    assert {file: file.read_bytes() for file in before} == before


@pytest.mark.parametrize("open_store", OPENERS)
def test_a_newer_format_is_refused(path, open_store):
    """An old release must say that it is old, not misread a newer store."""
    with raw(path) as file:
        file.execute("PRAGMA user_version = 2")

    with pytest.raises(StoreFormatError, match="newer release"):
        open_store(path)


def test_a_missing_store_is_not_made_by_accident(tmp_path):
    """Who mistypes a path to look at a store must not get an empty one."""
    with pytest.raises(StoreNotFound):
        SqliteEventStore.open(tmp_path / "missing" / "team.db", create=False)
    with pytest.raises(StoreNotFound):
        SqliteJournalReader.open(tmp_path / "team.db")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_used_is_said_so(tmp_path):
    """An error of the system comes as our error, with the path in it."""
    (tmp_path / "file").write_text("text")

    for place in (tmp_path / "file" / "team.db", "/proc/none/team.db"):
        with pytest.raises(StoreError, match="store at"):
            SqliteEventStore.open(place)
    with pytest.raises(ValueError, match="durability"):
        SqliteEventStore.open(tmp_path / "team.db", durability="hard")


def test_any_path_is_only_a_path(tmp_path):
    """Characters that SQLite reads as options must not open another file."""
    place = tmp_path / "a?mode=memory#b%20:memory:ü.db"
    store = SqliteEventStore.open(place)
    store.append(request_for(stream_append(A, b"1")))
    store.close()

    assert {file.name for file in tmp_path.iterdir()} == {place.name, f"{place.name}-writer"}


def test_an_unfinished_creation_is_begun_again(tmp_path):
    """A crash while a store is made must not leave a path that never opens."""
    for suffix in ("", "-wal", "-shm"):
        (tmp_path / f"team.db.new{suffix}").write_bytes(b"half of something")
    with pytest.raises(StoreNotFound):
        SqliteJournalReader.open(tmp_path / "team.db")

    store = SqliteEventStore.open(tmp_path / "team.db")
    assert store.last_position() == 0
    store.close()
    assert not (tmp_path / "team.db.new").exists()


@pytest.mark.parametrize("open_store", OPENERS)
@pytest.mark.parametrize("size", [0, 1, 20, 100, 5000, 8192, -4096])
def test_a_truncated_file_is_found(path, open_store, size):
    """SQLite would take an empty file for a new log; a team would have lost its memory."""
    whole = path.stat().st_size
    os.truncate(path, size if size >= 0 else whole + size)

    with pytest.raises((StoreCorrupted, StoreFormatError), match=r"team\.db"):
        open_store(path)
    assert path.stat().st_size == (size if size >= 0 else whole + size)


@pytest.mark.parametrize("open_store", OPENERS)
def test_a_lost_file_is_not_replaced(path, open_store):
    """A new log beside the write-ahead file of a lost one would mix the two."""
    with run_python(HOLD_THE_STORE, path) as holder:
        assert holder.stdout.readline() == "open\n"
        holder.kill()
    path.with_name("team.db-wal").touch()
    path.unlink()

    with pytest.raises(StoreCorrupted, match="missing beside"):
        open_store(path)
    assert not path.exists()


# --- damage -------------------------------------------------------------------------------


def flip_bit(path, table, column, where):
    with raw(path) as file:
        (value,) = file.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
        changed = value[:-1] + bytes([value[-1] ^ 1])
        file.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", [changed])


def test_a_flipped_bit_in_an_event_is_found(path):
    """Wrong bytes must never become an event that an agent acts on."""
    flip_bit(path, "stored_events", "state", "rowid = 2")

    reader = SqliteJournalReader.open(path)
    for read in (reader.read_journal, lambda: reader.read_stream(A)):
        with pytest.raises(StoreCorrupted, match=r"position 2\b.*checksum"):
            read()
    assert payloads_of(reader.read_stream(A, after=2)) == [b"payload-2" * 30]
    reader.close()


def test_a_state_in_the_wrong_row_is_found(path):
    """An event under another tag or in another stream would be decided on as something else."""
    with raw(path) as file:
        file.execute("UPDATE stored_events SET topic = 'agent.other.v1' WHERE rowid = 2")
        file.execute("UPDATE stored_events SET state = x'00' WHERE rowid = 3")

    reader = SqliteJournalReader.open(path)
    for after, said in ((1, "checksum"), (2, "too few")):
        with pytest.raises(StoreCorrupted, match=said):
            reader.read_journal(after=after, limit=1)
    reader.close()


def test_an_event_that_is_gone_is_found(path):
    """A log with a hole would fold to a state that never was."""
    with raw(path) as file:
        file.execute("DELETE FROM stored_events WHERE rowid = 2")

    reader = SqliteJournalReader.open(path)
    for read in (reader.read_journal, lambda: reader.read_journal(after=1)):
        with pytest.raises(StoreCorrupted, match="position 2 is missing"):
            read()
    with pytest.raises(StoreCorrupted, match="version 2 is missing"):
        reader.read_stream(A)
    reader.close()


def test_a_damaged_snapshot_is_as_good_as_none(path, caplog):
    """A snapshot only saves time; its loss must not keep an agent from waking up."""
    store = SqliteEventStore.open(path)
    snapshot = StateSnapshot(stream_id=A, stream_version=3, fold_version=1, payload=b"state")
    store.save_snapshot(snapshot)
    store.close()
    flip_bit(path, "mentra_snapshots", "snapshot", "true")

    store = SqliteEventStore.open(path)
    assert store.load_snapshot(A) is None
    assert "checksum" in caplog.text
    store.save_snapshot(snapshot)
    store.append(AppendRequest())
    assert store.load_snapshot(A) == snapshot
    store.close()


def test_a_damaged_blob_is_found(path):
    """A tool result that changed on disk must not be shown to a model."""
    store = SqliteEventStore.open(path)
    digest = store.put_blob(b"blob-content")
    store.close()
    flip_bit(path, "mentra_blobs", "content", "true")

    reader = SqliteJournalReader.open(path)
    with pytest.raises(StoreCorrupted, match=digest):
        reader.read_blob(digest)
    reader.close()


# --- durability ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("durability", "synchronous"), [("sync", 2), ("relaxed", 1), ("volatile", 0)]
)
def test_a_store_is_flushed_as_its_durability_says(path, durability, synchronous):
    """A name that promises more than SQLite was told would be found out by a power loss only."""
    store = SqliteEventStore.open(path, durability=durability)
    with store._log._recorder.datastore.transaction(commit=True) as cursor:
        found = []
        for name in ("synchronous", "journal_mode"):
            cursor.execute(f"PRAGMA {name}")
            found.append(cursor.fetchone()[0])
    store.close()

    assert found == [synchronous, "wal"]


def test_a_volatile_store_is_checked_after_a_power_loss(path):
    """Pages that were not flushed may be old or new; only a full check can tell."""

    def mark(value):
        with raw(path) as file:
            file.execute(
                "INSERT OR REPLACE INTO mentra_meta VALUES ('unflushed_since_boot', ?)", [value]
            )

    def marks():
        with raw(path) as file:
            return file.execute("SELECT value FROM mentra_meta").fetchall()

    store = SqliteEventStore.open(path, durability="volatile")
    assert len(marks()) == 1
    store.close()
    assert marks() == []

    mark("another boot")
    SqliteEventStore.open(path).close()
    assert marks() == []

    flip_bit(path, "stored_events", "state", "rowid = 2")
    SqliteJournalReader.open(path).close()  # not marked: damage is found when it is read
    mark("another boot")
    for open_store in OPENERS:
        with pytest.raises(StoreCorrupted, match="position 2"):
            open_store(path)
    assert marks() == [("another boot",)]


def test_a_full_disk_stops_appends_and_nothing_else(path):
    """A full disk is found by the appends that need it; all else stays, and work goes on later."""
    store = SqliteEventStore.open(path)
    version = store.stream_version(A)
    limit_pages(store, store_pages(path) + 20)
    with contextlib.suppress(StoreFull):
        while version < 100:
            store.append(request_for(stream_append(A, b"x" * 10_000, expected=version)))
            version += 1
    with pytest.raises(StoreFull, match="nothing was written"):
        store.append(request_for(stream_append(A, b"x" * 10_000, expected=version)))
    digest = store.put_blob(b"y" * 500_000)
    with pytest.raises(StoreFull):
        store.append(request_for(stream_append(A, b"names the blob", expected=version)))
    assert store.read_blob(digest) is None
    assert store.stream_version(A) == version == len(store.read_stream(A))

    limit_pages(store, 1 << 30)
    assert store.append(request_for(stream_append(A, b"on", expected=version)))
    assert store.read_blob(digest) == b"y" * 500_000
    store.close()


def store_pages(path):
    with raw(path) as file:
        return file.execute("PRAGMA page_count").fetchone()[0]


def limit_pages(store, count):
    for connection in store._log._recorder.datastore.pool._pool:
        connection.cursor().execute(f"PRAGMA max_page_count = {count}")


def failing_commit(monkeypatch, code):
    """The next commit fails as SQLite would fail it."""
    fail = [True]
    commit = SQLiteConnection.commit

    def commit_or_fail(self):
        if fail:
            fail.clear()
            error = sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorname = code
            raise error
        commit(self)

    monkeypatch.setattr(SQLiteConnection, "commit", commit_or_fail)


def test_a_flush_that_fails_is_not_called_unwritten(path, monkeypatch):
    """The append may be on the disk: to say it is not there would have it written twice."""
    store = SqliteEventStore.open(path)
    failing_commit(monkeypatch, "SQLITE_IOERR_FSYNC")
    with pytest.raises(CommitOutcomeUnknown, match="may or may not"):
        store.append(request_for(stream_append(A, b"?", expected=3)))
    with pytest.raises(StoreClosed, match="may or may not"):
        store.append(request_for(stream_append(A, b"4")))
    assert store.last_position() == 3
    store.close()

    store = SqliteEventStore.open(path)
    assert store.append(request_for(stream_append(A, b"4", expected=3)))
    store.close()


def test_a_commit_that_surely_failed_may_be_repeated(path, monkeypatch):
    """Where SQLite has not got to its end, the store must stay usable."""
    store = SqliteEventStore.open(path)
    failing_commit(monkeypatch, "SQLITE_FULL")
    with pytest.raises(StoreFull, match="nothing was written"):
        store.append(request_for(stream_append(A, b"4", expected=3)))

    assert store.append(request_for(stream_append(A, b"4", expected=3))) == Appended(4, 4, (4,))
    store.close()


# --- the library, the limits, the address ---------------------------------------------------


def test_the_library_reads_the_log(path):
    """Who has tools for the library's tables can use them on a team's log."""
    datastore = SQLiteDatastore(str(path), originator_id_type="text")
    recorder = SQLiteApplicationRecorder(datastore)
    notifications = recorder.select_notifications(start=2, limit=10)
    events = recorder.select_events(A)
    datastore.close()

    assert [(one.id, one.originator_id, one.originator_version) for one in notifications] == [
        (2, A, 2),
        (3, A, 3),
    ]
    assert {one.topic for one in events} == {"contract.something_happened.v1"}
    assert [one.state.endswith(b"payload-%d" % n * 30) for n, one in enumerate(events)] == [
        True
    ] * 3


def test_tidying_up_moves_no_position(path):
    """VACUUM may number rows anew; readers must find each event where it was."""
    store = SqliteEventStore.open(path)
    store.append(request_for(stream_append(B, b"1"), stream_append(A, b"2")))
    before = store.read_journal()
    with raw(path) as file:
        file.execute("VACUUM")
    assert store.read_journal() == before
    assert store.append(request_for(stream_append(B, b"2", expected=1))) == Appended(6, 6, (2,))
    store.close()


def test_the_library_cannot_write_past_the_store(path):
    """An event without a place would have no fence, no version and no checksum."""
    store = SqliteEventStore.open(path)
    event = LibraryEvent(A, 4, "a.b.v1", b"")
    with pytest.raises(NotSupportedError):
        store._log._recorder.insert_events([event])
    assert store.last_position() == 3
    store.close()


def test_only_the_youngest_request_ids_are_kept(path, monkeypatch):
    """The table of answers must not grow with the log."""
    monkeypatch.setattr(sql_commit, "REMEMBERED_REQUESTS", 3)
    store = SqliteEventStore.open(path)
    log = AnswerLog()
    for number in range(8):
        request = AppendRequest(
            streams=(stream_append(B, b"%d" % number),), request_id=f"r-{number}"
        )
        store.submit(request, log.add) if number < 4 else store.append(request)
    again = [
        store.append(AppendRequest(streams=(stream_append(B, b"?"),), request_id=f"r-{number}"))
        for number in (5, 7, 0)
    ]
    store.close()

    assert [one.versions for one in again] == [(6,), (8,), (9,)]


def test_what_a_database_cannot_hold_is_refused_at_once(path, monkeypatch, caplog):
    """A value too large would fail everyone whose append is in the same transaction."""
    monkeypatch.setattr(sql_store, "MAX_VALUE_BYTES", 100)
    store = SqliteEventStore.open(path)
    for request in (
        request_for(stream_append(A, b"x" * 101)),
        request_for(stream_append(StreamId("a\0b"), b"x")),
        request_for(StreamAppend(stream_id=A, events=(EncodedEvent("a\0b", b""),))),
        AppendRequest(open_streams=(StreamId("a\0b"),)),
        AppendRequest(fence=Fence("a\0b", 1)),
        AppendRequest(request_id="a\0b"),
    ):
        with pytest.raises(ValueError, match=r"zero byte|at most"):
            store.append(request)
    with pytest.raises(ValueError, match="a blob"):
        store.put_blob(b"x" * 101)
    large = StateSnapshot(stream_id=A, stream_version=3, fold_version=1, payload=b"x" * 101)
    store.save_snapshot(large)
    assert "no snapshot" in caplog.text
    assert store.last_position() == 3
    store.close()


def test_closing_from_two_threads_closes_once(path):
    """A signal handler and the end of a block may both close; neither finds ruins."""
    store = SqliteEventStore.open(path)
    store.append(request_for(stream_append(A, b"4")))
    threads = [threading.Thread(target=store.close) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with pytest.raises(StoreClosed):
        store.last_position()


def test_a_store_is_opened_by_its_address(tmp_path):
    """A path that names a database must not become a directory of that name."""
    address = f"sqlite:{tmp_path}/new/team.db"
    with pytest.raises(StoreNotFound):
        open_sql_store(address, create=False)
    store = open_sql_store(address)
    store.append(request_for(stream_append(A, b"1")))
    store.close()
    reader = open_sql_reader(address)
    assert reader.last_position() == 1
    reader.close()

    assert [is_sql_url(one) for one in (address, "postgresql://h/d", "team", tmp_path)] == [
        True,
        True,
        False,
        False,
    ]
    for wrong in ("sqlite:", "sqlite::memory:", "postgresql:/one/slash"):
        with pytest.raises(ConfigurationError, match="say "):
            open_sql_store(wrong)


def test_the_library_is_imported_when_it_is_needed():
    """Who keeps a log in LMDB must not pay for the import of a library that is not used."""
    code = """
        import json, sys
        import mentra_actors
        import mentra_actors.store.sql.opening
        print(json.dumps([name for name in sys.modules if "." not in name]))
    """
    with run_python(code, start=subprocess.Popen) as process:
        output, _ = process.communicate()

    assert {"eventsourcing", "psycopg", "sqlite3"}.isdisjoint(json.loads(output))


def test_a_missing_driver_is_named_with_its_cure():
    """Who has not installed the extra must be told its name, not the name of a module."""
    code = """
        import sys
        sys.modules["psycopg"] = None
        from mentra_actors.errors import ConfigurationError
        from mentra_actors.store.sql.opening import open_sql_store
        try:
            open_sql_store("postgresql://nowhere/db")
        except ConfigurationError as error:
            print(error)
    """
    with run_python(code, start=subprocess.Popen) as process:
        output, _ = process.communicate()

    assert "pip install mentra-actors[postgres]" in output
