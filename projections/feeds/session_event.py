"""The events of a session: what an agent does, in the words of a chat.

Most are read off the log and have a place there. Those that say `live` are pieces of something
that is not recorded yet: they may be missed, and the event that follows has the whole.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.events.compactions import CompactionTrigger
from mentra_actors.domain.memory import MemoryKind
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.ids import AgentId, CommandId, EffectId
from projections.feeds.agent_event import (
    Branched,
    CompactionSkipped,
    CompactionStarted,
    CompactionUndone,
    FallbackUsed,
    Notice,
    PermissionRequested,
    PermissionResolved,
    RetryAttempt,
)

__all__ = [
    "AssistantMessageCompleted",
    "AssistantReasoningDelta",
    "AssistantTokenDelta",
    "Branched",
    "CompactionCompleted",
    "CompactionSkipped",
    "CompactionStarted",
    "CompactionUndone",
    "FallbackUsed",
    "MemoryUpdated",
    "Mutability",
    "Notice",
    "PermissionRequested",
    "PermissionResolved",
    "RetryAttempt",
    "SessionEvent",
    "SessionStarted",
    "TaskKind",
    "TaskStatus",
    "TaskUpdated",
    "ToolCompleted",
    "ToolProgress",
    "ToolQueued",
    "ToolStarted",
    "TurnEnded",
    "TurnFailed",
    "UsageReport",
    "UserMessage",
]


Mutability: TypeAlias = Literal["read_only", "mutating", "unknown"]
"""Whether a tool may change anything, as it declares; `unknown`: there is no such tool here."""

TaskKind: TypeAlias = Literal["subagent", "background_task", "teammate"]

TaskStatus: TypeAlias = Literal["spawned", "running", "finished", "failed", "stopped", "cancelled"]


class SessionStarted(msgspec.Struct, frozen=True, kw_only=True, tag="session_started"):
    """The agent was made."""

    agent_id: AgentId
    name: str
    model: str


class UserMessage(msgspec.Struct, frozen=True, kw_only=True, tag="user_message"):
    """Somebody said something; `source` tells how it reaches the agent."""

    source: Literal["prompt", "steer", "follow_up"]
    input_id: CommandId
    text: str


class AssistantTokenDelta(msgspec.Struct, frozen=True, kw_only=True, tag="assistant_token_delta"):
    """Live: a piece of an answer, which begins at `offset` (characters)."""

    effect_id: EffectId
    delta: str
    offset: int


class AssistantReasoningDelta(
    msgspec.Struct, frozen=True, kw_only=True, tag="assistant_reasoning_delta"
):
    """Live: a piece of what the model thinks, which begins at `offset` (characters)."""

    effect_id: EffectId
    delta: str
    offset: int


class AssistantMessageCompleted(
    msgspec.Struct, frozen=True, kw_only=True, tag="assistant_message_completed"
):
    """An answer is whole; `text` is what it says in words, which may be nothing."""

    effect_id: EffectId
    text: str


class ToolQueued(msgspec.Struct, frozen=True, kw_only=True, tag="tool_queued"):
    """The answer asks for a call. `summary` is a line of at most 160 bytes.

    `input_json` is what the model has written, which may be no JSON.
    """

    key: EffectId
    tool_call_id: str
    tool_name: str
    summary: str
    input_json: str
    mutability: Mutability = "unknown"


class ToolStarted(msgspec.Struct, frozen=True, kw_only=True, tag="tool_started"):
    """A call begins to run."""

    key: EffectId
    tool_call_id: str
    tool_name: str


class ToolProgress(msgspec.Struct, frozen=True, kw_only=True, tag="tool_progress"):
    """Live: a line that a running tool shows."""

    key: EffectId
    tool_name: str
    progress: str


class ToolCompleted(msgspec.Struct, frozen=True, kw_only=True, tag="tool_completed"):
    """A call has its result; `summary` is its beginning, at most 200 bytes."""

    key: EffectId
    tool_call_id: str
    tool_name: str
    summary: str
    is_error: bool


class TaskUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="task_updated"):
    """Work that somebody does for the agent has begun, gone on or ended.

    `task_id` is the id of the subagent, of the job or of the teammate; `title` its name, or the
    command of the job. `detail` is what is known besides: the beginning of the output of a job or
    why it failed, the role of a teammate. A teammate is `stopped` when it is told to stop.
    """

    task_id: str
    kind: TaskKind
    status: TaskStatus
    title: str
    detail: str = ""


class MemoryUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="memory_updated"):
    """The agent remembers one record more, or one less; then it has `stored_records`."""

    agent_id: AgentId
    record_id: str
    change: Literal["recorded", "forgotten"]
    stored_records: int
    kind: MemoryKind | None = None
    """Of a new record; None for one that is forgotten."""


class CompactionCompleted(msgspec.Struct, frozen=True, kw_only=True, tag="compaction_completed"):
    """Models are told `replaced` older entries as a summary; `kept` others stay word for word."""

    effect_id: EffectId
    trigger: CompactionTrigger
    replaced: int
    kept: int
    summary: str


class UsageReport(msgspec.Struct, frozen=True, kw_only=True, tag="usage_report"):
    """What one model call has used; `cost_usd_micros` None: the price is not known."""

    effect_id: EffectId
    model: str
    usage: TokenUsage
    cost_usd_micros: int | None
    agent_id: AgentId = AgentId("")


class TurnEnded(msgspec.Struct, frozen=True, kw_only=True, tag="turn_ended"):
    """The turn is over, in order."""

    ending: str
    early_end: str = ""


class TurnFailed(msgspec.Struct, frozen=True, kw_only=True, tag="error"):
    """The turn was broken off. `resume` can go on with it; with `recoverable` it may well work.

    The kind `no_output` is of a turn that ended in order without the typed value that was asked
    for: there is nothing to resume.
    """

    kind: str
    message: str
    recoverable: bool


SessionEvent: TypeAlias = (
    SessionStarted
    | UserMessage
    | AssistantTokenDelta
    | AssistantReasoningDelta
    | AssistantMessageCompleted
    | ToolQueued
    | ToolStarted
    | ToolProgress
    | ToolCompleted
    | PermissionRequested
    | PermissionResolved
    | TaskUpdated
    | UsageReport
    | RetryAttempt
    | FallbackUsed
    | Branched
    | CompactionStarted
    | CompactionCompleted
    | CompactionSkipped
    | CompactionUndone
    | MemoryUpdated
    | Notice
    | TurnEnded
    | TurnFailed
)
