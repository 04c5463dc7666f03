"""What an agent does about a command: the answer to it, then every step that now follows.

A command is answered by its own events. `_continued` then adds what they make due: the next
batch of tool calls, the next model call, the end of the run, the next run. So an event is never
left waiting for a second command to notice it, and recovery needs no code of its own.
"""

from collections.abc import Mapping, Sequence
from typing import assert_never, get_args

from mentra_actors.decider import Companion, Decider, Delivery, Follow, Settlement
from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import AgentEffect, CallModel, ProbeTool, RunTool
from mentra_actors.domain.agent.ledger import call_outcome, recovered_calls, refused_calls
from mentra_actors.domain.agent.state import AgentState, Run, ToolCall, evolve
from mentra_actors.domain.inbox import Mail, MailDelivered
from mentra_actors.domain.model_call import StopReason
from mentra_actors.envelope import RecordedEvent
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId, RunId, StreamId, inbox_stream

__all__ = ["AGENT", "MAX_PROMPT_CHARS", "retry_delay_s"]

MAX_PROMPT_CHARS = 2_000_000
RETRY_BUDGET = 5
RETRY_BASE_S = 0.5
RETRY_MAX_S = 5.0
RETRY_AFTER_CAP_S = 60.0


def decide(command: c.AgentCommand, state: AgentState) -> Sequence[e.AgentEvent]:
    """Events that `command` causes.

    Raises:
        CommandRejected: there is no such agent, it is stopped, or the prompt is empty or longer
            than 2,000,000 characters.
    """
    if state.profile is None:
        raise CommandRejected("there is no such agent; spawn it first")
    answer = _answer(command, state, state.profile)
    now = command.now
    return _continued(answer, state, now) if answer else []


def _answer(
    command: c.AgentCommand, state: AgentState, profile: e.AgentProfile
) -> Sequence[e.AgentEvent]:
    match command:
        case c.AcceptPrompt():
            return _accept_prompt(command, state)
        case c.TakeMail():
            return _take_mail(command, state, profile)
        case c.RecordModelReply():
            return _record_model_reply(command, state)
        case c.RecordModelFailure():
            return _record_model_failure(command, state)
        case c.RecordToolOutcome() | c.RecordProbeVerdict():
            return call_outcome(command, state, profile)
        case c.CancelRun(reason=reason):
            return _cancel_run(reason, state, command.now)
        case c.StopAgent():
            return _stop(state, command.now)
        case c.RecoverEffects():
            return _recover(command, state)
        case _:
            assert_never(command)


def _accept_prompt(command: c.AcceptPrompt, state: AgentState) -> Sequence[e.AgentEvent]:
    if command.prompt_id in state.known_prompts:
        return []  # sent twice: the first one was recorded
    if state.stopped:
        raise CommandRejected("the agent is stopped")
    if not command.text.strip():
        raise CommandRejected("a prompt must not be empty")
    if len(command.text) > MAX_PROMPT_CHARS:
        raise CommandRejected(
            f"a prompt of {len(command.text):,} characters is over the limit of "
            f"{MAX_PROMPT_CHARS:,}; write it to a file and name the file"
        )
    accepted = e.PromptAccepted(
        prompt_id=command.prompt_id, text=command.text, accepted_at=command.now
    )
    return [accepted]


def _take_mail(
    command: c.TakeMail, state: AgentState, profile: e.AgentProfile
) -> Sequence[e.AgentEvent]:
    is_late = command.after_version != state.mail_taken_through
    if state.stopped or is_late or command.through_version <= command.after_version:
        return []  # read before the last mail was taken: what it holds is taken already
    inbox = inbox_stream(profile.agent_id)
    return [e.MailTaken(inbox=inbox, mail=command.mail, through_version=command.through_version)]


def _record_model_reply(command: c.RecordModelReply, state: AgentState) -> Sequence[e.AgentEvent]:
    if state.model_call is None or state.model_call.effect_id != command.effect_id:
        return []  # delivered twice, or the run was cancelled
    reply = command.reply
    replied = e.ModelReplied(
        effect_id=command.effect_id,
        blocks=reply.blocks,
        stop_reason=StopReason(reply.stop_reason),
        raw_stop_reason=reply.raw_stop_reason,
        usage=reply.usage,
        model=reply.model,
        response_id=reply.response_id,
        finished_at=command.now,
    )
    after = evolve(state, replied)
    if not after.calls:
        return [replied]
    plans_by_key = {plan.key: plan for plan in command.plans}
    plans = tuple(
        plans_by_key.get(call.key) or e.CallPlan(key=call.key, refusal="Tool not found")
        for call in after.calls
    )
    return [replied, e.ToolCallsPlanned(calls=plans)]


