"""Subagents: agents that a running call, or the host, makes for one task.

Those of a call end with it, those of the host with the agent.
"""

from collections.abc import Sequence
from typing import Literal

import msgspec

from mentra_actors.domain.agent import commands as c
from mentra_actors.domain.agent import events as e
from mentra_actors.domain.agent.decide.endings import finished
from mentra_actors.domain.agent.evolve import evolve
from mentra_actors.domain.agent.profile import profile_fault
from mentra_actors.domain.agent.run_options import RunOptions, child_options, option_fault
from mentra_actors.domain.agent.state import AgentState, Run, Subagent
from mentra_actors.domain.budget import budget_stream
from mentra_actors.errors import CommandRejected
from mentra_actors.ids import MAX_AGENT_ID_BYTES, EffectId, StreamId

__all__ = [
    "BEFORE",
    "MAX_DEPTH",
    "budget_used_up",
    "spawn_subagent",
    "subagent_ended",
    "with_orders",
]

MAX_DEPTH = 3
"""A subagent of a subagent of a subagent has none."""

BEFORE = EffectId("before")
"""Stands for all model calls of a run before it shared its budget."""


def spawn_subagent(
    command: c.SpawnSubagent, state: AgentState, profile: e.AgentProfile
) -> Sequence[e.AgentEvent]:
    """A new agent for an open call; nothing, if it is there already.

    Raises:
        CommandRejected: the call is not running, the agent is stopped, the nesting is too deep, or
            no agent could be like this.
    """
    child, run = command.profile, state.run
    if any(one.agent_id == child.agent_id for one in state.subagents):
        return []
    if fault := _spawn_fault(command, state, profile):
        raise CommandRejected(fault)
    if not command.key:
        return [_spawned(command, profile, command.options)]
    if run is None or not _is_running(command.key, state):
        raise CommandRejected(f"call {command.key} is not running: it can have no subagent")
    budget = run.budget or (budget_stream(run.run_id) if run.options.has_shared_limits else "")
    options = child_options(run.options, deadline_at=run.deadline_at, budget=StreamId(budget))
    spawned = _spawned(command, profile, options)
    return [*_spent_before(run, profile, StreamId(budget)), spawned]


def _is_running(key: EffectId, state: AgentState) -> bool:
    return any(call.key == key and call.status == "started" for call in state.open_calls)


def _spawned(
    command: c.SpawnSubagent, profile: e.AgentProfile, options: RunOptions
) -> e.SubagentSpawned:
    child = msgspec.structs.replace(
        command.profile, parent=profile.agent_id, depth=profile.depth + 1, run=options
    )
    return e.SubagentSpawned(
        key=command.key, profile=child, options=options, spawned_at=command.now
    )


def _spawn_fault(command: c.SpawnSubagent, state: AgentState, profile: e.AgentProfile) -> str:
    if profile.depth >= MAX_DEPTH:
        return f"subagents are nested {MAX_DEPTH} deep at most"
    if not command.key and state.stopped:
        return "the agent is stopped: it has no subagents any more"
    if not command.key and profile.is_person:
        return "a person has no subagents"
    return _child_fault(command.profile) or option_fault(command.options)


def _child_fault(child: e.AgentProfile) -> str:
    size = len(child.agent_id.encode())
    if size > MAX_AGENT_ID_BYTES:
        most = f"at most {MAX_AGENT_ID_BYTES} are possible: give it a shorter name"
        return f"the id of the subagent would have {size} bytes, {most}"
    return profile_fault(child)


def _spent_before(run: Run, profile: e.AgentProfile, budget: StreamId) -> list[e.AgentEvent]:
    """The first subagent of a run starts from what the run has used."""
    if not budget or run.budget:
        return []
    return [
        e.SharedSpending(
            budget=budget,
            agent_id=profile.agent_id,
            run_id=run.run_id,
            effect_id=BEFORE,
            tokens=run.tokens,
            cost_usd_micros=run.cost_usd_micros,
        )
    ]


def subagent_ended(command: c.RecordSubagentEnd, state: AgentState) -> Sequence[e.AgentEvent]:
    """Its run has ended; nothing, if that is known."""
    if not any(one.agent_id == command.agent_id and not one.has_ended for one in state.subagents):
        return []
    return [
        e.SubagentFinished(agent_id=command.agent_id, how=command.how, finished_at=command.now)
    ]


def budget_used_up(command: c.RecordBudgetUsedUp, state: AgentState) -> Sequence[e.AgentEvent]:
    """The model is not asked: the run ends in order."""
    call, run = state.model_call, state.run
    is_other = call is None or call.effect_id != command.effect_id or state.is_call_waiting
    if is_other or call is None or run is None or not run.budget:
        return []
    most = run.options.token_budget
    is_token_limit = most is not None and command.tokens >= most
    limit: Literal["token_budget", "cost_budget"] = (
        "token_budget" if is_token_limit else "cost_budget"
    )
    withheld = e.ModelCallWithheld(
        effect_id=command.effect_id,
        limit=limit,
        tokens=command.tokens,
        cost_usd_micros=command.cost_usd_micros,
    )
    return [withheld, finished(run, command.now, "early", limit)]


def with_orders(events: Sequence[e.AgentEvent], state: AgentState) -> Sequence[e.AgentEvent]:
    """The events, and an order to end for each subagent whose call they have closed.

    Those of the host end when the agent is stopped.
    """
    if not state.subagents or not events:
        return events
    after = state
    for event in events:
        after = evolve(after, event)
    running = {call.key for call in after.open_calls}
    if not after.stopped:
        running.add(EffectId(""))
    orders = [
        e.SubagentEndOrdered(agent_id=one.agent_id, how="cancel", reason=_end_of(one))
        for one in after.subagents
        if one.key not in running and not one.has_ended
    ]
    return [*events, *orders]


def _end_of(subagent: Subagent) -> str:
    return f"the {'call' if subagent.key else 'agent'} that made it has ended"
