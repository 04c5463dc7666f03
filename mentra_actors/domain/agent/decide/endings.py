"""How a run ends: in order, by a failure, or because somebody wants it to.

Whatever the reason, each open call gets its result first, and what the log says of it is true: one
that never started did not happen, one that was open may have.
"""

from collections.abc import Sequence

import msgspec

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.effects import CLAIM
from mentra_actors.domain.agent.events.runs import EarlyEnd, RunEnding
from mentra_actors.domain.agent.state import AgentState, Run, ToolCall, report_id
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId, StreamId, inbox_stream

__all__ = [
    "cancelled",
    "compensation_requested",
    "early_end",
    "expired",
    "failed",
    "finished",
    "idle_timed_out",
    "limit_reached",
    "stop_reported",
    "stop_requested",
    "stopped",
    "stopped_at_rest",
]

_replace = msgspec.structs.replace


def finished(
    run: Run, now: float, ending: RunEnding = "answered", early_end: EarlyEnd = ""
) -> e.AgentEvent:
    """The end in order. Only at the boundary of an answer the run has one."""
    has_answer = run.boundary == "answer" and run.answer
    return e.RunFinished(
        run_id=run.run_id,
        answer=run.answered_by if has_answer else EffectId(""),
        finished_at=now,
        ending=ending,
        early_end=early_end,
        output=run.output,
    )


def failed(state: AgentState, run: Run, kind: str, message: str, now: float) -> list[e.AgentEvent]:
    """The end without an answer, and the way back if the run is to be taken back."""
    is_rolled_back = run.options.on_failure == "rollback"
    end = e.RunFailed(
        run_id=run.run_id,
        kind=kind,
        message=message,
        failed_at=now,
        is_rolled_back=is_rolled_back,
        board_runs=run.board_runs if is_rolled_back else (),
    )
    calls = _closed(state, f"the run failed ({kind})")
    return [*calls, end, *(_taken_back(state, run, now) if is_rolled_back else ())]


def cancelled(reason: str, state: AgentState, now: float) -> list[e.AgentEvent]:
    """The end that somebody wants now; nothing without a run."""
    run = state.run
    if run is None:
        return []
    is_rolled_back = run.options.on_failure == "rollback"
    end = e.RunCancelled(
        run_id=run.run_id,
        reason=reason,
        cancelled_at=now,
        is_rolled_back=is_rolled_back,
        board_runs=run.board_runs if is_rolled_back else (),
    )
    calls = _closed(state, "the run was cancelled")
    return [*calls, end, *(_taken_back(state, run, now) if is_rolled_back else ())]


def stopped(
    state: AgentState, now: float, reason: str = "the agent was stopped"
) -> list[e.AgentEvent]:
    """The end of the agent, and of the summary that is being written."""
    if state.stopped:
        return []
    is_manual = state.compaction is not None and state.compaction.trigger == "manual"
    tells_team = state.profile is not None and not state.profile.parent
    return [
        *cancelled(reason, state, now),
        *(_unwritten(state, reason) if is_manual else ()),
        e.AgentStopped(stopped_at=now, reason=reason, tells_team=tells_team),
    ]


def stopped_at_rest(state: AgentState, now: float, reason: str) -> list[e.AgentEvent]:
    """The end of an agent for which nothing waits, in its inbox neither."""
    inbox = inbox_stream(state.profile.agent_id) if state.profile else StreamId("")
    return [
        _replace(one, inbox=inbox, inbox_version=state.mail_taken_through)
        if isinstance(one, e.AgentStopped)
        else one
        for one in stopped(state, now, reason)
    ]


def idle_timed_out(command: c.RecordIdleTimeout, state: AgentState) -> list[e.AgentEvent]:
    """The end of an agent for which there was nothing to do; nothing if it rests no more."""
    is_same_rest = command.effect_id == f"{CLAIM}{state.rests}"
    if state.profile is None or not (state.looks_for_tasks and is_same_rest):
        return []
    timeout_s = state.profile.autonomy.idle_timeout_s
    return stopped_at_rest(state, command.now, f"idle for {timeout_s:g} s")


def stop_reported(command: c.RecordStopReported, state: AgentState) -> list[e.AgentEvent]:
    """What was to be told is; nothing, if there is more to tell by now, or nothing."""
    farewell = state.farewell
    if farewell is None or command.effect_id != report_id(farewell):
        return []
    reported = e.StopReported(
        effect_id=command.effect_id, reported_at=command.now, problem=command.problem
    )
    return [reported]


def stop_requested(command: c.StopRun, state: AgentState) -> list[e.AgentEvent]:
    """The wish to end in order. What only waits ends at once: a retry, a person, a strategy."""
    run, now = state.run, command.now
    if run is None or run.stop is not None:
        return []
    stop_by = None if command.grace_s is None else now + max(command.grace_s, 0.0)
    request = e.RunStopRequested(
        run_id=run.run_id, reason=command.reason, requested_at=now, stop_by=stop_by
    )
    call = state.model_call
    is_waiting = call is not None and call.not_before > now
    if is_waiting or state.is_call_waiting or state.decision is not None:
        unwritten = _closed(state, "the run was stopped")
        return [request, *unwritten, finished(run, now, "early", "stop_requested")]
    skipped = [
        _skipped(call, "the run was stopped before anybody allowed it") for call in state.requests
    ]
    orders = [
        e.SubagentEndOrdered(agent_id=one.agent_id, how="stop", reason=command.reason)
        for one in state.subagents
        if one.key and not one.has_ended
    ]
    return [request, *skipped, *orders]