def _record_model_failure(
    command: c.RecordModelFailure, state: AgentState
) -> Sequence[e.AgentEvent]:
    call = state.model_call
    if call is None or call.effect_id != command.effect_id or state.run is None:
        return []
    failed = e.ModelCallFailed(
        effect_id=command.effect_id,
        kind=command.kind,
        message=command.message,
        transient=command.transient,
        partial_text=command.partial_text,
        failed_at=command.now,
    )
    if command.transient and call.attempt <= RETRY_BUDGET:
        delay_s = retry_delay_s(call.attempt, command.retry_after_s)
        again = _model_call(state, state.run, call.round, command.now + delay_s, call.attempt + 1)
        return [failed, again]
    return [
        failed,
        e.RunFailed(
            run_id=state.run.run_id,
            kind=command.kind,
            message=command.message,
            failed_at=command.now,
        ),
    ]


def retry_delay_s(attempt: int, retry_after_s: float | None) -> float:
    """Wait after the failed attempt with this number: 0.5, 1, 2, 4, 5, 5 … s.

    A provider may ask for more, up to 60 s; it cannot make the wait shorter.
    """
    scheduled = min(RETRY_BASE_S * 2.0 ** min(attempt - 1, 31), RETRY_MAX_S)
    return max(scheduled, min(retry_after_s or 0.0, RETRY_AFTER_CAP_S))


def _cancel_run(reason: str, state: AgentState, now: float) -> Sequence[e.AgentEvent]:
    if state.run is None:
        return []
    skipped = [_abandoned(call) for call in state.calls if call.status != "closed"]
    cancelled = e.RunCancelled(run_id=state.run.run_id, reason=reason, cancelled_at=now)
    return [*skipped, cancelled]


def _abandoned(call: ToolCall) -> e.AgentEvent:
    if call.status == "planned":
        return e.ToolCallSkipped(key=call.key, reason="not executed: the run was cancelled")
    return e.ToolCallOutcomeUnknown(
        key=call.key, reason="the run was cancelled while the call was open"
    )


def _stop(state: AgentState, now: float) -> Sequence[e.AgentEvent]:
    if state.stopped:
        return []
    return [*_cancel_run("the agent was stopped", state, now), e.AgentStopped(stopped_at=now)]


def _recover(command: c.RecoverEffects, state: AgentState) -> Sequence[e.AgentEvent]:
    orphans = tuple(key for key in pending(state) if key not in command.running)
    if not orphans:
        return []
    recovered = e.AgentRecovered(open_effects=orphans, recovered_at=command.now)
    return [recovered, *recovered_calls(state, command.running, command.now)]


# --- what follows -----------------------------------------------------------------------------


def _continued(
    events: Sequence[e.AgentEvent], state: AgentState, now: float
) -> Sequence[e.AgentEvent]:
    """`events` and all that they make due. Ends, since each step opens an effect or uses input."""
    recorded = list(events)
    after = AGENT.fold(events, state)
    while due := _due(after, now):
        recorded.extend(due)
        after = AGENT.fold(due, after)
    return recorded


def _due(state: AgentState, now: float) -> Sequence[e.AgentEvent]:
    run = state.run
    if run is None:
        return _next_run(state, now)
    if state.model_call is not None:
        return []
    open_calls = [call for call in state.calls if call.status != "closed"]
    if open_calls:
        return _next_batch(open_calls, state, now)
    if state.calls or run.rounds == 0:
        return _next_round(state, run, now)
    return [e.RunFinished(run_id=run.run_id, text=run.answer, finished_at=now)]


def _next_run(state: AgentState, now: float) -> Sequence[e.AgentEvent]:
    profile = state.profile
    if profile is None or state.stopped:
        return []
    wakes = state.waiting_prompts or (state.waiting_mail and profile.wake_on_mail)
    if not wakes:
        return []
    run_id = RunId(f"{profile.agent_id}/run-{state.runs_started + 1}")
    return [e.RunStarted(run_id=run_id, started_at=now)]


def _next_batch(
    open_calls: Sequence[ToolCall], state: AgentState, now: float
) -> Sequence[e.AgentEvent]:
    """Neighbours that may run in parallel start together; any other call starts alone."""
    if any(call.status != "planned" for call in open_calls):
        return []
    refused = refused_calls(open_calls, now)
    if refused:
        return refused
    batch = [open_calls[0]]
    if batch[0].parallel:
        for call in open_calls[1:]:
            if not call.parallel or call.refusal:
                break
            batch.append(call)
    owner = state.profile.agent_id if state.profile else ""
    return [
        e.ToolCallStarted(
            key=call.key,
            tool=call.tool,
            idempotency_key=f"agent-{owner}/{call.key}",
            retry=call.retry,
            started_at=now,
        )
        for call in batch
    ]


