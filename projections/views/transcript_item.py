"""What people read in a transcript: the kinds of items.

A call and its result may be far apart, so an item never changes: what became of a call is told by
later items with the same key, and `call_statuses` joins them.
"""

from collections.abc import Iterable
from typing import Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent.events.branching import EditKind
from mentra_actors.domain.blob import BlobRef
from mentra_actors.ids import AgentId, EffectId, EntryId, RunId

__all__ = [
    "Abandoned",
    "AssistantOpaque",
    "AssistantRefusal",
    "AssistantText",
    "AssistantThinking",
    "Branched",
    "CallStatus",
    "Compacted",
    "Edited",
    "Injected",
    "ItemContent",
    "MailHandedOver",
    "MailIn",
    "MailOut",
    "ModelFailure",
    "ModelRetry",
    "Moved",
    "OutcomeUnknown",
    "PermissionAsked",
    "PermissionGiven",
    "Prompt",
    "Queued",
    "Reconfigured",
    "Recovered",
    "RunEnded",
    "RunStarted",
    "Skipped",
    "Spawned",
    "StopAsked",
    "Stopped",
    "SubagentEnded",
    "SubagentMade",
    "ToolCall",
    "ToolCallChanged",
    "ToolResult",
    "TranscriptItem",
    "Undone",
    "Withheld",
    "call_statuses",
]

CallStatus: TypeAlias = Literal[
    "planned",
    "asked",
    "started",
    "restarted",
    "probing",
    "finished",
    "failed",
    "unknown",
    "skipped",
]


class Spawned(msgspec.Struct, frozen=True, kw_only=True, tag="spawned"):
    """The agent began to exist."""

    name: str
    role: str
    model: str


class Prompt(msgspec.Struct, frozen=True, kw_only=True, tag="prompt"):
    """A prompt was accepted."""

    prompt_id: str
    text: str


class Queued(msgspec.Struct, frozen=True, kw_only=True, tag="queued"):
    """Words wait for a boundary of a run."""

    queue: Literal["steer", "follow_up"]
    text: str


class Injected(msgspec.Struct, frozen=True, kw_only=True, tag="injected"):
    """The round strategy or the runtime said something to the model."""

    text: str


class MailHandedOver(msgspec.Struct, frozen=True, kw_only=True, tag="mail_handed_over"):
    """The host read so many letters in the agent's place."""

    letters: int


class MailIn(msgspec.Struct, frozen=True, kw_only=True, tag="mail_in"):
    """A letter was taken from the inbox."""

    mail_id: str
    sender: str
    body: str


class MailOut(msgspec.Struct, frozen=True, kw_only=True, tag="mail_out"):
    """A letter was sent."""

    mail_id: str
    to: AgentId
    body: str


class AssistantText(msgspec.Struct, frozen=True, kw_only=True, tag="assistant_text"):
    """The model said something."""

    text: str


class AssistantRefusal(msgspec.Struct, frozen=True, kw_only=True, tag="assistant_refusal"):
    """The model declined."""

    text: str


class AssistantThinking(msgspec.Struct, frozen=True, kw_only=True, tag="assistant_thinking"):
    """The model reasoned; `text` is empty where only its provider can read it."""

    text: str


class AssistantOpaque(msgspec.Struct, frozen=True, kw_only=True, tag="assistant_opaque"):
    """The provider did something that has no neutral form, such as a search of its own."""

    item_type: str


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call"):
    """The model asked for a call; `arguments` is its JSON text, which may be malformed."""

    key: EffectId
    name: str
    arguments: str
    status: CallStatus = "planned"
    """As of this item; `call_statuses` knows what became of the call."""


