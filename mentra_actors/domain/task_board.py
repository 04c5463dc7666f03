"""The task board of a team: tasks, who does them, and what must be done before.

A task is held by at most one owner, because claiming is a decision on one stream. Each command
carries an id; a repeated one records nothing, so a tool call that is run again after a crash
changes the board once. The task that a command touched is found by `task_of(state, command_id)`.
"""

from collections.abc import Sequence
from typing import assert_never, get_args

import msgspec

from mentra_actors.decider import Companion, Decider, Delivery
from mentra_actors.domain.board_messages import (
    AddDependency,
    BoardCommand,
    BoardEvent,
    ClaimTask,
    CreateTask,
    DependencyAdded,
    SetTaskDirectory,
    SetTaskStatus,
    TaskClaimed,
    TaskCreated,
    TaskDirectoryChanged,
    TaskStatus,
    TaskStatusChanged,
)
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import CommandId, MailId, inbox_stream

__all__ = [
    "BOARD",
    "AddDependency",
    "BoardCommand",
    "BoardEvent",
    "BoardState",
    "ClaimTask",
    "CreateTask",
    "DependencyAdded",
    "SetTaskDirectory",
    "SetTaskStatus",
    "Task",
    "TaskClaimed",
    "TaskCreated",
    "TaskDirectoryChanged",
    "TaskStatus",
    "TaskStatusChanged",
    "blockers_of",
    "can_claim",
    "directories_of",
    "is_ready",
    "task_of",
]

REMEMBERED_COMMANDS = 1024


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task. `owner` is empty until somebody claims it.

    Commands of the owner that name no directory run in `working_directory`, if it has one.
    """

    task_id: int
    subject: str
    description: str = ""
    status: TaskStatus = "pending"
    owner: str = ""
    blocked_by: tuple[int, ...] = ()
    created_by: str = ""
    working_directory: str = ""


class BoardState(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks by id, and the tasks that the last 1,024 commands touched."""

    tasks: dict[int, Task] = {}
    recent: tuple[tuple[CommandId, int], ...] = ()


def blockers_of(task: Task, state: BoardState) -> tuple[int, ...]:
    """Ids of the uncompleted tasks that `task` waits for, ascending."""
    return tuple(
        blocker
        for blocker in sorted(task.blocked_by)
        if blocker in state.tasks and state.tasks[blocker].status != "completed"
    )


def is_ready(task: Task, state: BoardState) -> bool:
    """True for a pending task without owner and without open blockers."""
    return task.status == "pending" and not task.owner and not blockers_of(task, state)


def can_claim(owner: str, state: BoardState) -> bool:
    """True if there is a ready task, and `owner` has none that is not completed."""
    tasks = state.tasks.values()
    is_free = all(task.owner != owner or task.status == "completed" for task in tasks)
    return is_free and any(is_ready(task, state) for task in tasks)


def directories_of(owner: str, state: BoardState) -> tuple[str, ...]:
    """Where the tasks are done that somebody owns and has not completed; each place once."""
    own = (task for _, task in sorted(state.tasks.items()) if task.owner == owner)
    places = (task.working_directory for task in own if task.status != "completed")
    return tuple(dict.fromkeys(place for place in places if place))


def task_of(state: BoardState, command_id: CommandId) -> Task | None:
    """The task that a recent command touched."""
    for known, task_id in reversed(state.recent):
        if known == command_id:
            return state.tasks.get(task_id)
    return None


