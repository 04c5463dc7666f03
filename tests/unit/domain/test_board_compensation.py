"""What a run has changed on the board is taken back, and nothing else."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from board_players import create, lead, mate, of_run, played

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board.run_changes import REMEMBERED_CHANGES
from mentra_actors.domain.board.state import compensation_of

RUN = "ann/run-1"
BACK = c.CompensateRun(command_id="back", run=RUN, now=9.0)


def told(answer):
    said = answer.events[-1]
    return (
        [(one.task_id, one.part) for one in said.reverted],
        [(one.task_id, one.part) for one in said.conflicts],
    )


def test_what_nobody_has_touched_since_is_as_it_was():
    before = played(create(), create(), create(), lead(c.AddDependency, 3, blocker_id=2))
    board = before
    for command in (
        of_run("a", c.UpdateTask, subject="new", priority=3, working_directory="src", owner="ann"),
        of_run("b", c.SetTaskStatus, status="in_progress"),
        of_run("c", c.SetTaskStatus, status="completed"),
        of_run("d", c.AddDependency, 3, blocker_id=1),
        of_run("e", c.RemoveDependency, 3, blocker_id=2),
        create(command_id="f", run=RUN),
        of_run("g", c.EditTask, 4, subject="mine"),
    ):
        board = board.when(command).after
    answer = board.when(BACK)

    reverted, conflicts = told(answer)
    assert conflicts == []
    assert set(reverted) == {
        *((1, part) for part in ("subject", "priority", "working_directory", "owner", "status")),
        (3, "blocked_by"),
        (4, "created"),
    }
    ignored = {"text_version": 0}
    after = {n: msgspec.structs.replace(one, **ignored) for n, one in answer.state.tasks.items()}
    assert after == before.state.tasks


@pytest.mark.parametrize("other", ["bob/run-4", ""], ids=["a run", "a person"])
def test_what_somebody_else_has_changed_since_stays(other):
    board = played(
        create(),
        of_run("a", c.EditTask, subject="mine", result="half"),
        lead(c.EditTask, command_id="b", subject="theirs", run=other),
    )
    answer = board.when(BACK)

    assert told(answer) == ([(1, "result")], [(1, "subject")])
    assert (answer.state.tasks[1].subject, answer.state.tasks[1].result) == ("theirs", "")


@pytest.mark.parametrize(
    "touch",
    [
        mate(c.CommentTask, name="bob", text="I know it."),
        lead(c.AssignTask, owner="bob"),
        lead(c.AddDependency, 2, blocker_id=1),
        create(1),
    ],
    ids=["comment", "owner", "dependency", "new task"],
)
def test_a_task_that_others_have_taken_up_is_not_deleted(touch):
    """Their work would lose its place."""
    board = played(create(command_id="a", run=RUN), create(), touch)

    assert told(board.when(BACK)) == ([], [(1, "created")])


def test_a_claim_is_released_and_the_claim_of_another_stays():
    claims = [
        c.ClaimTask(command_id=str(n), claimant=name, task_id=n, now=1.0, run=run)
        for n, name, run in ((1, "ann", RUN), (2, "bob", "bob/run-1"))
    ]
    begin = of_run("begin", c.SetTaskStatus, status="in_progress")
    answer = played(create(), create(), *claims, begin).when(BACK)

    owners = {n: (one.owner, one.status) for n, one in answer.state.tasks.items()}
    assert owners == {1: ("", "pending"), 2: ("bob", "pending")}


def test_a_completion_stays_when_others_have_begun_after_it():
    """To take it back would stop what they do."""
    board = played(
        create(),
        create(1),
        of_run("a", c.SetTaskStatus, status="completed"),
        lead(c.SetTaskStatus, 2, status="in_progress"),
    )
    answer = board.when(BACK)

    assert told(answer) == ([], [(1, "status")])
    assert answer.state.tasks[2].status == "in_progress"


def test_what_a_run_has_sent_back_goes_on():
    """Reopening a task stopped another one; both are as before."""
    board = played(
        create(),
        create(1),
        lead(c.SetTaskStatus, status="completed"),
        lead(c.SetTaskStatus, 2, status="in_progress"),
        of_run("a", c.SetTaskStatus, status="pending"),
    )
    answer = board.when(BACK)

    assert told(answer) == ([(2, "status"), (1, "status")], [])
    assert [one.status for one in answer.state.tasks.values()] == ["completed", "in_progress"]


def test_what_a_run_has_deleted_is_gone():
    answer = played(create(), of_run("a", c.DeleteTask)).when(BACK)

    assert told(answer) == ([], [(1, "deleted")])


def test_a_run_is_taken_back_once_and_does_nothing_afterwards():
    """A call that was still on its way must not come after its own end."""
    answer = played(create(), of_run("a", c.EditTask, subject="mine")).when(BACK)

    again = c.CompensateRun(command_id="other", run=RUN, now=10.0)
    assert answer.when(again) == []
    assert compensation_of(answer.state, RUN) == answer.events[-1]
    late = answer.when(of_run("b", c.EditTask, subject="late"))
    assert late.rejects("the run ann/run-1 was taken back")


def test_a_run_without_changes_is_said_to_have_none():
    """Whoever asked for it gets an answer."""
    assert told(played(create()).when(BACK)) == ([], [])
    nobody = c.CompensateRun(command_id="x", run="", now=1.0)
    assert played().when(nobody).rejects("has an id")


def test_what_people_change_is_not_kept_to_be_taken_back():
    board = played(create(), lead(c.EditTask, subject="x"), lead(c.AssignTask, owner="ann"))

    assert board.state.changes == ()


def test_only_so_many_changes_are_kept():
    edits = [
        of_run(f"e{n}", c.EditTask, subject=f"s{n}", task_id=n)
        for n in range(1, REMEMBERED_CHANGES + 3)
    ]
    board = played(*(create() for _ in edits), *edits)

    assert len(board.state.changes) == REMEMBERED_CHANGES
    assert board.state.changes[-1].task_id == len(edits)
