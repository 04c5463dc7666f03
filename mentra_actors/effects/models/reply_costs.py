"""What answers of models have cost."""

from mentra_actors.domain.model_call import ModelReply, TokenUsage
from mentra_actors.providers.prices import PriceList

__all__ = ["reply_cost", "usage_cost"]


def reply_cost(prices: PriceList, model: str, reply: ModelReply) -> int | None:
    """Micro-dollars, None if nobody knows. What the provider itself says counts first."""
    said = reply.cost_usd_micros
    return usage_cost(prices, model, reply.usage) if said is None or said < 0 else said


def usage_cost(prices: PriceList, model: str, usage: TokenUsage) -> int | None:
    """The same, by price and by what was counted.

    Nothing counted is nothing known: a provider that broke off may bill all the same.
    """
    return prices.cost_usd_micros(model, usage) if usage.total_tokens else None
