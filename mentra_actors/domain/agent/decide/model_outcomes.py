"""What comes of a model call: an answer, a failure and perhaps another try, or half an answer."""

from collections.abc import Sequence

import msgspec

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.compactions import compaction_for
from mentra_actors.domain.agent.decide.endings import failed, limit_reached
from mentra_actors.domain.agent.decide.spending import shared_spending, spending
from mentra_actors.domain.agent.evolve import evolve
from mentra_actors.domain.agent.fallback import FailureName, failure_name
from mentra_actors.domain.agent.profile import asked_profile
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.domain.agent.state import AgentState, ModelCall, Run
from mentra_actors.domain.model_call import StopReason
from mentra_actors.ids import EffectId

__all__ = [
    "MOST_INTERRUPTIONS",
    "abandoned_answer",
    "interrupted_call",
    "model_call_requested",
    "model_failure",
    "model_reply",
]

MOST_INTERRUPTIONS = 5
"""How often a call may be made again beyond the retry budget because its process ended."""


def model_reply(command: c.RecordModelReply, state: AgentState) -> Sequence[e.AgentEvent]:
    """The answer, and how its calls will be run."""
    call = state.model_call
    if call is None or call.effect_id != command.effect_id or state.is_call_waiting:
        return []  # delivered twice, or the run has ended
    reply = command.reply
    if reply.stop_reason == StopReason.CONTEXT_EXCEEDED and not reply.blocks:
        return model_failure(_no_room(command), state)
    replied = _replied_event(command)
    after = evolve(state, replied)
    shared = shared_spending(replied, state)
    if not after.calls:
        return [replied, *shared]
    plans_by_key = {plan.key: plan for plan in command.plans}
    plans = tuple(
        plans_by_key.get(call.key) or e.CallPlan(key=call.key, refusal="Tool not found")
        for call in after.calls
    )
    return [replied, *shared, e.ToolCallsPlanned(calls=plans, salt=command.salt)]


def _no_room(command: c.RecordModelReply) -> c.RecordModelFailure:
    """The failure that an answer is which the model had no room for."""
    return c.RecordModelFailure(
        effect_id=command.effect_id,
        kind="context_exceeded",
        message="the conversation has filled the model's context: there was no room to answer",
        transient=False,
        now=command.now,
        usage=command.reply.usage,
        cost_usd_micros=command.cost_usd_micros,
        asked_model=command.asked_model,
        code="context_length_exceeded",
        request_id=command.reply.request_id,
        queued_s=command.queued_s,
        view=command.view,
    )


def _replied_event(command: c.RecordModelReply) -> e.ModelReplied:
    reply = command.reply
    return e.ModelReplied(
        effect_id=command.effect_id,
        blocks=reply.blocks,
        stop_reason=StopReason(reply.stop_reason),
        raw_stop_reason=reply.raw_stop_reason,
        usage=reply.usage,
        model=reply.model,
        response_id=reply.response_id,
        finished_at=command.now,
        cost_usd_micros=command.cost_usd_micros,
        asked_model=command.asked_model,
        is_output=command.is_output,
        output_fault=command.output_fault,
        wire=reply.provenance.wire if reply.provenance else "",
        request_id=reply.request_id,
        queued_s=command.queued_s,
        reminder=command.view.reminder,
        recalled=command.view.recalled,
        recall_problem=command.view.recall_problem,
        stubbed_through=command.view.stubbed_through,
        compacted_by=command.view.compacted_by,
    )


def model_failure(command: c.RecordModelFailure, state: AgentState) -> Sequence[e.AgentEvent]:
    """The failure, and either the next try or the end of the run."""
    call, run = state.model_call, state.run
    is_other = call is None or call.effect_id != command.effect_id or state.is_call_waiting
    if call is None or run is None or is_other:
        return []
    options = run.options
    is_tried_again = command.transient and call.attempt <= options.retry_budget
    fallback = _next_fallback(command, run, call, is_tried_again=is_tried_again)
    is_overflow = _failure(command) == "context_exceeded"
    if is_overflow and not (fallback and _is_meant(run, fallback)):
        return _after_overflow(command, state, run, call, fallback)
    if fallback:  # at once, with no wait
        return _after_failure(command, state, run, call, retry_at=command.now, fallback=fallback)
    delay_s = options.retry.delay_s(call.attempt, command.retry_after_s)
    return _after_failure(
        command, state, run, call, retry_at=command.now + delay_s if is_tried_again else None
    )


def _failure(command: c.RecordModelFailure) -> FailureName:
    return failure_name(command.kind, command.status, command.code, command.message)


def _next_fallback(
    command: c.RecordModelFailure, run: Run, call: ModelCall, *, is_tried_again: bool
) -> int:
    """The number (from 1) of the fallback that takes over now; 0 for none."""
    failure = _failure(command)
    for number, fallback in enumerate(run.options.fallbacks, start=1):
        is_left = number > run.fallback
        if is_left and fallback.is_for(failure, call.attempt, is_tried_again=is_tried_again):
            return number
    return 0


def _is_meant(run: Run, fallback: int) -> bool:
    """Whether a fallback is there for conversations that are too long: then it goes first."""
    return "context_exceeded" in run.options.fallbacks[fallback - 1].on


