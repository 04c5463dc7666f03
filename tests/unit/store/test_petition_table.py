"""Petitions in a database: who may answer, who is there, and what an outage costs.

Runs where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import threading
import uuid
from contextlib import closing, contextmanager

import psycopg
import pytest
from other_processes import until
from petition_places import rows_in
from postgres_link import Link
from postgres_logs import end_backends, extended, opened, required_server, server

from mentra_actors.errors import (
    CommitOutcomeUnknown,
    ConnectionLost,
    Fenced,
    StoreClosed,
    StoreForbidden,
)
from mentra_actors.store.ownership.petition_box import new_petition_name
from mentra_actors.store.ownership.petition_opening import open_box
from mentra_actors.store.ports import AppendRequest, Fence
from mentra_actors.store.sql import petition_table
from mentra_actors.store.sql.petition_table import PetitionTable
from mentra_actors.store.sql.postgres_address import PostgresAddress
from mentra_actors.store.sql.postgres_store import PostgresEventStore

required_server()
FENCE = Fence("writer", 3)
LONG_S = 20.0


@pytest.fixture
def store(address):
    """A log that has had three writers."""
    with opened(address) as store:
        store.append(AppendRequest(fence=FENCE, raise_fence=True))
        yield store


@pytest.fixture
def box(address, store):
    with closing(open_box(address, None)) as box:
        yield box


def left(box, content=b"please"):
    name = new_petition_name()
    box.put(name, content)
    return name


# --- who answers ------------------------------------------------------------------------------


@pytest.mark.parametrize("fence", [Fence("writer", 2), Fence("another", 3)])
def test_a_process_that_was_replaced_answers_nothing(box, fence):
    """What it knows is old; the one that has taken over decides."""
    name = left(box)
    with pytest.raises(Fenced):
        box.answer(name, b"no", fence)

    assert box.waiting() == [name]
    assert box.answer_to(name) is None


def test_an_answer_that_crosses_a_take_over_waits_for_it(box, tool):
    """It looks at the fence and writes in one step, so no take-over comes between."""
    name, errors = left(box), []

    def answer():
        try:
            box.answer(name, b"no", FENCE)
        except Fenced as error:
            errors.append(error)

    with tool.transaction():
        tool.execute("UPDATE mentra_fences SET epoch = 4 WHERE resource = 'writer'")
        thread = threading.Thread(target=answer)
        thread.start()
        until(lambda: waiting_for_locks(tool))
    thread.join()

    assert [error.epoch for error in errors] == [3]
    assert box.answer_to(name) is None


def waiting_for_locks(tool):
    rows = tool.execute(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
        "AND wait_event_type = 'Lock'"
    )
    return rows.fetchall()


def test_the_first_answer_counts(box):
    """A statement that is repeated after a lost connection changes nothing."""
    name = left(box)
    box.answer(name, b"yes", FENCE)
    box.answer(name, b"no", FENCE)

    assert box.answer_to(name) == b"yes"


# --- who is there -----------------------------------------------------------------------------


def test_others_see_whether_somebody_takes_petitions(address, box):
    """A store is not to be opened in the place of a process that lives."""
    assert not box.is_attended()
    with closing(open_box(address, None)) as first, closing(open_box(address, None)) as second:
        for owner in (first, second):
            owner.attend()
            owner.waiting()
        assert box.is_attended()
        first.close()
        assert box.is_attended()
    until(lambda: not box.is_attended())


def test_the_owner_of_another_team_is_not_there(box):
    """A database has many teams, each in its schema."""
    other = extended(server(), schema=f"mentra_test_{uuid.uuid4().hex}")
    with opened(other), closing(open_box(other, None)) as owner:
        owner.attend()
        owner.waiting()
        assert not box.is_attended()
        PostgresEventStore.open(other).close()


def test_a_box_that_waits_has_one_connection_and_no_transaction(address, box, tool):
    """An open one would keep the server from cleaning up, for as long as the team runs."""
    before = states(tool)
    with closing(open_box(address, None)) as owner:
        owner.attend()
        owner.waiting()
        assert until(lambda: len(states(tool)) == len(before) + 1)
        until(lambda: set(states(tool)) == {"idle"})


def states(tool):
    rows = tool.execute(
        "SELECT state FROM pg_stat_activity WHERE datname = current_database() "
        "AND application_name = 'mentra'"
    )
    return [state for (state,) in rows]


# --- outages ----------------------------------------------------------------------------------


def test_a_broken_connection_is_made_again(address, box, tool):
    """A server may be restarted while a person thinks."""
    with closing(open_box(address, None)) as owner:
        owner.attend()
        assert owner.waiting() == []
        for _ in range(3):
            name = left(box)
            assert end_backends(tool, "true") >= 2
            assert owner.waiting() == [name]
            assert box.is_attended()
            owner.answer(name, b"yes", FENCE)
            assert box.answer_to(name) == b"yes"


def test_who_sleeps_over_a_broken_connection_wakes_and_looks(address, box, tool):
    """What was notified meanwhile is unknown."""
    box.waiting()
    number = box.number()
    thread = threading.Thread(target=box.sleep, args=(number, LONG_S))
    thread.start()
    end_backends(tool, "true")
    thread.join()
    name = None
    with closing(open_box(address, None)) as other:
        name = left(other)

    assert box.waiting() == [name]
    assert box.number() > number


@contextmanager
def linked(schema):
    """A box whose way to the server can be cut where it leaves a petition."""
    link = Link(b"INSERT INTO")
    place = PostgresAddress.parse(link.address, schema)
    try:
        with closing(PetitionTable(place, None)) as box:
            yield box, link
    finally:
        link.close()


@pytest.mark.parametrize("cut", ["before", "after"])
def test_a_petition_whose_commit_is_lost_is_left_once(store, schema, cut):
    """Whether it arrived or not, it is asked again under the same name."""
    with linked(schema) as (box, link):
        box.waiting()
        link.cut = cut
        name = left(box)
        assert link.cuts == 1
        assert box.waiting() == [name]


def test_a_petition_of_which_nobody_can_say_whether_it_was_left(store, schema, monkeypatch):
    """The person must look before it asks again, and is told so."""
    monkeypatch.setattr(petition_table, "_PATIENCE_S", 0.0)
    with linked(schema) as (box, link):
        box.waiting()
        link.after_cut = lambda: setattr(link, "is_down", True)
        link.cut = "after"
        with pytest.raises(CommitOutcomeUnknown, match="look what came of it"):
            left(box)
        with pytest.raises(ConnectionLost):
            left(box)
        with pytest.raises(ConnectionLost):
            box.waiting()
        link.is_down = False
        assert len(box.waiting()) == 1


def test_a_box_that_was_closed_says_so(address, store):
    box = open_box(address, None)
    box.close()
    with pytest.raises(StoreClosed):
        box.waiting()


# --- rights and releases ----------------------------------------------------------------------


@pytest.fixture
def person(address, schema, store, tool):
    """The address for a role that may read the log, and has what else is granted to it."""
    role = f"mentra_person_{uuid.uuid4().hex[:12]}"
    tool.execute(f"CREATE ROLE {role}")
    tool.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    tool.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    yield extended(address, options=f"-c%20role%3D{role}"), role
    tool.execute(f"DROP OWNED BY {role}")
    tool.execute(f"DROP ROLE {role}")


def test_a_role_may_ask_without_the_right_to_write_the_log(box, person, tool):
    """Who approves needs three rights on one table, and none to forge the log."""
    address, role = person
    tool.execute(f"GRANT INSERT, DELETE ON mentra_petitions TO {role}")
    with closing(open_box(address, None)) as asker:
        name = left(asker)
        with pytest.raises(StoreForbidden):
            asker.answer(name, b"yes", FENCE)
        box.answer(name, b"yes", FENCE)
        assert asker.answer_to(name) == b"yes"
        asker.remove_answer(name)
        assert asker.answer_to(name) is None


def test_a_role_that_may_only_read_is_told(person, address):
    """By the name of an error, and of the table."""
    reader, _ = person
    with (
        closing(open_box(reader, None)) as asker,
        pytest.raises(StoreForbidden, match="mentra_petitions; its owner can grant it"),
    ):
        left(asker)
    assert rows_in(address) == []


def test_a_log_of_an_earlier_release_gets_the_table_by_whoever_asks_first(address, store, tool):
    """Two persons at once, with the role that has the log."""
    tool.execute("DROP TABLE mentra_petitions")
    names, together = [], threading.Barrier(4)

    def ask():
        with closing(open_box(address, None)) as box:
            together.wait()
            names.append(left(box))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with closing(open_box(address, None)) as box:
        assert sorted(box.waiting()) == sorted(names)
        assert len(names) == 4


def test_a_log_of_an_earlier_release_gets_the_table_by_a_writer(address, store, tool):
    """Who upgrades must not have to know that there is one table more."""
    tool.execute("DROP TABLE mentra_petitions")
    PostgresEventStore.open(address).close()

    assert rows_in(address) == []


def test_a_table_that_a_role_may_not_make_is_asked_for(person, tool):
    """It would be the role's own, and no writer could read it."""
    tool.execute("DROP TABLE mentra_petitions")
    reader, _ = person
    with (
        closing(open_box(reader, None)) as asker,
        pytest.raises(StoreForbidden, match="open it for writing once"),
    ):
        left(asker)


def test_answers_that_nobody_fetches_are_removed_after_a_day(box, tool):
    """By the clock of the database. A petition waits as long as it takes."""
    old, young, waiting = [left(box) for _ in range(3)]
    for name in (old, young):
        box.answer(name, b"yes", FENCE)
    day = 86_400_000_000
    tool.execute("UPDATE mentra_petitions SET put_at = 0, answered_at = answered_at - %s", [day])
    tool.execute(
        "UPDATE mentra_petitions SET answered_at = answered_at + 60000000 WHERE name = %s", [young]
    )
    tool.execute("UPDATE mentra_petitions SET answered_at = 0 WHERE name = %s", [waiting])
    box.remove_old()

    assert box.answer_to(old) is None
    assert box.answer_to(young) == b"yes"
    assert box.waiting() == [waiting]


def test_no_message_of_a_box_has_the_password():
    """Errors end in logs."""
    with (
        closing(open_box("postgresql://ann:geheim@127.0.0.1:1/team", None)) as box,
        pytest.raises(ConnectionLost) as raised,
    ):
        box.put(new_petition_name(), b"x")
    assert "geheim" not in str(raised.value)
    assert isinstance(raised.value.__cause__, psycopg.Error)
