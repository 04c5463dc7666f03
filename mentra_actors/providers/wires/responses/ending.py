"""How a Responses answer ended: why, with how many tokens, and at what price."""

from collections.abc import Mapping, Sequence

from mentra_actors.domain.content import AssistantBlock, RefusalBlock, ToolCallBlock
from mentra_actors.domain.model_call import StopReason, TokenUsage
from mentra_actors.providers.json_access import Json, object_of, text_of
from mentra_actors.providers.wires.counts import count_of

__all__ = ["raw_stop_reason", "stop_reason_of", "token_usage"]

_STOP_REASONS: Mapping[str, StopReason] = {
    "completed": StopReason.END_TURN,
    "max_output_tokens": StopReason.MAX_TOKENS,
    "max_tokens": StopReason.MAX_TOKENS,
    "content_filter": StopReason.CONTENT_FILTER,
    "queued": StopReason.PAUSE,
    "in_progress": StopReason.PAUSE,
}


def raw_stop_reason(event: Json, response: Json) -> str:
    """The server's own word: why the answer is incomplete, else its status."""
    reason = text_of(object_of(response, "incomplete_details"), "reason")
    status = text_of(response, "status")
    return reason or status or text_of(event, "type").removeprefix("response.")


def stop_reason_of(raw: str, blocks: Sequence[AssistantBlock]) -> StopReason:
    """The neutral word; `completed` is said whether or not the answer asks for tools."""
    reason = _STOP_REASONS.get(raw, StopReason.OTHER)
    if reason is not StopReason.END_TURN:
        return reason
    if any(isinstance(block, ToolCallBlock) for block in blocks):
        return StopReason.TOOL_USE
    if any(isinstance(block, RefusalBlock) for block in blocks):
        return StopReason.REFUSAL
    return reason


def token_usage(usage: Json) -> TokenUsage:
    """The counts in neutral words; they may be missing."""
    of_input = object_of(usage, "input_tokens_details")
    of_output = object_of(usage, "output_tokens_details")
    return TokenUsage(
        input_tokens=count_of(usage, "input_tokens"),
        output_tokens=count_of(usage, "output_tokens"),
        cached_input_tokens=count_of(of_input, "cached_tokens"),
        reasoning_tokens=count_of(of_output, "reasoning_tokens"),
        cache_write_tokens=count_of(of_input, "cache_write_tokens"),
    )
