"""What an agent waits for, as effects, and what else is written with its events."""

from collections.abc import Iterator, Mapping, Sequence

from mentra_actors.decider import Companion, Delivery, Settlement, Unchanged
from mentra_actors.domain.agent import effects as f
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.profile import asked_profile
from mentra_actors.domain.agent.state import (
    AgentState,
    Compensation,
    Farewell,
    OpenCompaction,
    Run,
    ToolCall,
    report_id,
)
from mentra_actors.domain.budget import BudgetSpent
from mentra_actors.domain.inbox import MailDelivered, RunEndOrdered
from mentra_actors.domain.permission_rules import Rule, RuleRemembered
from mentra_actors.domain.timer import WaitUntil
from mentra_actors.ids import EffectId, agent_stream, inbox_stream

__all__ = ["companions", "is_busy", "pending", "pending_call"]


def pending(state: AgentState) -> Mapping[EffectId, f.AgentEffect]:
    """Effects that wait for an outcome: of the open run, of undoing, of a summary, of rest."""
    profile, run = state.profile, state.run
    if profile is None:
        return {}
    effects: dict[EffectId, f.AgentEffect] = {}
    if state.compaction is not None:
        effects[state.compaction.key] = _summary(state.compaction, profile, run)
    if run is None:
        return {**effects, **dict(_between_runs(state, profile))}
    call, asked = state.model_call, pending_call(state)
    if call is not None and asked is not None:
        effects[call.key] = asked
    if state.decision is not None:
        effects[state.decision.effect_id] = _decision(state, run)
    timers = {**dict(_timers(run)), **dict(_permission_timers(state.requests))}
    return _WithCalls(effects, dict(_call_effects(state.calls)), timers, profile, run)


def pending_call(state: AgentState) -> f.CallModel | None:
    """The model call that is pending; none while it waits for a compaction."""
    profile, run, call = state.profile, state.run, state.model_call
    if profile is None or run is None or call is None or state.is_call_waiting:
        return None
    return f.CallModel(
        effect_id=call.effect_id,
        run_id=run.run_id,
        profile=asked_profile(profile, run.taken_over_by),
        attempt=call.attempt,
        not_before=call.not_before,
        options=run.options,
        budget=run.budget,
        remind=state.is_to_be_reminded,
        is_compacted=bool(call.awaits),
    )


def _summary(one: OpenCompaction, profile: e.AgentProfile, run: Run | None) -> f.AgentEffect:
    """By the model that answers in the run which waits for it, else by the agent's own."""
    is_for_run = run is not None and one.trigger != "manual"
    return f.SummarizeConversation(
        effect_id=one.effect_id,
        profile=asked_profile(profile, run.taken_over_by) if run and is_for_run else profile,
        attempt=one.attempt,
        not_before=one.not_before,
        limit=one.limit,
        trigger=one.trigger,
    )


class _WithCalls(Mapping[EffectId, f.AgentEffect]):
    """Effects of a run; those of its calls are made when they are asked for.

    An answer may have hundreds of calls, each of which changes the state when it ends, and few
    of their effects are looked at then.
    """

    __slots__ = ("_calls", "_effects", "_profile", "_run", "_timers")

    def __init__(
        self,
        effects: dict[EffectId, f.AgentEffect],
        calls: dict[EffectId, ToolCall],
        timers: dict[EffectId, f.AgentEffect],
        profile: e.AgentProfile,
        run: Run,
    ) -> None:
        self._effects, self._calls, self._timers = effects, calls, timers
        self._profile, self._run = profile, run

    def __getitem__(self, effect_id: EffectId) -> f.AgentEffect:
        call = self._calls.get(effect_id)
        if call is not None:
            return _call_effect(call, self._profile, self._run)
        timer = self._timers.get(effect_id)
        return self._effects[effect_id] if timer is None else timer

    def __contains__(self, effect_id: object) -> bool:
        parts = (self._calls, self._effects, self._timers)
        return any(effect_id in part for part in parts)

    def __iter__(self) -> Iterator[EffectId]:
        yield from self._effects
        yield from self._calls
        yield from self._timers

    def __len__(self) -> int:
        return len(self._effects) + len(self._calls) + len(self._timers)


def is_busy(state: AgentState) -> bool:
    """True while a run is open, also if it only waits for a person, or something else is made.

    That is: calls are being undone, or the conversation is being summarised.
    """
    return state.run is not None or state.is_undoing or state.compaction is not None


def _between_runs(
    state: AgentState, profile: e.AgentProfile
) -> Iterator[tuple[EffectId, f.AgentEffect]]:
    """What is taken back of the last run, or the wait for a task."""
    yield from (_undoing(one) for one in state.compensations if one.attempt)
    for run_id in state.board_undoing:
        undoing = f.CompensateBoard(run_id=run_id, team_id=profile.team_id)
        yield EffectId(f"{run_id}@board"), undoing
    if state.farewell is not None:
        yield from _farewell(state.farewell, profile)
    if state.looks_for_tasks:
        claim_id = EffectId(f"{f.CLAIM}{state.rests}")
        yield claim_id, f.ClaimReadyTask(effect_id=claim_id, profile=profile)


def _farewell(
    farewell: Farewell, profile: e.AgentProfile
) -> Iterator[tuple[EffectId, f.AgentEffect]]:
    """The end, if it was not told, and letters that came after it."""
    is_news = not farewell.is_told
    if is_news or farewell.late:
        effect_id = report_id(farewell)
        report = f.ReportStop(
            effect_id=effect_id,
            profile=profile,
            reason=farewell.reason,
            is_news=is_news,
            late=farewell.late,
        )
        yield effect_id, report


