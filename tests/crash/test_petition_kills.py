"""Decisions that are handed over to another process: killed on either side, they count once.

Those in PostgreSQL run where MENTRA_TEST_POSTGRES names a server; `.ci/with_postgres` starts one.
"""

import signal
from contextlib import closing

import pytest
from other_processes import until
from paying_team import events_in, opened
from petition_lives import ALLOW, Process, mentra, until_asked
from petition_places import KINDS, answered_in, left_in, place_for

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.permission_rules import RuleRemembered
from mentra_actors.domain.rule_match import AnyCall
from mentra_actors.ids import StreamId
from mentra_actors.runtime.wishes.permissions import RememberWish, ResolveWish, RevokeWish
from mentra_actors.runtime.writing.petitions import (
    Petition,
    decode_answer,
    encode_petition,
)
from mentra_actors.store.ownership.petition_box import new_petition_name
from mentra_actors.store.ownership.petition_opening import open_box

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]

DENY = ResolveWish(agent_id="lead", request_id="perm-tool-1.0", allow=False, reason="no")
PROJECT = StreamId("rules-project.main")


@pytest.fixture(params=KINDS)
def path(request, tmp_path):
    with place_for(request.param, tmp_path) as place:
        yield place


@pytest.fixture
def waiting(path):
    """A store in which a call waits, and that nobody has open."""
    with opened(path) as runtime:
        until_asked(runtime)
    return path


def went_on(path):
    """Open the store again, let the team rest, and see that the decision counts once."""
    with opened(path) as runtime:
        until_cleared(path)  # nobody fetches the answer of one who has died
        runtime.until_idle(timeout_s=30)
    assert len(events_in(path, e.PermissionResolved)) == 1
    return [one.content for one in events_in(path, e.ToolCallFinished)]


def until_cleared(path):
    """Wait until the owner has removed every petition: one that closes first leaves them."""
    with closing(open_box(path, None)) as box:
        while ".petition" in left_in(path):
            box.sleep(box.number(), 0.2)


def leave(path, wish, *, by="ann"):
    """Leave a petition, and go; its name."""
    return leave_note(path, encode_petition(Petition(wish=wish, by=by, asked_at=1.0)))


def leave_note(path, content):
    name = new_petition_name()
    with closing(open_box(path, None)) as box:
        box.put(name, content)
    return name


def answer_to(path, name):
    with closing(open_box(path, None)) as box:
        return decode_answer(box.answer_to(name))


# --- the tests --------------------------------------------------------------------------------


def test_two_processes_a_writer_and_a_person(path):
    """A person decides where the terminal is; the call runs where the tools are."""
    with Process("write", path) as writer:
        writer.until_asked()
        code, (asked,) = mentra(path, "approvals")
        assert (code, asked["name"]) == (0, "lead/1.0")
        code, told = mentra(path, "approve", "lead/1.0", "--remember", "project")
        assert (code, told["state"]) == (0, "recorded")
        code, (rule,) = mentra(path, "rules")
        assert rule["rule_id"] == told["rule_id"]
        assert mentra(path, "revoke", rule["rule_id"])[1]["state"] == "recorded"
        code, refused = mentra(path, "deny", "lead/1.0")
        assert (code, refused["error"]) == (2, "CommandRejected")
        writer.finish()

    assert [one.content for one in events_in(path, e.ToolCallFinished)] == ["paid 5"]
    assert left_in(path) == []


def test_a_writer_that_is_killed_before_it_takes_a_decision_leaves_it_to_the_next(path):
    """Handed over is handed over: the person may go home."""
    with Process("write", path) as writer:
        writer.until_asked()
        writer.process.send_signal(signal.SIGSTOP)
        code, told = mentra(path, "approve", "lead/1.0", "--wait", "0.3")
        writer.process.kill()
        writer.died()

    assert (code, told["state"]) == (0, "handed_over")
    assert left_in(path) == [".petition"]
    assert events_in(path, e.PermissionResolved) == []
    assert went_on(path) == ["paid 5"]


@pytest.mark.parametrize("dies_at", ["answer", "removal"])
def test_a_writer_that_is_killed_after_it_has_recorded_a_decision(path, dies_at):
    """The next one finds the petition again, and nothing more is to be recorded."""
    with Process("write", path, dies_at) as writer:
        writer.until_asked()
        name = leave(path, ALLOW)
        writer.died()

    assert len(events_in(path, e.PermissionResolved)) == 1
    assert went_on(path) == ["paid 5"]
    assert len(events_in(path, RuleRemembered)) == 1
    assert answer_to(path, name).is_accepted


@pytest.mark.parametrize(("dies_at", "result"), [("put", "paid 5"), ("answer", "paid 5")])
def test_one_who_is_killed_while_asking_has_asked(waiting, dies_at, result):
    """Left durably, or recorded alone in the store: either way it counts once."""
    with Process("ask", waiting, dies_at) as asker:
        asker.died()

    assert went_on(waiting) == [result]


def test_one_who_is_killed_before_has_asked_for_nothing(waiting):
    """Half a petition is none."""
    with Process("ask", waiting, "draft") as asker:
        asker.died()

    with opened(waiting) as runtime:
        assert len(runtime.approvals()) == 1
    assert events_in(waiting, e.PermissionResolved) == []


def test_petitions_are_taken_in_their_order(waiting):
    """Who comes first decides; the second is told that it is too late."""
    names = [leave(waiting, wish) for wish in (DENY, ALLOW)]

    with opened(waiting):
        until_cleared(waiting)
    assert went_on(waiting) == ["Tool execution denied: no"]
    first, second = [answer_to(waiting, name) for name in names]
    assert first.is_accepted
    assert (second.is_accepted, "no pending permission" in second.words) == (False, True)


def test_garbage_in_the_box_harms_nobody(waiting):
    """Anybody who may write there may write anything there."""
    odd = [
        b"not json",
        b'{"wish":{"type":"dance.v9"},"by":"","asked_at":0}',
        b"[" * 100_000,
        b"x" * 2_000_000,
    ]
    wishes = [
        ResolveWish(agent_id="nobody", request_id="perm-tool-1.0", allow=True),
        ResolveWish(agent_id="lead\n", request_id="x", allow=True),
        ResolveWish(agent_id="x" * 400, request_id="x", allow=True),
        RevokeWish(rules=StreamId("agent-lead"), rule_id="x"),
        RevokeWish(rules=StreamId("rules-odd"), rule_id="x"),
        RevokeWish(rules=PROJECT, rule_id="x"),
        RememberWish(rules=PROJECT, tool="", match=AnyCall(), allow=True),
    ]
    with closing(open_box(waiting, None)) as box:
        box.put("no-name", b"{}")
    names = [leave_note(waiting, content) for content in odd]
    names += [leave(waiting, wish, by="") for wish in wishes]
    names.append(leave(waiting, ALLOW))

    with opened(waiting) as runtime:
        until(lambda: answered_in(waiting) == sorted(names))
        runtime.until_idle(timeout_s=30)
        assert runtime.supervision.dead_letters() == ()
    answers = [answer_to(waiting, name).is_accepted for name in names]
    assert answers == [False] * (len(odd) + len(wishes)) + [True]
