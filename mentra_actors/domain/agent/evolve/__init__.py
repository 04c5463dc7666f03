"""How events change the state of an agent. Total: no history makes it raise.

Each event class has one step, found by its class; a law says that none is missing.
"""

from mentra_actors.decider import Steps
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.evolve.branching import BRANCHING_STEPS
from mentra_actors.domain.agent.evolve.calls import CALL_STEPS
from mentra_actors.domain.agent.evolve.compactions import COMPACTION_STEPS
from mentra_actors.domain.agent.evolve.inputs import INPUT_STEPS
from mentra_actors.domain.agent.evolve.runs import RUN_STEPS
from mentra_actors.domain.agent.evolve.subagents import SUBAGENT_STEPS
from mentra_actors.domain.agent.state import AgentState

__all__ = ["STEPS", "evolve"]

STEPS: Steps[AgentState] = {
    **INPUT_STEPS,
    **RUN_STEPS,
    **CALL_STEPS,
    **SUBAGENT_STEPS,
    **COMPACTION_STEPS,
    **BRANCHING_STEPS,
}


def evolve(state: AgentState, event: e.AgentEvent) -> AgentState:
    """State after one event; never raises, whatever the history."""
    return STEPS[type(event)](state, event)
