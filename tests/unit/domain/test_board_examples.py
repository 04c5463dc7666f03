"""How a task board is worked on, by example."""

import msgspec
import pytest

from mentra_actors.domain.board.commands import (
    AddDependency,
    ClaimTask,
    CreateTask,
    SetTaskDirectory,
    SetTaskStatus,
)
from mentra_actors.domain.board.decider import BOARD
from mentra_actors.domain.board.events import (
    DependencyAdded,
    TaskClaimed,
    TaskCreated,
    TaskDirectoryChanged,
    TaskStatusChanged,
)
from mentra_actors.domain.board.state import (
    BoardState,
    Task,
    consequence_of,
    directories_of,
    task_of,
)
from mentra_actors.testing.given_when_then import given


def created(task_id, *blocked_by):
    return TaskCreated(
        command_id=f"create-{task_id}",
        task_id=task_id,
        subject=f"task {task_id}",
        description="",
        blocked_by=blocked_by,
        created_by="lead",
        created_at=0.0,
    )


def changed(task_id, old, new):
    return TaskStatusChanged(
        command_id=f"{new}-{task_id}",
        task_id=task_id,
        old=old,
        new=new,
        changed_by="ann",
        changed_at=0.0,
    )


def claimed(task_id, owner):
    return TaskClaimed(command_id=f"claim-{task_id}", task_id=task_id, owner=owner, claimed_at=1.0)


def claim(task_id=None, *, claimant="ann", command_id="c"):
    return ClaimTask(command_id=command_id, claimant=claimant, now=1.0, task_id=task_id)


def status(task_id, to, *, by="ann", lead=False):
    return SetTaskStatus(
        command_id="s", task_id=task_id, status=to, changed_by=by, now=1.0, may_change_any=lead
    )


def depend(task_id, blocker_id, *, command_id="d"):
    return AddDependency(
        command_id=command_id,
        task_id=task_id,
        blocker_id=blocker_id,
        changed_by="lead",
        may_change_any=True,
        now=1.0,
    )


def test_tasks_are_numbered_from_one():
    """A model names a task by a short number."""
    create = CreateTask(command_id="c", subject=" write ", created_by="lead", now=1.0)
    answer = given(BOARD, created(1)).when(create)

    assert (answer.events[0].task_id, answer.events[0].subject) == (2, "write")


@pytest.mark.parametrize(("subject", "blockers", "reason"), [(" ", (), "empty"), ("x", (9,), "9")])
def test_a_task_needs_a_subject_and_blockers_that_exist(subject, blockers, reason):
    """A task that waits for nothing real would wait for ever."""
    create = CreateTask(
        command_id="c", subject=subject, created_by="lead", now=1.0, blocked_by=blockers
    )

    assert given(BOARD).when(create).rejects(reason)


def test_a_claim_without_a_number_takes_the_first_ready_task():
    """An idle agent asks for work, not for a certain task."""
    board = given(BOARD, created(1), created(2, 1), created(3), claimed(1, "bob"))

    assert board.when(claim()) == [
        TaskClaimed(command_id="c", task_id=3, owner="ann", claimed_at=1)
    ]
    assert board.when(claim()).when(claim(claimant="cy", command_id="d")).rejects("No ready")


def test_a_task_is_claimed_once():
    """Two agents that claim at once: one gets it, the other is told whose it is."""
    assert given(BOARD, created(1), claimed(1, "bob")).when(claim(1)).rejects("owned by 'bob'")


def test_a_blocked_task_cannot_be_claimed():
    """The order of work holds for whoever comes first, too."""
    board = given(BOARD, created(1), created(2, 1))

    assert board.when(claim(2)).rejects("blocked by [1]")
    done = given(BOARD, created(1), created(2, 1), changed(1, "pending", "completed"))
    assert done.when(claim(2)).state.tasks[2].owner == "ann"


def test_a_completed_task_cannot_be_claimed():
    """Work that is done is not handed out again."""
    board = given(BOARD, created(1), changed(1, "pending", "completed"))

    assert board.when(claim(1)).rejects("is completed")
    assert board.when(claim()).rejects("No ready")


def test_an_unknown_task_or_a_nameless_claimant_is_refused():
    """A model's typing error gets a sentence that it can act on."""
    assert given(BOARD).when(claim(7)).rejects("does not exist")
    assert given(BOARD, created(1)).when(claim(1, claimant=" ")).rejects("claimant")


def test_only_its_owner_or_the_lead_changes_a_task():
    """One agent must not declare another's work done."""
    board = given(BOARD, created(1), claimed(1, "ann"))

    assert board.when(status(1, "completed", by="bob")).rejects("owned by 'ann'")
    assert board.when(status(1, "completed")).state.tasks[1].status == "completed"
    assert board.when(status(1, "completed", by="bob", lead=True)).events


