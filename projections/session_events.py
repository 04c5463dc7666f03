"""From the feed of an agent to that of its session. Pure."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import text_of
from projections import agent_event as a
from projections import session_event as s
from projections.agent_events import AgentFeedState, agent_events
from projections.session_event import SessionEvent

__all__ = ["call_summary", "session_event", "session_events"]

MOST_SUMMARY_BYTES = 160
MOST_RESULT_BYTES = 200
MOST_HINT_BYTES = 100
MOST_INPUT_BYTES = 60

_HINTS = ("command", "path", "file_path")


def session_events(
    state: AgentFeedState, event: Any
) -> tuple[AgentFeedState, Sequence[SessionEvent]]:
    """What one event of an agent's stream means for its session; see `agent_events`."""
    if isinstance(event, e.AgentSpawned):
        profile = event.profile
        started = s.SessionStarted(
            agent_id=profile.agent_id, name=profile.name, model=profile.model
        )
        return state, (started,)
    after, told = agent_events(state, event)
    return after, [said for one in told if (said := session_event(one)) is not None]


_SAME_IN_A_SESSION = (
    s.PermissionRequested,
    s.PermissionResolved,
    s.RetryAttempt,
    s.FallbackUsed,
    s.Branched,
    s.CompactionStarted,
    s.ContextCompacted,
    s.CompactionSkipped,
    s.CompactionUndone,
    s.Notice,
)


def session_event(event: a.AgentEvent) -> SessionEvent | None:
    """An event of the agent's feed in the words of a session; None if a session does not tell."""
    if isinstance(
        event, s.PermissionRequested | s.PermissionResolved | s.RetryAttempt | s.FallbackUsed
    ):
        return event
    if isinstance(event, s.Branched | s.Notice):
        return event
    if isinstance(
        event,
        s.CompactionStarted | s.ContextCompacted | s.CompactionSkipped | s.CompactionUndone,
    ):
        return event
    convert = _WORDS.get(type(event))
    return None if convert is None else convert(event)


def call_summary(tool: str, arguments: str) -> str:
    """A call on one line: the tool with its command or path, else with its arguments.

    A model may have written anything; whatever it is, there is a line to show.
    """
    try:
        decoded = json.loads(arguments)
    except (ValueError, RecursionError):
        decoded = None
    if isinstance(decoded, Mapping):
        hints = [decoded[name] for name in _HINTS if isinstance(decoded.get(name), str)]
        if hints:
            return _cut(f"{tool}: {_cut(hints[0], MOST_HINT_BYTES)}", MOST_SUMMARY_BYTES)
    return _cut(f"{tool}({_cut(arguments, MOST_INPUT_BYTES)})", MOST_SUMMARY_BYTES)


def _cut(text: str, most_bytes: int) -> str:
    """The beginning of a text on one line; whole characters, and none that JSON cannot carry."""
    encoded = " ".join(text.split()).encode("utf-8", "replace")
    if len(encoded) <= most_bytes:
        return encoded.decode()
    return encoded[: most_bytes - 3].decode(errors="ignore") + "..."


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
        summary=_cut(event.content, MOST_RESULT_BYTES),
        is_error=event.is_error,
    )


_WORDS: Mapping[type[Any], Callable[[Any], SessionEvent]] = {
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
    a.SubagentSpawned: lambda event: s.TaskUpdated(
        task_id=event.agent_id, kind="subagent", status="spawned", title=event.name
    ),
    a.SubagentFinished: lambda event: s.TaskUpdated(
        task_id=event.agent_id, kind="subagent", status=event.how, title=""
    ),
    a.RunFinished: lambda event: s.TurnEnded(ending=event.ending, early_end=event.early_end),
    a.RunFailed: lambda event: s.TurnFailed(
        kind=event.kind, message=event.error, recoverable=event.is_transient
    ),
}
