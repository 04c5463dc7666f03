"""Petitions where no lock says who writes: nobody is shut out who lives, and one process answers.

Runs where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import logging
import threading
import uuid
from contextlib import ExitStack, closing, contextmanager

import psycopg
import pytest
from other_processes import until
from paying_team import events_in, opened
from petition_places import left_in, rows_in
from postgres_link import Link, shut
from postgres_logs import end_backends, extended, own_address, required_server

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.permission_rules import RuleRemembered
from mentra_actors.domain.rule_match import AnyCall
from mentra_actors.errors import (
    CommandRejected,
    ConnectionLost,
    Fenced,
    StoreLocked,
)
from mentra_actors.ids import StreamId
from mentra_actors.runtime.clock import SystemClock
from mentra_actors.runtime.wishes.permissions import RememberWish, ResolveWish
from mentra_actors.runtime.writing import petition_taker
from mentra_actors.runtime.writing.lone_writer import lone_writer
from mentra_actors.runtime.writing.petitioning import petition
from mentra_actors.runtime.writing.petitions import (
    Petition,
    decode_answer,
    encode_petition,
    take_petitions,
)
from mentra_actors.runtime.writing.writer_lease import acquire_writer_lease
from mentra_actors.store.journal import Journal
from mentra_actors.store.opening import open_event_store
from mentra_actors.store.ownership.petition_box import new_petition_name
from mentra_actors.store.ownership.petition_opening import open_box
from mentra_actors.store.ports import AppendRequest, Fence

required_server()
ALLOW = ResolveWish(agent_id="lead", request_id="perm-tool-1.0", allow=True)
PROJECT = StreamId("rules-project.main")
OTHER_RULE = RememberWish(rules=PROJECT, tool="sell", match=AnyCall(), allow=False)
RULE = RememberWish(rules=PROJECT, tool="pay", match=AnyCall(), allow=False)


@pytest.fixture
def path():
    with own_address() as address:
        yield address


@pytest.fixture
def tool(path):
    with psycopg.connect(path.replace("schema=", "application_name="), autocommit=True) as tool:
        yield tool


def until_asked(runtime):
    lead = runtime.spawn("lead", model="scripted:x", prompt="Pay.", reuse=True)
    lead.wait_for_snapshot(lambda snapshot: snapshot.permissions, timeout_s=20)


def asked(path, wish, wait_s=20):
    return petition(path, wish, SystemClock(), by="ann", wait_s=wait_s)


def takers():
    return [one for one in threading.enumerate() if one.name == "mentra-petitions"]


# --- who writes -------------------------------------------------------------------------------


@contextmanager
def silent_writer(path, *, clock_s=0.0):
    """A process that writes, and takes no petitions; its clock may go ahead."""

    class Clock:
        def now(self):
            return SystemClock().now() + clock_s

    with closing(open_event_store(path)) as store:
        how = {"holder": "elsewhere/1/aa", "term_s": 60.0}
        fence = acquire_writer_lease(store, Journal(store), Clock(), **how)
        yield store, fence


def test_a_writer_whose_lease_runs_is_not_shut_out(path):
    """It may be a release that takes no petitions, or have lost its connection for them."""
    with silent_writer(path) as (store, fence):
        assert asked(path, RULE, wait_s=0) is None
        store.append(AppendRequest(fence=fence))
        with (
            pytest.raises(StoreLocked, match="held by elsewhere/1/aa"),
            lone_writer(path, SystemClock()),
        ):
            pass
    assert left_in(path) == [".petition"]


def test_a_writer_that_takes_petitions_is_not_shut_out_when_its_lease_is_over(path):
    """Clocks of two machines differ; it is there all the same."""
    with silent_writer(path, clock_s=-3600.0) as (store, fence):
        with closing(open_box(path, None)) as owner:
            owner.attend()
            owner.waiting()
            assert asked(path, RULE, wait_s=0) is None
            store.append(AppendRequest(fence=fence))
        with closing(open_box(path, None)) as box:
            until(lambda: not box.is_attended())
        assert asked(path, RULE).is_accepted  # now nobody is there
        with pytest.raises(Fenced):
            store.append(AppendRequest(fence=fence))


def test_a_team_that_is_opened_just_then_is_not_shut_out(path):
    """Between the look at the lease and the append that takes it, another process took it."""
    with opened(path):
        pass
    others = []

    class Meanwhile:
        """A clock that is slow: another process opens the team before it tells the time."""

        def now(self):
            if not others:
                others.append(stack.enter_context(silent_writer(path)))
            return SystemClock().now()

    with ExitStack() as stack:
        with pytest.raises(Fenced), lone_writer(path, Meanwhile()):
            pass
        ((store, fence),) = others
        store.append(AppendRequest(fence=fence))


def test_two_who_ask_at_once_where_nobody_writes(path):
    """Each would take all petitions; one is fenced off, and what it asked is recorded as well."""
    with opened(path):
        pass
    answers, together = [], threading.Barrier(4)

    def ask(number):
        wish = RememberWish(rules=PROJECT, tool=f"pay{number}", match=AnyCall(), allow=False)
        together.wait()
        answers.append(asked(path, wish))

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [one.is_accepted for one in answers] == [True] * 4
    rules = [one.rule.tool for one in events_in(path, RuleRemembered)]
    assert sorted(rules) == ["pay0", "pay1", "pay2", "pay3"]
    assert left_in(path) == []


# --- two writers ------------------------------------------------------------------------------


def test_after_a_hand_over_the_new_writer_decides(path):
    """The old one hears of the petition as well, and has nothing to say any more."""
    with opened(path) as old:
        until_asked(old)
        with opened(path) as new:
            assert asked(path, ALLOW).is_accepted
            new.until_idle(timeout_s=20)
            assert asked(path, RULE).is_accepted
            assert [one.rule.tool for one in new.rules()] == ["pay"]

    assert len(events_in(path, e.PermissionResolved)) == 1
    assert [one.content for one in events_in(path, e.ToolCallFinished)] == ["paid 5"]


def test_a_writer_that_was_replaced_refuses_nothing(path):
    """It would say that no call waits, since it does not know what its successor knows."""
    with opened(path):
        pass
    name = new_petition_name()
    with closing(open_box(path, None)) as box, silent_writer(path) as (_, fence):
        box.put(name, encode_petition(Petition(wish=ALLOW, by="ann", asked_at=1.0)))
        old = Fence(fence.resource, fence.epoch - 1)
        with pytest.raises(Fenced):
            take_petitions(box, refuses, SystemClock().now, old)
        assert box.waiting() == [name]


def refuses(_stream_id, _command):
    raise CommandRejected("no call waits")


def test_a_writer_that_was_replaced_takes_no_more_after_a_refusal_that_did_not_count(path):
    """A refusal appends nothing, so the box is the first to say that it was replaced."""
    with opened(path):
        pass
    with closing(open_box(path, None)) as box, silent_writer(path):
        box.put(new_petition_name(), encode_petition(Petition(wish=RULE, by="", asked_at=1.0)))
        petition_taker._Taker(Owner(), open_box(path, None)).run()  # and it comes to its end
        assert len(box.waiting()) == 1
        until(lambda: not box.is_attended())


def test_a_replaced_writer_that_hears_it_from_its_lease_takes_no_more(path):
    """An idle one is asked for nothing that would tell it."""
    with opened(path, lease_term_s=0.3):
        assert len(takers()) == 1
        with silent_writer(path):
            until(lambda: takers() == [])


def test_a_replaced_writer_that_still_runs_keeps_nobody_waiting(path):
    """It is there, and takes nothing: with the first petition it hears that it was replaced."""
    with opened(path):
        with opened(path):
            pass
        assert asked(path, RULE).is_accepted
        assert takers() == []


# --- outages ----------------------------------------------------------------------------------


def test_a_writer_goes_on_taking_petitions_after_an_outage(path, tool):
    """Nobody restarts the team because the server was restarted."""
    with opened(path) as runtime:
        until_asked(runtime)
        assert asked(path, OTHER_RULE).is_accepted
        assert end_backends(tool, "true")
        assert asked(path, ALLOW).is_accepted
        runtime.until_idle(timeout_s=20)
    assert [one.content for one in events_in(path, e.ToolCallFinished)] == ["paid 5"]


@pytest.fixture
def link():
    link = Link()
    yield link
    link.close()


def down(link, *, is_down):
    link.is_down = is_down
    for one in link._open:
        shut(one)


def test_an_outage_is_logged_once(path, link, caplog):
    """A night without a network is one line; what was asked meanwhile is taken after it."""
    with opened(path):
        pass
    with closing(open_box(url_of(link, path.rpartition("schema=")[2]), None)) as box:
        taker = petition_taker._Taker(Owner(), box)
        for number in (1, 2):
            down(link, is_down=True)
            with caplog.at_level(logging.WARNING):
                assert [taker._has_left() for _ in range(5)] == [True] * 5
            assert len(caplog.records) == number
            assert "petitions cannot be taken now, and are tried again" in caplog.text
            link.is_down = False
            assert taker._has_left() is False


class Owner:
    """The first writer of a store, who refuses all."""

    clock, fence, ended = SystemClock(), Fence("writer", 1), None

    def ask(self, stream_id, command):
        return refuses(stream_id, command)


def url_of(link, schema):
    said = psycopg.conninfo.conninfo_to_dict(link.address)
    place = f"postgresql://{said.get('user', '')}@{said['host']}:{said['port']}/{said['dbname']}"
    return extended(f"{place}?sslmode=disable&gssencmode=disable", schema=schema)


@pytest.mark.parametrize("statement", [b"octet_length(petition)", b"FOR SHARE"])
def test_a_petition_that_could_not_be_read_or_answered_in_an_outage_is_not_refused(
    path, statement
):
    """It may be sound; it is taken when the server is there again."""
    with opened(path):
        pass
    link = Link(statement)
    link.after_cut = lambda: setattr(link, "is_down", True)
    url = url_of(link, path.rpartition("schema=")[2])
    name, taken = new_petition_name(), []

    def takes(_stream_id, command):
        taken.append(command)
        return ()

    with silent_writer(path) as (_, fence), closing(open_box(url, None)) as box:
        box.put(name, encode_petition(Petition(wish=RULE, by="ann", asked_at=1.0)))
        link.cut = "before"
        with pytest.raises(ConnectionLost):
            take_petitions(box, takes, SystemClock().now, fence)
        link.is_down = False
        assert box.waiting() == [name]
        assert take_petitions(box, takes, SystemClock().now, fence) is False
        assert decode_answer(box.answer_to(name)).is_accepted
    link.close()
    assert len({one.command_id for one in taken}) == 1


def test_a_person_waits_through_an_outage(path, link):
    """What was left is left: the command does not fail because it could not look."""
    with opened(path):
        pass
    schema = path.rpartition("schema=")[2]
    with silent_writer(path) as (_, fence):
        answers = []
        person = threading.Thread(
            target=lambda: answers.append(asked(url_of(link, schema), RULE, wait_s=30))
        )
        person.start()
        until(lambda: left_in(path) == [".petition"])
        down(link, is_down=True)
        with closing(open_box(path, None)) as owner:
            (name,) = owner.waiting()
            owner.answer(name, b'{"is_accepted":true}', fence)
        down(link, is_down=False)
        person.join()

    assert answers[0].is_accepted


def test_a_person_without_the_right_to_write_the_log_hands_over(path, tool):
    """Nobody writes, and this role may not: the next writer takes it."""
    with opened(path):
        pass
    role = f"mentra_person_{uuid.uuid4().hex[:12]}"
    schema = path.rpartition("schema=")[2]
    tool.execute(f"CREATE ROLE {role}")
    tool.execute(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
    tool.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}")
    tool.execute(f"GRANT INSERT, DELETE ON {schema}.mentra_petitions TO {role}")
    try:
        assert asked(extended(path, options=f"-c%20role%3D{role}"), RULE, wait_s=0) is None
    finally:
        tool.execute(f"DROP OWNED BY {role}")
        tool.execute(f"DROP ROLE {role}")
    with opened(path) as runtime:
        until(lambda: left_in(path) == [".answer"])
        assert [one.rule.tool for one in runtime.rules()] == ["pay"]


def test_a_server_that_is_away_from_the_beginning_is_said(path):
    """Then nothing was asked."""
    with opened(path):
        pass
    with pytest.raises(ConnectionLost):
        asked("postgresql://127.0.0.1:1/db?connect_timeout=1", RULE)
    assert rows_in(path) == []
