"""A log in PostgreSQL: several writers, readers beside them, and how it is opened.

Runs where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import subprocess
import sys
import textwrap
import threading
import uuid

import psycopg
import pytest
from eventsourcing.persistence import Notification
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresDatastore
from forked_python import ForkedPython
from other_processes import until
from postgres_logs import extended, lock_held, opened, required_server, waiting_writers
from psycopg.conninfo import conninfo_to_dict

from mentra_actors.errors import (
    ConfigurationError,
    Fenced,
    StoreBusy,
    StoreError,
    StoreFormatError,
    StoreNotFound,
)
from mentra_actors.store.ports import Appended, AppendRequest, Fence
from mentra_actors.store.sql import postgres_log
from mentra_actors.store.sql.database import GroupRows
from mentra_actors.store.sql.event_state import encode_states, states_in
from mentra_actors.store.sql.postgres_address import PostgresAddress
from mentra_actors.store.sql.postgres_store import PostgresEventStore, PostgresJournalReader
from mentra_actors.testing.append_contract import (
    PATIENCE_S,
    A,
    AnswerLog,
    B,
    payloads_of,
    positions_of,
    request_for,
    stream_append,
)
from mentra_actors.testing.tick_contract import tick_of

SERVER = required_server()
WRITE = """
    import sys
    from mentra_actors.ids import StreamId
    from mentra_actors.store.sql.postgres_store import PostgresEventStore
    from mentra_actors.testing.append_contract import INBOX, request_for, stream_append

    store = PostgresEventStore.open(sys.argv[1])
    own = StreamId(f"agent-{sys.argv[2]}")
    print("open", flush=True)
    sys.stdin.readline()
    for number in range(int(sys.argv[3])):
        payloads = [b"%d" % number] * (1 + number % 3)
        store.append(request_for(stream_append(own, *payloads), stream_append(INBOX, b"mail")))
    store.close()
