"""Ticks in a file: what is damaged is skipped, and what fails harms nobody."""

import logging
import sqlite3
import struct
import threading
import zlib

import lmdb
import pytest

from mentra_actors.errors import Fenced, StoreFull, VersionConflict
from mentra_actors.store.care import verify_store
from mentra_actors.store.embedded.commit import GroupCommit
from mentra_actors.store.embedded.environments import open_shared_env
from mentra_actors.store.embedded.layout import encode_body
from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
from mentra_actors.store.ownership.writer_lock import WriterLock
from mentra_actors.store.ports import Appended, AppendRequest
from mentra_actors.store.sql.sqlite_store import SqliteEventStore, SqliteJournalReader
from mentra_actors.store.store_directory import require_manifest
from mentra_actors.store.tick_rows import tick_job
from mentra_actors.store.writer import AppendJob, GroupWriter
from mentra_actors.testing.append_contract import A, AnswerLog, request_for, stream_append
from mentra_actors.testing.tick_contract import tick_of

PATIENCE_S = 20
THREE = [tick_of(number, b"text-of-tick-%d" % number * 300) for number in (1, 2, 3)]


def save(store, *ticks, drop_below=0):
    """Save ticks, and wait until they are written."""
    for tick in ticks:
        store.save_tick(tick, drop_below=drop_below)
    store.append(AppendRequest())


def save_in(path, *ticks):
    store = LmdbEventStore.open(path)
    save(store, *ticks)
    store.close()


def loaded_from(path):
    store = LmdbEventStore.open(path, create=False)
    ticks = list(store.load_ticks())
    store.close()
    return ticks


def change_rows(path, change):
    """Change the rows beside the log without our code; `change` gets them as a mapping."""
    env = lmdb.open(str(path), max_dbs=16, create=False)
    side = env.open_db(b"side")
    with env.begin(write=True, db=side) as txn:
        before = dict(txn.cursor())
        after = dict(before)
        change(after)
        for key in before:
            txn.delete(key)
        for key, row in after.items():
            txn.put(key, row)
    env.close()


# --- damage --------------------------------------------------------------------------------


def test_a_damaged_tick_is_skipped(path, flip_bit, caplog):
    """Text that has changed must not be gone on with, and must not keep a team from starting."""
    save_in(path, *THREE)
    flip_bit(path / "data.mdb", b"text-of-tick-2")

    assert loaded_from(path) == [THREE[0], THREE[2]]
    assert "tick 2: the checksum does not match" in caplog.text


def test_ticks_that_changed_places_are_skipped(path):
    """Text in another order is another text."""
    save_in(path, *THREE)

    def swap(rows):
        first, second, _ = sorted(rows)
        rows[first], rows[second] = rows[second], rows[first]

    change_rows(path, swap)

    assert loaded_from(path) == [THREE[2]]


def with_layout(row, layout):
    """A row of tick 1 in another layout, with a checksum that fits."""
    rest = bytes([layout]) + row[5:]
    return struct.pack(">I", zlib.crc32(rest, zlib.crc32(struct.pack(">Q", 1)))) + rest


@pytest.mark.parametrize(
    ("faulty", "what"),
    [
        (lambda row: with_layout(row, 2), "made by a newer release"),
        (lambda row: with_layout(row[:5] + b"\x91\x01", 1), "tick 1"),
        (lambda row: row[:3], "too few"),
    ],
)
def test_a_row_that_cannot_be_read_is_skipped(path, caplog, faulty, what):
    """What a later release has written means nothing here, and what is cut off even less."""
    save_in(path, *THREE)

    def spoil(rows):
        rows[min(rows)] = faulty(rows[min(rows)])

    change_rows(path, spoil)

    assert loaded_from(path) == THREE[1:]
    assert what in caplog.text
    assert any(finding.where == "ticks" for finding in verify_store(path).findings)


def test_a_key_that_ends_with_no_number_is_skipped(path):
    """One lost byte of a key must not hide all the other ticks."""
    save_in(path, *THREE)

    def cut(rows):
        rows[min(rows)[:-1]] = rows.pop(min(rows))

    change_rows(path, cut)

    assert loaded_from(path) == THREE[1:]
    assert not verify_store(path).is_sound


