"""Taking back what a run has changed, and only that.

A part that somebody has changed since stays as it is, and so does one that cannot be as it was
without changing another task; both are conflicts. A task that the run has created and nobody else
has touched is deleted.
"""

from collections.abc import Sequence
from typing import Any

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.claims import released_of_gone
from mentra_actors.domain.board.evolve import applied, draft_of, evolve_all
from mentra_actors.domain.board.state import (
    BoardState,
    Change,
    Task,
    compensation_of,
    existing_task,
)
from mentra_actors.domain.board.steps import decide_step
from mentra_actors.errors import CommandRejected

__all__ = ["compensated"]


def compensated(command: c.CompensateRun, state: BoardState) -> Sequence[e.BoardEvent]:
    """The changes back, the last one first, and what they come to; nothing the second time.

    Raises:
        CommandRejected: the run has no id.
    """
    if not command.run:
        raise CommandRejected("a run that is to be taken back has an id")
    if compensation_of(state, command.run) is not None:
        return []
    changes = [one for one in reversed(state.changes) if one.run == command.run]
    conflicts = [one for one in changes if one.is_overtaken]
    created = {one.task_id for one in changes if one.part == "created" and not one.is_overtaken}
    waiting = [
        one
        for one in changes
        if not one.is_overtaken and (one.part == "created" or one.task_id not in created)
    ]
    events, left = _taken_back(waiting, command, state)
    reverted = [one for one in waiting if one not in left]
    touched = dict.fromkeys(one.task_id for one in reverted)
    after = evolve_all(state, events)
    orphaned = released_of_gone(touched, command.command_id, command.now, after)
    return [*events, *orphaned, _told(command, reverted, [*conflicts, *left])]


def _taken_back(
    waiting: list[Change], command: c.CompensateRun, state: BoardState
) -> tuple[list[e.BoardEvent], list[Change]]:
    """The events that take changes back, and the changes that cannot be taken back."""
    events: list[e.BoardEvent] = []
    draft = draft_of(state)
    while True:
        left: list[Change] = []
        for change in waiting:
            try:
                back = _back(change, command, draft)
            except CommandRejected:
                left.append(change)
                continue
            for event in back:
                draft = applied(draft, event)
            events += back
        if len(left) in (0, len(waiting)):
            return events, left
        waiting = left  # one may have stood in the way of another


def _told(
    command: c.CompensateRun, reverted: Sequence[Change], conflicts: Sequence[Change]
) -> e.RunCompensated:
    return e.RunCompensated(
        command_id=command.command_id,
        run=command.run,
        reverted=tuple(map(_field, reverted)),
        conflicts=tuple(map(_field, conflicts)),
        compensated_at=command.now,
    )


def _field(change: Change) -> e.TaskField:
    return e.TaskField(task_id=change.task_id, part=change.part, blocker_id=change.blocker_id)


def _back(change: Change, command: c.CompensateRun, state: BoardState) -> list[e.BoardEvent]:
    """The events that make a part what it was; CommandRejected if it cannot be that."""
    events = list(decide_step(_step(change, command, state), state))
    if any(isinstance(one, e.TaskStatusChanged) and one.reblocked_by for one in events):
        raise CommandRejected("others have begun after it")
    task = existing_task(change.task_id, state) if change.part == "status" else None
    if task is None or change.ttl_s is None or task.ttl_s is not None or not task.owner:
        return events
    return [*events, _claim_again(task, change.ttl_s, command)]


def _claim_again(task: Task, ttl_s: float, command: c.CompensateRun) -> e.TaskAssigned:
    """The claim that the run has ended with the task holds for its time once more."""
    return e.TaskAssigned(
        command_id=command.command_id,
        task_id=task.task_id,
        owner=task.owner,
        owner_id=task.owner_id,
        assigned_by="",
        assigned_at=command.now,
        ttl_s=ttl_s,
        expires_at=command.now + ttl_s,
    )


def _step(change: Change, command: c.CompensateRun, state: BoardState) -> c.TaskChange:
    who: dict[str, Any] = {
        "command_id": command.command_id,
        "task_id": change.task_id,
        "changed_by": "",
        "now": command.now,
        "may_change_any": True,
    }
    before: Any = change.before
    match change.part:
        case "created":
            return c.DeleteTask(**who)
        case "deleted":
            raise CommandRejected("what was deleted is gone")
        case "status":
            return c.SetTaskStatus(status=before, **who)
        case "owner":
            if not before and existing_task(change.task_id, state).status == "in_progress":
                raise CommandRejected("somebody has it in progress")
            owner_id, ttl_s = change.owner_id, change.ttl_s
            return c.AssignTask(owner=before, owner_id=owner_id, ttl_s=ttl_s, **who)
        case "working_directory":
            return c.SetTaskDirectory(working_directory=before, **who)
        case "blocked_by" if before:
            return c.AddDependency(blocker_id=change.blocker_id, **who)
        case "blocked_by":
            return c.RemoveDependency(blocker_id=change.blocker_id, **who)
        case part:
            return c.EditTask(**who, **{part: before})
