"""The state of a board after one event."""

from bisect import bisect_left
from collections.abc import Iterable
from functools import reduce
from typing import Any, assert_never

import msgspec

from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.run_changes import changes_after
from mentra_actors.domain.board.state import (
    BoardState,
    Comment,
    Consequence,
    Task,
    is_owned_by,
    waits_for,
)
from mentra_actors.ids import AgentId

__all__ = ["applied", "draft_of", "evolve", "evolve_all"]

REMEMBERED_COMMANDS = 1024
REMEMBERED_CONSEQUENCES = 256
REMEMBERED_RUNS = 256
REMEMBERED_COMMENTS = 20
REMEMBERED_AGENTS = 1024

_replace = msgspec.structs.replace


def evolve(state: BoardState, event: e.BoardEvent) -> BoardState:
    """State after one event; an event about an unknown task changes no task."""
    return applied(draft_of(state), event)


def evolve_all(state: BoardState, events: Iterable[e.BoardEvent]) -> BoardState:
    """State after many events, in a time that does not rise with their number times the tasks."""
    return reduce(applied, events, draft_of(state))


def draft_of(state: BoardState) -> BoardState:
    """A state like this one, whose tasks are its own: nobody else sees how they change."""
    return _replace(state, tasks=dict(state.tasks), expiring=dict(state.expiring))


def applied(draft: BoardState, event: e.BoardEvent) -> BoardState:
    """The draft after one event. Its tasks are changed in place, so the older one is used up."""
    changes = changes_after(draft, event)
    if isinstance(event, e.OwnerRenamed | e.OwnerLeft | e.RunCompensated):
        touched, after = 0, _of_many(draft, event)
    else:
        touched, after = event.task_id, _of_one(draft, event)
    recent = (*draft.recent, (event.command_id, touched))[-REMEMBERED_COMMANDS:]
    return _replace(after, recent=recent, changes=changes)


def _of_many(
    draft: BoardState, event: e.OwnerRenamed | e.OwnerLeft | e.RunCompensated
) -> BoardState:
    if isinstance(event, e.RunCompensated):
        compensated = (*draft.compensated, event)[-REMEMBERED_RUNS:]
        return _replace(draft, compensated=compensated)
    is_left = isinstance(event, e.OwnerLeft)
    old = event.owner if isinstance(event, e.OwnerLeft) else event.old
    told = {"owner_id": event.agent_id} if is_left else {"owner": getattr(event, "new", "")}
    for task in list(draft.tasks.values()):
        if is_owned_by(task, old, event.agent_id):
            draft.tasks[task.task_id] = _replace(task, **told)
    if isinstance(event, e.OwnerRenamed):
        return _replace(draft, names=_names_after(draft.names, event))
    gone = (*draft.gone, event.agent_id)[-REMEMBERED_AGENTS:]
    names = {one: name for one, name in draft.names.items() if one != event.agent_id}
    return _replace(draft, gone=gone, names=names)


def _names_after(names: dict[AgentId, str], event: e.OwnerRenamed) -> dict[AgentId, str]:
    """The agents that were renamed last, the last one at the end."""
    if not event.agent_id:
        return names
    kept = [(one, name) for one, name in names.items() if one != event.agent_id]
    return dict([*kept, (event.agent_id, event.new)][-REMEMBERED_AGENTS:])


def _of_one(draft: BoardState, event: Any) -> BoardState:
    draft = _with_consequence(draft, event)
    if isinstance(event, e.TaskDeleted):
        return _without(event.task_id, draft)
    task = _task_after(draft.tasks.get(event.task_id), event)
    if task is None:
        return draft
    draft.tasks[task.task_id] = task
    if task.expires_at is not None:
        draft.expiring[task.task_id] = task.expires_at
    else:
        draft.expiring.pop(task.task_id, None)
    return draft


def _with_consequence(state: BoardState, event: Any) -> BoardState:
    unblocked, reblocked = _told(event, "unblocked"), _told(event, "reblocked")
    if not unblocked and not reblocked:
        return state
    one = Consequence(command_id=event.command_id, unblocked=unblocked, reblocked=reblocked)
    consequences = (*state.consequences, one)[-REMEMBERED_CONSEQUENCES:]
    return _replace(state, consequences=consequences)