def test_rows_of_others_are_left_alone(path):
    """Other libraries keep rows in the same table, before ours and behind them."""
    others = {b"mentra.tick": b"1", b"mentra.ticket": b"2", b"a": b"3", b"z": b"4"}
    change_rows(path, lambda rows: rows.update(others))
    store = LmdbEventStore.open(path)
    save(store, *THREE)
    save(store, tick_of(9), drop_below=9)
    with store.reading_side() as (txn, side):
        found = dict(txn.cursor(side))
    store.close()

    assert found == others
    assert verify_store(path).is_sound


# --- failures ------------------------------------------------------------------------------


class ScriptedDisk:
    """Refuses a group as `refusal` says; the first group waits until it is let go."""

    def __init__(self, refusal):
        self.is_reached = threading.Event()
        self.is_free = threading.Event()
        self.written = []
        self._refusal = refusal

    def write(self, jobs):
        self.is_reached.set()
        assert self.is_free.wait(PATIENCE_S)
        error = self._refusal(jobs)
        if error is not None:
            return [error] * len(jobs)
        self.written += jobs
        return [Appended(1, 1, (1,)) if isinstance(job, AppendJob) else None for job in jobs]


def grouped(disk, **limits):
    """A writer that is busy, so that what is queued next is one group."""
    writer = GroupWriter(disk.write, name="test", **limits)
    writer.submit(request_for(), lambda _: None)
    assert disk.is_reached.wait(PATIENCE_S)
    return writer


def has_ticks(jobs):
    return any(not isinstance(job, AppendJob) for job in jobs)


def test_what_is_full_for_ticks_takes_appends(caplog):
    """The last room on a disk belongs to the log."""
    disk = ScriptedDisk(lambda jobs: StoreFull("no room") if has_ticks(jobs) else None)
    writer = grouped(disk)
    answers = AnswerLog()
    for number in range(1, 4):
        writer.save_tick(tick_of(number, b"text"), 0)
        writer.submit(request_for(stream_append(A, b"%d" % number)), answers.add)
    disk.is_free.set()
    writer.close()

    assert answers.first(3) == [Appended(1, 1, (1,))] * 3
    assert [len(job.request.streams) for job in disk.written] == [0, 1, 1, 1]
    assert caplog.text.count("was not saved: no room") == 3


def test_one_append_that_is_refused_as_full_writes_no_other_twice():
    """An extension may refuse its append with any error; the rest of the group is written then."""
    full = StoreFull("says an extension")

    class OneRefused(ScriptedDisk):
        def write(self, jobs):
            outcomes = super().write(jobs)
            return [full, *outcomes[1:]] if len(jobs) > 1 else outcomes

    disk = OneRefused(lambda jobs: None)
    writer = grouped(disk)
    answers = AnswerLog()
    for number in (1, 2):
        writer.submit(request_for(stream_append(A, b"%d" % number)), answers.add)
    writer.save_tick(tick_of(1, b"text"), 0)
    disk.is_free.set()
    writer.close()

    assert answers.first(2) == [full, Appended(1, 1, (1,))]
    assert len(disk.written) == 4


@pytest.mark.parametrize("error", [StoreFull("no room"), Fenced("store", epoch=1, current=2)])
def test_a_group_that_fails_with_ticks_in_it_loses_no_answer(error, caplog):
    """Who waits for an append must hear of its failure, whatever was beside it."""
    disk = ScriptedDisk(lambda jobs: error if len(jobs) > 1 else None)
    writer = grouped(disk)
    answers = AnswerLog()
    writer.save_tick(tick_of(1, b"text"), 0)
    for _ in range(2):
        writer.submit(request_for(stream_append(A, b"1")), answers.add)
    disk.is_free.set()
    assert answers.first(2) == [error, error]
    writer.submit(request_for(stream_append(A, b"2")), answers.add)

    assert answers.first(3)[2] == Appended(1, 1, (1,))
    writer.close()
    assert "tick 1 was not saved" in caplog.text


def test_a_tick_too_many_is_dropped_at_once(caplog):
    """The thread that listens to models must never wait for a disk."""
    caplog.set_level(logging.INFO)
    disk = ScriptedDisk(lambda jobs: None)
    writer = grouped(disk, queue_jobs=2)
    for number in range(1, 5):
        writer.save_tick(tick_of(number, b"text"), 0)
    disk.is_free.set()
    writer.close()

    assert [job.number for job in disk.written[1:]] == [1, 2]
    assert "tick 3 was not saved" in caplog.text


