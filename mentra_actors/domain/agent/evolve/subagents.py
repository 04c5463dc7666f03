"""State after facts about subagents and shared budgets."""

import msgspec

from mentra_actors.decider import Steps
from mentra_actors.domain.agent.events import subagents as e
from mentra_actors.domain.agent.state import AgentState, Subagent
from mentra_actors.ids import AgentId

__all__ = ["SUBAGENT_STEPS"]

_replace = msgspec.structs.replace


def _spawned(state: AgentState, event: e.SubagentSpawned) -> AgentState:
    profile = event.profile
    one = Subagent(
        agent_id=profile.agent_id, key=event.key, name=profile.name, model=profile.model
    )
    return _replace(state, subagents=(*_without(state, profile.agent_id), one))


def _finished(state: AgentState, event: e.SubagentFinished) -> AgentState:
    subagents = tuple(
        _replace(one, has_ended=True) if one.agent_id == event.agent_id else one
        for one in state.subagents
        if one.key or one.agent_id != event.agent_id
    )
    return _replace(state, subagents=subagents)


def _ordered(state: AgentState, event: e.SubagentEndOrdered) -> AgentState:
    """One that is to stop in order is waited for; one that is cancelled is nobody's any more."""
    if event.how == "stop":
        return state
    return _replace(state, subagents=_without(state, event.agent_id))


def _without(state: AgentState, agent_id: AgentId) -> tuple[Subagent, ...]:
    return tuple(one for one in state.subagents if one.agent_id != agent_id)


def _shared(state: AgentState, event: e.SharedSpending) -> AgentState:
    run = state.run and _replace(state.run, budget=event.budget)
    return _replace(state, run=run)


def _withheld(state: AgentState, _event: e.ModelCallWithheld) -> AgentState:
    return _replace(state, model_call=None)


SUBAGENT_STEPS: Steps[AgentState] = {
    e.SubagentSpawned: _spawned,
    e.SubagentFinished: _finished,
    e.SubagentEndOrdered: _ordered,
    e.SharedSpending: _shared,
    e.ModelCallWithheld: _withheld,
}