def decide(command: BoardCommand, state: BoardState) -> Sequence[BoardEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: an unknown task, an empty subject, a cycle, a task that is owned,
            blocked or not the sender's.
    """
    if task_of(state, command.command_id) is not None:
        return []  # delivered twice: the first delivery was recorded
    match command:
        case CreateTask():
            return _create(command, state)
        case ClaimTask():
            return _claim(command, state)
        case SetTaskStatus():
            return _set_status(command, state)
        case AddDependency():
            return _add_dependency(command, state)
        case SetTaskDirectory():
            return _set_directory(command, state)
        case _:
            assert_never(command)


def _create(command: CreateTask, state: BoardState) -> Sequence[BoardEvent]:
    subject = command.subject.strip()
    if not subject:
        raise CommandRejected("Task subject must not be empty")
    for blocker in command.blocked_by:
        _existing(blocker, state)
    return [
        TaskCreated(
            command_id=command.command_id,
            task_id=max(state.tasks, default=0) + 1,
            subject=subject,
            description=command.description,
            blocked_by=tuple(sorted(set(command.blocked_by))),
            created_by=command.created_by,
            created_at=command.now,
            working_directory=command.working_directory,
        )
    ]


def _claim(command: ClaimTask, state: BoardState) -> Sequence[BoardEvent]:
    if not command.claimant.strip():
        raise CommandRejected("Task claimant must not be empty")
    if command.task_id is None:
        ready = [task for _, task in sorted(state.tasks.items()) if is_ready(task, state)]
        if not ready:
            raise CommandRejected("No ready unowned tasks are available to claim")
        task = ready[0]
    else:
        task = _claimable(command.task_id, command.claimant, state)
    return [
        TaskClaimed(
            command_id=command.command_id,
            task_id=task.task_id,
            owner=command.claimant,
            claimed_at=command.now,
            notice=_notice(command, task) if command.notify else None,
        )
    ]


def _notice(command: ClaimTask, task: Task) -> Mail:
    """The letter to an agent for which a task was claimed."""
    return Mail(
        mail_id=MailId(f"task-{command.command_id}"),
        sender="board",
        to=command.notify,
        body=(
            f"<auto-claimed>Task #{task.task_id}: {task.subject}\n"
            f"Description: {task.description}</auto-claimed>\n"
            "<reminder>Update your task status. Mark it in_progress when you start and "
            "completed when you finish.</reminder>"
        ),
        sent_at=command.now,
        kind="task",
    )


def _claimable(task_id: int, claimant: str, state: BoardState) -> Task:
    task = _existing(task_id, state)
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


def _set_status(command: SetTaskStatus, state: BoardState) -> Sequence[BoardEvent]:
    task = _changeable(command, state)
    blockers = blockers_of(task, state)
    if command.status != "pending" and blockers:
        raise CommandRejected(
            f"Task {task.task_id} cannot be {command.status} while blocked by {list(blockers)}"
        )
    if task.status == "completed" and command.status != "completed":
        _refuse_reopening(task, state)
    if task.status == command.status:
        return []
    return [
        TaskStatusChanged(
            command_id=command.command_id,
            task_id=task.task_id,
            old=task.status,
            new=command.status,
            changed_by=command.changed_by,
            changed_at=command.now,
        )
    ]


def _set_directory(command: SetTaskDirectory, state: BoardState) -> Sequence[BoardEvent]:
    task = _changeable(command, state)
    if task.working_directory == command.working_directory:
        return []
    return [
        TaskDirectoryChanged(
            command_id=command.command_id,
            task_id=task.task_id,
            working_directory=command.working_directory,
            changed_by=command.changed_by,
            changed_at=command.now,
        )
    ]


def _changeable(command: SetTaskStatus | SetTaskDirectory, state: BoardState) -> Task:
    task = _existing(command.task_id, state)
    if not command.may_change_any and task.owner != command.changed_by:
        raise CommandRejected(
            f"Teammate {command.changed_by!r} cannot update task {task.task_id} "
            f"owned by {task.owner!r}"
        )
    return task


def _refuse_reopening(task: Task, state: BoardState) -> None:
    """A task that others have built on stays completed, so none is ever stuck half-way."""
    begun = [
        other.task_id
        for other in state.tasks.values()
        if task.task_id in other.blocked_by and other.status != "pending"
    ]
    if begun:
        raise CommandRejected(
            f"Task {task.task_id} cannot be reopened: tasks {sorted(begun)} were begun after it"
        )


def _add_dependency(command: AddDependency, state: BoardState) -> Sequence[BoardEvent]:
    task = _existing(command.task_id, state)
    blocker = _existing(command.blocker_id, state)
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
    if blocker.task_id in task.blocked_by:
        return []
    return [
        DependencyAdded(
            command_id=command.command_id, task_id=task.task_id, blocker_id=blocker.task_id
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


def _existing(task_id: int, state: BoardState) -> Task:
    task = state.tasks.get(task_id)
    if task is None:
        raise CommandRejected(f"Task {task_id} does not exist")
    return task


def evolve(state: BoardState, event: BoardEvent) -> BoardState:
    """State after one event; an event about an unknown task changes no task."""
    recent = (*state.recent, (event.command_id, event.task_id))[-REMEMBERED_COMMANDS:]
    task = _evolve_task(state.tasks.get(event.task_id), event)
    tasks = state.tasks if task is None else {**state.tasks, event.task_id: task}
    return BoardState(tasks=tasks, recent=recent)


def _evolve_task(task: Task | None, event: BoardEvent) -> Task | None:
    if isinstance(event, TaskCreated):
        return Task(
            task_id=event.task_id,
            subject=event.subject,
            description=event.description,
            blocked_by=event.blocked_by,
            created_by=event.created_by,
            working_directory=event.working_directory,
        )
    if task is None:
        return None
    match event:
        case TaskClaimed():
            return msgspec.structs.replace(task, owner=event.owner)
        case TaskStatusChanged():
            return msgspec.structs.replace(task, status=event.new)
        case DependencyAdded():
            blocked_by = tuple(sorted({*task.blocked_by, event.blocker_id}))
            return msgspec.structs.replace(task, blocked_by=blocked_by)
        case TaskDirectoryChanged():
            return msgspec.structs.replace(task, working_directory=event.working_directory)
        case _:
            assert_never(event)


def companions(event: BoardEvent) -> Sequence[Companion]:
    """The letter about a claim goes to the inbox of the agent that it was made for."""
    notice = event.notice if isinstance(event, TaskClaimed) else None
    if notice is None:
        return ()
    return [Delivery(inbox_stream(notice.to), (MailDelivered(mail=notice),))]


BOARD: Decider[BoardCommand, BoardEvent, BoardState, None] = Decider(
    category="board",
    initial=BoardState(),
    event_types=frozenset(get_args(BoardEvent)),
    decide=decide,
    evolve=evolve,
    companions=companions,
)
