"""The state of a task board, and questions to it."""

from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice

import msgspec

from mentra_actors.domain.board.events import RunCompensated, TaskPart, TaskStatus
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import AgentId, CommandId

__all__ = [
    "BoardState",
    "Change",
    "Comment",
    "Consequence",
    "Task",
    "blockers_of",
    "can_claim",
    "compensation_of",
    "consequence_of",
    "dependents_of",
    "directories_of",
    "existing_task",
    "first_ready",
    "is_blocked_only_by",
    "is_known",
    "is_owned_by",
    "is_ready",
    "named_owner",
    "next_task_id",
    "owner_name",
    "ready_tasks",
    "require_present",
    "task_of",
    "waits_for",
]


MAX_OWNER_CHARS = 100


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody has said about a task, at Unix seconds."""

    author: str
    text: str
    at: float


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One task. `owner` is empty until somebody claims it or is given it.

    Commands of the owner that name no directory run in `working_directory`, if it has one.
    `owner_id` is the agent that owns it, as far as the board was told.
    `result` is what came of it. `comments` are the last 20; all are on the log. A claim with
    `ttl_s` ends at `expires_at`. `text_version` counts the edits of its words and its priority.
    """

    task_id: int
    subject: str
    description: str = ""
    status: TaskStatus = "pending"
    owner: str = ""
    blocked_by: tuple[int, ...] = ()
    created_by: str = ""
    working_directory: str = ""
    priority: int = 0
    result: str = ""
    comments: tuple[Comment, ...] = ()
    ttl_s: float | None = None
    expires_at: float | None = None
    text_version: int = 0
    owner_id: AgentId = AgentId("")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a task that a run has changed, and what it was `before`.

    Of an owner also who that was (`owner_id`); `ttl_s` is that of the claim that the run has
    ended. `is_overtaken` when somebody else has changed it since.
    """

    run: str
    task_id: int
    part: TaskPart
    blocker_id: int = 0
    before: str | int = ""
    is_overtaken: bool = False
    owner_id: AgentId = AgentId("")
    ttl_s: float | None = None


class Consequence(msgspec.Struct, frozen=True, kw_only=True):
    """What a command did to tasks that wait for the one that it changed."""

    command_id: CommandId
    unblocked: tuple[int, ...] = ()
    reblocked: tuple[int, ...] = ()


class BoardState(msgspec.Struct, frozen=True, kw_only=True):
    """Tasks by id, and what is known of the last commands and runs.

    `recent` are command ids and the tasks that they touched (0 for none or several), `expiring`
    the claims that end by themselves, by task. `changes` are those of runs. `names` are the last
    agents that were renamed, with their present names, `gone` the last that have left.
    """

    tasks: dict[int, Task] = {}
    recent: tuple[tuple[CommandId, int], ...] = ()
    expiring: dict[int, float] = {}
    highest_deleted: int = 0
    consequences: tuple[Consequence, ...] = ()
    changes: tuple[Change, ...] = ()
    compensated: tuple[RunCompensated, ...] = ()
    names: dict[AgentId, str] = {}
    gone: tuple[AgentId, ...] = ()


def blockers_of(task: Task, state: BoardState) -> tuple[int, ...]:
    """Ids of the uncompleted tasks that `task` waits for, ascending."""
    return tuple(sorted(_open_blockers(task, state)))


def is_blocked_only_by(task: Task, blocker_id: int, state: BoardState) -> bool:
    """True if the task waits for this uncompleted one and no other; looks at two at most."""
    return list(islice(_open_blockers(task, state), 2)) == [blocker_id]


def _open_blockers(task: Task, state: BoardState) -> Iterator[int]:
    tasks = state.tasks
    return (one for one in task.blocked_by if one in tasks and tasks[one].status != "completed")


def waits_for(task: Task, blocker_id: int) -> bool:
    """True if the task names this one among what it waits for; they stand in order."""
    place = bisect_left(task.blocked_by, blocker_id)
    return task.blocked_by[place : place + 1] == (blocker_id,)


def dependents_of(task_id: int, state: BoardState) -> tuple[Task, ...]:
    """Tasks that name this one among what they wait for, completed ones too, by id."""
    return tuple(task for task in state.tasks.values() if task_id in task.blocked_by)


def is_ready(task: Task, state: BoardState) -> bool:
    """True for a pending task without owner and without open blockers."""
    is_free = task.status == "pending" and not task.owner
    return is_free and next(_open_blockers(task, state), None) is None


def first_ready(state: BoardState) -> Task | None:
    """What is claimed next: of the ready tasks of the highest priority the one made first."""
    first: Task | None = None
    for task in state.tasks.values():
        is_better = first is None or task.priority > first.priority
        if is_better and is_ready(task, state):
            first = task
    return first


def ready_tasks(state: BoardState) -> list[Task]:
    """What may be claimed, in the order in which it is: by priority, then by id."""
    ready = (task for task in state.tasks.values() if is_ready(task, state))
    return sorted(ready, key=lambda task: (-task.priority, task.task_id))


def can_claim(owner: str, state: BoardState) -> bool:
    """True if there is a ready task, and `owner` has none that is not completed."""
    tasks = state.tasks.values()
    is_free = all(task.owner != owner or task.status == "completed" for task in tasks)
    return is_free and any(is_ready(task, state) for task in tasks)


def owner_name(agent_id: AgentId, name: str, state: BoardState) -> str:
    """What an agent is called here; `name`, unless the board was told of a newer one."""
    return state.names.get(agent_id, name)


def is_owned_by(task: Task, owner: str, agent_id: AgentId) -> bool:
    """True if the task is that agent's, or nobody knows whose but that its name is the owner's."""
    if task.owner_id and agent_id:
        return task.owner_id == agent_id
    return bool(owner) and task.owner == owner


def named_owner(owner: str) -> str:
    """An owner as the board writes it: without space around it, empty for nobody.

    Raises:
        CommandRejected: nobody can be called so.
    """
    name = owner.strip()
    if len(name) > MAX_OWNER_CHARS or not name.isprintable():
        raise CommandRejected(
            f"a task owner has a name of at most {MAX_OWNER_CHARS} characters, all in one line"
        )
    return name


def require_present(owner: str, owner_id: AgentId, state: BoardState) -> None:
    """Nothing, if an agent may own a task.

    Raises:
        CommandRejected: it has left.
    """
    if owner_id and owner_id in state.gone:
        raise CommandRejected(f"{owner!r} has left the team and takes no task")


def directories_of(owner: str, state: BoardState) -> tuple[str, ...]:
    """Where the tasks are done that somebody owns and has not completed; each place once."""
    own = sorted(
        (task.task_id, task.working_directory)
        for task in state.tasks.values()
        if task.owner == owner and task.status != "completed" and task.working_directory
    )
    return tuple(dict.fromkeys(place for _, place in own))


def is_known(state: BoardState, command_id: CommandId) -> bool:
    """Whether a recent command with this id has recorded something."""
    return any(known == command_id for known, _ in reversed(state.recent))


def task_of(state: BoardState, command_id: CommandId) -> Task | None:
    """The task that a recent command touched; of several the first."""
    for known, task_id in state.recent:
        if known == command_id:
            return state.tasks.get(task_id)
    return None


def consequence_of(state: BoardState, command_id: CommandId) -> Consequence:
    """What a recent command did to the tasks that waited; each id once, ascending."""
    found = [one for one in state.consequences if one.command_id == command_id]
    unblocked = {task_id for one in found for task_id in one.unblocked}
    reblocked = {task_id for one in found for task_id in one.reblocked}
    return Consequence(
        command_id=command_id,
        unblocked=tuple(sorted(unblocked)),
        reblocked=tuple(sorted(reblocked)),
    )


def compensation_of(state: BoardState, run: str) -> RunCompensated | None:
    """How a run was taken back, if that was done lately."""
    return next((one for one in state.compensated if one.run == run), None)


def next_task_id(state: BoardState) -> int:
    """An id that no task has had. Tasks stand in the order of their ids."""
    return max(next(reversed(state.tasks), 0), state.highest_deleted) + 1


def existing_task(task_id: int, state: BoardState) -> Task:
    """The task with this id.

    Raises:
        CommandRejected: there is none.
    """
    task = state.tasks.get(task_id)
    if task is None:
        raise CommandRejected(f"Task {task_id} does not exist")
    return task
