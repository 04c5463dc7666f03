"""The commands of task boards.

Who asked may change any task here: that a teammate was allowed a change of its own is not decided
again, since the log does not say who was a lead.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.state import BoardState
from mentra_actors.ids import AgentId
from mentra_actors.runtime.replay.rebuild.contract import Builders, KnownAppend, span

__all__ = ["BOARD_COMMANDS"]

_Known = KnownAppend[BoardState]


def _created(event: e.TaskCreated, _: _Known) -> Iterable[c.BoardCommand]:
    yield c.CreateTask(
        command_id=event.command_id,
        subject=event.subject,
        created_by=event.created_by,
        now=event.created_at,
        description=event.description,
        blocked_by=event.blocked_by,
        working_directory=event.working_directory,
        owner=event.owner,
        priority=event.priority,
        run=event.run,
        owner_id=event.owner_id,
    )


def _claimed(event: e.TaskClaimed, _: _Known) -> Iterable[c.BoardCommand]:
    """Of any ready task, or of this one."""
    for task_id in (None, event.task_id):
        yield c.ClaimTask(
            command_id=event.command_id,
            claimant=event.owner,
            now=event.claimed_at,
            task_id=task_id,
            ttl_s=event.ttl_s,
            notify=event.notice.to if event.notice else AgentId(""),
            run=event.run,
            agent_id=event.owner_id,
        )


def _released(event: e.ClaimReleased, known: _Known) -> Iterable[c.BoardCommand]:
    match event.reason:
        case "expired":
            yield c.ExpireClaim(
                command_id=event.command_id, task_id=event.task_id, now=event.released_at
            )
        case "owner_gone":
            yield from _gone(event, known)
        case "released":
            yield c.ReleaseClaim(**_who(event))
        case "unassigned":
            yield from _update(event, known)


def _gone(event: e.ClaimReleased | e.OwnerLeft, known: _Known) -> Iterable[c.BoardCommand]:
    left = known.first(e.OwnerLeft)
    if left is not None and left.command_id == event.command_id:
        yield c.OwnerGone(
            command_id=left.command_id,
            owner=left.owner,
            now=left.left_at,
            agent_id=left.agent_id,
        )
        return
    task = known.state.tasks.get(event.task_id) if isinstance(event, e.ClaimReleased) else None
    ids = {AgentId(""), *((task.owner_id,) if task else ())}
    for agent_id in sorted(ids, reverse=True):
        yield c.OwnerGone(
            command_id=event.command_id, owner=event.owner, now=known.now, agent_id=agent_id
        )


def _renamed(event: e.OwnerRenamed, _: _Known) -> Iterable[c.BoardCommand]:
    yield c.RenameOwner(
        command_id=event.command_id,
        old=event.old,
        new=event.new,
        now=event.renamed_at,
        agent_id=event.agent_id,
    )


def _commented(event: e.TaskCommented, _: _Known) -> Iterable[c.BoardCommand]:
    yield c.CommentTask(text=event.text, **_who(event))


def _deleted(event: e.TaskDeleted, known: _Known) -> Iterable[c.BoardCommand]:
    yield from _compensated(known)
    yield c.DeleteTask(**_who(event))


def _renewed(event: e.ClaimRenewed, known: _Known) -> Iterable[c.BoardCommand]:
    """A change that has changed nothing but how long the claim holds."""
    task = known.state.tasks.get(event.task_id)
    if task is None or task.ttl_s is None:
        return
    yield c.UpdateTask(
        command_id=event.command_id,
        task_id=event.task_id,
        changed_by=task.owner,
        now=_start_of(event.expires_at, task.ttl_s),
        may_change_any=True,
    )


def _start_of(expires_at: float, ttl_s: float) -> float:
    return span(expires_at, ttl_s)


def _run_compensated(_: e.RunCompensated, known: _Known) -> Iterable[c.BoardCommand]:
    yield from _compensated(known)


def _compensated(known: _Known) -> Iterable[c.BoardCommand]:
    told = known.first(e.RunCompensated)
    if told is not None and told.command_id == known.events[0].command_id:
        yield c.CompensateRun(command_id=told.command_id, run=told.run, now=told.compensated_at)


def _who(event: Any) -> dict[str, Any]:
    """The fields that all changes of one task have, by whatever names its events tell them."""
    by = ("changed_by", "assigned_by", "released_by", "author", "deleted_by")
    times = ("changed_at", "assigned_at", "released_at", "commented_at", "deleted_at")
    return {
        "command_id": event.command_id,
        "task_id": event.task_id,
        "changed_by": next(getattr(event, one) for one in by if hasattr(event, one)),
        "now": next(getattr(event, one) for one in times if hasattr(event, one)),
        "may_change_any": True,
        "run": event.run,
    }


def _update(event: Any, known: _Known) -> Iterable[c.BoardCommand]:
    """One change or several of one task: which one is told by the change, or by its claim."""
    yield from _compensated(known)
    events = [one for one in known.events if one.command_id == event.command_id]
    renewed = [one.task_id for one in events if isinstance(one, e.ClaimRenewed)]
    ends = [event.task_id, *([event.blocker_id] if hasattr(event, "blocker_id") else [])]
    for task_id in dict.fromkeys([*renewed, *ends]):
        parts = _parts(task_id, events)
        yield c.UpdateTask(**{**_who(event), "task_id": task_id, **parts})
    if isinstance(event, e.TaskStatusChanged):
        yield c.SetTaskStatus(status=event.new, **_who(event))


def _parts(task_id: int, events: Sequence[object]) -> dict[str, object]:
    parts: dict[str, object] = {}
    waits: dict[str, tuple[int, ...]] = {}
    for one in events:
        match one:
            case e.TaskEdited(task_id=same) if same == task_id:
                for name in ("subject", "description", "priority", "result"):
                    parts[name] = getattr(one, name)
            case e.TaskDirectoryChanged(task_id=same) if same == task_id:
                parts["working_directory"] = one.working_directory
            case e.TaskAssigned(task_id=same) if same == task_id:
                parts |= {"owner": one.owner, "owner_id": one.owner_id}
            case e.ClaimReleased(task_id=same, reason="unassigned") if same == task_id:
                parts["owner"] = ""
            case e.TaskStatusChanged(task_id=same, reblocked_by=0) if same == task_id:
                parts["status"] = one.new
            case e.DependencyAdded() | e.DependencyRemoved():
                name, other = _wait(task_id, one)
                waits[name] = (*waits.get(name, ()), other)
            case _:
                continue
    return {**parts, **waits}


def _wait(task_id: int, event: e.DependencyAdded | e.DependencyRemoved) -> tuple[str, int]:
    verb = "add" if isinstance(event, e.DependencyAdded) else "remove"
    if event.task_id == task_id:
        return f"{verb}_blocked_by", event.blocker_id
    return f"{verb}_blocks", event.task_id


BOARD_COMMANDS: Builders = {
    e.TaskCreated: _created,
    e.TaskClaimed: _claimed,
    e.ClaimRenewed: _renewed,
    e.ClaimReleased: _released,
    e.TaskAssigned: _update,
    e.TaskStatusChanged: _update,
    e.TaskEdited: _update,
    e.TaskDirectoryChanged: _update,
    e.DependencyAdded: _update,
    e.DependencyRemoved: _update,
    e.TaskCommented: _commented,
    e.TaskDeleted: _deleted,
    e.OwnerRenamed: _renamed,
    e.OwnerLeft: _gone,
    e.RunCompensated: _run_compensated,
}
"""By the class of the first event of an append."""
