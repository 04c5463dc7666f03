"""How tasks are changed: their words, their owners, what they wait for, and by whom."""

import sys
from pathlib import Path

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parent))
from board_players import create, lead, mate, played

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.state import blockers_of, consequence_of, next_task_id

OWNED = (create(), lead(c.AssignTask, owner="ann"))


def test_an_edit_records_what_is_new_and_nothing_else():
    board = played(create(priority=2))
    answer = board.when(lead(c.EditTask, subject=" task ", priority=2, result="done"))

    assert answer == [
        e.TaskEdited(
            command_id="EditTask-lead-1",
            task_id=1,
            changed_by="lead",
            changed_at=1.0,
            result="done",
        )
    ]
    assert board.when(lead(c.EditTask, subject="task")) == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"subject": "  "}, "empty"), ({"priority": 10**7}, "within ±1,000,000")],
)
def test_an_edit_that_means_nothing_is_refused(fields, reason):
    assert played(create()).when(lead(c.EditTask, **fields)).rejects(reason)


def test_an_edit_of_a_text_that_was_edited_meanwhile_is_refused():
    """Two who write at once would otherwise not know that one of them has lost."""
    board = played(create(), lead(c.EditTask, description="more"))

    old = lead(c.EditTask, command_id="x", description="else", expected_version=0)
    assert board.when(old).rejects("has version 1, not 0")
    new = lead(c.EditTask, command_id="x", description="else", expected_version=1)
    assert board.when(new).state.tasks[1].text_version == 2


def test_an_update_is_all_or_nothing():
    """Half an update would look to the model like a failed one."""
    board = played(create(), create())
    update = lead(
        c.UpdateTask, subject="new", owner="ann", add_blocked_by=(9,), status="completed"
    )

    assert board.when(update).rejects("Task 9 does not exist")


def test_an_update_goes_from_words_over_dependencies_to_the_status():
    """A blocker that is taken away in the same update is not in the way of the status."""
    board = played(create(), create(1), create())
    update = lead(
        c.UpdateTask,
        2,
        subject="new",
        result="fine",
        working_directory="src",
        owner="ann",
        remove_blocked_by=(1,),
        add_blocks=(3,),
        status="completed",
    )
    answer = board.when(update)

    assert [type(one).__name__ for one in answer.events] == [
        "TaskEdited",
        "TaskDirectoryChanged",
        "TaskAssigned",
        "DependencyRemoved",
        "DependencyAdded",
        "TaskStatusChanged",
    ]
    told = consequence_of(answer.state, update.command_id)
    assert (told.unblocked, told.reblocked) == ((2, 3), ())
    assert answer.after.when(update) == []


def test_a_dependency_that_is_removed_frees_the_task():
    board = played(create(), create(), create(1, 2))
    first = board.when(lead(c.RemoveDependency, 3, blocker_id=1))

    assert first.events[0].unblocked == ()
    assert first.when(lead(c.RemoveDependency, 3, command_id="x", blocker_id=1)) == []
    last = first.when(lead(c.RemoveDependency, 3, command_id="x", blocker_id=2))
    assert last.events[0].unblocked == (3,)


def test_a_task_that_is_given_to_nobody_can_be_claimed_again():
    """One that stayed in progress without an owner would be nobody's for ever."""
    board = played(*OWNED, lead(c.SetTaskStatus, status="in_progress"))
    answer = board.when(lead(c.AssignTask, command_id="x", owner=""))

    assert (answer.events[0].owner, answer.events[0].reason) == ("ann", "unassigned")
    task = answer.state.tasks[1]
    assert (task.owner, task.status) == ("", "pending")


def test_a_deleted_task_frees_what_waited_for_it_and_its_id_is_gone():
    board = played(create(), create(), create(1, 2), create(2))
    answer = board.when(lead(c.DeleteTask, 2))

    assert answer.events[0].unblocked == (4,)
    assert answer.state.tasks[3].blocked_by == (1,)
    board = played(create(), create(), lead(c.DeleteTask, 2))
    assert next_task_id(board.state) == 3
    assert board.when(lead(c.SetTaskStatus, 2, status="completed")).rejects("does not exist")


def test_the_last_comments_are_kept_and_all_are_recorded():
    comments = [mate(c.CommentTask, command_id=f"c{n}", text=f" {n} ") for n in range(25)]
    board = played(create(), *comments)

    kept = [(one.author, one.text) for one in board.state.tasks[1].comments]
    assert kept == [("ann", str(n)) for n in range(5, 25)]
    assert len([one for one in board.events if isinstance(one, e.TaskCommented)]) == 25


@pytest.mark.parametrize(("text", "reason"), [(" ", "empty"), ("x" * 20_000, "over the limit")])
def test_a_comment_says_something_of_a_length_to_read(text, reason):
    assert played(create()).when(mate(c.CommentTask, text=text)).rejects(reason)


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        (mate(c.EditTask, name="bob", result="x"), "'bob' cannot update task 1 owned by 'ann'"),
        (mate(c.SetTaskStatus, name="bob", status="completed"), "cannot update task 1"),
        (mate(c.ReleaseClaim, name="bob"), "cannot update task 1 owned by 'ann'"),
        (mate(c.AssignTask, owner="bob"), "'ann' cannot reassign task 1 to 'bob'"),
        (mate(c.AssignTask, owner=""), "'ann' cannot reassign task 1 to ''"),
        (mate(c.AddDependency, blocker_id=2), "'ann' cannot edit dependencies for task 1"),
        (mate(c.RemoveDependency, blocker_id=2), "cannot edit dependencies for task 1"),
        (mate(c.UpdateTask, add_blocks=(2,)), "cannot edit dependencies for task 2"),
        (mate(c.DeleteTask), "'ann' cannot delete task 1"),
    ],
)
def test_a_teammate_changes_only_its_own_work(command, reason):
    """Neither what others do nor the order of the work is a teammate's to change."""
    board = played(*OWNED, create())

    assert board.when(command).rejects(reason)
    rights = msgspec.structs.replace(command, may_change_any=True)
    assert board.when(rights).rejection is None


def test_a_teammate_may_change_its_own_and_comment_on_all():
    board = played(*OWNED, create())

    assert board.when(mate(c.UpdateTask, result="fine", owner="ann", status="completed")).events
    assert board.when(mate(c.CommentTask, 2, text="Me too.")).events
    assert board.when(mate(c.ReleaseClaim)).events


def test_a_blocker_that_is_completed_blocks_nobody_and_stays_named():
    board = played(create(), lead(c.SetTaskStatus, status="completed"), create(1))

    task = board.state.tasks[2]
    assert (task.blocked_by, blockers_of(task, board.state)) == ((1,), ())
