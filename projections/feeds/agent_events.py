"""From the log of an agent to its feed. Pure.

A feed may begin anywhere on a log: its state is folded from the first event, and what came before
its beginning is not told.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from mentra_actors.decider import ByEvent
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.compactions import MOST_ATTEMPTS
from mentra_actors.domain.agent.profile import COMPACT
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.compacted import Compaction
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.domain.transcript import unknown_outcome_text
from mentra_actors.ids import EffectId, MailId
from projections.feeds import agent_event as told
from projections.feeds.agent_event import AgentEvent, CallOutcome

__all__ = ["AgentFeedState", "OpenCall", "agent_events"]


class OpenCall(msgspec.Struct, frozen=True, kw_only=True):
    """What a feed remembers of a call until it has its result."""

    call_id: str
    tool: str
    arguments: str


class AgentFeedState(msgspec.Struct, frozen=True, kw_only=True):
    """What the next events of a feed are told with.

    `heard` is the model call that is open, `broke` the kind of the last failure that may be over,
    `fallback` the model that has taken over in this run.
    """

    calls: Mapping[EffectId, OpenCall] = {}
    unread: frozenset[MailId] = frozenset()
    heard: EffectId = EffectId("")
    broke: str = ""
    fallback: str = ""


_Step: TypeAlias = Callable[[AgentFeedState, Any], tuple[AgentFeedState, Sequence[AgentEvent]]]
_NO_CALL = OpenCall(call_id="", tool="", arguments="")
_replace = msgspec.structs.replace


def agent_events(
    state: AgentFeedState, event: object
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    """What one event of an agent's stream means for its feed, and the state after it. Pure.

    Events that say nothing to programs give nothing.
    """
    step = _STEPS.get(type(event))
    if step is not None:
        return step(state, event)
    if isinstance(event, _RUN_ENDS) and state.heard:
        state = _replace(state, heard=EffectId(""))
    plain = _PLAIN.get(type(event))
    return (state, ()) if plain is None else (state, (plain(event),))


def _requested(
    state: AgentFeedState, event: e.ModelCallRequested
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    is_new = event.model not in ("", state.fallback)
    after = _replace(state, heard=event.effect_id, fallback=event.model)
    return after, (told.FallbackUsed(model=event.model),) if is_new else ()


def _replied(
    state: AgentFeedState, event: e.ModelReplied
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    blocks = [block for block in event.blocks if isinstance(block, ToolCallBlock)]
    calls = {call_key(event.effect_id, at): block for at, block in enumerate(blocks)}
    opened = {
        key: OpenCall(call_id=block.call_id, tool=block.name, arguments=block.arguments)
        for key, block in calls.items()
    }
    events: list[AgentEvent] = [
        told.AssistantMessageCommitted(
            effect_id=event.effect_id, blocks=event.blocks, stop_reason=event.stop_reason
        )
    ]
    events += [
        told.ToolUseReady(
            key=key, index=at, call_id=call.call_id, tool=call.tool, arguments=call.arguments
        )
        for at, (key, call) in enumerate(opened.items())
    ]
    events.append(_usage(event, event.asked_model or event.model))
    return _replace(state, calls=opened, heard=EffectId("")), events


def _model_failed(
    state: AgentFeedState, event: e.ModelCallFailed
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    events: list[AgentEvent] = []
    if event.usage.total_tokens:
        events.append(_usage(event, event.asked_model))
    if event.retry_at is not None:
        events.append(
            told.RetryAttempt(
                error=event.message,
                attempt=event.attempt,
                max_attempts=event.max_attempts,
                next_delay_s=max(0.0, event.retry_at - event.failed_at),
            )
        )
    broke = event.kind if event.transient else ""
    return _replace(state, heard=EffectId(""), broke=broke), events


def _usage(
    event: e.ModelReplied | e.ModelCallFailed | e.AnswerAbandoned, model: str
) -> told.UsageReport:
    return told.UsageReport(
        effect_id=event.effect_id,
        model=model,
        usage=event.usage,
        cost_usd_micros=event.cost_usd_micros,
    )


def _compacted(
    state: AgentFeedState, event: e.ConversationCompacted
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    compaction = event.compaction
    compacted = told.ContextCompacted(
        trigger=event.trigger,
        replaced=compaction.replaced,
        kept=len(compaction.kept) + len(compaction.kept_results),
        summary=compaction.summary,
        effect_id=event.effect_id,
    )
    return state, (*_summary_usage(event.effect_id, compaction), compacted)


def _compaction_retried(
    state: AgentFeedState, event: e.CompactionRetried
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    again = told.RetryAttempt(
        error=event.error,
        attempt=event.attempt - 1,
        max_attempts=MOST_ATTEMPTS,
        next_delay_s=max(0.0, event.not_before - event.retried_at),
        of="compaction",
    )
    return state, (*_summary_usage(event.effect_id, event), again)


def _compaction_skipped(
    state: AgentFeedState, event: e.CompactionSkipped
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    skipped = told.CompactionSkipped(
        effect_id=event.effect_id,
        reason=event.reason,
        is_error=event.is_error,
        is_cancelled=event.is_cancelled,
    )
    return state, (*_summary_usage(event.effect_id, event), skipped)


def _summary_usage(
    effect_id: EffectId, used: Compaction | e.CompactionRetried | e.CompactionSkipped
) -> Sequence[AgentEvent]:
    if not used.usage.total_tokens:
        return ()
    return (
        told.UsageReport(
            effect_id=effect_id,
            model=used.asked_model,
            usage=used.usage,
            cost_usd_micros=used.cost_usd_micros,
        ),
    )


def _run_failed(
    state: AgentFeedState, event: e.RunFailed
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    event_told = told.RunFailed(
        run_id=event.run_id,
        kind=event.kind,
        error=event.message,
        is_rolled_back=event.is_rolled_back,
        is_transient=event.kind == state.broke,
    )
    return _replace(state, heard=EffectId(""), broke=""), (event_told,)


def _started(
    state: AgentFeedState, event: e.ToolCallStarted
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    call = state.calls.get(event.key, _NO_CALL)
    event_told = told.ToolExecutionStarted(
        key=event.key, call_id=call.call_id, tool=event.tool, arguments=call.arguments
    )
    if event.tool == COMPACT:
        return state, (
            event_told,
            told.CompactionStarted(effect_id=event.key, trigger="tool", tokens=0, limit=0),
        )
    return state, (event_told,)


def _restarted(
    state: AgentFeedState, event: e.ToolCallRestarted
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    call = state.calls.get(event.key, _NO_CALL)
    event_told = told.ToolExecutionStarted(
        key=event.key,
        call_id=call.call_id,
        tool=call.tool,
        arguments=call.arguments,
        attempt=event.attempt,
    )
    return state, (event_told,)


def _reviewed(
    state: AgentFeedState, event: e.ToolCallReviewed
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    call = state.calls.get(event.key)
    if call is None or not event.arguments:
        return state, ()
    changed = _replace(call, arguments=event.arguments)
    return _replace(state, calls={**state.calls, event.key: changed}), ()


def _ended(
    state: AgentFeedState,
    event: e.ToolCallFinished | e.ToolCallOutcomeUnknown | e.ToolCallSkipped,
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    call = state.calls.get(event.key, _NO_CALL)
    left = {key: one for key, one in state.calls.items() if key != event.key}
    details = ""
    outcome: CallOutcome = "finished"
    match event:
        case e.ToolCallFinished():
            content, is_error = event.content, event.is_error
            details = event.details
        case e.ToolCallOutcomeUnknown():
            content, is_error, outcome = unknown_outcome_text(event.reason), True, "unknown"
        case e.ToolCallSkipped():
            content, is_error, outcome = event.reason, True, "skipped"
    event_told = told.ToolExecutionFinished(
        key=event.key,
        call_id=event.call_id or call.call_id,
        tool=event.tool or call.tool,
        content=content,
        is_error=is_error,
        outcome=outcome,
        details=details,
    )
    return _replace(state, calls=left), (event_told,)


def _mail(
    state: AgentFeedState, unread: frozenset[MailId]
) -> tuple[AgentFeedState, Sequence[AgentEvent]]:
    if unread == state.unread:
        return state, ()
    return _replace(state, unread=unread), (told.TeamInboxUpdated(unread_count=len(unread)),)


def _effects(count: int) -> str:
    return "1 open effect" if count == 1 else f"{count} open effects"


_RUN_ENDS = (e.RunFinished, e.RunCancelled)

_STEPS: Mapping[type[object], _Step] = {
    e.ModelCallRequested: _requested,
    e.ModelReplied: _replied,
    e.ModelCallFailed: _model_failed,
    e.RunFailed: _run_failed,
    e.ConversationCompacted: _compacted,
    e.CompactionRetried: _compaction_retried,
    e.CompactionSkipped: _compaction_skipped,
    e.ToolCallReviewed: _reviewed,
    e.ToolCallStarted: _started,
    e.ToolCallRestarted: _restarted,
    e.ToolCallFinished: _ended,
    e.ToolCallOutcomeUnknown: _ended,
    e.ToolCallSkipped: _ended,
    e.MailTaken: lambda state, event: _mail(
        state, state.unread | {mail.mail_id for mail in event.mail}
    ),
    e.InputPlaced: lambda state, event: _mail(state, state.unread - set(event.mail_ids)),
    e.MailHandedOver: lambda state, event: _mail(state, state.unread - set(event.mail_ids)),
    e.InputReturned: lambda state, event: _mail(state, state.unread | set(event.mail_ids)),
}

_PLAIN: ByEvent[AgentEvent] = {
    e.RunStarted: lambda event: told.RunStarted(run_id=event.run_id, resumes=event.resumes),
    e.RunFinished: lambda event: told.RunFinished(
        run_id=event.run_id, ending=event.ending, early_end=event.early_end
    ),
    e.RunCancelled: lambda event: told.RunFailed(
        run_id=event.run_id,
        kind="cancelled",
        error=event.reason,
        is_rolled_back=event.is_rolled_back,
    ),
    e.PromptAccepted: lambda event: told.InputAdded(
        source="prompt", input_id=event.prompt_id, text=event.text
    ),
    e.InputQueued: lambda event: told.InputAdded(
        source=event.queue, input_id=event.item_id, text=event.text
    ),
    e.AnswerAbandoned: lambda event: _usage(event, event.asked_model),
    e.PermissionRequested: lambda event: told.PermissionRequested(
        request_id=event.request_id,
        key=event.key,
        call_id=event.call_id,
        tool=event.tool,
        description=event.description,
        preview=event.preview,
    ),
    e.PermissionResolved: lambda event: told.PermissionResolved(
        request_id=event.request_id,
        key=event.key,
        call_id=event.call_id,
        tool=event.tool,
        allow=event.allow,
        reason=event.reason,
        resolved_by=event.resolved_by,
    ),
    e.SubagentSpawned: lambda event: told.SubagentSpawned(
        key=event.key,
        agent_id=event.profile.agent_id,
        name=event.profile.name,
        model=event.profile.model,
    ),
    e.SubagentFinished: lambda event: told.SubagentFinished(
        agent_id=event.agent_id, how=event.how
    ),
    e.SubagentEndOrdered: lambda event: told.SubagentFinished(
        agent_id=event.agent_id, how="stopped" if event.how == "stop" else "cancelled"
    ),
    e.ModelCallWithheld: lambda event: told.Notice(
        severity="warning",
        message=f"the model was not asked: the {'shared ' if event.is_shared else ''}"
        f"{event.limit.replace('_', ' ')} is used up",
    ),
    e.CompactionRequested: lambda event: told.CompactionStarted(
        effect_id=event.effect_id,
        trigger=event.trigger,
        tokens=event.tokens,
        limit=event.limit,
    ),
    e.CompactionUndone: lambda event: told.CompactionUndone(effect_id=event.effect_id),
    e.PermissionExpired: lambda event: told.Notice(
        severity="warning",
        message=f"{event.tool} was refused: nobody has decided about it in time",
    ),
    e.LeafMoved: lambda event: told.Branched(
        entry_id=event.to_entry, from_entry=event.from_entry, reason=event.reason
    ),
    e.AgentReconfigured: lambda event: told.Reconfigured(changes=event.changes),
    e.AgentRecovered: lambda event: told.Notice(
        severity="info",
        message=f"the agent came back with {_effects(len(event.open_effects))}",
    ),
    e.AgentBranched: lambda event: told.Notice(
        severity="info",
        message=f"the agent goes on in the branch {event.branch}, from position {event.position}",
    ),
    e.ConversationEdited: lambda event: told.Notice(
        severity="info", message=f"the conversation was edited: {event.kind} {event.entry or ''}"
    ),
    e.RunStopRequested: lambda event: told.Notice(
        severity="info", message=f"the run is asked to stop: {event.reason}"
    ),
    e.ToolCallCompensated: lambda event: told.Notice(
        severity="warning" if event.is_error else "info",
        message=f"{event.tool} {'could not be undone' if event.is_error else 'was undone'}: "
        f"{event.content}",
    ),
    e.AgentStopped: lambda _: told.Notice(severity="info", message="the agent was stopped"),
}
