"""The state of a board after one event."""

from typing import Any, assert_never

import msgspec

from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.run_changes import changes_after
from mentra_actors.domain.board.state import BoardState, Comment, Consequence, Task
from mentra_actors.ids import AgentId

__all__ = ["evolve"]

REMEMBERED_COMMANDS = 1024
REMEMBERED_CONSEQUENCES = 256
REMEMBERED_RUNS = 256
REMEMBERED_COMMENTS = 20
REMEMBERED_AGENTS = 1024

_replace = msgspec.structs.replace


def evolve(state: BoardState, event: e.BoardEvent) -> BoardState:
    """State after one event; an event about an unknown task changes no task."""
    if isinstance(event, e.OwnerRenamed | e.OwnerLeft | e.RunCompensated):
        touched, after = 0, _of_many(state, event)
    else:
        touched, after = event.task_id, _of_one(state, event)
    recent = (*state.recent, (event.command_id, touched))[-REMEMBERED_COMMANDS:]
    return _replace(after, recent=recent, changes=changes_after(state, event))


def _of_many(
    state: BoardState, event: e.OwnerRenamed | e.OwnerLeft | e.RunCompensated
) -> BoardState:
    if isinstance(event, e.OwnerLeft):
        gone = (*state.gone, event.agent_id)[-REMEMBERED_AGENTS:]
        names = {one: name for one, name in state.names.items() if one != event.agent_id}
        return _replace(state, gone=gone, names=names)
    if isinstance(event, e.RunCompensated):
        compensated = (*state.compensated, event)[-REMEMBERED_RUNS:]
        return _replace(state, compensated=compensated)
    renamed = {
        task.task_id: _replace(task, owner=event.new)
        for task in state.tasks.values()
        if task.owner == event.old
    }
    tasks = {**state.tasks, **renamed}
    return _replace(state, tasks=tasks, names=_names_after(state.names, event))


def _names_after(names: dict[AgentId, str], event: e.OwnerRenamed) -> dict[AgentId, str]:
    """The agents that were renamed last, the last one at the end."""
    if not event.agent_id:
        return names
    kept = [(one, name) for one, name in names.items() if one != event.agent_id]
    return dict([*kept, (event.agent_id, event.new)][-REMEMBERED_AGENTS:])


def _of_one(state: BoardState, event: Any) -> BoardState:
    state = _with_consequence(state, event)
    if isinstance(event, e.TaskDeleted):
        return _without(event.task_id, state)
    task = _task_after(state.tasks.get(event.task_id), event)
    if task is None:
        return state
    expiring = state.expiring
    if task.expires_at is not None:
        expiring = {**expiring, task.task_id: task.expires_at}
    elif task.task_id in expiring:
        expiring = {one: at for one, at in expiring.items() if one != task.task_id}
    return _replace(state, tasks={**state.tasks, task.task_id: task}, expiring=expiring)


def _with_consequence(state: BoardState, event: Any) -> BoardState:
    unblocked, reblocked = _told(event, "unblocked"), _told(event, "reblocked")
    if not unblocked and not reblocked:
        return state
    one = Consequence(command_id=event.command_id, unblocked=unblocked, reblocked=reblocked)
    consequences = (*state.consequences, one)[-REMEMBERED_CONSEQUENCES:]
    return _replace(state, consequences=consequences)


def _told(event: Any, name: str) -> tuple[int, ...]:
    told: tuple[int, ...] = getattr(event, name, ())
    return told


def _without(task_id: int, state: BoardState) -> BoardState:
    tasks = {
        one: _without_blocker(task, task_id) if task_id in task.blocked_by else task
        for one, task in state.tasks.items()
        if one != task_id
    }
    expiring = {one: at for one, at in state.expiring.items() if one != task_id}
    highest = max(state.highest_deleted, task_id)
    return _replace(state, tasks=tasks, expiring=expiring, highest_deleted=highest)


def _without_blocker(task: Task, blocker_id: int) -> Task:
    return _replace(task, blocked_by=tuple(one for one in task.blocked_by if one != blocker_id))


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
            return _replace(
                task, owner=event.owner, ttl_s=event.ttl_s, expires_at=event.expires_at
            )
        case e.ClaimRenewed():
            return _replace(task, expires_at=event.expires_at)
        case e.TaskAssigned():
            return _replace(task, owner=event.owner, ttl_s=None, expires_at=None)
        case e.ClaimReleased():
            status = "pending" if task.status == "in_progress" else task.status
            return _replace(task, owner="", status=status, ttl_s=None, expires_at=None)
        case _:
            assert_never(event)


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
            blocked_by = tuple(sorted({*task.blocked_by, event.blocker_id}))
            return _replace(task, blocked_by=blocked_by)
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