def _next_round(state: AgentState, run: Run, now: float) -> Sequence[e.AgentEvent]:
    limit = state.profile.max_rounds if state.profile else 0
    if 0 < limit <= run.rounds:
        message = f"the run used all of its {limit} rounds; send a prompt to go on"
        return [e.RunFailed(run_id=run.run_id, kind="max_rounds", message=message, failed_at=now)]
    request = _model_call(state, run, run.rounds + 1, not_before=0.0, attempt=1)
    # A prompt that came while the run was open waits for the next run; mail does not.
    prompts = state.waiting_prompts[:1] if run.rounds == 0 else ()
    if not prompts and not state.waiting_mail:
        return [request]
    placed = e.InputPlaced(run_id=run.run_id, prompt_ids=prompts, mail_ids=state.waiting_mail)
    return [placed, request]


def _model_call(
    state: AgentState, run: Run, round_number: int, not_before: float, attempt: int
) -> e.ModelCallRequested:
    return e.ModelCallRequested(
        effect_id=EffectId(f"model-{state.model_calls + 1}"),
        run_id=run.run_id,
        round=round_number,
        attempt=attempt,
        not_before=not_before,
    )


# --- effects and neighbours -------------------------------------------------------------------


def pending(state: AgentState) -> Mapping[EffectId, AgentEffect]:
    """The model call, or the tool calls, that wait for an outcome."""
    profile, run = state.profile, state.run
    if profile is None or run is None:
        return {}
    if state.model_call is not None:
        call = state.model_call
        return {
            call.effect_id: CallModel(
                effect_id=call.effect_id,
                run_id=run.run_id,
                profile=profile,
                attempt=call.attempt,
                not_before=call.not_before,
            )
        }
    effects = (_effect_of(call, profile, run) for call in state.calls)
    return dict(named for named in effects if named is not None)


def _effect_of(
    call: ToolCall, profile: e.AgentProfile, run: Run
) -> tuple[EffectId, AgentEffect] | None:
    if call.status == "started":
        effect: AgentEffect = RunTool(
            key=call.key,
            call_id=call.call_id,
            run_id=run.run_id,
            profile=profile,
            tool=call.tool,
            arguments=call.arguments,
            idempotency_key=call.idempotency_key,
            attempt=call.attempt,
        )
        return EffectId(f"{call.key}@{call.attempt}"), effect
    if call.status == "probing":
        effect = ProbeTool(
            key=call.key,
            tool=call.tool,
            idempotency_key=call.idempotency_key,
            attempt=call.attempt,
        )
        return EffectId(f"{call.key}@{call.attempt}-probe"), effect
    return None


def companions(event: e.AgentEvent) -> Sequence[Companion]:
    """Mail goes to its inbox with the fact that it was sent; taken mail settles the own inbox."""
    match event:
        case e.MailSent(mail=mail):
            return [Delivery(inbox_stream(mail.to), (MailDelivered(mail=mail),))]
        case e.MailTaken(inbox=inbox, through_version=version):
            return [Settlement(inbox, version)]
        case _:
            return []


def _inbox_position(state: AgentState) -> tuple[StreamId, int] | None:
    if state.profile is None or state.stopped:
        return None
    return inbox_stream(state.profile.agent_id), state.mail_taken_through


def _take(recorded: Sequence[RecordedEvent[object]], now: float) -> c.TakeMail:
    mail: list[Mail] = [r.event.mail for r in recorded if isinstance(r.event, MailDelivered)]
    return c.TakeMail(
        mail=tuple(mail),
        after_version=recorded[0].stream_version - 1,
        through_version=recorded[-1].stream_version,
        now=now,
    )


def _correlation(state: AgentState) -> str:
    return state.run.run_id if state.run else ""


def _recovery(
    state: AgentState, running: frozenset[EffectId], now: float
) -> c.RecoverEffects | None:
    return c.RecoverEffects(running=running, now=now) if pending(state) else None


AGENT: Decider[c.AgentCommand, e.AgentEvent, AgentState, AgentEffect] = Decider(
    category="agent",
    initial=AgentState(),
    event_types=frozenset(get_args(e.AgentEvent)),
    decide=decide,
    evolve=evolve,
    pending=pending,
    companions=companions,
    correlation=_correlation,
    recover=_recovery,
    follow=Follow(position=_inbox_position, take=_take),
)
