"""Tokens and money of a Chat Completions answer."""

from mentra_actors.domain.model_call import MOST_TOKENS, TokenUsage
from mentra_actors.providers.json_access import Json, number_of, object_of, whole_of

__all__ = ["cost_of", "token_usage", "usage_of"]

_MICROS = 1_000_000


def usage_of(chunk: Json) -> Json:
    """The counts in a chunk, or an empty object; one vendor keeps them in a field of its own."""
    return object_of(chunk, "usage") or object_of(object_of(chunk, "x_groq"), "usage")


def token_usage(usage: Json) -> TokenUsage:
    """The counts in neutral words; a count that cannot be is 0."""
    prompt = object_of(usage, "prompt_tokens_details")
    completion = object_of(usage, "completion_tokens_details")
    cached = _count(prompt, "cached_tokens") or _count(usage, "prompt_cache_hit_tokens")
    return TokenUsage(
        input_tokens=_count(usage, "prompt_tokens"),
        output_tokens=_count(usage, "completion_tokens"),
        cached_input_tokens=cached,
        reasoning_tokens=_count(completion, "reasoning_tokens"),
        cache_write_tokens=_count(prompt, "cache_write_tokens"),
    )


def cost_of(usage: Json) -> int | None:
    """The price that the server names, in millionths of a US dollar."""
    cost = number_of(usage, "cost")
    if cost is None or not 0 <= cost < MOST_TOKENS:
        return None
    return round(cost * _MICROS)


def _count(usage: Json, name: str) -> int:
    count = whole_of(usage, name)
    return count if 0 <= count <= MOST_TOKENS else 0
