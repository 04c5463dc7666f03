"""What calls of models have used, for those who spend from the same budget."""

from typing import TypeAlias

from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.state import AgentState
from mentra_actors.ids import EffectId, RunId, StreamId

__all__ = ["shared_spending", "spending"]

_Used: TypeAlias = (
    e.ModelReplied
    | e.ModelCallFailed
    | e.AnswerAbandoned
    | e.ConversationCompacted
    | e.CompactionRetried
    | e.CompactionSkipped
)


def shared_spending(
    event: _Used, state: AgentState, attempt: EffectId | None = None
) -> list[e.AgentEvent]:
    """What a call for the open run has used; `attempt` is its name if it has one of its own."""
    run = state.run
    return [] if run is None else spending(event, state, run.run_id, run.budget, attempt)


def spending(
    event: _Used,
    state: AgentState,
    run_id: RunId,
    budget: StreamId,
    attempt: EffectId | None = None,
) -> list[e.AgentEvent]:
    """The same for any run; nothing without a budget, or if nothing was used."""
    profile = state.profile
    used = event.compaction if isinstance(event, e.ConversationCompacted) else event
    is_free = not (used.usage.total_tokens or used.cost_usd_micros)
    if profile is None or not budget or is_free:
        return []
    return [
        e.SharedSpending(
            budget=budget,
            agent_id=profile.agent_id,
            run_id=run_id,
            effect_id=attempt or event.effect_id,
            tokens=used.usage.total_tokens,
            cost_usd_micros=used.cost_usd_micros or 0,
        )
    ]
