"""What is said to a task board.

Each command carries an id; a repeated one records nothing. `run` names the run whose tool call
sends it, and is empty for people. A lead `may_change_any` task, a teammate only its own.
"""

from typing import TypeAlias

import msgspec

from mentra_actors.domain.board.events import TaskStatus
from mentra_actors.ids import AgentId, CommandId

__all__ = [
    "AddDependency",
    "AssignTask",
    "BoardCommand",
    "ClaimTask",
    "CommentTask",
    "CompensateRun",
    "CreateTask",
    "DeleteTask",
    "EditTask",
    "ExpireClaim",
    "OwnerGone",
    "ReleaseClaim",
    "RemoveDependency",
    "RenameOwner",
    "SetTaskDirectory",
    "SetTaskStatus",
    "TaskChange",
    "UpdateTask",
]


class CreateTask(msgspec.Struct, frozen=True, kw_only=True):
    """Put a task on the board. `priority` is higher for what comes first.

    Here and below, `owner_id` is the agent of that name, if it is known to be one.
    """

    command_id: CommandId
    subject: str
    created_by: str
    now: float
    description: str = ""
    blocked_by: tuple[int, ...] = ()
    working_directory: str = ""
    owner: str = ""
    priority: int = 0
    run: str = ""
    owner_id: AgentId = AgentId("")


class ClaimTask(msgspec.Struct, frozen=True, kw_only=True):
    """Take a ready task; without `task_id` the one of the highest priority, then the lowest id.

    With `ttl_s` the claim ends when its owner has changed nothing for so long. `notify` gets a
    letter about it. `asked_by` is who asks, if that is not the claimant. `agent_id` is the agent
    that the task is for: the board may know a newer name of it, or that it has gone.
    """

    command_id: CommandId
    claimant: str
    now: float
    task_id: int | None = None
    ttl_s: float | None = None
    notify: AgentId = AgentId("")
    asked_by: str = ""
    may_change_any: bool = False
    run: str = ""
    agent_id: AgentId = AgentId("")


class _Change(msgspec.Struct, frozen=True, kw_only=True):
    """What all changes of one task say."""

    command_id: CommandId
    task_id: int
    changed_by: str
    now: float
    may_change_any: bool = False
    run: str = ""


class EditTask(_Change, frozen=True, kw_only=True):
    """Say something else in a task; None leaves it.

    With `expected_version` only if its text was edited exactly so often (`Task.text_version`).
    """

    subject: str | None = None
    description: str | None = None
    priority: int | None = None
    result: str | None = None
    expected_version: int | None = None


class AssignTask(_Change, frozen=True, kw_only=True):
    """Give a task to `owner`, or to nobody if that is empty. For leads.

    With `ttl_s` what is given is a claim that ends by itself, as it was before a run.
    """

    owner: str
    owner_id: AgentId = AgentId("")
    ttl_s: float | None = None


class ReleaseClaim(_Change, frozen=True, kw_only=True):
    """Give a task back that is not completed."""


class SetTaskStatus(_Change, frozen=True, kw_only=True):
    """Say how far a task is."""

    status: TaskStatus


class SetTaskDirectory(_Change, frozen=True, kw_only=True):
    """Say where commands for a task run; empty for the directory of its owner."""

    working_directory: str


class AddDependency(_Change, frozen=True, kw_only=True):
    """Make a task wait for another. For leads."""

    blocker_id: int


class RemoveDependency(_Change, frozen=True, kw_only=True):
    """Let a task wait for another no more. For leads."""

    blocker_id: int


class CommentTask(_Change, frozen=True, kw_only=True):
    """Say something about a task. Anybody may, about any."""

    text: str


class DeleteTask(_Change, frozen=True, kw_only=True):
    """Take a task away; what waits for it waits no more. For leads."""


class UpdateTask(_Change, frozen=True, kw_only=True):
    """Several changes of one task, all or none, in the order of the fields."""

    subject: str | None = None
    description: str | None = None
    priority: int | None = None
    result: str | None = None
    expected_version: int | None = None
    working_directory: str | None = None
    owner: str | None = None
    owner_id: AgentId = AgentId("")
    add_blocked_by: tuple[int, ...] = ()
    remove_blocked_by: tuple[int, ...] = ()
    add_blocks: tuple[int, ...] = ()
    remove_blocks: tuple[int, ...] = ()
    status: TaskStatus | None = None


class ExpireClaim(msgspec.Struct, frozen=True, kw_only=True):
    """The time of a claim is over, unless it was renewed. Sent by its timer."""

    command_id: CommandId
    task_id: int
    now: float


class OwnerGone(msgspec.Struct, frozen=True, kw_only=True):
    """Release all that `owner` has not completed: it has stopped for good.

    With its `agent_id` nothing is claimed for that agent any more.
    """

    command_id: CommandId
    owner: str
    now: float
    agent_id: AgentId = AgentId("")


class RenameOwner(msgspec.Struct, frozen=True, kw_only=True):
    """Give all that `old` owns to `new`: the same member under another name.

    With its `agent_id` also what is claimed for that agent under an older name from here on.
    """

    command_id: CommandId
    old: str
    new: str
    now: float
    agent_id: AgentId = AgentId("")


class CompensateRun(msgspec.Struct, frozen=True, kw_only=True):
    """Take back what a run has changed and nobody has changed since."""

    command_id: CommandId
    run: str
    now: float


TaskChange: TypeAlias = (
    EditTask
    | AssignTask
    | ReleaseClaim
    | SetTaskStatus
    | SetTaskDirectory
    | AddDependency
    | RemoveDependency
    | CommentTask
    | DeleteTask
)
BoardCommand: TypeAlias = (
    CreateTask
    | ClaimTask
    | TaskChange
    | UpdateTask
    | ExpireClaim
    | OwnerGone
    | RenameOwner
    | CompensateRun
)
