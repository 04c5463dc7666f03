"""State after facts about runs, rounds and model calls."""

from typing import Literal

import msgspec

from mentra_actors.decider import Steps
from mentra_actors.domain.agent.entries import entries_in
from mentra_actors.domain.agent.events import runs as e
from mentra_actors.domain.agent.evolve.calls import left_open
from mentra_actors.domain.agent.evolve.spent import spent
from mentra_actors.domain.agent.state import (
    AgentState,
    Compensation,
    ModelCall,
    Resumable,
    RoundDecision,
    Run,
    StopRequest,
    ToolCall,
    call_key,
)
from mentra_actors.domain.content import AssistantBlock, ToolCallBlock, text_of
from mentra_actors.domain.known_ids import remembered
from mentra_actors.ids import EffectId, EntryId

__all__ = ["RUN_STEPS"]

_replace = msgspec.structs.replace


def _started(state: AgentState, event: e.RunStarted) -> AgentState:
    resumed = state.resumable if event.resumes else None
    baseline = state.leaf if event.baseline is None else event.baseline
    run = Run(
        run_id=event.run_id,
        options=event.options,
        asked_by=event.asked_by,
        is_resumed=bool(event.resumes),
        deadline_at=event.options.deadline(event.started_at),
        boundary=event.boundary,
        baseline=EntryId(baseline),
        answer=resumed.answer if resumed and event.boundary == "answer" else "",
        answered_by=resumed.answered_by if resumed else EffectId(""),
        prompt_entry=resumed.prompt_entry if resumed else EntryId(0),
        undoable=resumed.undoable if resumed and not resumed.is_rolled_back else (),
        budget=event.options.budget,
        board_runs=resumed.board_runs if resumed and not resumed.is_rolled_back else (),
    )
    known_commands = state.known_commands
    if event.asked_by:
        known_commands = remembered(known_commands, event.asked_by)
    return _replace(
        state,
        run=run,
        runs_started=state.runs_started + 1,
        known_commands=known_commands,
        resumable=None,
    )


def _stop_requested(state: AgentState, event: e.RunStopRequested) -> AgentState:
    if state.run is None:
        return state
    stop = StopRequest(reason=event.reason, stop_by=event.stop_by)
    return _replace(state, run=_replace(state.run, stop=stop))


def _finished(state: AgentState, _event: e.RunFinished) -> AgentState:
    return _ended(state, "finished", resumable=None, compensations=())


def _broken_off(state: AgentState, event: e.RunFailed | e.RunCancelled) -> AgentState:
    how: Literal["failed", "cancelled"] = (
        "failed" if isinstance(event, e.RunFailed) else "cancelled"
    )
    run = state.run
    if run is None:
        return _ended(state, how, resumable=state.resumable, compensations=())
    undone = tuple(reversed(run.undoable)) if event.is_rolled_back else ()
    resumable = Resumable(
        run_id=run.run_id,
        options=run.options,
        boundary="start" if event.is_rolled_back else run.boundary,
        answer=run.answer,
        answered_by=run.answered_by,
        baseline=run.baseline,
        prompt_entry=run.prompt_entry,
        is_rolled_back=event.is_rolled_back,
        undoable=run.undoable,
        board_runs=run.board_runs,
    )
    ended = _ended(state, how, resumable=resumable, compensations=undone)
    new = tuple(one for one in event.board_runs if one not in state.board_undoing)
    return _replace(ended, board_undoing=state.board_undoing + new) if new else ended


def _ended(
    state: AgentState,
    how: Literal["finished", "failed", "cancelled"],
    *,
    resumable: Resumable | None,
    compensations: tuple[Compensation, ...],
) -> AgentState:
    return _replace(
        state,
        run=None,
        abandoned=state.model_call.effect_id if state.model_call else EffectId(""),
        model_call=None,
        decision=None,
        calls=(),
        resumable=resumable,
        compensations=state.compensations + compensations,
        last_ending=how,
        rests=state.rests + 1,
        subagents=left_open(state, *(one.key for one in state.subagents)),
    )


