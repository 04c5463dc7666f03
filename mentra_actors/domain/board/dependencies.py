"""The order of work: what waits for what, and what a status does to those that wait.

Nothing in progress is blocked: a completed task that is opened again sends what was begun after it
back to pending. What was completed after it stays completed.
"""

from collections.abc import Sequence

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.state import (
    BoardState,
    Task,
    blockers_of,
    dependents_of,
    existing_task,
    is_blocked_only_by,
    waits_for,
)
from mentra_actors.errors import CommandRejected

__all__ = ["added_dependency", "changed_status", "freed_by", "removed_dependency"]


def freed_by(task_id: int, state: BoardState) -> tuple[int, ...]:
    """The tasks that are not completed and wait for nothing but this one."""
    return tuple(
        task.task_id
        for task in dependents_of(task_id, state)
        if task.status != "completed" and is_blocked_only_by(task, task_id, state)
    )


def changed_status(
    step: c.SetTaskStatus, task: Task, state: BoardState
) -> Sequence[e.TaskStatusChanged]:
    """The task has another status, and perhaps those that wait for it have.

    Raises:
        CommandRejected: the task is blocked by others.
    """
    blockers = blockers_of(task, state)
    if step.status != "pending" and blockers:
        raise CommandRejected(
            f"Task {task.task_id} cannot be {step.status} while blocked by {list(blockers)}"
        )
    if task.status == step.status:
        return []
    waiting: list[Task] = []
    if task.status == "completed":
        dependents = dependents_of(task.task_id, state)
        waiting = [one for one in dependents if one.status != "completed"]
    completes = step.status == "completed"
    own = e.TaskStatusChanged(
        command_id=step.command_id,
        task_id=task.task_id,
        old=task.status,
        new=step.status,
        changed_by=step.changed_by,
        changed_at=step.now,
        unblocked=freed_by(task.task_id, state) if completes else (),
        reblocked=tuple(one.task_id for one in waiting),
        run=step.run,
    )
    return [own, *(_sent_back(one, step) for one in waiting if one.status == "in_progress")]


def _sent_back(task: Task, step: c.SetTaskStatus) -> e.TaskStatusChanged:
    return e.TaskStatusChanged(
        command_id=step.command_id,
        task_id=task.task_id,
        old=task.status,
        new="pending",
        changed_by=step.changed_by,
        changed_at=step.now,
        reblocked_by=step.task_id,
        run=step.run,
    )


def added_dependency(
    step: c.AddDependency, task: Task, state: BoardState
) -> Sequence[e.DependencyAdded]:
    """The task waits for one more.

    Raises:
        CommandRejected: it would wait for itself, or it has begun already.
    """
    blocker = existing_task(step.blocker_id, state)
    if task.task_id == blocker.task_id:
        raise CommandRejected("Tasks cannot depend on themselves")
    if _waits_for(blocker, task.task_id, state):
        raise CommandRejected(
            f"Adding dependency {blocker.task_id} -> {task.task_id} would create a cycle"
        )
    if task.status != "pending" and blocker.status != "completed":
        raise CommandRejected(
            f"Task {task.task_id} cannot have unresolved blockers while {task.status}"
        )
    if waits_for(task, blocker.task_id):
        return []
    return [
        e.DependencyAdded(
            command_id=step.command_id,
            task_id=task.task_id,
            blocker_id=blocker.task_id,
            changed_by=step.changed_by,
            changed_at=step.now,
            run=step.run,
        )
    ]


def _waits_for(task: Task, wanted: int, state: BoardState) -> bool:
    seen: set[int] = set()
    waiting = [task.task_id]
    while waiting:
        task_id = waiting.pop()
        if task_id == wanted:
            return True
        if task_id not in seen and task_id in state.tasks:
            seen.add(task_id)
            waiting.extend(state.tasks[task_id].blocked_by)
    return False


def removed_dependency(
    step: c.RemoveDependency, task: Task, state: BoardState
) -> Sequence[e.DependencyRemoved]:
    """The task waits for one less."""
    existing_task(step.blocker_id, state)
    if not waits_for(task, step.blocker_id):
        return []
    is_freed = task.status != "completed" and is_blocked_only_by(task, step.blocker_id, state)
    return [
        e.DependencyRemoved(
            command_id=step.command_id,
            task_id=task.task_id,
            blocker_id=step.blocker_id,
            changed_by=step.changed_by,
            changed_at=step.now,
            unblocked=(task.task_id,) if is_freed else (),
            run=step.run,
        )
    ]