def expired(command: c.ExpireRun, state: AgentState) -> list[e.AgentEvent]:
    """A time is up: the deadline of the run, or the patience with one that is to stop."""
    run, now = state.run, command.now
    if run is None or run.run_id != command.run_id:
        return []
    if command.limit == "deadline":
        if run.deadline_at is None or now < run.deadline_at:
            return []
        return failed(state, run, "deadline", "the deadline of the run is past", now)
    if run.stop is None or run.stop.stop_by is None or now < run.stop.stop_by:
        return []
    calls = _closed(state, "the run was stopped")
    return [*calls, finished(run, now, "early", "stop_requested")]


def limit_reached(
    state: AgentState, run: Run, now: float, *, is_retry: bool = False
) -> list[e.AgentEvent]:
    """The end of a run that must not make one more model call; nothing if it may.

    The order: deadline, stop, what it has spent, rounds (a retry is no new one), model calls.
    """
    if run.deadline_at is not None and now >= run.deadline_at:
        return failed(state, run, "deadline", "the deadline of the run is past", now)
    early = early_end(run)
    if early:
        return [finished(run, now, "early", early)]
    rounds = state.profile.max_rounds if state.profile and not is_retry else 0
    hard = _hard_limit(run, rounds, run.options.model_budget)
    if not hard:
        return []
    if run.boundary == "answer":  # the answer is there; what waits stays in its queue
        return [finished(run, now)]
    kind, message = hard
    return failed(state, run, kind, message, now)


def early_end(run: Run) -> EarlyEnd:
    """Why a run must end in order before its next model call; empty if it need not."""
    options = run.options
    if run.stop is not None:
        return "stop_requested"
    if options.token_budget is not None and run.tokens >= options.token_budget:
        return "token_budget"
    limit = options.cost_budget_usd_micros
    if limit is not None and run.cost_usd_micros >= limit:
        return "cost_budget"
    return ""


def _hard_limit(run: Run, max_rounds: int, model_budget: int | None) -> tuple[str, str] | None:
    if 0 < max_rounds <= run.rounds:
        said = f"the run used all of its {max_rounds} rounds; resume it, or send a prompt"
        return "max_rounds", said
    if model_budget is not None and run.model_requests >= model_budget:
        return "model_budget", f"the run used all of its {model_budget} model calls"
    return None


def compensation_requested(command: c.CompensateRun, state: AgentState) -> list[e.AgentEvent]:
    """Undo what a run that was broken off has done.

    Raises:
        CommandRejected: there is no such run.
    """
    resumable = state.resumable
    if resumable is None or resumable.is_rolled_back:
        raise CommandRejected("no run was broken off whose calls could be undone")
    return [e.CompensationRequested(run_id=resumable.run_id, requested_at=command.now)]


def _taken_back(state: AgentState, run: Run, now: float) -> Sequence[e.AgentEvent]:
    events: list[e.AgentEvent] = []
    if run.placed_mail or run.placed_steer or run.placed_follow_up:
        events.append(
            e.InputReturned(
                run_id=run.run_id,
                mail_ids=run.placed_mail,
                steer_ids=run.placed_steer,
                follow_up_ids=run.placed_follow_up,
            )
        )
    if run.baseline != state.leaf:
        events.append(
            e.LeafMoved(
                from_entry=state.leaf, to_entry=run.baseline, reason="rollback", moved_at=now
            )
        )
    return events


def _closed(state: AgentState, why: str) -> list[e.AgentEvent]:
    """The ends of what is open for a run: its calls, and the summary that it waits for."""
    calls = [_closed_call(call, why) for call in state.open_calls]
    is_for_run = state.compaction is not None and state.compaction.trigger != "manual"
    return [*calls, *(_unwritten(state, why) if is_for_run else ())]


def _unwritten(state: AgentState, why: str) -> list[e.AgentEvent]:
    if state.compaction is None:
        return []
    effect_id = state.compaction.effect_id
    return [e.CompactionSkipped(effect_id=effect_id, reason=why, is_cancelled=True)]


def _closed_call(call: ToolCall, why: str) -> e.AgentEvent:
    if call.status in ("started", "probing"):
        return e.ToolCallOutcomeUnknown(
            key=call.key,
            reason=f"{why} while the call was open",
            tool=call.tool,
            call_id=call.call_id,
        )
    return _skipped(call, why)


def _skipped(call: ToolCall, why: str) -> e.AgentEvent:
    return e.ToolCallSkipped(
        key=call.key, reason=f"not executed: {why}", tool=call.tool, call_id=call.call_id
    )
