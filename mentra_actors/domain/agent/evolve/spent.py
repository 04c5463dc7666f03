"""What a run has spent after one more call of a model."""

import msgspec

from mentra_actors.domain.agent.state import Run
from mentra_actors.domain.model_call import TokenUsage

__all__ = ["spent"]


def spent(run: Run, usage: TokenUsage, cost_usd_micros: int | None) -> Run:
    """The run with these tokens and this money; a cost of None is not known and counts nothing."""
    return msgspec.structs.replace(
        run,
        tokens=run.tokens + usage.total_tokens,
        cost_usd_micros=run.cost_usd_micros + (cost_usd_micros or 0),
    )
