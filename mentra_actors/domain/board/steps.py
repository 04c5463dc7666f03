"""One change of one task: who may make it, and what it causes."""

from collections.abc import Sequence
from typing import assert_never

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.dependencies import (
    added_dependency,
    changed_status,
    freed_by,
    removed_dependency,
)
from mentra_actors.domain.board.run_changes import EDITABLE
from mentra_actors.domain.board.state import (
    BoardState,
    Task,
    existing_task,
    named_owner,
    require_present,
)
from mentra_actors.errors import CommandRejected

__all__ = ["decide_step", "released", "require_priority"]

MAX_PRIORITY = 1_000_000
MAX_COMMENT_CHARS = 16_384


def decide_step(step: c.TaskChange, state: BoardState) -> Sequence[e.BoardEvent]:
    """Events of one change.

    Raises:
        CommandRejected: there is no such task, the sender may not do this, or it makes no sense.
    """
    task = existing_task(step.task_id, state)
    _require_right(step, task)
    match step:
        case c.EditTask():
            return _edited(step, task)
        case c.AssignTask():
            return _assigned(step, task, state)
        case c.ReleaseClaim():
            return _released(step, task)
        case c.SetTaskStatus():
            return changed_status(step, task, state)
        case c.SetTaskDirectory():
            return _moved(step, task)
        case c.AddDependency():
            return added_dependency(step, task, state)
        case c.RemoveDependency():
            return removed_dependency(step, task, state)
        case c.CommentTask():
            return _commented(step)
        case c.DeleteTask():
            return _deleted(step, state)
        case _:
            assert_never(step)


def _require_right(step: c.TaskChange, task: Task) -> None:
    """A teammate changes what is its own, and neither the order of work nor who does it."""
    if step.may_change_any or isinstance(step, c.CommentTask):
        return
    name, task_id = step.changed_by, task.task_id
    if isinstance(step, c.AddDependency | c.RemoveDependency):
        raise CommandRejected(f"Teammate {name!r} cannot edit dependencies for task {task_id}")
    if isinstance(step, c.DeleteTask):
        raise CommandRejected(f"Teammate {name!r} cannot delete task {task_id}")
    if task.owner != name:
        raise CommandRejected(
            f"Teammate {name!r} cannot update task {task_id} owned by {task.owner!r}"
        )
    if isinstance(step, c.AssignTask) and step.owner != task.owner:
        raise CommandRejected(
            f"Teammate {name!r} cannot reassign task {task_id} to {step.owner!r}"
        )


def require_priority(priority: int) -> None:
    """Nothing, if that can be a priority.

    Raises:
        CommandRejected: it is beyond a million.
    """
    if abs(priority) > MAX_PRIORITY:
        raise CommandRejected(f"Task priority must be within ±{MAX_PRIORITY:,}, not {priority:,}")


def released(task: Task, how: c.AssignTask | c.ReleaseClaim) -> e.ClaimReleased:
    """The task is nobody's any more, because somebody wanted that."""
    return e.ClaimReleased(
        command_id=how.command_id,
        task_id=task.task_id,
        owner=task.owner,
        reason="released" if isinstance(how, c.ReleaseClaim) else "unassigned",
        released_by=how.changed_by,
        released_at=how.now,
        run=how.run,
    )


def _edited(step: c.EditTask, task: Task) -> Sequence[e.TaskEdited]:
    if step.expected_version not in (None, task.text_version):
        raise CommandRejected(
            f"Task {task.task_id} was edited meanwhile: its text has version "
            f"{task.text_version}, not {step.expected_version}; look at it again"
        )
    subject = None if step.subject is None else step.subject.strip()
    if subject == "":
        raise CommandRejected("Task subject must not be empty")
    if step.priority is not None:
        require_priority(step.priority)
    told = {"subject": subject, **{part: getattr(step, part) for part in EDITABLE[1:]}}
    new = {part: said for part, said in told.items() if said not in (None, getattr(task, part))}
    if not new:
        return []
    return [
        e.TaskEdited(
            command_id=step.command_id,
            task_id=task.task_id,
            changed_by=step.changed_by,
            changed_at=step.now,
            run=step.run,
            **new,
        )
    ]


def _assigned(
    step: c.AssignTask, task: Task, state: BoardState
) -> Sequence[e.TaskAssigned | e.ClaimReleased]:
    owner = named_owner(step.owner)
    if owner == task.owner and step.owner_id in ("", task.owner_id):
        return []
    if not owner:
        return [released(task, step)]
    require_present(owner, step.owner_id, state)
    return [
        e.TaskAssigned(
            command_id=step.command_id,
            task_id=task.task_id,
            owner=owner,
            owner_id=step.owner_id,
            assigned_by=step.changed_by,
            assigned_at=step.now,
            run=step.run,
            ttl_s=step.ttl_s,
            expires_at=None if step.ttl_s is None else step.now + step.ttl_s,
        )
    ]


def _released(step: c.ReleaseClaim, task: Task) -> Sequence[e.ClaimReleased]:
    if not task.owner:
        raise CommandRejected(f"Task {task.task_id} is owned by nobody")
    if task.status == "completed":
        raise CommandRejected(f"Task {task.task_id} is completed and cannot be released")
    return [released(task, step)]


def _moved(step: c.SetTaskDirectory, task: Task) -> Sequence[e.TaskDirectoryChanged]:
    if task.working_directory == step.working_directory:
        return []
    return [
        e.TaskDirectoryChanged(
            command_id=step.command_id,
            task_id=task.task_id,
            working_directory=step.working_directory,
            changed_by=step.changed_by,
            changed_at=step.now,
            run=step.run,
        )
    ]


def _commented(step: c.CommentTask) -> Sequence[e.TaskCommented]:
    text = step.text.strip()
    if not text:
        raise CommandRejected("Task comment must not be empty")
    if len(text) > MAX_COMMENT_CHARS:
        raise CommandRejected(
            f"Task comment of {len(text):,} characters is over the limit of "
            f"{MAX_COMMENT_CHARS:,}; write it to a file and name its path"
        )
    return [
        e.TaskCommented(
            command_id=step.command_id,
            task_id=step.task_id,
            author=step.changed_by,
            text=text,
            commented_at=step.now,
            run=step.run,
        )
    ]


def _deleted(step: c.DeleteTask, state: BoardState) -> Sequence[e.TaskDeleted]:
    return [
        e.TaskDeleted(
            command_id=step.command_id,
            task_id=step.task_id,
            deleted_by=step.changed_by,
            deleted_at=step.now,
            unblocked=freed_by(step.task_id, state),
            run=step.run,
        )
    ]
