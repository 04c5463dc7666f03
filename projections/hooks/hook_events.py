"""From the log to the events of hooks. Pure.

Most of what is told of a call or of an attempt stands in events before: each stream has a small
state, folded from its first event. `projections.hooks.hook_history` keeps those of all streams.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import call_key
from mentra_actors.domain.content import ToolCallBlock
from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.envelope import RecordedEvent
from mentra_actors.ids import EffectId, RunId, name_of
from projections.hooks import hook_event as told
from projections.hooks.hook_call_events import CALL_STEPS
from projections.hooks.hook_memory import ingested, recalled
from projections.hooks.hook_state import (
    AgentHookState,
    HookAttempt,
    HookCall,
    Outcome,
    Place,
    Step,
)

__all__ = ["agent_hook_events"]

_replace = msgspec.structs.replace


def agent_hook_events(state: AgentHookState, recorded: RecordedEvent[object]) -> Outcome:
    """What one event of an agent's stream says, and the state after it; often nothing."""
    step = _STEPS.get(type(recorded.event))
    if step is None:
        return state, ()
    at = {
        "agent_id": name_of(recorded.stream_id),
        "position": recorded.global_position,
        "recorded_at": recorded.recorded_at_ns / 1e9,
        "run_id": RunId(getattr(recorded.event, "run_id", "") or recorded.correlation),
    }
    return step(state, recorded.event, at)


# --- model calls ------------------------------------------------------------------------------


def _spawned(state: AgentHookState, event: e.AgentSpawned, _at: Place) -> Outcome:
    return _replace(state, model=event.profile.model), ()


def _reconfigured(state: AgentHookState, event: e.AgentReconfigured, _at: Place) -> Outcome:
    model = event.changes.model
    return (state if model is msgspec.UNSET else _replace(state, model=model)), ()


def _requested(state: AgentHookState, event: e.ModelCallRequested, at: Place) -> Outcome:
    model = event.model or state.model
    opened = HookAttempt(effect_id=event.effect_id, model=model, attempt=event.attempt)
    started = told.ModelRequestStarted(model=model, attempt=event.attempt, **at)
    return _replace(state, attempt=opened), (started,)


def _replied(state: AgentHookState, event: e.ModelReplied, at: Place) -> Outcome:
    of = _of_attempt(state, event.effect_id, event.asked_model)
    events = (
        *recalled(event, at),
        told.ModelRequestFinished(success=True, **of, **at),
        told.ModelResponseFinished(
            success=True,
            stop_reason=event.stop_reason.value,
            usage=event.usage,
            cost_usd_micros=event.cost_usd_micros,
            **of,
            **at,
        ),
    )
    blocks = [block for block in event.blocks if isinstance(block, ToolCallBlock)]
    calls = {
        call_key(event.effect_id, index): HookCall(
            tool=block.name, call_id=block.call_id, arguments=block.arguments
        )
        for index, block in enumerate(blocks)
    }
    has_answer = state.has_answer or bool(event.blocks)
    return _replace(state, attempt=None, calls=calls, has_answer=has_answer), events


def _model_failed(state: AgentHookState, event: e.ModelCallFailed, at: Place) -> Outcome:
    of = _of_attempt(state, event.effect_id, event.asked_model)
    of["attempt"] = event.attempt
    has_begun = bool(event.partial_text or event.partial_thinking or event.usage.total_tokens)
    error = event.message or event.kind
    events = (
        *recalled(event, at),
        told.ModelRequestFinished(
            success=has_begun, error=None if has_begun else error, **of, **at
        ),
        told.ModelResponseFinished(
            success=False,
            error=error,
            usage=_counted(event.usage),
            cost_usd_micros=event.cost_usd_micros,
            **of,
            **at,
        ),
    )
    return _replace(state, attempt=None), events


def _withheld(state: AgentHookState, event: e.ModelCallWithheld, at: Place) -> Outcome:
    of = _of_attempt(state, event.effect_id, "")
    error = f"not asked: the shared {event.limit.replace('_', ' ')} is used up"
    finished = told.ModelRequestFinished(success=False, error=error, **of, **at)
    answered = told.ModelResponseFinished(success=False, error=error, **of, **at)
    return _replace(state, attempt=None), (finished, answered)