def _told(event: object, name: str) -> tuple[int, ...]:
    told: tuple[int, ...] = getattr(event, name, ())
    return told


def _without(task_id: int, draft: BoardState) -> BoardState:
    draft.tasks.pop(task_id, None)
    draft.expiring.pop(task_id, None)
    for task in list(draft.tasks.values()):
        if waits_for(task, task_id):
            draft.tasks[task.task_id] = _without_blocker(task, task_id)
    return _replace(draft, highest_deleted=max(draft.highest_deleted, task_id))


def _with_blocker(task: Task, blocker_id: int) -> Task:
    if waits_for(task, blocker_id):
        return task
    place = bisect_left(task.blocked_by, blocker_id)
    before, after = task.blocked_by[:place], task.blocked_by[place:]
    return _replace(task, blocked_by=(*before, blocker_id, *after))


def _without_blocker(task: Task, blocker_id: int) -> Task:
    if not waits_for(task, blocker_id):
        return task
    place = bisect_left(task.blocked_by, blocker_id)
    before, after = task.blocked_by[:place], task.blocked_by[place + 1 :]
    return _replace(task, blocked_by=(*before, *after))


def _task_after(task: Task | None, event: Any) -> Task | None:
    if isinstance(event, e.TaskCreated):
        return _created(event)
    if task is None:
        return None
    return _held(task, event) if isinstance(event, _Held) else _changed(task, event)


def _created(event: e.TaskCreated) -> Task:
    return Task(
        task_id=event.task_id,
        subject=event.subject,
        description=event.description,
        blocked_by=event.blocked_by,
        created_by=event.created_by,
        working_directory=event.working_directory,
        owner=event.owner,
        owner_id=event.owner_id,
        priority=event.priority,
    )


_Held = e.TaskClaimed | e.ClaimRenewed | e.ClaimReleased | e.TaskAssigned
_Changed = (
    e.TaskStatusChanged
    | e.TaskEdited
    | e.TaskDirectoryChanged
    | e.DependencyAdded
    | e.DependencyRemoved
    | e.TaskCommented
)


def _held(task: Task, event: _Held) -> Task:
    match event:
        case e.TaskClaimed():
            return _owned(task, event)
        case e.ClaimRenewed():
            return _replace(task, expires_at=event.expires_at)
        case e.TaskAssigned():
            return _owned(task, event)
        case e.ClaimReleased():
            status = "pending" if task.status == "in_progress" else task.status
            nobody = {"owner": "", "owner_id": AgentId(""), "ttl_s": None, "expires_at": None}
            return _replace(task, status=status, **nobody)
        case _:
            assert_never(event)


def _owned(task: Task, event: e.TaskClaimed | e.TaskAssigned) -> Task:
    return _replace(
        task,
        owner=event.owner,
        owner_id=event.owner_id,
        ttl_s=event.ttl_s,
        expires_at=event.expires_at,
    )


def _changed(task: Task, event: _Changed) -> Task:
    match event:
        case e.TaskStatusChanged():
            ended = {"ttl_s": None, "expires_at": None} if event.new == "completed" else {}
            return _replace(task, status=event.new, **ended)
        case e.TaskEdited():
            return _edited(task, event)
        case e.TaskDirectoryChanged():
            return _replace(task, working_directory=event.working_directory)
        case e.DependencyAdded():
            return _with_blocker(task, event.blocker_id)
        case e.DependencyRemoved():
            return _without_blocker(task, event.blocker_id)
        case e.TaskCommented():
            comment = Comment(author=event.author, text=event.text, at=event.commented_at)
            return _replace(task, comments=(*task.comments, comment)[-REMEMBERED_COMMENTS:])
        case _:
            assert_never(event)


def _edited(task: Task, event: e.TaskEdited) -> Task:
    return _replace(
        task,
        subject=task.subject if event.subject is None else event.subject,
        description=task.description if event.description is None else event.description,
        priority=task.priority if event.priority is None else event.priority,
        result=task.result if event.result is None else event.result,
        text_version=task.text_version + 1,
    )
