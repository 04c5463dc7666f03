"""From the events of an agent to the items that people read. Pure."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from mentra_actors.decider import ByEvent
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import (
    AssistantBlock,
    HostedToolBlock,
    ImageBlock,
    OpaqueBlock,
    RefusalBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import EffectId
from projections.views import transcript_item as t
from projections.views.transcript_item import ItemContent, TranscriptItem

__all__ = ["items_of"]


def items_of(recorded: RecordedEvent[object]) -> list[TranscriptItem]:
    """What one event adds to the transcript; nothing if it does not speak to people."""
    tell = _CONTENTS.get(type(recorded.event))
    return [
        TranscriptItem(
            stream_version=recorded.stream_version,
            global_position=recorded.global_position,
            recorded_at=recorded.recorded_at_ns / 1e9,
            content=content,
        )
        for content in (tell(recorded.event) if tell is not None else ())
    ]


def _one(tell: Callable[[Any], ItemContent]) -> Callable[[Any], Sequence[ItemContent]]:
    return lambda event: (tell(event),)


def _mail(event: e.MailTaken) -> Sequence[ItemContent]:
    return [t.MailIn(mail_id=m.mail_id, sender=m.sender, body=m.body) for m in event.mail]


def _spawned(event: e.AgentSpawned) -> ItemContent:
    profile = event.profile
    return t.Spawned(name=profile.name, role=profile.role, model=profile.model)


def _retry(event: e.ModelCallRequested) -> Sequence[ItemContent]:
    if event.attempt == 1:
        return ()
    return (t.ModelRetry(attempt=event.attempt, not_before=event.not_before),)


def _failure(event: e.ModelCallFailed) -> ItemContent:
    return t.ModelFailure(
        kind=event.kind,
        message=event.message,
        transient=event.transient,
        partial_text=event.partial_text,
    )


def _abandoned(event: e.AnswerAbandoned) -> Sequence[ItemContent]:
    return (t.Abandoned(partial_text=event.partial_text),) if event.partial_text else ()


def _injected(event: e.InputPlaced) -> Sequence[ItemContent]:
    return (t.Injected(text=event.injected),) if event.injected else ()


def _result(event: e.ToolCallFinished) -> ItemContent:
    return t.ToolResult(
        key=event.key,
        content=event.content,
        is_error=event.is_error,
        details=event.details,
        spilled=event.spilled,
    )


def _permission(event: e.PermissionResolved) -> ItemContent:
    return t.PermissionGiven(
        key=event.key, allow=event.allow, reason=event.reason, resolved_by=event.resolved_by
    )


def _undone(event: e.ToolCallCompensated) -> ItemContent:
    return t.Undone(key=event.key, tool=event.tool, content=event.content, is_error=event.is_error)


def _changed(event: e.AgentReconfigured) -> ItemContent:
    changes = event.changes
    options = [
        name for name in changes.__struct_fields__ if getattr(changes, name) is not msgspec.UNSET
    ]
    return t.Reconfigured(options=tuple(options))


def _finished(event: e.RunFinished) -> ItemContent:
    early = event.early_end.replace("_", " ")
    return t.RunEnded(run_id=event.run_id, how="finished", text=early)


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
            return t.AssistantText(text=block.text)
        case RefusalBlock():
            return t.AssistantRefusal(text=block.text)
        case ThinkingBlock():
            return t.AssistantThinking(text="\n\n".join(block.parts))
        case ToolCallBlock():
            return t.ToolCall(key=key, name=block.name, arguments=block.arguments)
        case OpaqueBlock():
            return t.AssistantOpaque(item_type=block.item_type)
        case HostedToolBlock():
            return t.AssistantOpaque(item_type=block.tool)
        case ImageBlock():
            return t.AssistantOpaque(item_type="image")


_CONTENTS: ByEvent[Sequence[ItemContent]] = {
    e.AgentSpawned: _one(_spawned),
    e.AgentReconfigured: _one(_changed),
    e.PromptAccepted: _one(lambda event: t.Prompt(prompt_id=event.prompt_id, text=event.text)),
    e.InputQueued: _one(lambda event: t.Queued(queue=event.queue, text=event.text)),
    e.InputPlaced: _injected,
    e.MailTaken: _mail,
    e.MailHandedOver: _one(lambda event: t.MailHandedOver(letters=len(event.mail_ids))),
    e.MailSent: _one(
        lambda event: t.MailOut(mail_id=event.mail.mail_id, to=event.mail.to, body=event.mail.body)
    ),
    e.ModelCallRequested: _retry,
    e.ModelReplied: _answer,
    e.ModelCallFailed: _one(_failure),
    e.AnswerAbandoned: _abandoned,
    e.PermissionRequested: _one(
        lambda event: t.PermissionAsked(
            key=event.key, request_id=event.request_id, description=event.description
        )
    ),
    e.PermissionResolved: _one(_permission),
    e.ToolCallStarted: _one(lambda event: t.ToolCallChanged(key=event.key, status="started")),
    e.ToolCallRestarted: _one(lambda event: t.ToolCallChanged(key=event.key, status="restarted")),
    e.ToolCallProbeRequested: _one(
        lambda event: t.ToolCallChanged(key=event.key, status="probing")
    ),
    e.ToolCallFinished: _one(_result),
    e.ToolCallOutcomeUnknown: _one(
        lambda event: t.OutcomeUnknown(key=event.key, reason=event.reason)
    ),
    e.ToolCallSkipped: _one(lambda event: t.Skipped(key=event.key, reason=event.reason)),
    e.ToolCallCompensated: _one(_undone),
    e.SubagentSpawned: _one(
        lambda event: t.SubagentMade(
            key=event.key, agent_id=event.profile.agent_id, name=event.profile.name
        )
    ),
    e.SubagentFinished: _one(
        lambda event: t.SubagentEnded(agent_id=event.agent_id, how=event.how)
    ),
    e.SubagentEndOrdered: _one(
        lambda event: t.SubagentEnded(agent_id=event.agent_id, how=event.how)
    ),
    e.ModelCallWithheld: _one(lambda event: t.Withheld(limit=event.limit, tokens=event.tokens)),
    e.ConversationCompacted: _one(
        lambda event: t.Compacted(
            summary=event.compaction.summary, replaced=event.compaction.replaced
        )
    ),
    e.LeafMoved: _one(lambda event: t.Moved(to_entry=event.to_entry, reason=event.reason)),
    e.RunStarted: _one(lambda event: t.RunStarted(run_id=event.run_id)),
    e.RunStopRequested: _one(lambda event: t.StopAsked(reason=event.reason)),
    e.RunFinished: _one(_finished),
    e.RunFailed: _one(
        lambda event: t.RunEnded(run_id=event.run_id, how="failed", text=event.message)
    ),
    e.RunCancelled: _one(
        lambda event: t.RunEnded(run_id=event.run_id, how="cancelled", text=event.reason)
    ),
    e.AgentBranched: _one(lambda event: t.Branched(branch=event.branch, position=event.position)),
    e.ConversationEdited: _one(
        lambda event: t.Edited(kind=event.kind, entry=event.entry, text=event.text, by=event.by)
    ),
    e.AgentRecovered: _one(lambda event: t.Recovered(open_effects=event.open_effects)),
    e.AgentStopped: _one(lambda _: t.Stopped()),
}