"""


def run_python(code, *arguments):
    return ForkedPython(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def group_of(position, stream_id):
    """What an append of one event to a new stream writes."""
    (state,) = states_in(
        request := request_for(stream_append(stream_id, b"1")), encode_states(request)
    )
    tag = request.streams[0].events[0].event_type
    event = Notification(stream_id, 1, tag, state, position)
    return GroupRows(events=[event], changes=[], cleanings=[], last_position=position)


# --- several writers, and readers beside them ------------------------------------------------


def test_two_processes_write_one_log_without_gaps(address):
    """Two teams on one server must not overwrite each other, nor hide an event from a reader."""
    PostgresEventStore.open(address).close()
    reader = PostgresJournalReader.open(address)
    appends, per_process = 120, sum(1 + number % 3 + 1 for number in range(120))
    with (
        run_python(WRITE, address, "a", appends) as one,
        run_python(WRITE, address, "b", appends) as two,
    ):
        for process in (one, two):
            assert process.stdout.readline() == "open\n"
        for process in (one, two):
            process.stdin.write("go\n")
            process.stdin.flush()
        seen = []
        while len(seen) < 2 * per_process:
            assert reader.wait_for_position(len(seen) + 1, timeout_s=PATIENCE_S) > len(seen)
            seen += positions_of(reader.read_journal(after=len(seen), limit=3))
            assert seen == list(range(1, len(seen) + 1))
    events = reader.read_journal(limit=10_000)
    reader.close()

    assert (one.returncode, two.returncode) == (0, 0)
    assert len(events) == 2 * per_process
    assert [one.stream_version for one in events if one.stream_id == "inbox-a"] == list(
        range(1, 2 * appends + 1)
    )
    assert len({one.stream_id for one in events[: per_process + appends]}) == 3


def test_a_reader_never_skips_a_position_in_flight(address, tool):
    """A projection that saw 2 before 1 was there would never see 1."""
    with opened(address) as slow, opened(address) as fast:
        reader = PostgresJournalReader.open(address)
        answers = AnswerLog()
        with slow._log.writing() as txn:
            txn.write(group_of(1, A))
            fast.submit(request_for(stream_append(B, b"2")), answers.add)
            until(lambda: waiting_writers(tool, address))
            assert positions_of(reader.read_journal()) == []
        assert answers.first(1) == [Appended(2, 2, (1,))]
        assert positions_of(reader.read_journal()) == [1, 2]
        reader.close()


def test_a_stale_writer_is_refused_though_it_asked_in_time(address, tool):
    """Whoever loses its lease while its append waits must find out in that same transaction."""
    with opened(address) as store:
        store.append(AppendRequest(fence=Fence("lease", 1), raise_fence=True))
        answers = AnswerLog()
        with lock_held(address) as other:
            request = AppendRequest(
                streams=(stream_append(A, b"no"),), fence=Fence("lease", 1), open_streams=(A,)
            )
            store.submit(request, answers.add)
            until(lambda: waiting_writers(tool, address))
            other.execute("UPDATE mentra_fences SET epoch = 2")

        assert isinstance(answers.first(1)[0], Fenced)
        assert (store.last_position(), list(store.open_streams())) == (0, [])
        assert store.append(request_for(stream_append(A, b"1"))) == Appended(1, 1, (1,))


def test_versions_are_read_under_the_lock(address, tool):
    """Two processes that decided on the same version: the one that comes second is told."""
    with opened(address) as one, opened(address) as two:
        answers = AnswerLog()
        one.append(request_for(stream_append(A, b"1", expected=0)))
        for store in (two, one):
            store.submit(request_for(stream_append(A, b"2", expected=1)), answers.add)
        outcomes = answers.first(2)
        assert sorted(isinstance(answer, Appended) for answer in outcomes) == [False, True]
        assert two.append(request_for(stream_append(A, b"3", expected=2))) == Appended(3, 3, (3,))
        assert one.append(request_for(stream_append(A, b"4", expected=3))) == Appended(4, 4, (4,))


def test_a_rollback_leaves_no_gap(address, tool):
    """A sequence would skip the positions of an append that failed; readers who count stop."""
    with opened(address) as store:
        store.append(request_for(stream_append(A, b"1")))
        tool.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$"
        )
        tool.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON mentra_blobs EXECUTE FUNCTION refuse()"
        )
        digest = store.put_blob(b"blob")
        with pytest.raises(StoreError, match="no room; nothing was written"):
            store.append(request_for(stream_append(A, b"2", b"3")))
        tool.execute("DROP TRIGGER refuse ON mentra_blobs")

        assert store.append(request_for(stream_append(A, b"2"))) == Appended(2, 2, (2,))
        assert positions_of(store.read_journal()) == [1, 2]
        assert store.read_blob(digest) == b"blob"


def test_what_is_full_for_ticks_takes_appends(address, tool):
    """The last room on a disk belongs to the log."""
    with opened(address) as store:
        tool.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'no room' USING ERRCODE = '53100'; END $$"
        )
        tool.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON mentra_ticks EXECUTE FUNCTION refuse()"
        )
        answers = AnswerLog()
        with lock_held(address):
            store.submit(request_for(stream_append(A, b"1")), answers.add)
            until(lambda: waiting_writers(tool, address))
            store.save_tick(tick_of(1, b"text"))
            store.submit(request_for(stream_append(A, b"2")), answers.add)
        assert answers.first(2) == [Appended(1, 1, (1,)), Appended(2, 2, (2,))]
        assert list(store.load_ticks()) == []
        tool.execute("DROP TRIGGER refuse ON mentra_ticks")
        store.save_tick(tick_of(2, b"text"))
        store.append(AppendRequest())

        assert list(store.load_ticks()) == [tick_of(2, b"text")]


def test_a_log_of_an_earlier_release_gets_the_table(address, tool):
    """Who upgrades must not have to know that there is one table more."""
    with opened(address) as store:
        store.append(request_for(stream_append(A, b"1")))
    tool.execute("DROP TABLE mentra_ticks")
    PostgresJournalReader.open(address).close()
    stores, together = [], threading.Barrier(4)

    def open_one():
        together.wait()
        stores.append(PostgresEventStore.open(address))

    threads = [threading.Thread(target=open_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(stores) == 4
    for number, store in enumerate(stores, start=1):
        store.save_tick(tick_of(number, b"text"))
        store.append(AppendRequest())
        assert [tick.number for tick in store.load_ticks()] == list(range(1, number + 1))
        store.close()


def test_a_role_may_prefer_another_isolation(address):
    """A snapshot older than the lock would show heads that are no more."""
    strict = extended(address, options="-c%20default_transaction_isolation%3Dserializable")
    with opened(strict) as one, opened(strict) as two:
        for number in range(1, 21, 2):
            assert one.append(request_for(stream_append(A, b"x"))).last_position == number
            assert two.append(request_for(stream_append(A, b"x"))).last_position == number + 1

        threads = [
            threading.Thread(
                target=lambda store=store: [
                    store.append(request_for(stream_append(B, b"x"))) for _ in range(30)
                ]
            )
            for store in (one, two)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert positions_of(one.read_journal()) == list(range(1, 81))


def test_a_writer_that_holds_the_log_too_long_is_not_waited_for(address, monkeypatch):
    """A process that hangs in a transaction must not hang all others without a word."""
    monkeypatch.setattr(postgres_log, "LOCK_TIMEOUT_S", 1)
    with opened(address) as store:
        with lock_held(address), pytest.raises(StoreBusy, match="nothing was written"):
            store.append(request_for(stream_append(A, b"1")))
        assert store.append(request_for(stream_append(A, b"1"))) == Appended(1, 1, (1,))


def test_an_append_is_notified_with_its_commit(address, schema):
    """A view on another machine sees an event when it happens, not when it looks again."""
    with opened(address) as store, psycopg.connect(SERVER, autocommit=True) as listener:
        listener.execute("LISTEN stored_events")
        store.append(request_for(stream_append(A, b"1"), stream_append(B, b"2")))
        heard = [one.payload for one in listener.notifies(timeout=PATIENCE_S, stop_after=1)]

    assert heard == [schema]


# --- opening, flushing, the library -----------------------------------------------------------


def test_what_cannot_be_opened_is_said_so(address, tool, schema):
    """A wrong address must end in a sentence, not in a time-out or a new log."""
    with pytest.raises(StoreNotFound, match=schema):
        PostgresEventStore.open(address, create=False)
    with pytest.raises(StoreNotFound, match=schema):
        PostgresJournalReader.open(address)
    with pytest.raises(StoreError, match=r"no_such_database.*does not exist"):
        PostgresEventStore.open(extended(SERVER, dbname="no_such_database"))
    with pytest.raises(ConfigurationError, match="not an address"):
        PostgresEventStore.open("postgresql://h/d?no_such_option=1")
    for wrong in ("x" * 64, "", "Team", "a-b", 'a"b', "a%sb"):
        with pytest.raises(ConfigurationError, match="schema"):
            PostgresEventStore.open(SERVER, schema=wrong)
    with pytest.raises(ValueError, match="durability"):
        PostgresEventStore.open(address, durability="hard")


def test_no_message_has_the_password():
    """Messages end up in logs, and logs in tickets."""
    place = PostgresAddress.parse("postgresql://ann:s3cret@db.example:6432/team?schema=x")

    assert place.name == "postgresql://db.example:6432/team (schema x)"
    assert "s3cret" in place.conninfo


def test_tables_of_others_are_left_alone(address, tool, schema):
    """A wrong schema must not be taken over, nor read as something it is not."""
    tool.execute(f"CREATE SCHEMA {schema}")
    tool.execute("CREATE TABLE stored_events (notification_id bigint)")
    tool.execute("INSERT INTO stored_events VALUES (1)")
    for open_store in (PostgresEventStore.open, PostgresJournalReader.open):
        with pytest.raises(StoreFormatError, match="another program"):
            open_store(address)
    tool.execute("DROP TABLE stored_events")

    PostgresEventStore.open(address).close()
    tool.execute("UPDATE mentra_meta SET value = '2'")
    for open_store in (PostgresEventStore.open, PostgresJournalReader.open):
        with pytest.raises(StoreFormatError, match="newer release"):
            open_store(address)


def test_a_database_in_another_encoding_is_refused(tool):
    """Names that cannot be stored would be found out by the first umlaut."""
    name = f"mentra_test_{uuid.uuid4().hex}"
    tool.execute(f"CREATE DATABASE {name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(ConfigurationError, match="SQL_ASCII; a log needs UTF8"):
            PostgresEventStore.open(extended(SERVER, dbname=name))
    finally:
        tool.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_an_unfinished_creation_is_begun_again(address, tool):
    """A crash while the tables are made must not leave a schema that never opens."""
    PostgresEventStore.open(address).close()
    tool.execute("DELETE FROM mentra_meta")
    tool.execute("DROP TABLE mentra_blobs")
    with opened(address) as store:
        assert store.append(request_for(stream_append(A, b"1"))) == Appended(1, 1, (1,))


def test_two_processes_make_one_store(address):
    """A team that is started twice at once on a new server must not break on its own tables."""
    stores, errors = [], []

    def open_store():
        try:
            stores.append(PostgresEventStore.open(address))
        except StoreError as error:
            errors.append(error)

    threads = [threading.Thread(target=open_store) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    positions = [store.append(request_for(stream_append(A, b"x"))) for store in stores]
    for store in stores:
        store.close()

    assert errors == []
    assert [one.last_position for one in positions] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("durability", "asked", "flushes"),
    [
        ("sync", "off", "on"),
        ("sync", "on", "on"),
        ("sync", "remote_apply", "remote_apply"),
        ("relaxed", "on", "off"),
        ("volatile", "on", "off"),
    ],
)
def test_a_store_is_flushed_as_its_durability_says(address, durability, asked, flushes):
    """A role that was set up for speed must not make `sync` a lie."""
    chosen = extended(address, options=f"-c%20synchronous_commit%3D{asked}")
    with opened(chosen, durability=durability) as store, store._log.writing() as txn:
        ((row,),) = txn.rows(("SELECT current_setting('synchronous_commit') AS found", []))

    assert row["found"] == flushes


def test_a_closed_writer_leaves_no_mark(address, tool):
    """A team that is opened every hour for years must not fill a table with its names."""
    with opened(address) as store:
        store.append(request_for(stream_append(A, b"1")))
        assert tool.execute("SELECT count(*) FROM mentra_writers").fetchone() == (1,)

    assert tool.execute("SELECT count(*) FROM mentra_writers").fetchone() == (0,)


def test_an_append_larger_than_a_statement_is_kept_whole(address):
    """A batch of large files is one append, however many statements it takes."""
    payloads = [bytes([number]) * 9_000_000 for number in range(5)]
    with opened(address) as store:
        digest = store.put_blob(b"z" * 20_000_000)
        store.append(request_for(stream_append(A, *payloads)))
        assert payloads_of(store.read_stream(A)) == payloads
        assert store.read_blob(digest) == b"z" * 20_000_000


def test_the_library_reads_and_follows_the_log(address, schema):
    """Who has tools for the library's tables can use them on a team's log, live too."""
    said = conninfo_to_dict(SERVER)
    datastore = PostgresDatastore(
        said.get("dbname", ""),
        said.get("host", ""),
        said.get("port", ""),
        said.get("user", ""),
        said.get("password", ""),
        schema=schema,
        originator_id_type="text",
        pool_size=2,
    )
    with opened(address) as store, datastore:
        recorder = PostgresApplicationRecorder(datastore)
        store.append(request_for(stream_append(A, b"1"), stream_append(B, b"2")))
        with recorder.subscribe(gt=0) as subscription:
            found = [next(subscription), next(subscription)]
            store.append(request_for(stream_append(A, b"3")))
            found.append(next(subscription))

    assert [(one.id, one.originator_id, one.originator_version) for one in found] == [
        (1, A, 1),
        (2, B, 1),
        (3, A, 2),
    ]