FILL_THE_DISK = """
    import os, resource, sys, threading
    from mentra_actors.errors import StoreFull
    from mentra_actors.store.embedded.lmdb_store import LmdbEventStore
    from mentra_actors.testing.append_contract import A, AnswerLog, request_for, stream_append
    from mentra_actors.testing.tick_contract import tick_of

    store = LmdbEventStore.open(sys.argv[1], durability=sys.argv[2])
    answers = AnswerLog()

    def go_on(answer):  # on the thread of the writer: so the two are one group
        store.save_tick(tick_of(1, b"x" * 1_000_000))
        store.submit(request_for(stream_append(A, b"small")), answers.add)

    size = os.stat(sys.argv[1] + "/data.mdb").st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 200_000, resource.RLIM_INFINITY))
    store.submit(request_for(stream_append(A, b"first")), go_on)
    print(answers.first(1)[0].versions, store.load_ticks())
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    store.save_tick(tick_of(2, b"x" * 1_000_000))
    store.close()
"""


@pytest.mark.parametrize("durability", ["sync", "volatile"])
def test_a_full_disk_takes_an_append_beside_a_tick_for_which_there_is_no_room(
    path, durability, run_python
):
    """The same on a file that may not grow, with the pages of a real commit."""
    with run_python(FILL_THE_DISK, path, durability) as filler:
        output, _ = filler.communicate()

    assert filler.returncode == 0
    assert output == "(5,) []\n"
    assert loaded_from(path) == [tick_of(2, b"x" * 1_000_000)]


# --- the writer ----------------------------------------------------------------------------


@pytest.fixture
def committing(path):
    """What writes groups, without a thread, and two of them on one store."""
    env = open_shared_env(path, require_manifest(path))
    lock = WriterLock(path)
    env.attach_writer(lock, durability="volatile", map_size=1 << 20)
    yield env, GroupCommit(env), GroupCommit(env)
    env.detach_writer(lock)
    env.leave()


def append_job(expected):
    request = request_for(stream_append(A, b"x", expected=expected))
    return AppendJob(request, encode_body(request), print)


def test_the_head_cache_notices_another_writer_between_ticks(committing):
    """A commit of ticks that changes nothing leaves its number for somebody else to take."""
    _, ours, theirs = committing
    nothing, one, gone = tick_job(tick_of(1), 5), tick_job(tick_of(5, b"x"), 0), (tick_of(6), 6)

    assert ours.write([append_job(3)]) == [Appended(4, 4, (4,))]
    for ticks in (nothing, one, tick_job(*gone), nothing):
        assert ours.write([ticks]) == [None]
        version = ours.write([append_job(None)])[0].last_position
        assert ours.write([ticks]) == [None]
        assert theirs.write([append_job(version)]) == [
            Appended(version + 1, version + 1, (version + 1,))
        ]
        assert isinstance(ours.write([append_job(version)])[0], VersionConflict)


def test_ticks_alone_wake_nobody(committing):
    """Who follows the log in another process must not be woken ten times a second for nothing."""
    env, commit, _ = committing
    before = env.announced
    commit.write([tick_job(tick_of(1, b"x"), 0)])
    assert env.announced == before

    commit.write([tick_job(tick_of(2, b"x"), 0), append_job(None)])
    assert env.announced > before


# --- databases -----------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path):
    """A closed store with three ticks."""
    place = tmp_path / "team.db"
    store = SqliteEventStore.open(place)
    save(store, *THREE)
    store.close()
    return place


def test_a_database_of_an_earlier_release_gets_the_table(database):
    """Who upgrades must not have to know that there is one table more."""
    with sqlite3.connect(database) as raw:
        raw.execute("DROP TABLE mentra_ticks")
    raw.close()
    SqliteJournalReader.open(database).close()
    store = SqliteEventStore.open(database)
    assert list(store.load_ticks()) == []
    save(store, *THREE)

    assert list(store.load_ticks()) == THREE
    store.close()


def test_a_damaged_row_of_a_database_is_skipped(database, caplog):
    """A database finds no changed byte by itself."""
    with sqlite3.connect(database) as raw:
        raw.execute("UPDATE mentra_ticks SET tick = (SELECT tick FROM mentra_ticks LIMIT 1)")
    raw.close()
    store = SqliteEventStore.open(database)

    assert list(store.load_ticks()) == THREE[:1]
    assert caplog.text.count("ignored: tick") == 2
    store.close()
