"""The shortening of the conversation for the model: asked for, tried, done, or not to be done.

Who asks: a person between two requests, or a model call whose request is too long. That call then
waits, and is made whatever comes of it; so a summary can be written, fail or be cancelled, and the
run goes on.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.endings import early_end, finished
from mentra_actors.domain.agent.decide.spending import shared_spending
from mentra_actors.domain.agent.evolve import evolve
from mentra_actors.domain.agent.state import AgentState, OpenCompaction
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import EffectId, RunId

__all__ = [
    "MOST_ATTEMPTS",
    "compaction_cancelled",
    "compaction_for",
    "compaction_outcome",
    "compaction_requested",
    "compaction_undone",
    "context_full",
]

MOST_ATTEMPTS = 3
"""How often a summary is tried that fails for a reason that may pass."""

RETRY_S = 0.5
MOST_RETRY_S = 30.0
"""A provider may ask to wait; not for longer than this, since a run waits with it."""


def compaction_requested(
    command: c.CompactConversation, state: AgentState
) -> Sequence[e.AgentEvent]:
    """The request; nothing while one is being written already.

    Raises:
        CommandRejected: there is nothing to summarise, or the agent is stopped.
    """
    if state.stopped:
        raise CommandRejected("the agent is stopped")
    if state.compaction is not None:
        return []
    if not state.leaf:
        raise CommandRejected("there is no conversation to compact yet")
    return [e.CompactionRequested(effect_id=_next_id(state), requested_at=command.now)]


def context_full(command: c.RecordContextFull, state: AgentState) -> Sequence[e.AgentEvent]:
    """The request would be too long: its call waits for a compaction, once."""
    call = state.model_call
    if call is None or call.effect_id != command.effect_id or call.awaits:
        return []
    return [
        compaction_for(
            call.effect_id,
            state,
            command.now,
            trigger="auto",
            tokens=command.tokens,
            limit=command.limit,
        )
    ]


def compaction_for(
    awaited_by: EffectId,
    state: AgentState,
    now: float,
    *,
    trigger: Literal["auto", "overflow"],
    tokens: int = 0,
    limit: int = 0,
) -> e.AgentEvent:
    """The compaction that a model call waits for: a new one, or the one that is being written."""
    if state.compaction is not None:
        return e.CompactionAwaited(effect_id=state.compaction.effect_id, awaited_by=awaited_by)
    return e.CompactionRequested(
        effect_id=_next_id(state),
        requested_at=now,
        trigger=trigger,
        awaited_by=awaited_by,
        tokens=tokens,
        limit=limit,
    )


def _next_id(state: AgentState) -> EffectId:
    return EffectId(f"compact-{state.compactions + 1}")


def compaction_outcome(command: c.RecordCompaction, state: AgentState) -> Sequence[e.AgentEvent]:
    """The summary takes the place of older entries, it is tried again, or it is said why not.

    It may have used up the budget of the run: then the call that waits for it is not made.
    """
    one = state.compaction
    if one is None or one.effect_id != command.effect_id or one.attempt != command.attempt:
        return []
    is_for_run = state.run is not None and one.trigger != "manual"
    run_id = state.run.run_id if state.run and is_for_run else RunId("")
    event = msgspec.structs.replace(_outcome(command, one), run_id=run_id)
    shared = [] if one.trigger == "manual" else shared_spending(event, state, one.key)
    return [event, *shared, *_withheld(evolve(state, event), command.now)]


def _outcome(
    command: c.RecordCompaction, one: OpenCompaction
) -> e.ConversationCompacted | e.CompactionRetried | e.CompactionSkipped:
    if command.compaction is not None:
        return e.ConversationCompacted(
            effect_id=command.effect_id,
            compaction=command.compaction,
            compacted_at=command.now,
            trigger=one.trigger,
        )
    if command.transient and one.attempt < MOST_ATTEMPTS:
        wait_s = min(max(command.retry_after_s or 0.0, RETRY_S), MOST_RETRY_S)
        return e.CompactionRetried(
            effect_id=command.effect_id,
            attempt=one.attempt + 1,
            not_before=command.now + wait_s,
            error=command.problem,
            retried_at=command.now,
            usage=command.usage,
            cost_usd_micros=command.cost_usd_micros,
            asked_model=command.asked_model,
        )
    return e.CompactionSkipped(
        effect_id=command.effect_id,
        reason=command.problem,
        is_error=command.is_error,
        usage=command.usage,
        cost_usd_micros=command.cost_usd_micros,
        asked_model=command.asked_model,
    )


def _withheld(state: AgentState, now: float) -> Sequence[e.AgentEvent]:
    """The end in order of a run whose call has waited and must not be made any more."""
    call, run = state.model_call, state.run
    if call is None or run is None or not call.awaits or state.is_call_waiting:
        return []
    limit = early_end(run)
    if limit not in ("token_budget", "cost_budget"):
        return []
    withheld = e.ModelCallWithheld(
        effect_id=call.effect_id,
        limit=limit,
        tokens=run.tokens,
        cost_usd_micros=run.cost_usd_micros,
        is_shared=False,
    )
    return [withheld, finished(run, now, "early", limit)]


def compaction_cancelled(command: c.CancelCompaction, state: AgentState) -> Sequence[e.AgentEvent]:
    """The end of the summary that is being written; a call that waits for it is made."""
    if state.compaction is None:
        return []
    return [
        e.CompactionSkipped(
            effect_id=state.compaction.effect_id, reason=command.reason, is_cancelled=True
        )
    ]


def compaction_undone(command: c.UndoCompaction, state: AgentState) -> Sequence[e.AgentEvent]:
    """The words of a compaction are told again.

    Raises:
        CommandRejected: there is no such compaction, a run is open, or a summary is being
            written.
    """
    if state.run is not None:
        raise CommandRejected("a run is open; wait for its end, or cancel it")
    if state.compaction is not None:
        raise CommandRejected("a summary is being written; wait for it, or cancel it")
    if command.compaction not in state.compacted:
        raise CommandRejected(
            f"there is no compaction {command.compaction!r} that could be undone"
        )
    return [e.CompactionUndone(effect_id=command.compaction, undone_at=command.now)]