def _abandoned(state: AgentHookState, event: e.AnswerAbandoned, at: Place) -> Outcome:
    """The end of an attempt that was cut; what it had used is known only now."""
    of = _of_attempt(state, event.effect_id, event.asked_model)
    answered = told.ModelResponseFinished(
        success=False,
        error="abandoned: its run had ended",
        usage=_counted(event.usage),
        cost_usd_micros=event.cost_usd_micros,
        **of,
        **at,
    )
    return state, (answered,)


def _of_attempt(state: AgentHookState, effect_id: EffectId, asked: str) -> dict[str, Any]:
    attempt = state.attempt
    if attempt is not None and attempt.effect_id == effect_id:
        return {"model": asked or attempt.model, "attempt": attempt.attempt}
    return {"model": asked or state.model, "attempt": 1}


def _counted(usage: TokenUsage) -> TokenUsage | None:
    return usage if usage.total_tokens else None


# --- compactions ------------------------------------------------------------------------------


def _proposed(state: AgentHookState, event: e.CompactionRequested, at: Place) -> Outcome:
    return state, (told.MemoryCompactionProposed(effect_id=event.effect_id, **at),)


def _compacted(state: AgentHookState, event: e.ConversationCompacted, at: Place) -> Outcome:
    compaction = event.compaction
    applied = told.MemoryCompactionApplied(
        effect_id=event.effect_id,
        trigger=event.trigger,
        through=compaction.through,
        replaced=compaction.replaced,
        model=compaction.asked_model,
        usage=_counted(compaction.usage),
        cost_usd_micros=compaction.cost_usd_micros,
        **at,
    )
    return state, (applied,)


def _not_compacted(state: AgentHookState, event: e.CompactionSkipped, at: Place) -> Outcome:
    skipped = told.MemoryCompactionSkipped(
        effect_id=event.effect_id, reason=event.reason, is_error=event.is_error, **at
    )
    return state, (skipped,)


# --- runs -------------------------------------------------------------------------------------


def _run_started(state: AgentHookState, event: e.RunStarted, at: Place) -> Outcome:
    has_answer = state.has_answer and bool(event.resumes)
    return _replace(state, has_answer=has_answer), (told.RunStarted(resumes=event.resumes, **at),)


def _run_finished(state: AgentHookState, event: e.RunFinished, at: Place) -> Outcome:
    cut, events = _cut(state, "its run has ended", at)
    finished = told.RunFinished(ending=event.ending, early_end=event.early_end, **at)
    remembered = ingested(event, at) if state.has_answer else ()
    return _replace(cut, has_answer=False), (*events, *remembered, finished)


def _run_failed(state: AgentHookState, event: e.RunFailed, at: Place) -> Outcome:
    cut, events = _cut(_kept(state, event), event.message, at)
    return cut, (*events, told.RunAborted(reason=event.message, failure=event.kind, **at))


def _run_cancelled(state: AgentHookState, event: e.RunCancelled, at: Place) -> Outcome:
    cut, events = _cut(_kept(state, event), event.reason, at)
    return cut, (*events, told.RunAborted(reason=event.reason, failure="cancelled", **at))


def _kept(state: AgentHookState, event: e.RunFailed | e.RunCancelled) -> AgentHookState:
    """Who goes on with a run that was taken back has no answer yet."""
    return _replace(state, has_answer=False) if event.is_rolled_back else state


def _cut(state: AgentHookState, reason: str, at: Place) -> Outcome:
    """The open attempt has no answer any more; `AnswerAbandoned` may still say what it cost."""
    attempt = state.attempt
    if attempt is None or attempt.is_cut:
        return state, ()
    finished = told.ModelRequestFinished(
        success=False, error=reason, model=attempt.model, attempt=attempt.attempt, **at
    )
    return _replace(state, attempt=_replace(attempt, is_cut=True)), (finished,)


_STEPS: Mapping[type[object], Step] = {
    e.AgentSpawned: _spawned,
    e.AgentReconfigured: _reconfigured,
    e.ModelCallRequested: _requested,
    e.ModelReplied: _replied,
    e.ModelCallFailed: _model_failed,
    e.ModelCallWithheld: _withheld,
    e.AnswerAbandoned: _abandoned,
    e.RunStarted: _run_started,
    e.RunFinished: _run_finished,
    e.RunFailed: _run_failed,
    e.RunCancelled: _run_cancelled,
    e.CompactionRequested: _proposed,
    e.ConversationCompacted: _compacted,
    e.CompactionSkipped: _not_compacted,
    **CALL_STEPS,
}
