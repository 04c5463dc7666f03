"""Counts of tokens in neutral form."""

from mentra_actors.domain.model_call import MOST_TOKENS, TokenUsage
from mentra_actors.providers.json_access import Json, object_of
from mentra_actors.providers.wires.counts import count_of

__all__ = ["token_usage"]


def token_usage(usage: Json) -> TokenUsage:
    """The counts of one answer; the server's input leaves out what its cache read and wrote."""
    cached = count_of(usage, "cache_read_input_tokens")
    written = count_of(usage, "cache_creation_input_tokens")
    return TokenUsage(
        input_tokens=min(count_of(usage, "input_tokens") + cached + written, MOST_TOKENS),
        output_tokens=count_of(usage, "output_tokens"),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=count_of(object_of(usage, "output_tokens_details"), "thinking_tokens"),
    )
