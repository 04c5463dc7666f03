"""What a board does about a command."""

from collections.abc import Sequence
from typing import Any

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.claims import (
    claimed,
    expired,
    owner_gone,
    owner_renamed,
    released_of_gone,
    renewed,
)
from mentra_actors.domain.board.compensation import compensated
from mentra_actors.domain.board.evolve import applied, draft_of
from mentra_actors.domain.board.state import (
    BoardState,
    compensation_of,
    existing_task,
    is_known,
    named_owner,
    next_task_id,
    require_present,
)
from mentra_actors.domain.board.steps import decide_step, require_priority
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId

__all__ = ["decide"]


def decide(command: c.BoardCommand, state: BoardState) -> Sequence[e.BoardEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: an unknown task, an empty subject, a cycle, a task that is owned,
            blocked or not the sender's, or a run that was taken back.
    """
    if is_known(state, command.command_id):
        return []  # delivered twice: the first delivery was recorded
    match command:
        case c.ExpireClaim():
            return expired(command, state)
        case c.OwnerGone():
            return owner_gone(command, state)
        case c.RenameOwner():
            return owner_renamed(command, state)
        case c.CompensateRun():
            return compensated(command, state)
        case _:
            return _of_somebody(command, state)


def _of_somebody(
    command: c.CreateTask | c.ClaimTask | c.UpdateTask | c.TaskChange, state: BoardState
) -> Sequence[e.BoardEvent]:
    if command.run and compensation_of(state, command.run) is not None:
        raise CommandRejected(f"the run {command.run} was taken back")
    match command:
        case c.CreateTask():
            return _created(command, state)
        case c.ClaimTask():
            return claimed(command, state)
        case c.UpdateTask():
            return _changed(command, _steps(command), state)
        case _:
            return _changed(command, [command], state)


def _created(command: c.CreateTask, state: BoardState) -> Sequence[e.TaskCreated]:
    subject = command.subject.strip()
    if not subject:
        raise CommandRejected("Task subject must not be empty")
    for blocker in command.blocked_by:
        existing_task(blocker, state)
    require_priority(command.priority)
    owner = named_owner(command.owner)
    require_present(owner, command.owner_id, state)
    return [
        e.TaskCreated(
            command_id=command.command_id,
            task_id=next_task_id(state),
            subject=subject,
            description=command.description,
            blocked_by=tuple(sorted(set(command.blocked_by))),
            created_by=command.created_by,
            created_at=command.now,
            working_directory=command.working_directory,
            owner=owner,
            owner_id=command.owner_id if owner else AgentId(""),
            priority=command.priority,
            run=command.run,
        )
    ]


def _changed(
    command: c.UpdateTask | c.TaskChange, steps: Sequence[c.TaskChange], state: BoardState
) -> Sequence[e.BoardEvent]:
    """The steps one after the other, each on what the one before it has left."""
    existing_task(command.task_id, state)
    events: list[e.BoardEvent] = []
    draft = draft_of(state)
    for step in steps:
        for event in decide_step(step, draft):
            draft = applied(draft, event)
            events.append(event)
    touched = dict.fromkeys(one.task_id for one in events if isinstance(one, e.TaskStatusChanged))
    orphaned = released_of_gone(touched, command.command_id, command.now, draft)
    return [*events, *orphaned, *renewed(command, draft)]


def _steps(command: c.UpdateTask) -> Sequence[c.TaskChange]:
    """The changes that an update is made of, in their order."""
    who: dict[str, Any] = {
        name: getattr(command, name)
        for name in ("command_id", "task_id", "changed_by", "now", "may_change_any", "run")
    }
    text = ("subject", "description", "priority", "result", "expected_version")
    steps: list[c.TaskChange] = [
        c.EditTask(**who, **{name: getattr(command, name) for name in text})
    ]
    if command.working_directory is not None:
        steps.append(c.SetTaskDirectory(working_directory=command.working_directory, **who))
    if command.owner is not None:
        steps.append(c.AssignTask(owner=command.owner, owner_id=command.owner_id, **who))
    steps += [c.AddDependency(blocker_id=one, **who) for one in command.add_blocked_by]
    steps += [c.RemoveDependency(blocker_id=one, **who) for one in command.remove_blocked_by]
    other = {name: said for name, said in who.items() if name != "task_id"}
    waits = {"blocker_id": command.task_id, **other}
    steps += [c.AddDependency(task_id=one, **waits) for one in command.add_blocks]
    steps += [c.RemoveDependency(task_id=one, **waits) for one in command.remove_blocks]
    if command.status is not None:
        steps.append(c.SetTaskStatus(status=command.status, **who))
    return steps
