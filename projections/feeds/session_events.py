"""From the log of an agent, and of what stands beside it, to the feed of its session. Pure.

Beside the agent's own stream these are its background jobs, its memory and its team. Words that
another stream says nothing about come from the feed of the agent.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import msgspec

from mentra_actors.decider import ByEvent
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import text_of
from mentra_actors.ids import AgentId
from projections.feeds import agent_event as a
from projections.feeds import session_event as s
from projections.feeds.agent_events import AgentFeedState, agent_events
from projections.feeds.session_event import Mutability, SessionEvent
from projections.feeds.session_lines import call_summary, result_summary
from projections.feeds.session_tasks import SessionTasks, task_events

__all__ = ["NO_VALUE", "MutabilityOf", "SessionFeedState", "session_event", "session_events"]

NO_VALUE = "the run ended without the typed value that was asked for"

MutabilityOf: TypeAlias = Callable[[str], Mutability]
"""Whether the tool of a name may change anything. No log says it, so a program is asked."""

_replace = msgspec.structs.replace


class SessionFeedState(msgspec.Struct, frozen=True, kw_only=True):
    """What the next events of a session are told with. `wants_value`: see `RunFinished`."""

    agent: AgentFeedState = AgentFeedState()
    tasks: SessionTasks = SessionTasks()
    wants_value: bool = False


def session_events(
    state: SessionFeedState,
    event: object,
    *,
    mutability_of: MutabilityOf = lambda _tool: "unknown",
) -> tuple[SessionFeedState, Sequence[SessionEvent]]:
    """What one event means for a session, and the state after it; see `agent_events`."""
    tasks, said = task_events(state.tasks, event)
    if tasks is not state.tasks:
        state = _replace(state, tasks=tasks)
    if said:
        return state, said
    if isinstance(event, e.RunStarted):
        state = _replace(state, wants_value=event.options.output is not None)
    elif isinstance(event, e.RunFinished) and state.wants_value and not event.output:
        failed = s.TurnFailed(kind="no_output", message=NO_VALUE, recoverable=False)
        after, _ = agent_events(state.agent, event)
        return _replace(state, agent=after), (failed,)
    after, told = agent_events(state.agent, event)
    if after is not state.agent:
        state = _replace(state, agent=after)
    heard = [words for one in told if (words := session_event(one)) is not None]
    return state, [_completed_by(one, tasks.agent_id, mutability_of) for one in heard]


def _completed_by(
    event: SessionEvent, agent_id: AgentId, mutability_of: MutabilityOf
) -> SessionEvent:
    """With what the event of the agent's feed does not say."""
    match event:
        case s.UsageReport():
            return _replace(event, agent_id=agent_id)
        case s.ToolQueued():
            return _replace(event, mutability=mutability_of(event.tool_name))
        case _:
            return event


def session_event(event: a.AgentEvent) -> SessionEvent | None:
    """An event of the agent's feed in the words of a session; None if a session does not tell."""
    if isinstance(
        event, s.PermissionRequested | s.PermissionResolved | s.RetryAttempt | s.FallbackUsed
    ):
        return event
    if isinstance(
        event,
        s.Branched | s.CompactionStarted | s.CompactionSkipped | s.CompactionUndone | s.Notice,
    ):
        return event
    convert = _WORDS.get(type(event))
    return None if convert is None else convert(event)


def _queued(event: a.ToolUseReady) -> SessionEvent:
    return s.ToolQueued(
        key=event.key,
        tool_call_id=event.call_id,
        tool_name=event.tool,
        summary=call_summary(event.tool, event.arguments),
        input_json=event.arguments,
    )


def _completed(event: a.ToolExecutionFinished) -> SessionEvent:
    return s.ToolCompleted(
        key=event.key,
        tool_call_id=event.call_id,
        tool_name=event.tool,
        summary=result_summary(event.content),
        is_error=event.is_error,
    )


_WORDS: ByEvent[SessionEvent] = {
    a.InputAdded: lambda event: s.UserMessage(
        source=event.source, input_id=event.input_id, text=event.text
    ),
    a.TextDelta: lambda event: s.AssistantTokenDelta(
        effect_id=event.effect_id, delta=event.delta, offset=event.offset
    ),
    a.ReasoningDelta: lambda event: s.AssistantReasoningDelta(
        effect_id=event.effect_id, delta=event.delta, offset=event.offset
    ),
    a.AssistantMessageCommitted: lambda event: s.AssistantMessageCompleted(
        effect_id=event.effect_id, text=text_of(event.blocks)
    ),
    a.ToolUseReady: _queued,
    a.ToolExecutionStarted: lambda event: s.ToolStarted(
        key=event.key, tool_call_id=event.call_id, tool_name=event.tool
    ),
    a.ToolExecutionProgress: lambda event: s.ToolProgress(
        key=event.key, tool_name=event.tool, progress=event.progress
    ),
    a.ToolExecutionFinished: _completed,
    a.UsageReport: lambda event: s.UsageReport(
        effect_id=event.effect_id,
        model=event.model,
        usage=event.usage,
        cost_usd_micros=event.cost_usd_micros,
    ),
    a.ContextCompacted: lambda event: s.CompactionCompleted(
        effect_id=event.effect_id,
        trigger=event.trigger,
        replaced=event.replaced,
        kept=event.kept,
        summary=event.summary,
    ),
    a.RunFinished: lambda event: s.TurnEnded(ending=event.ending, early_end=event.early_end),
    a.RunFailed: lambda event: s.TurnFailed(
        kind=event.kind, message=event.error, recoverable=event.is_transient
    ),
}