def _compensation_requested(state: AgentState, event: e.CompensationRequested) -> AgentState:
    resumable = state.resumable
    if resumable is None or resumable.run_id != event.run_id:
        return state
    undone = tuple(reversed(resumable.undoable))
    return _replace(state, resumable=None, compensations=state.compensations + undone)


def _board_compensated(state: AgentState, event: e.BoardCompensated) -> AgentState:
    left = tuple(run_id for run_id in state.board_undoing if run_id != event.run_id)
    return _replace(state, board_undoing=left)


def _decision_requested(state: AgentState, event: e.RoundDecisionRequested) -> AgentState:
    decision = RoundDecision(effect_id=event.effect_id, boundary=event.boundary)
    return _replace(state, decision=decision, decisions=state.decisions + 1)


def _decided(state: AgentState, event: e.RoundDecided) -> AgentState:
    run = state.run and _replace(state.run, choice=event.choice)
    return _replace(state, decision=None, run=run)


def _model_requested(state: AgentState, event: e.ModelCallRequested) -> AgentState:
    call = ModelCall(
        effect_id=event.effect_id,
        round=event.round,
        attempt=event.attempt,
        not_before=event.not_before,
    )
    run = state.run or Run(run_id=event.run_id)
    run = _replace(
        run,
        boundary="start",  # a call that fails for good is made again when the run is resumed
        rounds=event.round,
        model_requests=run.model_requests + 1,
        transport_retries=run.transport_retries + (event.attempt > 1),
        answer="",
        choice=None,
        output_fault="",
        fallback=event.fallback,
    )
    return _replace(state, model_call=call, model_calls=state.model_calls + 1, calls=(), run=run)


def _replied(state: AgentState, event: e.ModelReplied) -> AgentState:
    calls = _calls_of(event.blocks, event.effect_id)
    entries = state.entries + entries_in(event)
    run = state.run and spent(state.run, event.usage, event.cost_usd_micros)
    if run is not None:
        run = _replace(
            run,
            answer=text_of(event.blocks),
            answered_by=event.effect_id,
            boundary="tools" if calls else "answer",
            output=event.effect_id if event.is_output else EffectId(""),
            output_fault=event.output_fault,
            output_faults=run.output_faults + bool(event.output_fault),
        )
    leaf = EntryId(entries) if entries > state.entries else state.leaf
    rounds = 0 if event.reminder else state.rounds_without_board + 1
    return _replace(
        state,
        model_call=None,
        calls=calls,
        run=run,
        entries=entries,
        leaf=leaf,
        rounds_without_board=rounds,
    )


def _model_failed(state: AgentState, event: e.ModelCallFailed) -> AgentState:
    run = state.run and spent(state.run, event.usage, event.cost_usd_micros)
    if run is not None and event.is_given_up:
        run = _replace(run, given_up=(*run.given_up, f"{event.asked_model}: {event.message}"))
    return _replace(state, model_call=None, run=run)


def _abandoned(state: AgentState, event: e.AnswerAbandoned) -> AgentState:
    is_last = state.abandoned == event.effect_id
    return _replace(state, abandoned=EffectId("")) if is_last else state


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


RUN_STEPS: Steps[AgentState] = {
    e.RunStarted: _started,
    e.RunStopRequested: _stop_requested,
    e.RunFinished: _finished,
    e.RunFailed: _broken_off,
    e.RunCancelled: _broken_off,
    e.CompensationRequested: _compensation_requested,
    e.BoardCompensated: _board_compensated,
    e.RoundDecisionRequested: _decision_requested,
    e.RoundDecided: _decided,
    e.ModelCallRequested: _model_requested,
    e.ModelReplied: _replied,
    e.ModelCallFailed: _model_failed,
    e.AnswerAbandoned: _abandoned,
}
