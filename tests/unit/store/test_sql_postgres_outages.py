"""A log in PostgreSQL whose server, or the way to it, goes away.

Runs where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import contextlib
import threading

import pytest
from other_processes import until
from postgres_link import Link, shut
from postgres_logs import end_backends, lock_held, opened, required_server, waiting_writers

from mentra_actors.errors import (
    CommitOutcomeUnknown,
    ConnectionLost,
    StoreClosed,
)
from mentra_actors.store.ports import Appended
from mentra_actors.store.sql import postgres_log
from mentra_actors.store.sql.postgres_store import PostgresJournalReader
from mentra_actors.testing.append_contract import (
    PATIENCE_S,
    A,
    AnswerLog,
    payloads_of,
    request_for,
    stream_append,
)

required_server()


def test_a_restarted_server_is_not_even_noticed(address, tool):
    """Connections that broke while nobody used them cost no append and no read."""
    with opened(address) as store:
        for number in range(3):
            with contextlib.ExitStack() as busy:  # so that several are idle after
                for _ in range(4):
                    busy.enter_context(store._log._recorder.datastore.get_connection())
            store.append(request_for(stream_append(A, b"%d" % number)))
            assert end_backends(tool, "state = 'idle'")
            assert store.last_position() == number + 1
            assert end_backends(tool, "state = 'idle'")


def test_an_append_that_breaks_before_its_commit_is_unwritten(address, tool):
    """Nothing was written, so the sender may try again; and the store works on."""
    with opened(address) as store:
        answers = AnswerLog()
        with lock_held(address):
            store.submit(request_for(stream_append(A, b"lost")), answers.add)
            for _ in range(2):  # the store tries a second time by itself
                (pid,) = until(lambda: waiting_writers(tool, address))
                assert end_backends(tool, f"pid = {pid}") == 1
            answer = answers.first(1)[0]

        assert isinstance(answer, ConnectionLost)
        assert "nothing was written" in str(answer)
        assert store.append(request_for(stream_append(A, b"1", expected=0))) == Appended(
            1, 1, (1,)
        )


def test_a_waiting_reader_outlives_its_connection(address, tool):
    """A view that follows the log goes on by itself when the server was restarted."""
    with opened(address) as store:
        reader = PostgresJournalReader.open(address)
        found = []
        thread = threading.Thread(
            target=lambda: found.append(reader.wait_for_position(1, timeout_s=PATIENCE_S))
        )
        thread.start()
        until(lambda: end_backends(tool, "query LIKE 'LISTEN%'"))
        store.append(request_for(stream_append(A, b"1")))
        thread.join()
        reader.close()

    assert found == [1]


@pytest.fixture
def link():
    link = Link()
    yield link
    link.close()


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_whose_answer_is_lost_is_looked_up(link, schema, cut):
    """Whether the commit arrived or not: the append is there once, and the answer says so."""
    with opened(link.address, schema=schema) as store:
        store.append(request_for(stream_append(A, b"1")))
        link.cut = cut
        answer = store.append(request_for(stream_append(A, b"2", expected=1)))
        assert (link.cuts, answer) == (1, Appended(2, 2, (2,)))
        assert payloads_of(store.read_stream(A)) == [b"1", b"2"]
        assert store.append(request_for(stream_append(A, b"3"))) == Appended(3, 3, (3,))


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_lookup_that_others_keep_out_is_tried_again(link, schema, address, monkeypatch, cut):
    """A log that is busy just then does not tell that the append is not in it."""
    monkeypatch.setattr(postgres_log, "LOCK_TIMEOUT_S", 1)
    has_failed = threading.Event()
    with opened(link.address, schema=schema) as store, contextlib.ExitStack() as other:
        store.append(request_for(stream_append(A, b"1")))
        wait = store._commit._is_stopping.wait
        store._commit._is_stopping.wait = lambda pause_s: has_failed.set() or wait(pause_s)
        answers = AnswerLog()
        link.after_cut = lambda: other.enter_context(lock_held(address))
        link.cut = cut
        store.submit(request_for(stream_append(A, b"2", expected=1)), answers.add)
        assert has_failed.wait(PATIENCE_S)
        other.close()

        assert answers.first(1) == [Appended(2, 2, (2,))]
        assert payloads_of(store.read_stream(A)) == [b"1", b"2"]


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_commit_that_nobody_can_look_up_is_not_called_unwritten(link, schema, address, cut):
    """To call it unwritten would have it done twice; the store says so and takes no more."""
    with opened(link.address, schema=schema, patience_s=0.0) as store:
        store.append(request_for(stream_append(A, b"1")))
        answers = AnswerLog()
        link.is_down, link.cut = True, cut
        store.submit(request_for(stream_append(A, b"2", expected=1)), answers.add)
        assert isinstance(answers.first(1)[0], CommitOutcomeUnknown)
        assert "may or may not" in str(answers.first(1)[0])
        with pytest.raises(StoreClosed, match="may or may not"):
            store.append(request_for(stream_append(A, b"3")))

    with opened(address) as again:
        with lock_held(address):  # the lost commit has come to its end, one way or the other
            versions = again.stream_version(A)
        assert versions == (2 if cut == "after" else 1)
        assert again.append(request_for(stream_append(A, b"3"))).last_position == versions + 1


def test_closing_does_not_wait_for_a_lost_server(link, schema):
    """A program that shuts down must not hang for a minute because its database is gone."""
    with opened(link.address, schema=schema, patience_s=3600) as store:
        store.append(request_for(stream_append(A, b"1")))
        answers = AnswerLog()
        link.is_down, link.cut = True, "before"
        store.submit(request_for(stream_append(A, b"2")), answers.add)
        until(lambda: link.cuts)

    assert isinstance(answers.first(1)[0], CommitOutcomeUnknown)


def test_a_server_that_is_away_is_named_and_found_again(link, schema):
    """An outage is an error that says what to do, and ends by itself."""
    with opened(link.address, schema=schema) as store:
        store.append(request_for(stream_append(A, b"1")))
        link.is_down = True
        for connection in link._open:
            shut(connection)
        with pytest.raises(ConnectionLost, match=r"127\.0\.0\.1.*nothing was written"):
            store.append(request_for(stream_append(A, b"no")))
        with pytest.raises(ConnectionLost):
            store.read_journal()
        link.is_down = False

        assert store.append(request_for(stream_append(A, b"2", expected=1))) == Appended(
            2, 2, (2,)
        )
