"""What runs have changed and could be taken back: the last 1,024 parts of tasks.

A part is kept with what it was before its run changed it first. When somebody else changes it the
run has lost it. A task that a run has created is lost to it when anybody else touches the task, or
lets another one wait for it.
"""

from collections.abc import Iterator, Mapping
from typing import TypeAlias

import msgspec

from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.state import BoardState, Change, Task
from mentra_actors.ids import AgentId

__all__ = ["EDITABLE", "changes_after"]

REMEMBERED_CHANGES = 1024
EDITABLE: tuple[e.TaskPart, ...] = ("subject", "description", "priority", "result")

_replace = msgspec.structs.replace


def changes_after(state: BoardState, event: e.BoardEvent) -> tuple[Change, ...]:
    """The parts that runs have changed, after `event` has come to `state`."""
    if isinstance(event, e.RunCompensated):
        return tuple(one for one in state.changes if one.run != event.run)
    if isinstance(event, e.OwnerRenamed):
        return tuple(_reowned(one, event.old, event.agent_id, event.new) for one in state.changes)
    if isinstance(event, e.OwnerLeft):
        return tuple(_reowned(one, event.owner, event.agent_id, "") for one in state.changes)
    if isinstance(event, e.ClaimRenewed):
        return state.changes
    run, touched = event.run, _touched(event)
    if not run and all(one.task_id not in touched for one in state.changes):
        return state.changes
    found = {_key(one): one for one in _parts_of(state.tasks.get(event.task_id), event)}
    kept: list[Change] = []
    for one in state.changes:
        if one.task_id not in touched:
            kept.append(one)
        elif one.run != run:
            kept.append(_overtaken(one, found))
        elif not (one.is_overtaken and _key(one) in found):
            kept.append(one)
            found.pop(_key(one), None)  # it knows already what was before the run
    return tuple([*kept, *(found.values() if run else ())][-REMEMBERED_CHANGES:])


_Key: TypeAlias = tuple[int, str, int]


def _key(change: Change) -> _Key:
    return change.task_id, change.part, change.blocker_id


def _reowned(change: Change, old: str, agent_id: AgentId, new: str) -> Change:
    """Who had a task before has another name, or (`new` empty) is there no more."""
    if change.part != "owner" or change.before != old:
        return change
    if change.owner_id and agent_id and change.owner_id != agent_id:
        return change
    return _replace(change, before=new, owner_id=change.owner_id if new else AgentId(""))


def _overtaken(change: Change, found: Mapping[_Key, Change]) -> Change:
    """A change of another run to a task that an event has touched."""
    is_lost = change.part == "created" or _key(change) in found
    return _replace(change, is_overtaken=True) if is_lost else change


_OfOneTask = (
    e.TaskCreated
    | e.TaskClaimed
    | e.ClaimReleased
    | e.TaskAssigned
    | e.TaskStatusChanged
    | e.TaskEdited
    | e.TaskDirectoryChanged
    | e.DependencyAdded
    | e.DependencyRemoved
    | e.TaskCommented
    | e.TaskDeleted
)


def _touched(event: _OfOneTask) -> frozenset[int]:
    """The tasks that are now more than what their maker has made of them."""
    match event:
        case e.TaskCreated():
            return frozenset((event.task_id, *event.blocked_by))
        case e.DependencyAdded() | e.DependencyRemoved():
            return frozenset((event.task_id, event.blocker_id))
        case _:
            return frozenset((event.task_id,))


def _parts_of(task: Task | None, event: _OfOneTask) -> Iterator[Change]:
    """The parts that an event changes, each with what it was."""
    one, run = event.task_id, event.run
    match event:
        case e.TaskCreated():
            yield Change(run=run, task_id=one, part="created")
        case e.TaskDeleted():
            yield Change(run=run, task_id=one, part="deleted")
        case e.DependencyAdded() | e.DependencyRemoved():
            was = int(task is not None and event.blocker_id in task.blocked_by)
            blocker = event.blocker_id
            yield Change(run=run, task_id=one, part="blocked_by", blocker_id=blocker, before=was)
        case e.TaskCommented():
            return
        case _:
            yield from () if task is None else _fields_of(task, event)


_OfFields = (
    e.TaskClaimed
    | e.ClaimReleased
    | e.TaskAssigned
    | e.TaskStatusChanged
    | e.TaskEdited
    | e.TaskDirectoryChanged
)


def _fields_of(task: Task, event: _OfFields) -> Iterator[Change]:
    for part in _names_of(task, event):
        is_owner, ends_claim = part == "owner", part in ("owner", "status")
        yield Change(
            run=event.run,
            task_id=task.task_id,
            part=part,
            before=getattr(task, part),
            owner_id=task.owner_id if is_owner else AgentId(""),
            ttl_s=task.ttl_s if ends_claim else None,
        )


def _names_of(task: Task, event: _OfFields) -> tuple[e.TaskPart, ...]:
    match event:
        case e.ClaimReleased():
            return ("owner", "status") if task.status == "in_progress" else ("owner",)
        case e.TaskClaimed() | e.TaskAssigned():
            return ("owner",)
        case e.TaskStatusChanged():
            return ("status",)
        case e.TaskEdited():
            return tuple(part for part in EDITABLE if getattr(event, part) is not None)
        case e.TaskDirectoryChanged():
            return ("working_directory",)
