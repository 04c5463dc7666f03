"""State after facts about tool calls."""

from collections.abc import Callable
from typing import Any, TypeAlias

import msgspec

from mentra_actors.decider import Steps
from mentra_actors.domain.agent.events import calls as e
from mentra_actors.domain.agent.profile import BOARD_READERS, BOARD_TOOLS
from mentra_actors.domain.agent.state import AgentState, Compensation, Run, Subagent, ToolCall
from mentra_actors.domain.known_ids import remembered
from mentra_actors.ids import EffectId

__all__ = ["CALL_STEPS", "left_open"]

_replace = msgspec.structs.replace

MOST_DIGITS = 9

_Closing: TypeAlias = e.ToolCallFinished | e.ToolCallOutcomeUnknown | e.ToolCallSkipped


def _planned(state: AgentState, event: e.ToolCallsPlanned) -> AgentState:
    plans = {plan.key: plan for plan in event.calls}
    calls = tuple(
        _with_plan(call, plan, event.salt) if (plan := plans.get(call.key)) else call
        for call in state.calls
    )
    faults = any(plan.is_output and plan.refusal for plan in event.calls)
    run = state.run and _replace(state.run, output_faults=state.run.output_faults + faults)
    return _replace(state, calls=calls, run=run)


def _with_plan(call: ToolCall, plan: e.CallPlan, salt: str) -> ToolCall:
    return _replace(
        call,
        salt=salt,
        retry=plan.retry,
        parallel=plan.parallel,
        refusal=plan.refusal,
        is_output=plan.is_output,
        can_compensate=plan.can_compensate,
        denied=plan.denied,
        status="reviewing" if plan.needs_review and not plan.refusal else call.status,
    )


def _evaluated(call: ToolCall, event: e.ToolAuthorizationEvaluated) -> ToolCall:
    return _replace(call, digest=event.digest)


def _reviewed(call: ToolCall, event: e.ToolCallReviewed) -> ToolCall:
    return _replace(
        call,
        status="planned",
        parallel=event.parallel,
        arguments=event.arguments or call.arguments,
    )


def _asked(call: ToolCall, event: e.PermissionRequested) -> ToolCall:
    return _replace(
        call,
        status="asked",
        request_id=event.request_id,
        description=event.description,
        preview=event.preview,
        is_by_tool=event.is_by_tool,
        expires_at=event.expires_at,
        parallel=event.parallel,
        arguments=event.arguments or call.arguments,
    )


def _resolved(call: ToolCall, event: e.PermissionResolved) -> ToolCall:
    """A refusal is followed by the event with which the call is closed."""
    answered = _answered(call)
    return _replace(answered, status="planned") if event.allow else answered


def _permission_resolved(state: AgentState, event: e.PermissionResolved) -> AgentState:
    after = _changed(_resolved)(state, event)
    if not event.command_id:
        return after
    return _replace(after, known_commands=remembered(state.known_commands, event.command_id))


def _answered(call: ToolCall) -> ToolCall:
    return _replace(
        call, request_id="", description="", preview="", is_by_tool=False, expires_at=None
    )


def _permission_expired(call: ToolCall, _event: e.PermissionExpired) -> ToolCall:
    """Followed by the event with which the call is closed."""
    return _answered(call)


def _started(call: ToolCall, event: e.ToolCallStarted) -> ToolCall:
    return _replace(
        call, status="started", idempotency_key=event.idempotency_key, retry=event.retry
    )


def _restarted(call: ToolCall, event: e.ToolCallRestarted) -> ToolCall:
    return _replace(call, status="started", attempt=event.attempt)


def _probed(call: ToolCall, event: e.ToolCallProbeRequested) -> ToolCall:
    return _replace(call, status="probing", attempt=event.attempt)


def _changed(
    step: Callable[[ToolCall, Any], ToolCall],
) -> Callable[[AgentState, Any], AgentState]:
    """The step of the whole state, from that of the one call that an event names."""

    def changed(state: AgentState, event: Any) -> AgentState:
        at = _place_of(state.calls, event.key)
        if at is None:
            return state
        return _replace(state, calls=_with_call(state.calls, at, step(state.calls[at], event)))

    return changed


