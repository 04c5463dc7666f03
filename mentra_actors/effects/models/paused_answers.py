"""Answers that a provider pauses, while its own tools work long: asked to go on, they are one.

The provider is sent the same conversation with what it has said so far, as its documents ask for.
Pure.
"""

import msgspec

from mentra_actors.domain.content import AssistantMessage, ToolCallBlock
from mentra_actors.domain.model_call import ModelReply, ModelRequest, StopReason

__all__ = ["MOST_PAUSES", "is_paused", "joined", "resumed_request"]

MOST_PAUSES = 10
"""After so many pauses the answer is taken as it is."""


def is_paused(reply: ModelReply) -> bool:
    """Whether the provider wants to be asked to go on, and nothing else is to be done first."""
    is_waiting = any(isinstance(block, ToolCallBlock) for block in reply.blocks)
    return reply.stop_reason is StopReason.PAUSE and bool(reply.blocks) and not is_waiting


def resumed_request(request: ModelRequest, reply: ModelReply) -> ModelRequest:
    """The request that lets the paused answer go on; `reply` is all of it so far."""
    said = AssistantMessage(
        blocks=reply.blocks, provenance=reply.provenance, response_id=reply.response_id
    )
    return msgspec.structs.replace(request, messages=[*request.messages, said])


def joined(before: ModelReply, after: ModelReply) -> ModelReply:
    """Both parts as one answer, which ends as the second does and has cost what both have."""
    costs = (before.cost_usd_micros, after.cost_usd_micros)
    known = [cost for cost in costs if cost is not None]
    return msgspec.structs.replace(
        after,
        blocks=(*before.blocks, *after.blocks),
        usage=before.usage + after.usage,
        cost_usd_micros=sum(known) if len(known) == len(costs) else None,
    )