def test_a_task_is_not_begun_before_its_blockers_are_done():
    """Also the lead cannot skip what a task builds on."""
    board = given(BOARD, created(1), created(2, 1))

    assert board.when(status(2, "in_progress", lead=True)).rejects("blocked by [1]")


def test_a_reopened_task_sends_back_what_was_begun_after_it():
    """What builds on it waits again, and nothing is stuck half-way; what is done stays done."""
    board = given(
        BOARD,
        *(created(1), created(2, 1), created(3, 1), created(4, 1)),
        changed(1, "pending", "completed"),
        changed(2, "pending", "in_progress"),
        changed(3, "pending", "completed"),
        claimed(4, "bob"),
    )
    reopened = board.when(status(1, "pending", lead=True))

    assert [
        (one.task_id, one.new, one.reblocked, one.reblocked_by) for one in reopened.events
    ] == [
        (1, "pending", (2, 4), 0),
        (2, "pending", (), 1),
    ]
    states = {one.task_id: (one.status, one.owner) for one in reopened.state.tasks.values()}
    assert states == {
        1: ("pending", ""),
        2: ("pending", ""),
        3: ("completed", ""),
        4: ("pending", "bob"),
    }
    assert consequence_of(reopened.state, "s").reblocked == (2, 4)


def test_the_last_blocker_that_is_completed_frees_a_task():
    """Whoever waits for work hears of it."""
    board = given(BOARD, created(1), created(2), created(3, 1, 2), created(4, 1))
    first = board.when(status(1, "completed", lead=True))
    second = first.when(msgspec.structs.replace(status(2, "completed", lead=True), command_id="t"))

    assert first.events[0].unblocked == (4,)
    assert second.events[0].unblocked == (3,)
    assert consequence_of(second.state, "t").unblocked == (3,)


def test_dependencies_make_no_circle():
    """Tasks that wait for each other are never done."""
    board = given(BOARD, created(1), created(2, 1))
    circle, itself = depend(1, 2), depend(1, 1)

    assert board.when(circle).rejects("cycle")
    assert board.when(itself).rejects("themselves")


def test_a_begun_task_gets_no_new_blocker():
    """What was allowed to begin must be allowed to end."""
    board = given(BOARD, created(1), created(2), changed(2, "pending", "in_progress"))

    assert board.when(depend(2, 1)).rejects("unresolved blockers")
    late = given(BOARD, created(1), created(2)).when(depend(2, 1))
    added = DependencyAdded(
        command_id="d", task_id=2, blocker_id=1, changed_by="lead", changed_at=1.0
    )
    assert late == [added]
    assert late.when(depend(2, 1, command_id="e")) == []


def test_a_command_again_finds_the_task_of_the_first_time():
    """A tool that runs again after a crash answers the model as it did before."""
    first = given(BOARD, created(1), created(2)).when(claim())
    again = first.when(claim())

    assert again == []
    assert task_of(again.state, "c").task_id == 1


def test_a_task_is_done_where_it_says_and_its_owner_or_a_lead_may_change_that():
    """Commands of its owner run there, so nobody else may send them elsewhere."""
    state = given(BOARD, created(1), claimed(1, "ann"))

    moved = TaskDirectoryChanged(
        command_id="d", task_id=1, working_directory="src", changed_by="ann", changed_at=1.0
    )
    assert state.when(directory("src")) == [moved]
    assert state.when(directory("")) == []
    assert state.when(directory("src", by="lead", lead=True)).events[0].changed_by == "lead"
    assert state.when(directory("src", by="bob")).rejects("cannot update task 1 owned by 'ann'")


def directory(place, *, by="ann", lead=False):
    return SetTaskDirectory(
        command_id="d",
        task_id=1,
        working_directory=place,
        changed_by=by,
        now=1.0,
        may_change_any=lead,
    )


def test_the_directories_of_an_owner_are_those_of_what_is_not_completed():
    tasks = {
        number: Task(task_id=number, subject="t", owner=owner, status=told, working_directory=at)
        for number, owner, told, at in (
            (1, "ann", "pending", "a"),
            (2, "ann", "completed", "b"),
            (3, "bob", "pending", "c"),
            (4, "ann", "in_progress", "a"),
            (5, "ann", "pending", ""),
            (6, "ann", "pending", "d"),
        )
    }

    assert directories_of("ann", BoardState(tasks=tasks)) == ("a", "d")
    assert directories_of("eve", BoardState(tasks=tasks)) == ()