class ToolCallChanged(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call_changed"):
    """An open call went on."""

    key: EffectId
    status: CallStatus


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    """A call ended; the whole of a result that was too long is kept under `spilled`."""

    key: EffectId
    content: str
    is_error: bool = False
    details: str = ""
    spilled: BlobRef | None = None


class OutcomeUnknown(msgspec.Struct, frozen=True, kw_only=True, tag="outcome_unknown"):
    """A call may or may not have happened."""

    key: EffectId
    reason: str


class Skipped(msgspec.Struct, frozen=True, kw_only=True, tag="skipped"):
    """A call never started."""

    key: EffectId
    reason: str


class PermissionAsked(msgspec.Struct, frozen=True, kw_only=True, tag="permission_asked"):
    """A call waits for a person."""

    key: EffectId
    request_id: str
    description: str


class PermissionGiven(msgspec.Struct, frozen=True, kw_only=True, tag="permission_given"):
    """Somebody let a call run, or refused it."""

    key: EffectId
    allow: bool
    reason: str = ""
    resolved_by: str = ""


class Undone(msgspec.Struct, frozen=True, kw_only=True, tag="undone"):
    """A finished call was undone, or could not be."""

    key: EffectId
    tool: str
    content: str
    is_error: bool = False


class SubagentMade(msgspec.Struct, frozen=True, kw_only=True, tag="subagent_made"):
    """A call has made an agent of its own."""

    key: EffectId
    agent_id: AgentId
    name: str


class SubagentEnded(msgspec.Struct, frozen=True, kw_only=True, tag="subagent_ended"):
    """That agent has ended, or was told to."""

    agent_id: AgentId
    how: Literal["finished", "failed", "stop", "cancel"]


class Withheld(msgspec.Struct, frozen=True, kw_only=True, tag="withheld"):
    """The model was not asked: a budget that others spend from as well was used up."""

    limit: str
    tokens: int


class Abandoned(msgspec.Struct, frozen=True, kw_only=True, tag="abandoned"):
    """What had come of an answer when its run was ended."""

    partial_text: str


class Compacted(msgspec.Struct, frozen=True, kw_only=True, tag="compacted"):
    """From here on the model is told so many older entries as a summary."""

    summary: str
    replaced: int


class Moved(msgspec.Struct, frozen=True, kw_only=True, tag="moved"):
    """The conversation goes on from another entry."""

    to_entry: EntryId
    reason: Literal["branch", "rollback", "resume"]


class Edited(msgspec.Struct, frozen=True, kw_only=True, tag="edited"):
    """Other words stand in the place of an entry (0: behind the last one); it goes on there."""

    kind: EditKind
    entry: EntryId
    text: str
    by: str = ""


class Branched(msgspec.Struct, frozen=True, kw_only=True, tag="branched"):
    """From here on it is the agent of a branch; what came before it shares with the origin."""

    branch: str
    position: int


class Reconfigured(msgspec.Struct, frozen=True, kw_only=True, tag="reconfigured"):
    """Options were changed; their names."""

    options: tuple[str, ...]


class StopAsked(msgspec.Struct, frozen=True, kw_only=True, tag="stop_asked"):
    """The run is to end in order."""

    reason: str


class RunStarted(msgspec.Struct, frozen=True, kw_only=True, tag="run_started"):
    """A run began."""

    run_id: RunId


class RunEnded(msgspec.Struct, frozen=True, kw_only=True, tag="run_ended"):
    """A run ended; `text` is why it failed or was cancelled, or why it ended early."""

    run_id: RunId
    how: Literal["finished", "failed", "cancelled"]
    text: str


class ModelFailure(msgspec.Struct, frozen=True, kw_only=True, tag="model_failure"):
    """A model call failed; `partial_text` had arrived before, and is not part of the answer."""

    kind: str
    message: str
    transient: bool
    partial_text: str = ""


class ModelRetry(msgspec.Struct, frozen=True, kw_only=True, tag="model_retry"):
    """The model is asked again, not before `not_before` (Unix seconds)."""

    attempt: int
    not_before: float


class Recovered(msgspec.Struct, frozen=True, kw_only=True, tag="recovered"):
    """The process had died with these effects open, and the agent came back."""

    open_effects: tuple[EffectId, ...]


class Stopped(msgspec.Struct, frozen=True, kw_only=True, tag="stopped"):
    """The agent takes nothing any more."""


ItemContent: TypeAlias = (
    Spawned
    | Prompt
    | Queued
    | Injected
    | MailIn
    | MailHandedOver
    | MailOut
    | AssistantText
    | AssistantRefusal
    | AssistantThinking
    | AssistantOpaque
    | ToolCall
    | ToolCallChanged
    | ToolResult
    | OutcomeUnknown
    | Skipped
    | PermissionAsked
    | PermissionGiven
    | Undone
    | SubagentMade
    | SubagentEnded
    | Withheld
    | Abandoned
    | Compacted
    | Moved
    | Edited
    | Branched
    | Reconfigured
    | StopAsked
    | RunStarted
    | RunEnded
    | ModelFailure
    | ModelRetry
    | Recovered
    | Stopped
)


class TranscriptItem(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that happened, and where it stands. An event may give several items."""

    stream_version: int
    global_position: int
    recorded_at: float
    """Unix seconds."""
    content: ItemContent


def call_statuses(items: Iterable[TranscriptItem]) -> dict[EffectId, CallStatus]:
    """What became of each call that `items` name."""
    statuses: dict[EffectId, CallStatus] = {}
    for item in items:
        match item.content:
            case ToolCall(key=key, status=status) | ToolCallChanged(key=key, status=status):
                statuses[key] = status
            case PermissionAsked(key=key):
                statuses[key] = "asked"
            case PermissionGiven(key=key, allow=True):
                statuses[key] = "planned"
            case ToolResult(key=key, is_error=is_error):
                statuses[key] = "failed" if is_error else "finished"
            case OutcomeUnknown(key=key):
                statuses[key] = "unknown"
            case Skipped(key=key):
                statuses[key] = "skipped"
    return statuses
