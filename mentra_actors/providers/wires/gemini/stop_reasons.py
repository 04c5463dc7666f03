"""Why Gemini ends an answer, in neutral words."""

from collections.abc import Mapping

from mentra_actors.domain.model_call import StopReason

__all__ = ["COMPLETE", "stop_reason_of"]

COMPLETE = frozenset({"STOP"})
"""The reasons after which everything that was begun is whole."""

_STOP_REASONS: Mapping[str, StopReason] = {
    "STOP": StopReason.END_TURN,
    "MAX_TOKENS": StopReason.MAX_TOKENS,
    "CONTINUATION": StopReason.PAUSE,
    "SAFETY": StopReason.CONTENT_FILTER,
    "RECITATION": StopReason.CONTENT_FILTER,
    "LANGUAGE": StopReason.CONTENT_FILTER,
    "BLOCKLIST": StopReason.CONTENT_FILTER,
    "PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "SPII": StopReason.CONTENT_FILTER,
    "MODEL_ARMOR": StopReason.CONTENT_FILTER,
    "IMAGE_SAFETY": StopReason.CONTENT_FILTER,
    "IMAGE_PROHIBITED_CONTENT": StopReason.CONTENT_FILTER,
    "IMAGE_RECITATION": StopReason.CONTENT_FILTER,
    "IMAGE_OTHER": StopReason.CONTENT_FILTER,
    "NO_IMAGE": StopReason.CONTENT_FILTER,
    "MALFORMED_FUNCTION_CALL": StopReason.MALFORMED_CALL,
    "UNEXPECTED_TOOL_CALL": StopReason.MALFORMED_CALL,
    "TOO_MANY_TOOL_CALLS": StopReason.MALFORMED_CALL,
    "MISSING_THOUGHT_SIGNATURE": StopReason.MALFORMED_CALL,
    "MALFORMED_RESPONSE": StopReason.MALFORMED_CALL,
}


def stop_reason_of(finish_reason: str) -> StopReason:
    """The neutral word; an answer that ended without a reason had a prompt that was blocked."""
    if not finish_reason:
        return StopReason.CONTENT_FILTER
    return _STOP_REASONS.get(finish_reason, StopReason.OTHER)
