"""Tokens and money of a Chat Completions answer."""

from mentra_actors.domain.model_call import TokenUsage
from mentra_actors.providers.json_access import Json, object_of
from mentra_actors.providers.wires.counts import count_of

__all__ = ["token_usage", "usage_of"]


def usage_of(chunk: Json) -> Json:
    """The counts in a chunk, or an empty object; one vendor keeps them in a field of its own."""
    return object_of(chunk, "usage") or object_of(object_of(chunk, "x_groq"), "usage")


def token_usage(usage: Json) -> TokenUsage:
    """The counts in neutral words; a count that cannot be is 0."""
    prompt = object_of(usage, "prompt_tokens_details")
    completion = object_of(usage, "completion_tokens_details")
    cached = count_of(prompt, "cached_tokens") or count_of(usage, "prompt_cache_hit_tokens")
    return TokenUsage(
        input_tokens=count_of(usage, "prompt_tokens"),
        output_tokens=count_of(usage, "completion_tokens"),
        cached_input_tokens=cached,
        reasoning_tokens=count_of(completion, "reasoning_tokens"),
        cache_write_tokens=count_of(prompt, "cache_write_tokens"),
    )
