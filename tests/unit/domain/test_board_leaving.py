"""Tasks of owners who have left: free whatever happens, and nobody else's are touched."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from board_players import create, lead, of_run, played

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.board.evolve import applied, draft_of, evolve, evolve_all

GONE = c.OwnerGone(command_id="gone", owner="bob", agent_id="bob", now=5.0)
BACK = c.CompensateRun(command_id="back", run="ann/run-1", now=9.0)


def claim(task_id=1, *, command_id="claim", agent_id="bob", claimant="bob", **fields):
    return c.ClaimTask(
        command_id=command_id,
        task_id=task_id,
        claimant=claimant,
        agent_id=agent_id,
        now=2.0,
        **fields,
    )


def owners(answer):
    return [task.owner for task in answer.state.tasks.values()]


def test_a_claim_is_freed_if_it_was_first_and_refused_if_it_was_not():
    """An order to stop may come between the look at the team and the claim."""
    board = played(create())

    assert owners(board.when(claim()).when(GONE)) == [""]
    assert board.when(GONE).when(claim()).rejects("has left the team")
    assert board.when(GONE).when(lead(c.AssignTask, owner="bob", owner_id="bob")).rejects("left")
    assert (
        board.when(GONE).when(create(command_id="n", owner="bob", owner_id="bob")).rejects("left")
    )


def test_what_the_successor_of_the_same_name_has_claimed_stays_its_own():
    """It may begin before the board has heard that the first one has gone."""
    board = played(create(), create(), create(owner="bob"))
    board = board.when(claim(1)).when(claim(2, command_id="anew", agent_id="bob:2"))
    gone = board.when(GONE)

    assert owners(gone) == ["", "bob", ""]
    assert [one.reason for one in gone.events[:-1]] == ["owner_gone", "owner_gone"]
    assert isinstance(gone.events[-1], e.OwnerLeft)


def test_a_completed_task_that_is_opened_again_does_not_come_back_to_who_has_left():
    board = played(create(owner="bob"), lead(c.SetTaskStatus, status="completed")).when(GONE)
    opened = board.when(lead(c.SetTaskStatus, status="pending", command_id="again"))

    assert [type(one) for one in opened.events] == [e.TaskStatusChanged, e.ClaimReleased]
    assert owners(opened) == [""]


@pytest.mark.parametrize("agent_id", ["bob", ""])
def test_a_run_that_is_taken_back_gives_nothing_to_who_has_left(agent_id):
    """Neither a task that it took from them, nor one that it completed for them."""
    board = played(create(), create())
    for command in (
        claim(1, agent_id=agent_id),
        claim(2, agent_id=agent_id, command_id="two"),
        of_run("a", c.AssignTask, 1, owner="eve"),
        of_run("b", c.SetTaskStatus, 2, status="completed"),
        GONE,
    ):
        board = board.when(command)
        assert board.events
    back = board.when(BACK)

    assert owners(back) == ["", ""]
    assert not back.events[-1].conflicts
    assert {task.status for task in back.state.tasks.values()} == {"pending"}


def test_a_run_that_is_taken_back_gives_a_claim_back_with_its_end():
    board = played(create(), create())
    for command in (
        claim(1, ttl_s=60.0),
        claim(2, ttl_s=30.0, command_id="two"),
        of_run("a", c.AssignTask, 1, owner="eve"),
        of_run("b", c.SetTaskStatus, 2, status="completed"),
    ):
        board = board.when(command)
    back = board.when(BACK)

    held = [
        (one.owner, one.owner_id, one.ttl_s, one.expires_at) for one in back.state.tasks.values()
    ]
    assert held == [("bob", "bob", 60.0, 69.0), ("bob", "bob", 30.0, 39.0)]
    assert len(back.pending) == 2


@pytest.mark.parametrize("blank", ["", "   ", "\t"])
def test_a_blank_owner_is_nobody(blank):
    """`"   "` would hold a task that no list shows as taken."""
    board = played(create(owner=blank))

    assert owners(board) == [""]
    assert board.when(claim(claimant=blank, agent_id="")).rejects("must not be empty")
    assert board.when(claim()).when(lead(c.AssignTask, owner=blank)).state.tasks[1].owner == ""


def test_owners_are_written_in_one_way():
    board = played(create(owner="  ann "))

    assert owners(board) == ["ann"]
    assert board.when(create(command_id="x", owner="a\nb")).rejects("one line")
    assert board.when(lead(c.AssignTask, owner="x" * 101)).rejects("100")


def test_many_events_are_folded_as_one_after_the_other():
    """The fast way must come to the same state, and leave the older one as it was."""
    board = played(*[create(owner="bob") for _ in range(6)], lead(c.DeleteTask, 6))
    before = board.state
    update = lead(c.UpdateTask, 1, add_blocked_by=(2, 3, 4), add_blocks=(5,), command_id="u")
    events = [*BOARD.decide(update, before), *BOARD.decide(GONE, before)]
    state = before
    for event in events:
        state = evolve(state, event)

    assert BOARD.fold(events, before) == state
    assert before == board.state
    assert before.tasks[1].blocked_by == ()


def test_a_board_of_thousands_is_not_copied_for_each_event():
    """A batch of ten thousand dependencies once held the board for eight seconds."""
    board = played(create(), create())
    [event] = board.when(lead(c.AddDependency, 1, blocker_id=2)).events
    draft = draft_of(board.state)

    assert applied(draft, event).tasks is draft.tasks
    assert draft.tasks is not board.state.tasks
    assert BOARD.evolve_all is evolve_all
