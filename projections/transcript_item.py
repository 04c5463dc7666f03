"""What people read in a transcript: the items that each event of an agent gives.

A call and its result may be far apart, so an item never changes: what became of a call is told by
later items with the same key, and `call_statuses` joins them.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import (
    AssistantBlock,
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.domain.tool_call import BlobRef
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import AgentId, EffectId, RunId

__all__ = [
    "AssistantOpaque",
    "AssistantRefusal",
    "AssistantText",
    "AssistantThinking",
    "CallStatus",
    "ItemContent",
    "MailIn",
    "MailOut",
    "ModelFailure",
    "ModelRetry",
    "OutcomeUnknown",
    "Prompt",
    "Recovered",
    "RunEnded",
    "RunStarted",
    "Skipped",
    "Spawned",
    "Stopped",
    "ToolCall",
    "ToolCallChanged",
    "ToolResult",
    "TranscriptItem",
    "call_statuses",
    "items_of",
]

CallStatus: TypeAlias = Literal[
    "planned", "started", "restarted", "probing", "finished", "failed", "unknown", "skipped"
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


class RunStarted(msgspec.Struct, frozen=True, kw_only=True, tag="run_started"):
    """A run began."""

    run_id: RunId


class RunEnded(msgspec.Struct, frozen=True, kw_only=True, tag="run_ended"):
    """A run ended; `text` is its answer, why it failed, or why it was cancelled."""

    run_id: RunId
    how: Literal["finished", "failed", "cancelled"]
    text: str


class ModelFailure(msgspec.Struct, frozen=True, kw_only=True, tag="model_failure"):
    """A model call failed; `partial_text` had arrived before."""

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
    | MailIn
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
            case ToolResult(key=key, is_error=is_error):
                statuses[key] = "failed" if is_error else "finished"
            case OutcomeUnknown(key=key):
                statuses[key] = "unknown"
            case Skipped(key=key):
                statuses[key] = "skipped"
    return statuses


def items_of(recorded: RecordedEvent[Any]) -> list[TranscriptItem]:
    """What one event adds to the transcript; nothing if it does not speak to people."""
    return [
        TranscriptItem(
            stream_version=recorded.stream_version,
            global_position=recorded.global_position,
            recorded_at=recorded.recorded_at_ns / 1e9,
            content=content,
        )
        for content in _contents(recorded.event)
    ]


def _contents(event: Any) -> Sequence[ItemContent]:
    match event:
        case e.MailTaken():
            return [MailIn(mail_id=m.mail_id, sender=m.sender, body=m.body) for m in event.mail]
        case e.ModelReplied():
            return _answer(event)
        case e.ModelCallRequested() if event.attempt > 1:
            return [ModelRetry(attempt=event.attempt, not_before=event.not_before)]
        case e.ModelCallFailed():
            return [_failure(event)]
        case _:
            content = _run_content(event) or _call_content(event)
            return [] if content is None else [content]


def _run_content(event: Any) -> ItemContent | None:
    match event:
        case e.AgentSpawned(profile=profile):
            return Spawned(name=profile.name, role=profile.role, model=profile.model)
        case e.PromptAccepted():
            return Prompt(prompt_id=event.prompt_id, text=event.text)
        case e.MailSent(mail=mail):
            return MailOut(mail_id=mail.mail_id, to=mail.to, body=mail.body)
        case e.RunStarted():
            return RunStarted(run_id=event.run_id)
        case e.RunFinished():
            return RunEnded(run_id=event.run_id, how="finished", text=event.text)
        case e.RunFailed():
            return RunEnded(run_id=event.run_id, how="failed", text=event.message)
        case e.RunCancelled():
            return RunEnded(run_id=event.run_id, how="cancelled", text=event.reason)
        case e.AgentRecovered():
            return Recovered(open_effects=event.open_effects)
        case e.AgentStopped():
            return Stopped()
        case _:
            return None


def _call_content(event: Any) -> ItemContent | None:
    match event:
        case e.ToolCallStarted():
            return ToolCallChanged(key=event.key, status="started")
        case e.ToolCallRestarted():
            return ToolCallChanged(key=event.key, status="restarted")
        case e.ToolCallProbeRequested():
            return ToolCallChanged(key=event.key, status="probing")
        case e.ToolCallFinished():
            return _result(event)
        case e.ToolCallOutcomeUnknown():
            return OutcomeUnknown(key=event.key, reason=event.reason)
        case e.ToolCallSkipped():
            return Skipped(key=event.key, reason=event.reason)
        case _:
            return None


def _result(event: e.ToolCallFinished) -> ItemContent:
    return ToolResult(
        key=event.key,
        content=event.content,
        is_error=event.is_error,
        details=event.details,
        spilled=event.spilled,
    )


def _failure(event: e.ModelCallFailed) -> ItemContent:
    return ModelFailure(
        kind=event.kind,
        message=event.message,
        transient=event.transient,
        partial_text=event.partial_text,
    )


def _answer(event: e.ModelReplied) -> Sequence[ItemContent]:
    contents: list[ItemContent] = []
    calls = 0
    for block in event.blocks:
        contents.append(_block_content(block, call_key(event.effect_id, calls)))
        calls += isinstance(block, ToolCallBlock)
    return contents


def _block_content(block: AssistantBlock, key: EffectId) -> ItemContent:
    match block:
        case TextBlock():
            return AssistantText(text=block.text)
        case RefusalBlock():
            return AssistantRefusal(text=block.text)
        case ThinkingBlock():
            return AssistantThinking(text="\n\n".join(block.parts))
        case ToolCallBlock():
            return ToolCall(key=key, name=block.name, arguments=block.arguments)
        case OpaqueBlock():
            return AssistantOpaque(item_type=block.item_type)
