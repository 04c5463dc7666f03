"""The round loop of a run, as a question: given this state, what is due now?

`continued` adds to the events of a command every step that they make due: the next calls, the next
round, the end of the run, the next run. So an event is never left waiting for a second command to
notice it, and recovery needs no code of its own.

At a boundary the order is: what ends the run after this round, steering, follow-up (only after an
answer), the round strategy. Limits are looked at before anything is taken from a queue, so nothing
is taken that no request will carry.
"""

from collections.abc import Sequence
from functools import reduce
from typing import assert_never

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.batches import calls_due
from mentra_actors.domain.agent.decide.endings import (
    failed,
    finished,
    limit_reached,
    stopped_at_rest,
)
from mentra_actors.domain.agent.decide.intake import next_run_id
from mentra_actors.domain.agent.decide.model_outcomes import model_call_requested
from mentra_actors.domain.agent.evolve import evolve
from mentra_actors.domain.agent.profile import changed_profile, profile_fault
from mentra_actors.domain.agent.state import AgentState, Run
from mentra_actors.ids import CommandId, EffectId

__all__ = ["continued", "round_decision"]


def continued(
    events: Sequence[e.AgentEvent], state: AgentState, now: float
) -> Sequence[e.AgentEvent]:
    """`events` and all that they make due. Ends, since each step opens an effect or uses input."""
    recorded = list(events)
    after = reduce(evolve, events, state)
    while due := _due(after, now):
        recorded.extend(due)
        after = reduce(evolve, due, after)
    return recorded


def _due(state: AgentState, now: float) -> Sequence[e.AgentEvent]:
    run = state.run
    if run is None:
        if state.compensations:
            return _next_compensation(state, now)
        return [] if state.board_undoing else _next_run(state, now)
    if state.model_call is not None or state.decision is not None:
        return []
    if state.open_calls:
        return calls_due(state, run, now)
    match run.boundary:
        case "start":
            return _next_round(state, run, now)
        case "tools":
            return _after_tools(state, run, now)
        case "answer":
            return _after_answer(state, run, now)
        case _:
            assert_never(run.boundary)


def _next_compensation(state: AgentState, now: float) -> Sequence[e.AgentEvent]:
    first = state.compensations[0]
    if first.attempt:
        return []
    return [
        e.ToolCallCompensationStarted(key=first.key, tool=first.tool, attempt=1, started_at=now)
    ]


def _next_run(state: AgentState, now: float) -> Sequence[e.AgentEvent]:
    profile = state.profile
    if profile is None or state.stopped:
        return []
    run_id = next_run_id(state, profile)
    if state.waiting_prompts:
        prompt = state.waiting_prompts[0]
        return [
            e.RunStarted(
                run_id=run_id,
                started_at=now,
                options=prompt.options or profile.run,
            )
        ]
    if not state.has_news:
        return stopped_at_rest(state, now, state.stop_planned) if state.stop_planned else []
    return [e.RunStarted(run_id=run_id, started_at=now, options=profile.run, baseline=state.leaf)]


def _next_round(state: AgentState, run: Run, now: float) -> Sequence[e.AgentEvent]:
    """The next model call, with the mail that waits; the first one with what began the run."""
    is_first = run.rounds == 0 and not run.is_resumed
    limit = limit_reached(state, run, now)
    if limit and not is_first:
        return limit
    prompts = [prompt.prompt_id for prompt in state.waiting_prompts[:1]]
    placed = e.InputPlaced(
        run_id=run.run_id,
        prompt_ids=tuple(prompts) if is_first and not run.asked_by else (),
        mail_ids=state.waiting_mail,
        steer_ids=_begun_anew_with(state, run),
    )
    before = [placed] if placed.prompt_ids or placed.mail_ids or placed.steer_ids else []
    if limit and before:  # what began the run is said all the same; then the limit is met again
        return before
    return limit or [*before, model_call_requested(state, run, run.rounds + 1)]


