"""The events of an agent's feed: what it does, for programs.

Most are read off the log and have a place there. Those that say `live` are pieces of something
that is not recorded yet: they may be missed, and the event that follows has the whole.
"""

from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.events import ProfileChanges
from mentra_actors.domain.agent.events.compactions import CompactionTrigger
from mentra_actors.domain.agent.events.runs import EarlyEnd, RunEnding
from mentra_actors.domain.content import AssistantBlock
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.ids import AgentId, CommandId, EffectId, EntryId, RunId

__all__ = [
    "AgentEvent",
    "AssistantMessageCommitted",
    "Branched",
    "CallOutcome",
    "CompactionSkipped",
    "CompactionStarted",
    "CompactionUndone",
    "ContextCompacted",
    "FallbackUsed",
    "InputAdded",
    "Notice",
    "PermissionRequested",
    "PermissionResolved",
    "ReasoningDelta",
    "Reconfigured",
    "RetryAttempt",
    "RunFailed",
    "RunFinished",
    "RunStarted",
    "SubagentFinished",
    "SubagentSpawned",
    "TeamInboxUpdated",
    "TextDelta",
    "ToolExecutionFinished",
    "ToolExecutionProgress",
    "ToolExecutionStarted",
    "ToolUseReady",
    "ToolUseUpdated",
    "UsageReport",
]

CallOutcome: TypeAlias = Literal["finished", "unknown", "skipped"]
"""`unknown`: it may or may not have happened. `skipped`: it never started."""


class RunStarted(msgspec.Struct, frozen=True, kw_only=True, tag="run_started"):
    """A run began; `resumes` is the run with which it goes on, or empty."""

    run_id: RunId
    resumes: RunId = RunId("")


class RunFinished(msgspec.Struct, frozen=True, kw_only=True, tag="run_finished"):
    """A run ended in order; see `Reply` for `ending` and `early_end`."""

    run_id: RunId
    ending: RunEnding
    early_end: EarlyEnd = ""


class RunFailed(msgspec.Struct, frozen=True, kw_only=True, tag="run_failed"):
    """A run was broken off; the kind of one that somebody ended is `cancelled`.

    With `is_transient` the failure may well be over: `resume` is worth a try. With
    `is_rolled_back` a `Branched` follows, to where the run began.
    """

    run_id: RunId
    kind: str
    error: str
    is_rolled_back: bool = False
    is_transient: bool = False


class InputAdded(msgspec.Struct, frozen=True, kw_only=True, tag="input_added"):
    """Words for the agent were recorded; they wait for their turn."""

    source: Literal["prompt", "steer", "follow_up"]
    input_id: CommandId
    text: str


class TeamInboxUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="team_inbox_updated"):
    """Mail came or was read; so many letters wait."""

    unread_count: int


class TextDelta(msgspec.Struct, frozen=True, kw_only=True, tag="text_delta"):
    """Live: a piece of the text of an answer, which begins at `offset` (characters)."""

    effect_id: EffectId
    delta: str
    offset: int


class ReasoningDelta(msgspec.Struct, frozen=True, kw_only=True, tag="reasoning_delta"):
    """Live: a piece of what the model thinks, which begins at `offset` (characters)."""

    effect_id: EffectId
    delta: str
    offset: int


class ToolUseUpdated(msgspec.Struct, frozen=True, kw_only=True, tag="tool_use_updated"):
    """Live: a call takes shape; `delta` is a piece of its arguments, which are JSON text."""

    effect_id: EffectId
    index: int
    call_id: str
    tool: str
    delta: str


class AssistantMessageCommitted(
    msgspec.Struct, frozen=True, kw_only=True, tag="assistant_message_committed"
):
    """An answer is whole and recorded."""

    effect_id: EffectId
    blocks: tuple[AssistantBlock, ...]
    stop_reason: StopReason


class ToolUseReady(msgspec.Struct, frozen=True, kw_only=True, tag="tool_use_ready"):
    """The answer asks for this call; `key` names it for good."""

    key: EffectId
    index: int
    call_id: str
    tool: str
    arguments: str


class ToolExecutionStarted(
    msgspec.Struct, frozen=True, kw_only=True, tag="tool_execution_started"
):
    """A call begins to run; again, if `attempt` is above 1."""

    key: EffectId
    call_id: str
    tool: str
    arguments: str
    attempt: int = 1


class ToolExecutionProgress(
    msgspec.Struct, frozen=True, kw_only=True, tag="tool_execution_progress"
):
    """Live: a line that a running tool shows."""

    key: EffectId
    tool: str
    progress: str


