"""Facts about an agent's subagents, and about budgets that several agents spend from.

These names are the storage format: never rename or re-mean one. Times are Unix seconds, money is
in millionths of a US dollar.
"""

from typing import Literal

import msgspec

from mentra_actors.domain.agent.profile import AgentProfile
from mentra_actors.domain.agent.run_options import RunOptions
from mentra_actors.ids import AgentId, EffectId, RunId, StreamId

__all__ = [
    "ModelCallWithheld",
    "SharedSpending",
    "SubagentEndOrdered",
    "SubagentFinished",
    "SubagentSpawned",
]


class SubagentSpawned(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.subagent_spawned.v1",
):
    """A running call has made an agent of its own; that agent's stream begins in the same append.

    Without a key it was the host that made it. `options` are those of its run.
    """

    key: EffectId
    profile: AgentProfile
    options: RunOptions
    spawned_at: float


class SubagentFinished(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.subagent_finished.v1",
):
    """The run of a subagent has ended, and the call knows it."""

    agent_id: AgentId
    how: Literal["finished", "failed"]
    finished_at: float


class SubagentEndOrdered(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.subagent_end_ordered.v1",
):
    """A subagent is to end, in order or at once; the order lies in its inbox since this append."""

    agent_id: AgentId
    how: Literal["stop", "cancel"]
    reason: str


class SharedSpending(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.shared_spending.v1",
):
    """What a model call has used of a shared budget; it stands there since the same append.

    `effect_id` names the call; `before` stands for all that the run had used alone.
    """

    budget: StreamId
    agent_id: AgentId
    run_id: RunId
    effect_id: EffectId
    tokens: int
    cost_usd_micros: int = 0


class ModelCallWithheld(
    msgspec.Struct,
    gc=False,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    tag="agent.model_call_withheld.v1",
):
    """The shared budget was used up, so the model was not asked. The sums are those of all.

    If it is not `is_shared` it was the run's own, and so are the sums: a summary has used it up.
    """

    effect_id: EffectId
    limit: Literal["token_budget", "cost_budget"]
    tokens: int
    cost_usd_micros: int = 0
    is_shared: bool = True
