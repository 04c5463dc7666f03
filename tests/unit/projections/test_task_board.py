"""The task board that people see."""

from mentra_actors.domain.board.events import (
    DependencyAdded,
    TaskClaimed,
    TaskCreated,
    TaskStatusChanged,
)
from projections.contract import fold_view
from projections.views.task_board import TASK_BOARD, BoardView, TaskTimes, board_groups

BOARD = "board-team"


def created(task_id, *blocked_by):
    """A new task."""
    return TaskCreated(
        command_id=f"new-{task_id}",
        task_id=task_id,
        subject=f"task {task_id}",
        description="…",
        blocked_by=blocked_by,
        created_by="lead",
        created_at=float(task_id),
    )


def claimed(task_id, at=20.0):
    """Somebody took a task."""
    return TaskClaimed(command_id=f"c-{task_id}", task_id=task_id, owner="mate", claimed_at=at)


def changed(task_id, new, at=30.0):
    """A task went on."""
    return TaskStatusChanged(
        command_id=f"s-{task_id}-{new}",
        task_id=task_id,
        old="pending",
        new=new,
        changed_by="mate",
        changed_at=at,
    )


def board_after(recorded, *events):
    """The view of one board."""
    return fold_view(TASK_BOARD, recorded(*((BOARD, event) for event in events)))[BOARD]


def test_tasks_and_their_times(recorded):
    """People see who did what, and when."""
    board = board_after(recorded, created(1), claimed(1), changed(1, "completed"), created(2))

    assert [(t.task_id, t.status, t.owner, t.created_by) for t in board.tasks] == [
        (1, "completed", "mate", "lead"),
        (2, "pending", "", "lead"),
    ]
    assert board.times == {
        1: TaskTimes(created_at=1.0, claimed_at=20.0, completed_at=30.0),
        2: TaskTimes(created_at=2.0),
    }


def test_a_reopened_task_is_not_completed(recorded):
    """A time of completion belongs to a task that is completed."""
    board = board_after(recorded, created(1), changed(1, "completed"), changed(1, "in_progress"))

    assert board.times[1].completed_at is None


def test_groups(recorded):
    """People see at a glance what can be taken, what waits, and what is done."""
    groups = board_groups(
        board_after(
            recorded,
            *(created(n) for n in range(1, 7)),
            changed(1, "completed"),
            changed(2, "in_progress"),
            claimed(3),
            DependencyAdded(command_id="d", task_id=4, blocker_id=2),
            DependencyAdded(command_id="e", task_id=5, blocker_id=1),
        )
    )
    ids = {
        name: [task.task_id for task in getattr(groups, name)] for name in groups.__struct_fields__
    }

    assert ids == {
        "ready": [5, 6],
        "blocked": [4],
        "claimed": [3],
        "in_progress": [2],
        "completed": [1],
    }


def test_an_unknown_task_makes_no_row(recorded):
    """An event about a task that the log never created shows nothing."""
    assert board_after(recorded, claimed(9)) == BoardView()


def test_boards_are_apart(recorded):
    """Each board is a part of its own, so that one busy board rewrites only itself."""
    boards = fold_view(TASK_BOARD, recorded((BOARD, created(1)), ("board-other", created(1))))

    assert sorted(boards) == ["board-other", BOARD]


def test_the_view_does_not_remember_commands(recorded):
    """The board's memory for repeated commands is the domain's business and not stored again."""
    assert board_after(recorded, created(1)).state.recent == ()