class ToolExecutionFinished(
    msgspec.Struct, frozen=True, kw_only=True, tag="tool_execution_finished"
):
    """What the model is told of a call."""

    key: EffectId
    call_id: str
    tool: str
    content: str
    is_error: bool
    outcome: CallOutcome = "finished"
    details: str = ""


class PermissionRequested(msgspec.Struct, frozen=True, kw_only=True, tag="permission_requested"):
    """A call waits for a person. `preview` is JSON text that says what it would do."""

    request_id: CommandId
    key: EffectId
    call_id: str
    tool: str
    description: str
    preview: str


class PermissionResolved(msgspec.Struct, frozen=True, kw_only=True, tag="permission_resolved"):
    """Somebody has decided about it."""

    request_id: CommandId
    key: EffectId
    call_id: str
    tool: str
    allow: bool
    reason: str = ""
    resolved_by: str = ""


class SubagentSpawned(msgspec.Struct, frozen=True, kw_only=True, tag="subagent_spawned"):
    """A running call has made an agent of its own; it has a stream, and so a feed."""

    key: EffectId
    agent_id: AgentId
    name: str
    model: str


class SubagentFinished(msgspec.Struct, frozen=True, kw_only=True, tag="subagent_finished"):
    """That agent has ended: its run, or because it was told to (`stopped`, `cancelled`)."""

    agent_id: AgentId
    how: Literal["finished", "failed", "stopped", "cancelled"]


class UsageReport(msgspec.Struct, frozen=True, kw_only=True, tag="usage_report"):
    """What one model call has used; `cost_usd_micros` None: the price is not known."""

    effect_id: EffectId
    model: str
    usage: TokenUsage
    cost_usd_micros: int | None


class RetryAttempt(msgspec.Struct, frozen=True, kw_only=True, tag="retry_attempt"):
    """A model call failed and is made again in `next_delay_s` seconds.

    `of` says whether it is to answer, or to write a summary.
    """

    error: str
    attempt: int
    max_attempts: int
    next_delay_s: float
    of: Literal["answer", "compaction"] = "answer"


class FallbackUsed(msgspec.Struct, frozen=True, kw_only=True, tag="fallback_used"):
    """The model before has failed, and this one serves the rest of the run."""

    model: str


class CompactionStarted(msgspec.Struct, frozen=True, kw_only=True, tag="compaction_started"):
    """The conversation is being summarised. `ContextCompacted` or `CompactionSkipped` follows.

    `effect_id` is the request, or the call of the tool, whose result may say why not. A request
    of about `tokens`, more than the `limit`, waits for it (0: not known).
    """

    effect_id: EffectId
    trigger: CompactionTrigger
    tokens: int
    limit: int


class CompactionSkipped(msgspec.Struct, frozen=True, kw_only=True, tag="compaction_skipped"):
    """Nothing was summarised. With `is_error` it was tried and failed."""

    effect_id: EffectId
    reason: str
    is_error: bool
    is_cancelled: bool


class CompactionUndone(msgspec.Struct, frozen=True, kw_only=True, tag="compaction_undone"):
    """Models are told the words of a compaction again."""

    effect_id: EffectId


class ContextCompacted(msgspec.Struct, frozen=True, kw_only=True, tag="context_compacted"):
    """Models are told `replaced` older entries as a summary; `kept` others stay word for word."""

    trigger: CompactionTrigger
    replaced: int
    kept: int
    summary: str
    effect_id: EffectId = EffectId("")


class Branched(msgspec.Struct, frozen=True, kw_only=True, tag="branched"):
    """The conversation goes on from another entry."""

    entry_id: EntryId
    from_entry: EntryId
    reason: Literal["branch", "rollback", "resume"]


class Reconfigured(msgspec.Struct, frozen=True, kw_only=True, tag="reconfigured"):
    """Options of the agent were changed."""

    changes: ProfileChanges


class Notice(msgspec.Struct, frozen=True, kw_only=True, tag="notice"):
    """Something a person may want to know."""

    severity: Literal["info", "warning"]
    message: str


AgentEvent: TypeAlias = (
    RunStarted
    | RunFinished
    | RunFailed
    | InputAdded
    | TeamInboxUpdated
    | TextDelta
    | ReasoningDelta
    | ToolUseUpdated
    | AssistantMessageCommitted
    | ToolUseReady
    | ToolExecutionStarted
    | ToolExecutionProgress
    | ToolExecutionFinished
    | PermissionRequested
    | PermissionResolved
    | SubagentSpawned
    | SubagentFinished
    | UsageReport
    | RetryAttempt
    | FallbackUsed
    | Branched
    | CompactionStarted
    | ContextCompacted
    | CompactionSkipped
    | CompactionUndone
    | Reconfigured
    | Notice
)
