"""What is said to a task board, and what it has recorded."""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import AgentId, CommandId

__all__ = [
    "AddDependency",
    "BoardCommand",
    "BoardEvent",
    "ClaimTask",
    "CreateTask",
    "DependencyAdded",
    "SetTaskDirectory",
    "SetTaskStatus",
    "TaskClaimed",
    "TaskCreated",
    "TaskDirectoryChanged",
    "TaskStatus",
    "TaskStatusChanged",
]

TaskStatus: TypeAlias = Literal["pending", "in_progress", "completed"]


class TaskCreated(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.task_created.v1"
):
    """A task is on the board. Ids count from 1 and are never reused."""

    command_id: CommandId
    task_id: int
    subject: str
    description: str
    blocked_by: tuple[int, ...]
    created_by: str
    created_at: float
    working_directory: str = ""


class TaskClaimed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.task_claimed.v1"
):
    """`owner` holds the task; its status is unchanged.

    The `notice` tells an agent for which it was claimed; it lies in its inbox by the same append.
    """

    command_id: CommandId
    task_id: int
    owner: str
    claimed_at: float
    notice: Mail | None = None


class TaskStatusChanged(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="board.task_status_changed.v1",
):
    """The task went from one status to another."""

    command_id: CommandId
    task_id: int
    old: TaskStatus
    new: TaskStatus
    changed_by: str
    changed_at: float


class DependencyAdded(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.dependency_added.v1"
):
    """`task_id` may not start before `blocker_id` is completed."""

    command_id: CommandId
    task_id: int
    blocker_id: int


class TaskDirectoryChanged(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="board.task_directory_changed.v1",
):
    """Commands for the task run in another directory now; empty for that of its owner."""

    command_id: CommandId
    task_id: int
    working_directory: str
    changed_by: str
    changed_at: float


BoardEvent: TypeAlias = (
    TaskCreated | TaskClaimed | TaskStatusChanged | DependencyAdded | TaskDirectoryChanged
)


class CreateTask(msgspec.Struct, frozen=True, kw_only=True):
    """Put a task on the board."""

    command_id: CommandId
    subject: str
    created_by: str
    now: float
    description: str = ""
    blocked_by: tuple[int, ...] = ()
    working_directory: str = ""


class ClaimTask(msgspec.Struct, frozen=True, kw_only=True):
    """Take a ready task; without `task_id` the ready one with the lowest id.

    The agent `notify` is told of it by a letter.
    """

    command_id: CommandId
    claimant: str
    now: float
    task_id: int | None = None
    notify: AgentId = AgentId("")


class SetTaskStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Say how far a task is; `changed_by` must own it, unless it `may_change_any` (a lead)."""

    command_id: CommandId
    task_id: int
    status: TaskStatus
    changed_by: str
    now: float
    may_change_any: bool = False


class AddDependency(msgspec.Struct, frozen=True, kw_only=True):
    """Make a task wait for another."""

    command_id: CommandId
    task_id: int
    blocker_id: int


class SetTaskDirectory(msgspec.Struct, frozen=True, kw_only=True):
    """Say where commands for a task run; see `SetTaskStatus` for who may."""

    command_id: CommandId
    task_id: int
    working_directory: str
    changed_by: str
    now: float
    may_change_any: bool = False


BoardCommand: TypeAlias = CreateTask | ClaimTask | SetTaskStatus | AddDependency | SetTaskDirectory
