"""What a task board has recorded. `run` is the run whose tool call it was, empty for people."""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.inbox import Mail
from mentra_actors.ids import AgentId, CommandId

__all__ = [
    "BoardEvent",
    "ClaimReleased",
    "ClaimRenewed",
    "DependencyAdded",
    "DependencyRemoved",
    "OwnerLeft",
    "OwnerRenamed",
    "ReleaseReason",
    "RunCompensated",
    "TaskAssigned",
    "TaskClaimed",
    "TaskCommented",
    "TaskCreated",
    "TaskDeleted",
    "TaskDirectoryChanged",
    "TaskEdited",
    "TaskField",
    "TaskPart",
    "TaskStatus",
    "TaskStatusChanged",
]

TaskStatus: TypeAlias = Literal["pending", "in_progress", "completed"]
ReleaseReason: TypeAlias = Literal["released", "unassigned", "expired", "owner_gone"]
TaskPart: TypeAlias = Literal[
    "created",
    "deleted",
    "subject",
    "description",
    "priority",
    "result",
    "owner",
    "status",
    "working_directory",
    "blocked_by",
]
"""What a run can change of a task; `created` and `deleted` mean the task itself."""


class TaskField(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One part of one task; with `blocked_by` also the task that it waits for."""

    task_id: int
    part: TaskPart
    blocker_id: int = 0


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
    owner: str = ""
    priority: int = 0
    run: str = ""
    owner_id: AgentId = AgentId("")


class TaskClaimed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.task_claimed.v1"
):
    """`owner` holds the task, until `expires_at` if it says one; its status is unchanged.

    Each change by the owner makes the claim hold for `ttl_s` again. `notice` is the letter that
    tells the owner, delivered in the same append.
    """

    command_id: CommandId
    task_id: int
    owner: str
    claimed_at: float
    ttl_s: float | None = None
    expires_at: float | None = None
    notice: Mail | None = None
    run: str = ""
    owner_id: AgentId = AgentId("")


class ClaimRenewed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.claim_renewed.v1"
):
    """The owner has changed the task, so its claim holds until `expires_at`."""

    command_id: CommandId
    task_id: int
    expires_at: float


class ClaimReleased(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.claim_released.v1"
):
    """The task is nobody's any more; if it was in progress it is pending again."""

    command_id: CommandId
    task_id: int
    owner: str
    reason: ReleaseReason
    released_by: str
    released_at: float
    run: str = ""


class TaskAssigned(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.task_assigned.v1"
):
    """Somebody else has given the task to `owner`; its status is unchanged.

    It has an end, `expires_at`, only where the taking back of a run gives back a claim.
    """

    command_id: CommandId
    task_id: int
    owner: str
    assigned_by: str
    assigned_at: float
    run: str = ""
    owner_id: AgentId = AgentId("")
    ttl_s: float | None = None
    expires_at: float | None = None


class TaskStatusChanged(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="board.task_status_changed.v1",
):
    """The task went from one status to another.

    `unblocked` are the tasks that waited for nothing else, `reblocked` those that wait again for
    this one. With `reblocked_by` the task did not change by itself: that other one was reopened.
    """

    command_id: CommandId
    task_id: int
    old: TaskStatus
    new: TaskStatus
    changed_by: str
    changed_at: float
    unblocked: tuple[int, ...] = ()
    reblocked: tuple[int, ...] = ()
    reblocked_by: int = 0
    run: str = ""


class TaskEdited(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.task_edited.v1"
):
    """What the task says is another now; None for what has stayed."""

    command_id: CommandId
    task_id: int
    changed_by: str
    changed_at: float
    subject: str | None = None
    description: str | None = None
    priority: int | None = None
    result: str | None = None
    run: str = ""


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
    run: str = ""


class DependencyAdded(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.dependency_added.v1"
):
    """`task_id` may not start before `blocker_id` is completed."""

    command_id: CommandId
    task_id: int
    blocker_id: int
    changed_by: str = ""
    changed_at: float = 0.0
    run: str = ""


class DependencyRemoved(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="board.dependency_removed.v1",
):
    """`task_id` does not wait for `blocker_id`; it is in `unblocked` if it waits for nothing."""

    command_id: CommandId
    task_id: int
    blocker_id: int
    changed_by: str
    changed_at: float
    unblocked: tuple[int, ...] = ()
    run: str = ""


class TaskCommented(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.task_commented.v1"
):
    """Somebody has said something about the task."""

    command_id: CommandId
    task_id: int
    author: str
    text: str
    commented_at: float
    run: str = ""


class TaskDeleted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.task_deleted.v1"
):
    """The task is gone, and nothing waits for it; `unblocked` waits for nothing at all."""

    command_id: CommandId
    task_id: int
    deleted_by: str
    deleted_at: float
    unblocked: tuple[int, ...] = ()
    run: str = ""


class OwnerRenamed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.owner_renamed.v1"
):
    """All that `old` owned is `new`'s: the same member under another name."""

    command_id: CommandId
    old: str
    new: str
    renamed_at: float
    agent_id: AgentId = AgentId("")


class OwnerLeft(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.owner_left.v1"
):
    """The agent was a member under the name `owner` and is none any more: it claims nothing."""

    command_id: CommandId
    owner: str
    agent_id: AgentId
    left_at: float


class RunCompensated(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="board.run_compensated.v1"
):
    """A run was taken back: `reverted` is as it was before, `conflicts` could not be.

    The changes themselves stand before it in the same append.
    """

    command_id: CommandId
    run: str
    reverted: tuple[TaskField, ...]
    conflicts: tuple[TaskField, ...]
    compensated_at: float


BoardEvent: TypeAlias = (
    TaskCreated
    | TaskClaimed
    | ClaimRenewed
    | ClaimReleased
    | TaskAssigned
    | TaskStatusChanged
    | TaskEdited
    | TaskDirectoryChanged
    | DependencyAdded
    | DependencyRemoved
    | TaskCommented
    | TaskDeleted
    | OwnerLeft
    | OwnerRenamed
    | RunCompensated
)
