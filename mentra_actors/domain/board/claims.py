"""Who holds a task: claims, their end by time, and owners who go or change their name."""

from collections.abc import Iterable, Sequence

from mentra_actors.domain.board import commands as c
from mentra_actors.domain.board import events as e
from mentra_actors.domain.board.state import (
    BoardState,
    Task,
    blockers_of,
    existing_task,
    first_ready,
    is_owned_by,
    named_owner,
    owner_name,
)
from mentra_actors.domain.inbox import MAX_BODY_CHARS, Mail
from mentra_actors.domain.timer import LONGEST_WAIT_S
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import CommandId, MailId

__all__ = ["claimed", "expired", "owner_gone", "owner_renamed", "released_of_gone", "renewed"]

BOARD_SENDER = "board"


def claimed(command: c.ClaimTask, state: BoardState) -> Sequence[e.TaskClaimed]:
    """The claimant holds the task.

    Raises:
        CommandRejected: somebody else holds it, it is not to be done now, or the time is none.
    """
    claimant = _claimant(command, state)
    ttl_s = command.ttl_s
    if ttl_s is not None and not 0 < ttl_s <= LONGEST_WAIT_S:
        raise CommandRejected(
            f"a claim holds for some seconds: more than 0, at most {LONGEST_WAIT_S:g}"
        )
    task = _wanted(command, state)
    return [
        e.TaskClaimed(
            command_id=command.command_id,
            task_id=task.task_id,
            owner=claimant,
            owner_id=command.agent_id,
            claimed_at=command.now,
            ttl_s=ttl_s,
            expires_at=None if ttl_s is None else command.now + ttl_s,
            notice=_notice(task, command) if command.notify else None,
            run=command.run,
        )
    ]


def _claimant(command: c.ClaimTask, state: BoardState) -> str:
    """The name of who is to hold the task, if it may."""
    claimant = named_owner(owner_name(command.agent_id, command.claimant, state))
    if not claimant:
        raise CommandRejected(
            'Task claimant must not be empty: say whose task it is to be, with owner="NAME"'
        )
    if command.agent_id and command.agent_id in state.gone:
        raise CommandRejected(f"{claimant!r} has left the team and cannot claim a task")
    if command.asked_by not in ("", command.claimant) and not command.may_change_any:
        raise CommandRejected(
            f"Teammate {command.asked_by!r} cannot claim a task for {claimant!r}"
        )
    return claimant


def _wanted(command: c.ClaimTask, state: BoardState) -> Task:
    if command.task_id is not None:
        return _claimable(command.task_id, command.claimant, state)
    task = first_ready(state)
    if task is None:
        raise CommandRejected("No ready unowned tasks are available to claim")
    return task


def _claimable(task_id: int, claimant: str, state: BoardState) -> Task:
    task = existing_task(task_id, state)
    if task.owner:
        raise CommandRejected(f"Task {task_id} is already owned by {task.owner!r}")
    if task.status != "pending":
        raise CommandRejected(
            f"Task {task_id} is {task.status} and cannot be claimed by {claimant!r}"
        )
    blockers = blockers_of(task, state)
    if blockers:
        raise CommandRejected(
            f"Task {task_id} is blocked by {list(blockers)} and cannot be claimed"
        )
    return task


def _notice(task: Task, command: c.ClaimTask) -> Mail:
    """What tells an agent of a task that was claimed for it."""
    head = f"<auto-claimed>Task #{task.task_id}: {task.subject}\nDescription: "
    tail = (
        "</auto-claimed>\n<reminder>Update your task status. Mark it in_progress when you start "
        "and completed when you finish.</reminder>"
    )
    room = MAX_BODY_CHARS - len(tail)
    return Mail(
        mail_id=MailId(f"task-{command.command_id}"),
        sender=BOARD_SENDER,
        to=command.notify,
        body=f"{head}{task.description}"[:room] + tail,
        sent_at=command.now,
        kind="task",
    )


def renewed(step: c.TaskChange | c.UpdateTask, state: BoardState) -> Sequence[e.ClaimRenewed]:
    """A change by the owner of a claim that ends by itself lets it hold longer."""
    task = state.tasks.get(step.task_id)
    if task is None or task.ttl_s is None or task.owner != step.changed_by:
        return []
    expires_at = step.now + task.ttl_s
    if task.expires_at is not None and expires_at <= task.expires_at:
        return []
    return [
        e.ClaimRenewed(command_id=step.command_id, task_id=task.task_id, expires_at=expires_at)
    ]


def expired(command: c.ExpireClaim, state: BoardState) -> Sequence[e.ClaimReleased]:
    """The claim ends, unless it was renewed or has ended otherwise."""
    ends_at = state.expiring.get(command.task_id)
    task = state.tasks.get(command.task_id)
    if task is None or ends_at is None or ends_at > command.now:
        return []
    return [
        e.ClaimReleased(
            command_id=command.command_id,
            task_id=task.task_id,
            owner=task.owner,
            reason="expired",
            released_by=BOARD_SENDER,
            released_at=command.now,
        )
    ]


def owner_gone(command: c.OwnerGone, state: BoardState) -> Sequence[e.ClaimReleased | e.OwnerLeft]:
    """All that somebody has not completed is for others to take, whatever it is called there."""
    left = e.OwnerLeft(
        command_id=command.command_id,
        owner=command.owner,
        agent_id=command.agent_id,
        left_at=command.now,
    )
    is_news = command.agent_id and command.agent_id not in state.gone
    return [*_released_by_leaving(command, state), *([left] if is_news else [])]


def _released_by_leaving(command: c.OwnerGone, state: BoardState) -> Sequence[e.ClaimReleased]:
    return [
        _given_up(task, command.command_id, command.now)
        for task in state.tasks.values()
        if task.status != "completed" and is_owned_by(task, command.owner, command.agent_id)
    ]


def released_of_gone(
    task_ids: Iterable[int], command_id: CommandId, now: float, state: BoardState
) -> Sequence[e.ClaimReleased]:
    """What is open again of these tasks, and belongs to an agent that has left."""
    tasks = (state.tasks[one] for one in task_ids if one in state.tasks)
    return [
        _given_up(task, command_id, now)
        for task in tasks
        if task.owner_id and task.owner_id in state.gone and task.status != "completed"
    ]


def _given_up(task: Task, command_id: CommandId, now: float) -> e.ClaimReleased:
    return e.ClaimReleased(
        command_id=command_id,
        task_id=task.task_id,
        owner=task.owner,
        reason="owner_gone",
        released_by=BOARD_SENDER,
        released_at=now,
    )


def owner_renamed(command: c.RenameOwner, state: BoardState) -> Sequence[e.OwnerRenamed]:
    """What somebody owns stands under another name.

    Raises:
        CommandRejected: the new name is empty.
    """
    if not command.old.strip() or not command.new.strip():
        raise CommandRejected("Task owner must not be empty")
    owns = any(task.owner == command.old for task in state.tasks.values())
    is_news = command.agent_id and state.names.get(command.agent_id) != command.new
    if command.old == command.new or not (owns or is_news):
        return []
    return [
        e.OwnerRenamed(
            command_id=command.command_id,
            old=command.old,
            new=command.new,
            renamed_at=command.now,
            agent_id=command.agent_id,
        )
    ]