def _undoing(one: Compensation) -> tuple[EffectId, f.AgentEffect]:
    effect = f.CompensateCall(
        key=one.key,
        tool=one.tool,
        arguments=one.arguments,
        idempotency_key=one.idempotency_key,
        is_known=one.is_known,
        attempt=one.attempt,
    )
    return EffectId(f"{one.key}@undo-{one.attempt}"), effect


def _decision(state: AgentState, run: Run) -> f.AgentEffect:
    is_answer = run.boundary == "answer"
    results = tuple(
        f.FinishedCall(call_id=call.call_id, tool=call.tool, is_error=call.is_error)
        for call in state.calls
    )
    context = f.RoundContext(
        run_id=run.run_id,
        boundary=run.boundary,
        answer=run.answer if is_answer else "",
        results=() if is_answer else results,
        rounds=run.rounds,
        model_requests=run.model_requests,
        transport_retries=run.transport_retries,
        tokens=run.tokens,
        cost_usd_micros=run.cost_usd_micros,
    )
    effect_id = state.decision.effect_id if state.decision else EffectId("")
    return f.DecideRound(effect_id=effect_id, strategy=run.options.strategy, context=context)


def _call_effects(calls: Sequence[ToolCall]) -> Iterator[tuple[EffectId, ToolCall]]:
    """Calls whose effect is open, by the id of that effect."""
    for call in calls:
        match call.status:
            case "reviewing":
                yield EffectId(f"{call.key}-review"), call
            case "started":
                yield EffectId(f"{call.key}@{call.attempt}"), call
            case "probing":
                yield EffectId(f"{call.key}@{call.attempt}-probe"), call
            case _:
                pass


def _call_effect(call: ToolCall, profile: e.AgentProfile, run: Run) -> f.AgentEffect:
    match call.status:
        case "reviewing":
            return _review(call, profile, run)
        case "probing":
            return _probe(call)
        case _:
            return _tool_run(call, profile, run)


def _review(call: ToolCall, profile: e.AgentProfile, run: Run) -> f.AgentEffect:
    return f.ReviewCall(
        key=call.key,
        call_id=call.call_id,
        run_id=run.run_id,
        profile=profile,
        tool=call.tool,
        arguments=call.arguments,
    )


def _tool_run(call: ToolCall, profile: e.AgentProfile, run: Run) -> f.AgentEffect:
    return f.RunTool(
        key=call.key,
        call_id=call.call_id,
        run_id=run.run_id,
        profile=profile,
        tool=call.tool,
        arguments=call.arguments,
        idempotency_key=call.idempotency_key,
        attempt=call.attempt,
        digest=call.digest,
        options=run.options,
    )


def _probe(call: ToolCall) -> f.AgentEffect:
    return f.ProbeTool(
        key=call.key,
        tool=call.tool,
        idempotency_key=call.idempotency_key,
        attempt=call.attempt,
    )


def _timers(run: Run) -> Iterator[tuple[EffectId, f.AgentEffect]]:
    """What looks at the clock for an open run."""
    if run.deadline_at is not None:
        then = f"expire-run:deadline:{run.run_id}"
        yield EffectId(f"{run.run_id}@deadline"), WaitUntil(at=run.deadline_at, then=then)
    if run.stop is not None and run.stop.stop_by is not None:
        then = f"expire-run:stop:{run.run_id}"
        yield EffectId(f"{run.run_id}@stop"), WaitUntil(at=run.stop.stop_by, then=then)


def _permission_timers(
    waiting: Sequence[ToolCall],
) -> Iterator[tuple[EffectId, f.AgentEffect]]:
    """What looks at the clock for calls that wait for a person."""
    for call in waiting:
        if call.expires_at is not None:
            then = f"expire-permission:{call.request_id}"
            yield EffectId(f"{call.key}-permission"), WaitUntil(at=call.expires_at, then=then)


def companions(event: e.AgentEvent) -> Sequence[Companion]:
    """What else is written in the same append.

    Mail and orders go to their inbox, a rule that was made of a decision to its scope; a
    subagent's stream begins, spending stands in its budget; taken mail settles the own inbox, and
    who stops because nothing waits must have taken all that lies there.
    """
    match event:
        case e.MailSent(mail=mail):
            return [Delivery(inbox_stream(mail.to), (MailDelivered(mail=mail),))]
        case e.PermissionResolved(rules=rules, rule=Rule() as rule):
            return [Delivery(rules, (RuleRemembered(rule=rule),), is_work=False)]
        case e.MailTaken() | e.MailCameLate():
            inbox, version = event.inbox, event.through_version
            return [Settlement(inbox, version)]
        case e.AgentStopped(inbox=inbox, inbox_version=version) if inbox:
            return [Unchanged(inbox, version)]
        case e.SubagentSpawned(profile=profile, spawned_at=at):
            spawned = e.AgentSpawned(profile=profile, spawned_at=at)
            return [Delivery(agent_stream(profile.agent_id), (spawned,), must_be_new=True)]
        case e.SubagentEndOrdered(agent_id=agent_id, how=how, reason=reason):
            return [Delivery(inbox_stream(agent_id), (RunEndOrdered(how=how, reason=reason),))]
        case e.SharedSpending():
            return [Delivery(event.budget, (_spent(event),), is_work=False)]
        case _:
            return []


def _spent(event: e.SharedSpending) -> BudgetSpent:
    return BudgetSpent(
        agent_id=event.agent_id,
        run_id=event.run_id,
        effect_id=event.effect_id,
        tokens=event.tokens,
        cost_usd_micros=event.cost_usd_micros,
    )