def _after_overflow(
    command: c.RecordModelFailure, state: AgentState, run: Run, call: ModelCall, fallback: int
) -> Sequence[e.AgentEvent]:
    """The request was too long: once more after a compaction, else another model, or the end."""
    may_compact = state.profile is not None and state.profile.compaction.compact_on_overflow
    if may_compact and not call.awaits:
        events = _after_failure(command, state, run, call, retry_at=command.now)
        again = events[-1]
        if not isinstance(again, e.ModelCallRequested):
            return events
        return [
            *events,
            compaction_for(again.effect_id, state, command.now, trigger="overflow"),
        ]
    if fallback:
        return _after_failure(command, state, run, call, retry_at=command.now, fallback=fallback)
    events = _after_failure(command, state, run, call, retry_at=None)
    return [_told_in_full(one, call) if isinstance(one, e.RunFailed) else one for one in events]


def _told_in_full(event: e.RunFailed, call: ModelCall) -> e.RunFailed:
    """What to do about a conversation that is too long."""
    tried = ", also after its older part was to be summarized" if call.awaits else ""
    told = (
        f"{event.message} (the conversation does not fit into the model{tried}; take a model "
        "with a larger context window, go on from an earlier entry, or say and read less at once)"
    )
    return msgspec.structs.replace(event, kind="context_exceeded", message=told)


def interrupted_call(
    state: AgentState, partial: c.PartialAnswer, now: float
) -> Sequence[e.AgentEvent]:
    """A process ended while the model was answering: what had come is kept, and it is asked again.

    Nothing, if the call was still waiting for its time: then nothing had been sent.
    """
    call, run = state.model_call, state.run
    if call is None or run is None or call.not_before > now:
        return []
    interruption = c.RecordModelFailure(
        effect_id=call.effect_id,
        kind="interrupted",
        message="the process ended before the answer was whole",
        transient=True,
        now=now,
        partial=partial,
        asked_model=_asked_model(state, run),
    )
    is_tried_again = call.attempt <= run.options.retry_budget + MOST_INTERRUPTIONS
    return _after_failure(interruption, state, run, call, retry_at=now if is_tried_again else None)


def _asked_model(state: AgentState, run: Run) -> str:
    return asked_profile(state.profile, run.taken_over_by).model if state.profile else ""


def _after_failure(
    command: c.RecordModelFailure,
    state: AgentState,
    run: Run,
    call: ModelCall,
    *,
    retry_at: float | None,
    fallback: int = 0,
) -> Sequence[e.AgentEvent]:
    """The failure, and the next try at `retry_at`, by a fallback if one is named; or the end."""
    event = _failed_event(command, call, run.options, retry_at)
    after = evolve(state, event)
    spent, shared = after.run or run, shared_spending(event, state)
    if retry_at is None:
        end = failed(after, spent, command.kind, _all_failures(run, command), command.now)
        return [event, *shared, *end]
    limit = limit_reached(after, spent, command.now, is_retry=True)
    if limit:
        return [msgspec.structs.replace(event, retry_at=None), *shared, *limit]
    if fallback:
        event = msgspec.structs.replace(event, is_given_up=True)
        run = msgspec.structs.replace(run, fallback=fallback)
        return [event, *shared, model_call_requested(state, run, call.round)]
    again = model_call_requested(
        state, run, call.round, not_before=retry_at, attempt=call.attempt + 1
    )
    return [event, *shared, again]


def _all_failures(run: Run, command: c.RecordModelFailure) -> str:
    """What the last model has said, and what was said of those that it took over from."""
    if not run.given_up:
        return command.message
    return f"{command.message} (before that: {'; '.join(run.given_up)})"


def _failed_event(
    command: c.RecordModelFailure, call: ModelCall, options: RunOptions, retry_at: float | None
) -> e.ModelCallFailed:
    return e.ModelCallFailed(
        effect_id=command.effect_id,
        kind=command.kind,
        message=command.message,
        transient=command.transient,
        partial_text=command.partial.text,
        partial_thinking=command.partial.thinking,
        failed_at=command.now,
        usage=command.usage,
        cost_usd_micros=command.cost_usd_micros,
        asked_model=command.asked_model,
        attempt=call.attempt,
        max_attempts=options.retry_budget,
        retry_at=retry_at,
        status=command.status,
        code=command.code,
        request_id=command.request_id,
        queued_s=command.queued_s,
        reminder=command.view.reminder,
        recalled=command.view.recalled,
        recall_problem=command.view.recall_problem,
        stubbed_through=command.view.stubbed_through,
        compacted_by=command.view.compacted_by,
    )


def abandoned_answer(
    command: c.RecordAbandonedAnswer, state: AgentState
) -> Sequence[e.AgentEvent]:
    """What had come of the answer that the last run was waiting for when it was ended.

    The run is gone and the budget of a subagent is not: those who share it go on.
    """
    profile = state.profile
    if not state.abandoned or state.abandoned != command.effect_id or profile is None:
        return []
    event = e.AnswerAbandoned(
        effect_id=command.effect_id,
        run_id=command.run_id,
        partial_text=command.partial.text,
        partial_thinking=command.partial.thinking,
        abandoned_at=command.now,
        usage=command.usage,
        cost_usd_micros=command.cost_usd_micros,
        asked_model=command.asked_model,
    )
    return [event, *spending(event, state, command.run_id, profile.run.budget)]


def model_call_requested(
    state: AgentState, run: Run, round_number: int, *, not_before: float = 0.0, attempt: int = 1
) -> e.ModelCallRequested:
    """The next model call of the stream."""
    return e.ModelCallRequested(
        effect_id=EffectId(f"model-{state.model_calls + 1}"),
        run_id=run.run_id,
        round=round_number,
        attempt=attempt,
        not_before=not_before,
        model=run.taken_over_by.model if run.taken_over_by else "",
        fallback=run.fallback,
    )
