"""What deciding about an agent needs, and how events change it."""

from typing import Literal, TypeAlias, assert_never

import msgspec

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.content import AssistantBlock, ToolCallBlock, text_of
from mentra_actors.domain.tool_call import RetryMode
from mentra_actors.ids import CommandId, EffectId, MailId, RunId

__all__ = ["AgentState", "CallStatus", "ModelCall", "Run", "ToolCall", "call_key", "evolve"]

CallStatus: TypeAlias = Literal["planned", "started", "probing", "closed"]

REMEMBERED_PROMPTS = 256

_CallEvent: TypeAlias = (
    e.ToolCallStarted
    | e.ToolCallRestarted
    | e.ToolCallProbeRequested
    | e.ToolCallFinished
    | e.ToolCallOutcomeUnknown
    | e.ToolCallSkipped
)


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """The open run. `rounds` counts the model calls asked for, retries not included."""

    run_id: RunId
    rounds: int = 0
    answer: str = ""


class ModelCall(msgspec.Struct, frozen=True, kw_only=True):
    """The model call that is pending."""

    effect_id: EffectId
    round: int
    attempt: int
    not_before: float


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the last answer."""

    key: EffectId
    call_id: str
    tool: str
    arguments: str
    retry: RetryMode = "never"
    parallel: bool = False
    refusal: str = ""
    status: CallStatus = "planned"
    attempt: int = 1
    idempotency_key: str = ""


class AgentState(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that `decide` and `pending` read; the transcript is not among it."""

    profile: e.AgentProfile | None = None
    stopped: bool = False
    run: Run | None = None
    runs_started: int = 0
    model_calls: int = 0
    model_call: ModelCall | None = None
    calls: tuple[ToolCall, ...] = ()
    waiting_prompts: tuple[CommandId, ...] = ()
    known_prompts: tuple[CommandId, ...] = ()
    waiting_mail: tuple[MailId, ...] = ()
    mail_taken_through: int = 0


_replace = msgspec.structs.replace


def evolve(state: AgentState, event: e.AgentEvent) -> AgentState:
    """State after one event; never raises, whatever the history."""
    match event:
        case e.AgentSpawned():
            return _replace(state, profile=event.profile)
        case e.AgentStopped():
            return _replace(state, stopped=True)
        case e.PromptAccepted() | e.MailTaken() | e.InputPlaced():
            return _evolve_input(state, event)
        case e.RunStarted() | e.RunFinished() | e.RunFailed() | e.RunCancelled():
            return _evolve_run(state, event)
        case e.ModelCallRequested() | e.ModelReplied() | e.ModelCallFailed():
            return _evolve_model_call(state, event)
        case e.ToolCallsPlanned():
            return _replace(state, calls=_planned(state.calls, event.calls))
        case e.ToolCallStarted() | e.ToolCallRestarted() | e.ToolCallProbeRequested():
            return _change_call(state, event)
        case e.ToolCallFinished() | e.ToolCallOutcomeUnknown() | e.ToolCallSkipped():
            return _change_call(state, event)
        case e.MailSent() | e.AgentRecovered():
            return state
        case _:
            assert_never(event)


def _evolve_input(
    state: AgentState, event: e.PromptAccepted | e.MailTaken | e.InputPlaced
) -> AgentState:
    match event:
        case e.PromptAccepted(prompt_id=prompt_id):
            return _replace(
                state,
                waiting_prompts=(*state.waiting_prompts, prompt_id),
                known_prompts=(*state.known_prompts, prompt_id)[-REMEMBERED_PROMPTS:],
            )
        case e.MailTaken():
            taken = tuple(mail.mail_id for mail in event.mail)
            return _replace(
                state,
                waiting_mail=state.waiting_mail + taken,
                mail_taken_through=max(state.mail_taken_through, event.through_version),
            )
        case e.InputPlaced():
            return _replace(
                state,
                waiting_prompts=tuple(
                    p for p in state.waiting_prompts if p not in event.prompt_ids
                ),
                waiting_mail=tuple(m for m in state.waiting_mail if m not in event.mail_ids),
            )
        case _:
            assert_never(event)


def _evolve_run(
    state: AgentState, event: e.RunStarted | e.RunFinished | e.RunFailed | e.RunCancelled
) -> AgentState:
    if isinstance(event, e.RunStarted):
        return _replace(state, run=Run(run_id=event.run_id), runs_started=state.runs_started + 1)
    return _replace(state, run=None, model_call=None, calls=())


def _evolve_model_call(
    state: AgentState, event: e.ModelCallRequested | e.ModelReplied | e.ModelCallFailed
) -> AgentState:
    match event:
        case e.ModelCallRequested():
            call = ModelCall(
                effect_id=event.effect_id,
                round=event.round,
                attempt=event.attempt,
                not_before=event.not_before,
            )
            run = state.run or Run(run_id=event.run_id)
            return _replace(
                state,
                model_call=call,
                model_calls=state.model_calls + 1,
                calls=(),
                run=_replace(run, rounds=event.round, answer=""),
            )
        case e.ModelReplied():
            answered = state.run and _replace(state.run, answer=text_of(event.blocks))
            calls = _calls_of(event.blocks, event.effect_id)
            return _replace(state, model_call=None, calls=calls, run=answered)
        case e.ModelCallFailed():
            return _replace(state, model_call=None)
        case _:
            assert_never(event)


def call_key(model_effect_id: EffectId, index: int) -> EffectId:
    """Name of the call with this index (from 0) in the answer to a model call."""
    return EffectId(f"tool-{model_effect_id.removeprefix('model-')}.{index}")


def _calls_of(
    blocks: tuple[AssistantBlock, ...], model_effect_id: EffectId
) -> tuple[ToolCall, ...]:
    asked = [block for block in blocks if isinstance(block, ToolCallBlock)]
    return tuple(
        ToolCall(
            key=call_key(model_effect_id, index),
            call_id=block.call_id,
            tool=block.name,
            arguments=block.arguments.strip() or "{}",
        )
        for index, block in enumerate(asked)
    )


def _planned(calls: tuple[ToolCall, ...], plans: tuple[e.CallPlan, ...]) -> tuple[ToolCall, ...]:
    plans_by_key = {plan.key: plan for plan in plans}
    return tuple(
        _replace(call, retry=plan.retry, parallel=plan.parallel, refusal=plan.refusal)
        if (plan := plans_by_key.get(call.key))
        else call
        for call in calls
    )


def _change_call(
    state: AgentState,
    event: _CallEvent,
) -> AgentState:
    calls = tuple(
        _evolve_call(call, event) if call.key == event.key else call for call in state.calls
    )
    return _replace(state, calls=calls)


def _evolve_call(
    call: ToolCall,
    event: _CallEvent,
) -> ToolCall:
    match event:
        case e.ToolCallStarted():
            return _replace(
                call,
                status="started",
                idempotency_key=event.idempotency_key,
                retry=event.retry,
            )
        case e.ToolCallRestarted():
            return _replace(call, status="started", attempt=event.attempt)
        case e.ToolCallProbeRequested():
            return _replace(call, status="probing", attempt=event.attempt)
        case e.ToolCallFinished() | e.ToolCallOutcomeUnknown() | e.ToolCallSkipped():
            return _replace(call, status="closed")
        case _:
            assert_never(event)
