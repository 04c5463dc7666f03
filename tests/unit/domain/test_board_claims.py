"""Who holds a task, for how long, and what becomes of it when its owner goes."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from board_players import create, lead, mate, played

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.inbox import MAX_BODY_CHARS, MailDelivered
from mentra_actors.domain.timer import WaitUntil


def claim(task_id=None, *, claimant="ann", command_id="claim", now=1.0, **fields):
    return c.ClaimTask(
        command_id=command_id, claimant=claimant, task_id=task_id, now=now, **fields
    )


HELD = (create(), create(), claim(1, ttl_s=30.0))


def expire(now, task_id=1):
    return c.ExpireClaim(command_id="timer", task_id=task_id, now=now)


def test_without_an_id_the_most_urgent_task_is_claimed_and_of_equals_the_first():
    board = played(create(), create(priority=5), create(priority=5), create(priority=-1))

    claims = [claim(command_id=f"c{n}") for n in range(4)]
    taken = []
    for one in claims:
        answer = board.when(one)
        taken.append(answer.events[0].task_id)
        board = answer.after
    assert taken == [2, 3, 1, 4]


def test_a_claim_for_some_time_asks_to_be_woken_at_its_end():
    board = played(*HELD)

    assert dict(board.pending) == {"expire-1@31.0": WaitUntil(at=31.0, then="expire-claim:1:31.0")}
    released = board.when(expire(31.0))
    assert (released.events[0].reason, released.events[0].owner) == ("expired", "ann")
    assert (released.state.tasks[1].owner, dict(released.after.pending)) == ("", {})


def test_what_was_begun_under_a_claim_is_pending_again_when_it_ends():
    """Whoever has begun it may be dead; somebody else must be able to take it."""
    board = played(*HELD, mate(c.SetTaskStatus, status="in_progress"))
    again = board.when(expire(31.0))

    assert again.state.tasks[1].status == "pending"
    assert again.when(claim(1, claimant="bob", command_id="x")).events


def test_a_change_by_its_owner_lets_a_claim_hold_longer():
    """Who works is not robbed; a change by somebody else says nothing of the owner."""
    board = played(*HELD)
    longer = board.when(mate(c.SetTaskStatus, status="in_progress", now=20.0))

    assert longer.events[-1] == e.ClaimRenewed(
        command_id="SetTaskStatus-ann-1", task_id=1, expires_at=50.0
    )
    assert longer.when(expire(31.0)) == []
    assert list(longer.after.pending) == ["expire-1@50.0"]
    same = longer.when(mate(c.SetTaskStatus, command_id="x", status="in_progress", now=21.0))
    assert [type(one) for one in same.events] == [e.ClaimRenewed]
    other = board.when(lead(c.EditTask, result="x", now=20.0))
    assert [type(one) for one in other.events] == [e.TaskEdited]


@pytest.mark.parametrize(
    "end",
    [
        mate(c.SetTaskStatus, status="completed"),
        mate(c.ReleaseClaim),
        lead(c.AssignTask, owner="bob"),
        lead(c.AssignTask, owner=""),
        lead(c.DeleteTask),
    ],
    ids=lambda command: type(command).__name__,
)
def test_a_claim_that_has_ended_otherwise_ends_no_more(end):
    board = played(*HELD, end)

    assert dict(board.pending) == {}
    assert board.when(expire(99.0)) == []


@pytest.mark.parametrize("ttl_s", [0.0, -1.0, 1e300, float("inf"), float("nan")])
def test_a_claim_holds_for_a_time_that_there_is(ttl_s):
    assert played(create()).when(claim(1, ttl_s=ttl_s)).rejects("holds for some seconds")


def test_only_a_lead_claims_for_somebody_else():
    board = played(create())

    refused = board.when(claim(1, claimant="bob", asked_by="ann"))
    assert refused.rejects("Teammate 'ann' cannot claim a task for 'bob'")
    assert board.when(claim(1, claimant="bob", asked_by="lead", may_change_any=True)).events
    assert board.when(claim(1, claimant="ann", asked_by="ann")).events


def test_a_task_is_given_back_while_it_is_not_completed():
    assert played(create()).when(lead(c.ReleaseClaim)).rejects("owned by nobody")
    done = played(create(), claim(1), mate(c.SetTaskStatus, status="completed"))
    assert done.when(mate(c.ReleaseClaim)).rejects("completed and cannot be released")


def test_what_a_member_that_is_gone_has_not_completed_is_free():
    """A stopped owner would otherwise keep its tasks for ever."""
    board = played(
        *(create(), create(), create(), create()),
        *(lead(c.AssignTask, n, owner="ann") for n in (1, 2, 3)),
        lead(c.AssignTask, 4, owner="bob"),
        lead(c.SetTaskStatus, 1, status="completed"),
        lead(c.SetTaskStatus, 2, status="in_progress"),
    )
    gone = c.OwnerGone(command_id="gone", owner="ann", now=1.0)
    answer = board.when(gone)

    assert [(one.task_id, one.reason) for one in answer.events] == [
        (2, "owner_gone"),
        (3, "owner_gone"),
    ]
    assert [one.owner for one in answer.state.tasks.values()] == ["ann", "", "", "bob"]
    assert answer.state.tasks[2].status == "pending"
    assert answer.when(gone) == []


def test_a_member_keeps_its_tasks_under_its_new_name():
    board = played(*HELD)
    rename = c.RenameOwner(command_id="r", old="ann", new="anna", now=1.0)
    answer = board.when(rename)

    assert answer.state.tasks[1].owner == "anna"
    assert answer.when(mate(c.SetTaskStatus, name="anna", status="completed")).events
    nobody = c.RenameOwner(command_id="r", old="eve", new="anna", now=1.0)
    assert board.when(nobody) == []


def test_an_agent_that_has_not_heard_of_its_new_name_claims_under_it():
    """Else its task would be owned by a name that nobody has."""
    board = played(create(), create())
    rename = c.RenameOwner(command_id="r", old="ann", new="anna", now=1.0, agent_id="ann-id")
    renamed = board.when(rename)
    late = renamed.when(claim(agent_id="ann-id", asked_by="ann"))

    assert [type(one).__name__ for one in renamed.events] == ["OwnerRenamed"]
    assert renamed.when(msgspec.structs.replace(rename, command_id="r2")) == []
    assert [one.owner for one in late.events] == ["anna"]
    assert [one.owner for one in renamed.when(claim(agent_id="")).events] == ["ann"]


def test_an_agent_that_has_left_claims_nothing_and_its_name_may_be_given_again():
    board = played(create(), create())
    gone = c.OwnerGone(command_id="g", owner="ann", now=1.0, agent_id="ann-id")
    left = board.when(gone)

    assert [type(one).__name__ for one in left.events] == ["OwnerLeft"]
    assert left.when(msgspec.structs.replace(gone, command_id="g2")) == []
    assert left.when(claim(agent_id="ann-id")).rejects("has left")
    assert [one.owner for one in left.when(claim(agent_id="ann-id:2")).events] == ["ann"]


def test_a_claim_tells_the_agent_for_which_it_was_made():
    """The letter leaves with the claim, so no task is held by one who does not know of it."""
    board = played(create(description="All of them."))
    (event,) = board.when(claim(notify="ann-id")).events

    assert event.notice.body == (
        "<auto-claimed>Task #1: task\nDescription: All of them.</auto-claimed>\n"
        "<reminder>Update your task status. Mark it in_progress when you start and completed "
        "when you finish.</reminder>"
    )
    assert (event.notice.kind, event.notice.sender, event.notice.mail_id) == (
        "task",
        "board",
        "task-claim",
    )
    (delivery,) = BOARD.companions(event)
    assert delivery.stream_id == "inbox-ann-id"
    assert delivery.events == (MailDelivered(mail=event.notice),)
    assert BOARD.companions(board.when(claim()).events[0]) == ()


def test_the_letter_about_a_long_task_can_be_delivered():
    board = played(create(description="x" * 2 * MAX_BODY_CHARS))

    (event,) = board.when(claim(notify="ann-id")).events
    assert len(event.notice.body) == MAX_BODY_CHARS
    assert event.notice.body.endswith("</reminder>")
