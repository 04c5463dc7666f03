"""Counts of tokens in neutral form."""

from mentra_actors.domain.model_call import MOST_TOKENS, TokenUsage
from mentra_actors.providers.json_access import Json, object_of, whole_of

__all__ = ["token_usage"]


def token_usage(usage: Json) -> TokenUsage:
    """The counts of one answer; the server's input leaves out what its cache read and wrote."""
    cached = _count(usage, "cache_read_input_tokens")
    written = _count(usage, "cache_creation_input_tokens")
    return TokenUsage(
        input_tokens=min(_count(usage, "input_tokens") + cached + written, MOST_TOKENS),
        output_tokens=_count(usage, "output_tokens"),
        cached_input_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=_count(object_of(usage, "output_tokens_details"), "thinking_tokens"),
    )


def _count(usage: Json, key: str) -> int:
    """A count that an answer can have; one that it cannot have counts as none."""
    count = whole_of(usage, key)
    return count if 0 <= count <= MOST_TOKENS else 0
