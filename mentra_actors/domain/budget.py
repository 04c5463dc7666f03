"""A budget that several agents spend from: a stream of what each model call has used.

It has no owner. Each agent writes its own spending together with the answer that it is for, and
looks at the sum of all before it asks a model. So a budget is overrun by at most the calls that
were open when it was reached.
"""

from collections.abc import Iterable

import msgspec

from mentra_actors.ids import AgentId, EffectId, RunId, StreamId

__all__ = ["BudgetSpent", "budget_stream", "spent"]


class BudgetSpent(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag="budget.spent.v1"
):
    """Tokens (input and output) and money of one model call, in millionths of a US dollar."""

    agent_id: AgentId
    run_id: RunId
    effect_id: EffectId
    tokens: int
    cost_usd_micros: int = 0


def budget_stream(run_id: RunId) -> StreamId:
    """The budget of a run and its subagents."""
    return StreamId(f"budget-{run_id.replace('/', '.')}")


def spent(events: Iterable[object]) -> tuple[int, int]:
    """Tokens and money so far; events of other kinds count nothing."""
    own = [event for event in events if isinstance(event, BudgetSpent)]
    return sum(one.tokens for one in own), sum(one.cost_usd_micros for one in own)
