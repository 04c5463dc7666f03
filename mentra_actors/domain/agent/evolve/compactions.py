"""State after facts about the shortening of the conversation."""

import msgspec

from mentra_actors.decider import Steps
from mentra_actors.domain.agent.events import compactions as e
from mentra_actors.domain.agent.evolve.spent import spent
from mentra_actors.domain.agent.state import AgentState, OpenCompaction
from mentra_actors.ids import EffectId

__all__ = ["COMPACTION_STEPS"]

_replace = msgspec.structs.replace


def _requested(state: AgentState, event: e.CompactionRequested) -> AgentState:
    opened = OpenCompaction(effect_id=event.effect_id, trigger=event.trigger, limit=event.limit)
    after = _replace(state, compaction=opened, compactions=state.compactions + 1)
    return _awaited(after, event)


def _awaited(state: AgentState, event: e.CompactionRequested | e.CompactionAwaited) -> AgentState:
    call = state.model_call
    if call is None or not event.awaited_by or call.effect_id != event.awaited_by:
        return state
    return _replace(state, model_call=_replace(call, awaits=event.effect_id))


def _retried(state: AgentState, event: e.CompactionRetried) -> AgentState:
    if state.compaction is None or state.compaction.effect_id != event.effect_id:
        return state
    after = _paid(state, event)
    again = _replace(state.compaction, attempt=event.attempt, not_before=event.not_before)
    return _replace(after, compaction=again)


def _compacted(state: AgentState, event: e.ConversationCompacted) -> AgentState:
    """Its call counts for the run, unless a person has asked for it."""
    used = event.compaction
    after = _replace(state, compacted=(*state.compacted, event.effect_id))
    if event.trigger != "manual":
        run = after.run and spent(after.run, used.usage, used.cost_usd_micros)
        after = _replace(after, run=run)
    return _over(after, event.effect_id)


def _skipped(state: AgentState, event: e.CompactionSkipped) -> AgentState:
    return _over(_paid(state, event), event.effect_id)


def _undone(state: AgentState, event: e.CompactionUndone) -> AgentState:
    left = tuple(one for one in state.compacted if one != event.effect_id)
    return _replace(state, compacted=left)


def _paid(state: AgentState, event: e.CompactionRetried | e.CompactionSkipped) -> AgentState:
    """What came of no summary counts for the run that needed it."""
    run = state.run
    if run is None or run.run_id != event.run_id:
        return state
    return _replace(state, run=spent(run, event.usage, event.cost_usd_micros))


def _over(state: AgentState, effect_id: EffectId) -> AgentState:
    is_open = state.compaction is not None and state.compaction.effect_id == effect_id
    return _replace(state, compaction=None) if is_open else state


COMPACTION_STEPS: Steps[AgentState] = {
    e.CompactionRequested: _requested,
    e.CompactionAwaited: _awaited,
    e.CompactionRetried: _retried,
    e.ConversationCompacted: _compacted,
    e.CompactionSkipped: _skipped,
    e.CompactionUndone: _undone,
}