def _begun_anew_with(state: AgentState, run: Run) -> tuple[CommandId, ...]:
    """Words from the queue for a run that was taken back, if nothing else begins it again."""
    is_begun = run.rounds > 0 or not run.is_resumed or state.leaf != run.baseline
    return () if is_begun or state.waiting_mail else state.steer.next_items


def _after_tools(state: AgentState, run: Run, now: float) -> Sequence[e.AgentEvent]:
    if run.ending:
        return [finished(run, now, run.ending)]
    output = run.options.output
    if output is not None and output.mode == "tool" and run.output_faults > output.retries:
        return [finished(run, now)]  # no value that fits will come
    if state.steer.items and run.choice is None:
        return _with_queued(state, run, now, steers=True)
    match run.choice:
        case None if run.options.strategy:
            return [_asked_strategy(state, run)]
        case "stop":
            return [finished(run, now, "strategy")]
        case _:
            return _next_round(state, run, now)


def _after_answer(state: AgentState, run: Run, now: float) -> Sequence[e.AgentEvent]:
    if _must_repair(run):
        return _repair(state, run, now)
    if state.steer.items and run.choice is None:
        return _with_queued(state, run, now, steers=True)
    if state.follow_up.items and run.choice is None:
        return _with_queued(state, run, now, steers=False)
    match run.choice:
        case None if run.options.strategy:
            return [_asked_strategy(state, run)]
        case "inject":
            return _next_round(state, run, now)
        case _:
            return [finished(run, now)]


def _with_queued(
    state: AgentState, run: Run, now: float, *, steers: bool
) -> Sequence[e.AgentEvent]:
    """The next round, with words from a queue and the mail that waits."""
    limit = limit_reached(state, run, now)
    if limit:
        return limit
    queue = state.steer if steers else state.follow_up
    placed = e.InputPlaced(
        run_id=run.run_id,
        steer_ids=queue.next_items if steers else (),
        follow_up_ids=() if steers else queue.next_items,
        mail_ids=state.waiting_mail,
    )
    return [placed, model_call_requested(state, run, run.rounds + 1)]


def _asked_strategy(state: AgentState, run: Run) -> e.AgentEvent:
    return e.RoundDecisionRequested(
        effect_id=EffectId(f"round-{state.decisions + 1}"),
        run_id=run.run_id,
        boundary=run.boundary,
    )


def round_decision(
    command: c.RecordRoundDecision, state: AgentState, profile: e.AgentProfile
) -> Sequence[e.AgentEvent]:
    """The answer of the strategy; what it injects is only said if a request can carry it."""
    asked, run, now = state.decision, state.run, command.now
    if asked is None or asked.effect_id != command.effect_id or run is None:
        return []
    after = changed_profile(profile, command.changes)
    fault = command.fault or profile_fault(after)
    if fault:
        return failed(state, run, "strategy", fault, now)
    decided = e.RoundDecided(effect_id=command.effect_id, run_id=run.run_id, choice=command.choice)
    events: list[e.AgentEvent] = [decided]
    if after is not profile:
        reason = f"round strategy {run.options.strategy!r}"
        events.append(e.AgentReconfigured(changes=command.changes, changed_at=now, reason=reason))
    if command.choice != "inject" or limit_reached(state, run, now):
        return events
    words = command.text.strip() or "Go on."
    return [*events, e.InputPlaced(run_id=run.run_id, injected=words)]


def _must_repair(run: Run) -> bool:
    output = run.options.output
    if output is None or output.mode != "native" or not run.output_fault:
        return False
    return run.output_faults <= output.retries


def _repair(state: AgentState, run: Run, now: float) -> Sequence[e.AgentEvent]:
    """The answer should be a typed value and is none: the model is told what is wrong."""
    limit = limit_reached(state, run, now)
    if limit:
        return limit
    told = (
        f"Your answer does not match the requested format: {run.output_fault.rstrip('.')}. "
        "Answer again, with JSON of that format and nothing else."
    )
    return [
        e.InputPlaced(run_id=run.run_id, injected=told),
        model_call_requested(state, run, run.rounds + 1),
    ]
