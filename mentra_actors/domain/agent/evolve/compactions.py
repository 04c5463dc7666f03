"""State after facts about the shortening of the conversation."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from mentra_actors.domain.agent.events import compactions as e
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.ids import EffectId

__all__ = ["COMPACTION_STEPS"]

_replace = msgspec.structs.replace


def _requested(state: AgentState, event: e.CompactionRequested) -> AgentState:
    return _replace(state, compaction=event.effect_id, compactions=state.compactions + 1)


def _compacted(state: AgentState, event: e.ConversationCompacted) -> AgentState:
    """Its call counts for the run that has asked for it by a tool."""
    after = _over(state, event.effect_id)
    if after.run is None or event.trigger != "tool":
        return after
    used = event.compaction
    run = _replace(
        after.run,
        tokens=after.run.tokens + used.usage.total_tokens,
        cost_usd_micros=after.run.cost_usd_micros + (used.cost_usd_micros or 0),
    )
    return _replace(after, run=run)


def _skipped(state: AgentState, event: e.CompactionSkipped) -> AgentState:
    return _over(state, event.effect_id)


def _over(state: AgentState, effect_id: EffectId) -> AgentState:
    return _replace(state, compaction=EffectId("")) if state.compaction == effect_id else state


COMPACTION_STEPS: Mapping[type[Any], Callable[[AgentState, Any], AgentState]] = {
    e.CompactionRequested: _requested,
    e.ConversationCompacted: _compacted,
    e.CompactionSkipped: _skipped,
}
