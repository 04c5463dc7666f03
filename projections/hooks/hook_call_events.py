"""What the events of calls say to observers: reviewed, allowed, run, undone. Pure."""

from collections.abc import Mapping
from typing import Any

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.transcript import unknown_outcome_text
from mentra_actors.ids import EffectId
from projections.hooks import hook_event as told
from projections.hooks.hook_event import HookEvent
from projections.hooks.hook_memory import searched
from projections.hooks.hook_state import (
    PREVIEW_CHARS,
    AgentHookState,
    HookCall,
    Outcome,
    Place,
    Step,
)

__all__ = ["CALL_STEPS"]

_NO_CALL = HookCall(tool="", call_id="")
_replace = msgspec.structs.replace


# --- before a call runs -----------------------------------------------------------------------


def _planned(state: AgentHookState, event: e.ToolCallsPlanned, at: Place) -> Outcome:
    asked = [plan.key for plan in event.calls if plan.needs_review]
    started = [
        told.ToolAuthorizationStarted(
            preview=state.calls[key].arguments, **_of_call(state, key), **at
        )
        for key in asked
        if key in state.calls
    ]
    return state, started


def _evaluated(state: AgentHookState, event: e.ToolAuthorizationEvaluated, at: Place) -> Outcome:
    of = _of_call(state, event.key, event)
    events: list[HookEvent] = [
        told.ToolAuthorizationFinished(
            outcome=event.outcome,
            decided_by=event.decided_by,
            reason=event.reason,
            rule=event.rule,
            digest=event.digest,
            **of,
            **at,
        )
    ]
    if event.outcome == "deny":
        blocked = told.ToolAuthorizationBlocked(
            outcome=event.outcome, reason=event.reason, **of, **at
        )
        events.append(blocked)
    return _with_call(state, event.key, outcome=event.outcome, reason=event.reason), events


def _asked(state: AgentHookState, event: e.PermissionRequested, at: Place) -> Outcome:
    asked = told.PermissionRequested(
        request_id=event.request_id,
        description=event.description,
        preview=event.preview,
        expires_at=event.expires_at,
        **_of_call(state, event.key, event),
        **at,
    )
    return _with_call(state, event.key, stage="waiting"), (asked,)


def _resolved(state: AgentHookState, event: e.PermissionResolved, at: Place) -> Outcome:
    of = {**_of_call(state, event.key, event), "request_id": event.request_id}
    events: list[HookEvent] = [
        told.PermissionResolved(
            allow=event.allow,
            reason=event.reason,
            resolved_by=event.resolved_by,
            **of,
            **at,
        )
    ]
    if event.remembered:
        events.append(
            told.PermissionRemembered(allow=event.allow, scope=event.remembered, **of, **at)
        )
    return state, events


def _expired(state: AgentHookState, event: e.PermissionExpired, at: Place) -> Outcome:
    of = _of_call(state, event.key, event)
    return state, (told.PermissionExpired(request_id=event.request_id, **of, **at),)


# --- while and after it runs ------------------------------------------------------------------


def _started(state: AgentHookState, event: e.ToolCallStarted, at: Place) -> Outcome:
    started = told.ToolExecutionStarted(**_of_call(state, event.key, event), **at)
    return _with_call(state, event.key, stage="started"), (started, *searched(event, at))


def _restarted(state: AgentHookState, event: e.ToolCallRestarted, at: Place) -> Outcome:
    of = _of_call(state, event.key)
    return state, (told.ToolExecutionStarted(attempt=event.attempt, **of, **at),)


def _finished(state: AgentHookState, event: e.ToolCallFinished, at: Place) -> Outcome:
    of = _of_call(state, event.key, event)
    call = state.calls.get(event.key)
    events: list[HookEvent] = [*searched(event, at)]
    if event.denied:
        events += [
            told.AuthorizationDenied(action=event.denied, detail=event.content, **at),
            told.PolicyDenied(action=event.denied, reason=event.content, **of, **at),
        ]
    if call is None or call.stage == "started":
        events.append(_executed(event, of, at))
    elif event.is_error:
        if call.stage == "planned" and call.outcome == "ask":
            events.append(
                told.ToolAuthorizationBlocked(outcome="ask", reason=call.reason, **of, **at)
            )
        events.append(told.ToolExecutionBlocked(reason=event.content, **of, **at))
    return _without_call(state, event.key), events


def _executed(event: e.ToolCallFinished, of: Place, at: Place) -> told.ToolExecutionFinished:
    shown = event.content[:PREVIEW_CHARS]
    return told.ToolExecutionFinished(
        is_error=event.is_error,
        error=shown if event.is_error else None,
        output_preview=shown,
        details=event.details,
        **of,
        **at,
    )


def _unknown(state: AgentHookState, event: e.ToolCallOutcomeUnknown, at: Place) -> Outcome:
    finished = told.ToolExecutionFinished(
        is_error=True,
        error=event.reason,
        output_preview=unknown_outcome_text(event.reason)[:PREVIEW_CHARS],
        outcome="unknown",
        **_of_call(state, event.key, event),
        **at,
    )
    return _without_call(state, event.key), (finished,)


def _skipped(state: AgentHookState, event: e.ToolCallSkipped, at: Place) -> Outcome:
    blocked = told.ToolExecutionBlocked(
        reason=event.reason, **_of_call(state, event.key, event), **at
    )
    return _without_call(state, event.key), (blocked,)


def _undoing(state: AgentHookState, event: e.ToolCallCompensationStarted, at: Place) -> Outcome:
    of: dict[str, Any] = {"tool_name": event.tool, "tool_call_id": "", "key": event.key}
    return state, (told.ToolCompensationStarted(attempt=event.attempt, **of, **at),)


def _undone(state: AgentHookState, event: e.ToolCallCompensated, at: Place) -> Outcome:
    of: dict[str, Any] = {"tool_name": event.tool, "tool_call_id": "", "key": event.key}
    finished = told.ToolCompensationFinished(
        is_error=event.is_error, output_preview=event.content[:PREVIEW_CHARS], **of, **at
    )
    return state, (finished,)


def _of_call(state: AgentHookState, key: EffectId, event: object = None) -> dict[str, Any]:
    """Which call it is; what the event itself says counts first."""
    call = state.calls.get(key, _NO_CALL)
    return {
        "tool_name": getattr(event, "tool", "") or call.tool,
        "tool_call_id": getattr(event, "call_id", "") or call.call_id,
        "key": key,
    }


def _with_call(state: AgentHookState, key: EffectId, **changes: object) -> AgentHookState:
    call = state.calls.get(key)
    if call is None:
        return state
    return _replace(state, calls={**state.calls, key: _replace(call, **changes)})


def _without_call(state: AgentHookState, key: EffectId) -> AgentHookState:
    if key not in state.calls:
        return state
    return _replace(state, calls={one: call for one, call in state.calls.items() if one != key})


CALL_STEPS: Mapping[type[object], Step] = {
    e.ToolCallsPlanned: _planned,
    e.ToolAuthorizationEvaluated: _evaluated,
    e.PermissionRequested: _asked,
    e.PermissionResolved: _resolved,
    e.PermissionExpired: _expired,
    e.ToolCallStarted: _started,
    e.ToolCallRestarted: _restarted,
    e.ToolCallFinished: _finished,
    e.ToolCallOutcomeUnknown: _unknown,
    e.ToolCallSkipped: _skipped,
    e.ToolCallCompensationStarted: _undoing,
    e.ToolCallCompensated: _undone,
}