def _place_of(calls: tuple[ToolCall, ...], key: EffectId) -> int | None:
    """Where a call is among those of its answer: keys end with that number."""
    number = key.rpartition(".")[2][:MOST_DIGITS]
    place = int(number) if number.isdecimal() else len(calls)
    if place < len(calls) and calls[place].key == key:
        return place
    return next((at for at, call in enumerate(calls) if call.key == key), None)


def _with_call(calls: tuple[ToolCall, ...], at: int, call: ToolCall) -> tuple[ToolCall, ...]:
    return (*calls[:at], call, *calls[at + 1 :])


def _call_started(state: AgentState, event: e.ToolCallStarted) -> AgentState:
    run = state.run and _with_use(state.run, event.tool)
    return _replace(_changed(_started)(state, event), run=run)


def _with_use(run: Run, tool: str) -> Run:
    is_change = tool.startswith(BOARD_TOOLS) and tool not in BOARD_READERS
    is_new = is_change and run.run_id not in run.board_runs
    board_runs = (*run.board_runs, run.run_id) if is_new else run.board_runs
    return _replace(run, tool_calls=run.tool_calls + 1, board_runs=board_runs)


def _call_closed(state: AgentState, event: _Closing) -> AgentState:
    is_error = not isinstance(event, e.ToolCallFinished) or event.is_error
    calls, before = state.calls, None
    at = _place_of(calls, event.key)
    if at is not None:
        before = calls[at]
        calls = _with_call(calls, at, _replace(before, status="closed", is_error=is_error))
    run = state.run and _after_closing(state.run, before, event)
    is_board = before is not None and before.tool.startswith(BOARD_TOOLS) and not is_error
    return _replace(
        state,
        calls=calls,
        run=run,
        subagents=left_open(state, event.key),
        rounds_without_board=0 if is_board else state.rounds_without_board,
    )


def left_open(state: AgentState, *keys: EffectId) -> tuple[Subagent, ...]:
    """Subagents without those of these calls that have ended: nobody will ask for them again."""
    if not state.subagents:
        return ()
    return tuple(one for one in state.subagents if not (one.has_ended and one.key in keys))


def _after_closing(run: Run, call: ToolCall | None, event: _Closing) -> Run:
    if isinstance(event, e.ToolCallFinished) and (event.terminate or event.rest):
        ending = "terminated" if event.terminate else run.ending or "idle"
        output = event.key if call is not None and call.is_output else run.output
        run = _replace(run, ending=ending, output=output)
    is_started = call is not None and call.status in ("started", "probing")
    has_failed = isinstance(event, e.ToolCallFinished) and event.is_error and not event.has_run
    if call is None or not (call.can_compensate and is_started and not has_failed):
        return run
    undo = Compensation(
        key=call.key,
        tool=call.tool,
        arguments=call.arguments,
        idempotency_key=call.idempotency_key,
        is_known=isinstance(event, e.ToolCallFinished),
    )
    return _replace(run, undoable=(*run.undoable, undo))


def _compensation_started(state: AgentState, event: e.ToolCallCompensationStarted) -> AgentState:
    compensations = tuple(
        _replace(one, attempt=event.attempt) if one.key == event.key else one
        for one in state.compensations
    )
    return _replace(state, compensations=compensations)


def _compensated(state: AgentState, event: e.ToolCallCompensated) -> AgentState:
    left = tuple(one for one in state.compensations if one.key != event.key)
    return _replace(state, compensations=left)


CALL_STEPS: Steps[AgentState] = {
    e.ToolCallsPlanned: _planned,
    e.ToolAuthorizationEvaluated: _changed(_evaluated),
    e.ToolCallReviewed: _changed(_reviewed),
    e.PermissionRequested: _changed(_asked),
    e.PermissionResolved: _permission_resolved,
    e.PermissionExpired: _changed(_permission_expired),
    e.ToolCallStarted: _call_started,
    e.ToolCallRestarted: _changed(_restarted),
    e.ToolCallProbeRequested: _changed(_probed),
    e.ToolCallFinished: _call_closed,
    e.ToolCallOutcomeUnknown: _call_closed,
    e.ToolCallSkipped: _call_closed,
    e.ToolCallCompensationStarted: _compensation_started,
    e.ToolCallCompensated: _compensated,
}
